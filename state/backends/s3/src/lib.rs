//! States in an S3-compatible store, at the keys where OpenTofu and Terraform keep them.
//!
//! Invariant: no write that a stale holder could make is without a condition that the store checks. Entries of a
//! journal are numbered keys written only if absent, below the number of the lease; who takes over writes the next
//! number there before it reads, and gives the state another version, so that the old holder's next entry and its
//! snapshot both meet what was not there before.

mod backend;
mod store;

use backend::S3Backend;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::{Backend, BackendError};
use formwork_state::network::http::HttpClient;
use formwork_state::network::proxy::Proxies;
use formwork_state::network::s3::{Credentials, Sources};
use formwork_state::network::{Network, tls};
use formwork_state::storage::{
    DEFAULT_WORKSPACE, Kind, LEASE_SECONDS, Setting, SettingType, Settings, Storage,
};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use store::Store;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A bucket.
pub const S3: Kind = Kind {
    name: "s3",
    doc: "A bucket of an S3-compatible store with conditional writes: AWS, Ceph's gateway, MinIO.",
    lease: "An object beside the state says who holds the lease; it is replaced only where it is the version that was read, and it is overdue by the store's own clock. Entries of the journal are objects below the number of their lease, written only if absent. Who takes over writes the next of them, and gives the state another version, before it reads: the store then refuses the old holder's next entry and its snapshot. The lock that OpenTofu takes with use_lockfile is respected, and taken too where the block says so. Another machine recovers everything.",
    permissions: "It needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects.",
    example: "terraform {\n  backend \"s3\" {\n    bucket       = \"states\"\n    key          = \"platform.tfstate\"\n    region       = \"eu-central-1\"\n    use_lockfile = true\n  }\n}\n",
    settings: &[
        Setting::text("bucket", "The bucket.").required(),
        Setting::text("key", "The object of the default workspace's state.").required(),
        Setting::text("region", "The bucket's region.")
            .from(&["AWS_REGION", "AWS_DEFAULT_REGION"])
            .or("us-east-1"),
        Setting::of(SettingType::Map, "endpoints", "Where the store is when it is not AWS: s3 is looked at."),
        Setting::text("endpoint", "The same; endpoints has its place.").from(&[
            "AWS_ENDPOINT_URL_S3",
            "AWS_ENDPOINT_URL",
            "AWS_S3_ENDPOINT",
        ]),
        Setting::flag("use_path_style", "The bucket stands in the path of the address, not in its host."),
        Setting::flag("force_path_style", "The same; use_path_style has its place."),
        Setting::text("workspace_key_prefix", "What the keys of other workspaces begin with.").or("env:"),
        Setting::flag("use_lockfile", "Take OpenTofu's lock too, so that it waits."),
        Setting::text("access_key", "The key's id."),
        Setting::text("secret_key", "The key.").sensitive(),
        Setting::text("token", "A session's token.").sensitive(),
        Setting::text("profile", "A profile in the files of AWS's tools; AWS_PROFILE where it is left out."),
        Setting::of(SettingType::Texts, "shared_credentials_files", "Those files, where they are elsewhere."),
        Setting::of(SettingType::Texts, "shared_config_files", "The same."),
        Setting::flag("encrypt", "Ask the store to encrypt what it keeps."),
        Setting::text("kms_key_id", "With this key."),
        Setting::text("acl", "A canned ACL for each object."),
        Setting::text("custom_ca_bundle", "A file of roots to hold the store's certificate against.")
            .from(&["AWS_CA_BUNDLE"]),
        Setting::flag("insecure", "Take whatever certificate the store shows."),
        Setting::number("max_retries", "How often a request without a good answer is made again.").or("5"),
        Setting::flag("skip_credentials_validation", "Changes nothing: nothing is asked beforehand."),
        Setting::flag("skip_region_validation", "Changes nothing."),
        Setting::flag("skip_requesting_account_id", "Changes nothing."),
        Setting::flag("skip_metadata_api_check", "Changes nothing: instance metadata is never asked."),
        Setting::flag("skip_s3_checksum", "Changes nothing."),
        LEASE_SECONDS,
    ],
    configure,
};

struct S3Storage {
    store: Arc<Store>,
    key: String,
    prefix: String,
    use_lockfile: bool,
    lease_duration: Duration,
}

fn invalid(name: &str, detail: String) -> Diagnostic {
    Diagnostic::error("backend-argument", "Invalid backend argument", detail)
        .attribute(name)
        .hint("See docs/backends.md for what the s3 backend takes.")
}

