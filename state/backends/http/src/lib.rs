//! A state behind a REST endpoint, as OpenTofu and Terraform keep one there: GET, POST, DELETE, LOCK, UNLOCK.
//!
//! Invariant: the protocol has no condition on a write and no end of a lock, so nothing here claims a fence. What it
//! has is used: the lock's id goes with each write, for servers that look at it.

mod backend;
mod endpoint;

use backend::HttpBackend;
use endpoint::Endpoint;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_state::backend::{Backend, BackendError};
use formwork_state::storage::{DEFAULT_WORKSPACE, Kind, Setting, SettingType, Settings, Storage};
use std::path::PathBuf;
use std::sync::Arc;

/// A REST endpoint.
pub const HTTP: Kind = Kind {
    name: "http",
    doc: "A state behind a REST endpoint, with whatever keeps it there.",
    lease: "The lock is the server's, where lock_address and unlock_address are given: it has no heartbeat and no end, so one that a process left behind is ended with force-unlock. The protocol has no fence: a server that does not look at the lock's id takes a stale holder's write. With journal_address another machine recovers everything; without, the journal is a file in the data folder of this machine, and only it can recover.",
    permissions: "What it needs is the server's to say; it asks with the methods named below, and GET.",
    example: "terraform {\n  backend \"http\" {\n    address        = \"https://state.example/platform\"\n    lock_address   = \"https://state.example/platform/lock\"\n    unlock_address = \"https://state.example/platform/lock\"\n  }\n}\n",
    settings: &[
        Setting::text("address", "Where the state is.").from(&["TF_HTTP_ADDRESS"]).required(),
        Setting::text("update_method", "The method that writes the state.")
            .from(&["TF_HTTP_UPDATE_METHOD"])
            .or("POST"),
        Setting::text("lock_address", "Where the lock is taken; where it is left out, nothing is locked.")
            .from(&["TF_HTTP_LOCK_ADDRESS"]),
        Setting::text("unlock_address", "Where the lock is given back.").from(&["TF_HTTP_UNLOCK_ADDRESS"]),
        Setting::text("lock_method", "The method that takes the lock.")
            .from(&["TF_HTTP_LOCK_METHOD"])
            .or("LOCK"),
        Setting::text("unlock_method", "The method that gives it back.")
            .from(&["TF_HTTP_UNLOCK_METHOD"])
            .or("UNLOCK"),
        Setting::text(
            "journal_address",
            "Where the journal is: its entries are kept below it, by number, with POST, GET and DELETE.",
        )
        .from(&["FORMWORK_HTTP_JOURNAL_ADDRESS"])
        .ours(),
        Setting::text("username", "For basic authentication.").from(&["TF_HTTP_USERNAME"]),
        Setting::text("password", "For basic authentication.").from(&["TF_HTTP_PASSWORD"]).sensitive(),
        Setting::flag("skip_cert_verification", "Take whatever certificate the server shows."),
        Setting::number("retry_max", "How often a request without an answer is made again.")
            .from(&["TF_HTTP_RETRY_MAX"])
            .or("2"),
        Setting::number("retry_wait_min", "The shortest wait before that, in seconds.")
            .from(&["TF_HTTP_RETRY_WAIT_MIN"])
            .or("1"),
        Setting::number("retry_wait_max", "The longest.").from(&["TF_HTTP_RETRY_WAIT_MAX"]).or("30"),
        Setting::text("client_ca_certificate_pem", "Roots to hold the server's certificate against, in PEM.")
            .from(&["TF_HTTP_CLIENT_CA_CERTIFICATE_PEM"]),
        Setting::text("client_certificate_pem", "The certificate to show the server, in PEM.")
            .from(&["TF_HTTP_CLIENT_CERTIFICATE_PEM"]),
        Setting::text("client_private_key_pem", "Its key, in PEM.")
            .from(&["TF_HTTP_CLIENT_PRIVATE_KEY_PEM"])
            .sensitive(),
        Setting::of(SettingType::Map, "headers", "Headers of every request.").sensitive(),
    ],
    configure,
};

/// Where the journal is.
pub(crate) enum Journal {
    /// Below an address.
    Remote(String),
    /// In a file of this machine.
    Local(PathBuf),
}

/// What is set.
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) address: String,
    pub(crate) update_method: String,
    /// Address and method.
    pub(crate) lock: Option<(String, String)>,
    /// Address and method.
    pub(crate) unlock: Option<(String, String)>,
    pub(crate) journal: Journal,
    /// The file of this machine that the history stands beside.
    pub(crate) local: PathBuf,
}

struct HttpStorage(Arc<Place>);

fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    let text = |name: &str| settings.text(name).unwrap_or_default();
    let pair = |address: &str, method: &str| Some((settings.text(address)?, text(method)));
    let address = text("address");
    if !address.starts_with("http://") && !address.starts_with("https://") {
        let detail = "The address of the state must begin with http:// or https://.";
        return Err(Diagnostic::error("backend-argument", "Invalid address", detail)
            .attribute("address")
            .hint("Write the whole URL."));
    }
    let folder = settings.variable("TF_DATA_DIR").unwrap_or_else(|| ".terraform".to_owned());
    let name = format!("http-{}", &formwork_state::digest(address.as_bytes())[..16]);
    let local = PathBuf::from(folder).join(name);
    let journal = settings.text("journal_address").map_or_else(
        || Journal::Local(local.clone()),
        |address| Journal::Remote(address.trim_end_matches('/').to_owned()),
    );
    let place = Place {
        endpoint: Endpoint::read(settings)?,
        update_method: text("update_method"),
        lock: pair("lock_address", "lock_method"),
        unlock: pair("unlock_address", "unlock_method"),
        journal,
        local,
        address,
    };
    Ok(Arc::new(HttpStorage(Arc::new(place))))
}

impl Storage for HttpStorage {
    fn name(&self) -> String {
        self.0.name()
    }

    fn warnings(&self) -> Diagnostics {
        let Journal::Local(path) = &self.0.journal else { return Diagnostics::new() };
        let detail = format!(
            "The state is behind HTTP, and the journal of this run is in {}.journal on this machine: should the run be cut off, another machine cannot go on with it.",
            path.display()
        );
        Diagnostic::warning("journal-on-this-machine", "Only this machine can recover", detail)
            .hint("Give journal_address, or keep the state in a backend that has a place for journals.")
            .into()
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        if workspace == DEFAULT_WORKSPACE {
            Ok(Arc::new(HttpBackend::new(self.0.clone())))
        } else {
            Err(no_workspaces())
        }
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        Err(no_workspaces())
    }

    fn delete(&self, _: &str) -> Result<(), BackendError> {
        Err(no_workspaces())
    }
}

fn no_workspaces() -> BackendError {
    BackendError::Failed("workspaces not supported: one address has one state".to_owned())
}

impl Place {
    /// The address without what may be secret in it.
    pub(crate) fn name(&self) -> String {
        let address = self.address.split('?').next().unwrap_or_default();
        match address.split_once("://") {
            Some((scheme, rest)) => {
                let host = rest.split_once('@').filter(|(user, _)| !user.contains('/'));
                format!("{scheme}://{}", host.map_or(rest, |(_, host)| host))
            }
            None => address.to_owned(),
        }
    }
}
