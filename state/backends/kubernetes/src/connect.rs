//! From the settings to how the API server is reached: kubeconfig, host and credentials, or the pod that this runs in.
//!
//! Invariant: no credential is in an error.

use crate::invalid;
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::BackendError;
use formwork_state::network::{Network, with_cause};
use formwork_state::storage::Settings;
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// How the API server is reached.
pub(crate) struct Access {
    pub(crate) network: Network,
    pub(crate) config: Config,
}

impl Access {
    pub(crate) fn read(settings: &Settings) -> Result<Self, Diagnostic> {
        install_crypto();
        let network = Network::new().map_err(|error| invalid("host", format!("{error}.")))?;
        let mut config = base(settings, &network)?;
        let text = |name: &str| settings.text(name);
        if let Some(host) = text("host") {
            config.cluster_url = from_host(&host)?.cluster_url;
        }
        config.accept_invalid_certs |= settings.flag("insecure");
        if let Some(pem) = text("cluster_ca_certificate") {
            config.root_cert = Some(certificates(&pem)?);
            config.root_cert_file = None;
        }
        if let Some(user) = exec(settings)? {
            config.auth_info = user;
        }
        override_user(&mut config.auth_info, settings)?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(ANSWER_TIMEOUT);
        config.reset_reader_on_write = true;
        // Who asks must know whether a request was made again.
        config.default_retry = false;
        Ok(Self { network, config })
    }
}

/// The cryptography that rustls uses in this process, unless another was chosen before.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of the process has installed one, which serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

fn base(settings: &Settings, network: &Network) -> Result<Config, Diagnostic> {
    let paths = paths(settings);
    if settings.flag("in_cluster_config") || paths.is_empty() && settings.text("host").is_none() {
        return Config::incluster().map_err(|error| {
            let detail = format!(
                "Neither a kubeconfig nor a host is given, and this is no pod of a cluster: {}.",
                with_cause(&error)
            );
            invalid("config_path", detail)
        });
    }
    match settings.text("host") {
        Some(host) if paths.is_empty() => from_host(&host),
        _ => from_kubeconfig(settings, &paths, network),
    }
}

/// The kubeconfigs, `~/` at their start replaced by the home folder.
fn paths(settings: &Settings) -> Vec<PathBuf> {
    let expand = |path: PathBuf| match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path,
    };
    let one = settings.text("config_path").map(PathBuf::from);
    let several = settings.texts("config_paths");
    let found: Vec<PathBuf> = match (one, settings.variable("KUBE_CONFIG_PATHS")) {
        (Some(one), _) => vec![one],
        (None, Some(variable)) if several.is_empty() => std::env::split_paths(&variable).collect(),
        _ => several.into_iter().map(PathBuf::from).collect(),
    };
    found.into_iter().map(expand).collect()
}

fn from_kubeconfig(settings: &Settings, paths: &[PathBuf], network: &Network) -> Result<Config, Diagnostic> {
    let unreadable =
        |error: &dyn std::error::Error| invalid("config_path", format!("{}.", with_cause(error)));
    let mut merged = Kubeconfig::default();
    for path in paths {
        let one = Kubeconfig::read_from(path).map_err(|error| unreadable(&error))?;
        merged = merged.merge(one).map_err(|error| unreadable(&error))?;
    }
    let options = KubeConfigOptions {
        context: settings.text("config_context"),
        cluster: settings.text("config_context_cluster"),
        user: settings.text("config_context_auth_info"),
    };
    let read = network.wait(async {
        let config = Config::from_custom_kubeconfig(merged, &options).await;
        config.map_err(|error| BackendError::Failed(with_cause(&error)))
    });
    read.map_err(|error| unreadable(&error))
}

fn from_host(host: &str) -> Result<Config, Diagnostic> {
    let with_scheme = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let uri = with_scheme.parse::<http::Uri>();
    let uri = uri.map_err(|error| invalid("host", format!("It is no URL: {error}.")))?;
    Ok(Config::new(uri))
}

fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, Diagnostic> {
    let bad = |detail: String| invalid("cluster_ca_certificate", detail);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| bad(format!("It is no PEM: {error}.")))?;
    if found.is_empty() {
        return Err(bad("It holds no certificate: give the PEM text itself, not a path.".to_owned()));
    }
    Ok(found.into_iter().map(|certificate| certificate.as_ref().to_vec()).collect())
}

/// Credentials of the block stand in for the kubeconfig's, each for its own.
fn override_user(user: &mut AuthInfo, settings: &Settings) -> Result<(), Diagnostic> {
    use base64::Engine as _;
    let encoded =
        |name: &str| settings.text(name).map(|pem| base64::engine::general_purpose::STANDARD.encode(pem));
    let given: Result<AuthInfo, _> = serde_json::from_value(json!({
        "username": settings.text("username"),
        "password": settings.text("password"),
        "token": settings.text("token"),
        "client-certificate-data": encoded("client_certificate"),
        "client-key-data": encoded("client_key"),
    }));
    // The error is left out: its text may quote a credential.
    let given = given.map_err(|_| invalid("token", "The credentials cannot be read.".to_owned()))?;
    user.username = given.username.or_else(|| user.username.take());
    user.password = given.password.or_else(|| user.password.take());
    user.token = given.token.or_else(|| user.token.take());
    user.client_certificate_data =
        given.client_certificate_data.or_else(|| user.client_certificate_data.take());
    user.client_key_data = given.client_key_data.or_else(|| user.client_key_data.take());
    Ok(())
}

/// The program of the block gives the credentials in place of whatever the kubeconfig has.
fn exec(settings: &Settings) -> Result<Option<AuthInfo>, Diagnostic> {
    let Some(block) = settings.block("exec") else { return Ok(None) };
    let variables = block.map("env").into_iter().map(|(name, value)| json!({"name": name, "value": value}));
    let user = serde_json::from_value(json!({
        "exec": {
            "apiVersion": block.text("api_version"),
            "command": block.text("command"),
            "args": block.texts("args"),
            "env": variables.collect::<Vec<_>>(),
            // Nobody may be there to be asked.
            "interactiveMode": "Never",
        },
    }));
    // The error is left out: its text may quote a variable.
    user.map(Some).map_err(|_| invalid("exec", "The block cannot be read.".to_owned()))
}