fn credentials(settings: &Settings) -> Result<Credentials, Diagnostic> {
    let text = |name: &str| settings.text(name);
    let mut files = settings.texts("shared_credentials_files");
    files.extend(settings.texts("shared_config_files"));
    let sources = Sources {
        written: Credentials::pair(text("access_key"), text("secret_key"), text("token")),
        profile: text("profile"),
        files: files.iter().map(Into::into).collect(),
        variable: &|name| settings.variable(name),
    };
    sources.find().ok_or_else(|| {
        let detail = format!(
            "There are no credentials: neither access_key and secret_key, nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a profile {:?} with keys in the files of AWS's tools.",
            sources.profile()
        );
        Diagnostic::error("no-credentials", "No valid credential sources found", detail).hint(
            "Keys that come from elsewhere (SSO, roles, instance metadata) are taken from the environment: eval \"$(aws configure export-credentials --format env)\".",
        )
    })
}

fn configure(settings: &Settings) -> Result<Arc<dyn Storage>, Diagnostic> {
    let text = |name: &str| settings.text(name);
    let region = text("region").unwrap_or_default();
    let given = settings.map("endpoints").remove("s3").or_else(|| text("endpoint"));
    let endpoint = match &given {
        Some(given) if given.contains("://") => given.clone(),
        Some(given) => format!("https://{given}"),
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    let trust = if settings.flag("insecure") { tls::Trust::Anything } else { tls::Trust::Whole };
    let roots = text("custom_ca_bundle").map(std::fs::read).transpose();
    let roots = roots.map_err(|error| invalid("custom_ca_bundle", format!("{error}.")))?;
    let tls = tls::client(trust, roots.as_deref(), None);
    let tls = tls.map_err(|error| invalid("custom_ca_bundle", format!("TLS cannot be set up: {error}.")))?;
    let network = Network::new().map_err(|error| invalid("bucket", format!("{error}.")))?;
    let store = Store {
        network,
        client: HttpClient::new(&tls, &Proxies::of(|name| settings.variable(name)), TIMEOUT),
        credentials: credentials(settings)?,
        endpoint,
        bucket: text("bucket").unwrap_or_default(),
        is_path_style: settings.flag("use_path_style") || settings.flag("force_path_style"),
        retries: settings.number("max_retries").and_then(|count| u32::try_from(count).ok()).unwrap_or(5),
        write_headers: write_headers(settings),
        surroundings: settings.surroundings.clone(),
        is_bare: AtomicBool::new(false),
        region,
    };
    Ok(Arc::new(S3Storage {
        store: Arc::new(store),
        key: text("key").unwrap_or_default().trim_start_matches('/').to_owned(),
        prefix: text("workspace_key_prefix").unwrap_or_default(),
        use_lockfile: settings.flag("use_lockfile"),
        lease_duration: settings.lease_duration(),
    }))
}

fn write_headers(settings: &Settings) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    match (settings.text("kms_key_id"), settings.flag("encrypt")) {
        (Some(key), _) => {
            add("x-amz-server-side-encryption", "aws:kms".to_owned());
            add("x-amz-server-side-encryption-aws-kms-key-id", key);
        }
        (None, true) => add("x-amz-server-side-encryption", "AES256".to_owned()),
        (None, false) => {}
    }
    if let Some(acl) = settings.text("acl") {
        add("x-amz-acl", acl);
    }
    headers
}

impl S3Storage {
    fn path(&self, workspace: &str) -> String {
        if workspace == DEFAULT_WORKSPACE {
            self.key.clone()
        } else {
            format!("{}/{workspace}/{}", self.prefix, self.key)
        }
    }
}

impl Storage for S3Storage {
    fn name(&self) -> String {
        format!("s3://{}/{}", self.store.bucket, self.key)
    }

    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError> {
        let path = self.path(workspace);
        Ok(Arc::new(S3Backend::new(self.store.clone(), path, self.lease_duration, self.use_lockfile)))
    }

    fn workspaces(&self) -> Result<Vec<String>, BackendError> {
        let prefix = format!("{}/", self.prefix);
        let suffix = format!("/{}", self.key);
        let keys = self.store.list(&prefix)?;
        let names = keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(&suffix));
        let mut found: Vec<String> =
            names.filter(|name| !name.contains('/')).map(ToOwned::to_owned).collect();
        if self.store.get(&self.key)?.is_some() {
            found.push(DEFAULT_WORKSPACE.to_owned());
        }
        Ok(found)
    }

    fn delete(&self, workspace: &str) -> Result<(), BackendError> {
        let path = self.path(workspace);
        for key in self.store.list(&backend::journal_prefix(&path))?.iter().rev() {
            self.store.delete(key)?;
        }
        for key in self.store.list(&backend::history_prefix(&path))? {
            self.store.delete(&key)?;
        }
        // The lease stays, so that its number never falls.
        self.store.delete(&path)
    }
}
