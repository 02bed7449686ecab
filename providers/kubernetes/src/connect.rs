//! From the provider block to a client: kubeconfig, host and credentials, or the pod that we run in.
//!
//! Invariant: a kubeconfig's current context is never used silently, since it is whatever the last command in some
//! shell made it.

use crate::api::error_chain;
use crate::settings::{Exec, Settings};
use base64::Engine as _;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(90);

/// How to reach the API server, and how people name that.
pub(crate) struct Access {
    pub(crate) config: Config,
    /// `context lab, user admin`
    pub(crate) words: String,
}

/// The configuration of the client.
pub(crate) async fn access(settings: &Settings) -> Result<Access, Diagnostics> {
    install_crypto();
    let paths = settings.kubeconfig_paths();
    let mut access = if !paths.is_empty() {
        from_kubeconfig(settings, &paths).await?
    } else if let Some(host) = &settings.host {
        from_host(host)?
    } else {
        from_pod()?
    };
    override_access(&mut access.config, settings)?;
    let config = &mut access.config;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    // The engine alone retries.
    config.default_retry = false;
    Ok(access)
}

/// The cryptography that rustls uses in this process, unless somebody chose another before.
pub(crate) fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of the process has installed one, which serves as well.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

fn refused(code: &str, detail: impl Into<String>, hint: &str) -> Diagnostics {
    Diagnostic::error(code, "Invalid Kubernetes provider configuration", detail).hint(hint).into()
}

async fn from_kubeconfig(settings: &Settings, paths: &[PathBuf]) -> Result<Access, Diagnostics> {
    let unreadable = |error: &(dyn std::error::Error + 'static)| {
        refused(
            "kubernetes-kubeconfig",
            format!("{}.", error_chain(error)),
            "Check config_path and what the file says.",
        )
    };
    let mut merged = Kubeconfig::default();
    for path in paths {
        let one = Kubeconfig::read_from(path).map_err(|error| unreadable(&error))?;
        merged = merged.merge(one).map_err(|error| unreadable(&error))?;
    }
    let context = context_name(settings, &merged)?;
    let options = KubeConfigOptions {
        context: Some(context.clone()),
        cluster: settings.config_context_cluster.clone(),
        user: settings.config_context_auth_info.clone(),
    };
    let user = settings.config_context_auth_info.clone().or_else(|| {
        let named = merged.contexts.iter().find(|named| named.name == context);
        named.and_then(|named| named.context.as_ref()?.user.clone())
    });
    let config =
        Config::from_custom_kubeconfig(merged, &options).await.map_err(|error| unreadable(&error))?;
    let user = user.map(|user| format!(", user {user}")).unwrap_or_default();
    Ok(Access { config, words: format!("context {context}{user}") })
}

/// The context to use: the one that the configuration names, or the current one where it says so.
fn context_name(settings: &Settings, kubeconfig: &Kubeconfig) -> Result<String, Diagnostics> {
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    let listed = known.join(", ");
    match (&settings.config_context, settings.use_current_context) {
        (Some(context), _) if known.contains(&context.as_str()) => Ok(context.clone()),
        (Some(context), _) => Err(refused(
            "kubernetes-unknown-context",
            format!("The kubeconfig has no context named {context:?}. It has: {listed}."),
            "Set config_context to one of these.",
        )),
        (None, true) => kubeconfig.current_context.clone().filter(|name| !name.is_empty()).ok_or_else(|| {
            refused(
                "kubernetes-no-context",
                format!("The kubeconfig has no current context. It has: {listed}."),
                "Set config_context to one of these.",
            )
        }),
        (None, false) => Err(refused(
            "kubernetes-no-context",
            format!("The kubeconfig's context is not named. It has: {listed}."),
            "Set config_context, or use_current_context = true to follow whatever context is current.",
        )),
    }
}

fn from_host(host: &str) -> Result<Access, Diagnostics> {
    let with_scheme = if host.contains("://") { host.to_owned() } else { format!("https://{host}") };
    let uri: http::Uri = with_scheme.parse().map_err(|error| {
        refused("kubernetes-host", format!("host is no URL: {error}."), "Write it as https://NAME:PORT.")
    })?;
    Ok(Access { config: Config::new(uri), words: format!("host {host}") })
}

fn from_pod() -> Result<Access, Diagnostics> {
    let config = Config::incluster().map_err(|error| {
        refused(
            "kubernetes-no-access",
            format!(
                "Neither a kubeconfig nor a host is given, and this is not a pod in a cluster: {}.",
                error_chain(&error)
            ),
            "Set config_path and config_context, or host with a token or client certificate.",
        )
    })?;
    Ok(Access { config, words: "in-cluster service account".to_owned() })
}

fn override_access(config: &mut Config, settings: &Settings) -> Result<(), Diagnostics> {
    if let Some(host) = &settings.host {
        config.cluster_url = from_host(host)?.config.cluster_url;
    }
    if let Some(insecure) = settings.insecure {
        config.accept_invalid_certs = insecure;
    }
    if settings.tls_server_name.is_some() {
        config.tls_server_name.clone_from(&settings.tls_server_name);
    }
    if let Some(pem) = &settings.cluster_ca_certificate {
        config.root_cert = Some(certificates(pem)?);
        config.root_cert_file = None;
    }
    if let Some(auth) = auth_info(settings)? {
        config.auth_info = auth;
    }
    Ok(())
}

/// The certificates of a PEM text, in DER.
fn certificates(pem: &str) -> Result<Vec<Vec<u8>>, Diagnostics> {
    let bad = |detail: &str| {
        refused(
            "kubernetes-certificate",
            detail,
            "Give the PEM text itself, with its BEGIN CERTIFICATE lines.",
        )
    };
    let mut found = Vec::new();
    for part in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let body = part.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        let text: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(text);
        found.push(der.map_err(|_| bad("cluster_ca_certificate is not valid PEM."))?);
    }
    if found.is_empty() { Err(bad("cluster_ca_certificate holds no certificate.")) } else { Ok(found) }
}

/// Credentials of the provider block itself; they stand in for all that the kubeconfig says about the user.
fn auth_info(settings: &Settings) -> Result<Option<AuthInfo>, Diagnostics> {
    let encoded = |pem: &String| json!(base64::engine::general_purpose::STANDARD.encode(pem));
    let mut auth = json!({});
    if let Some(token) = &settings.token {
        auth["token"] = json!(token);
    }
    if let Some(pem) = &settings.client_certificate {
        auth["client-certificate-data"] = encoded(pem);
    }
    if let Some(pem) = &settings.client_key {
        auth["client-key-data"] = encoded(pem);
    }
    if let Some(exec) = &settings.exec {
        auth["exec"] = exec_json(exec);
    }
    if auth == json!({}) {
        return Ok(None);
    }
    let parsed = serde_json::from_value(auth);
    // The error is left out: its text may quote a credential.
    parsed.map(Some).map_err(|_| {
        refused(
            "kubernetes-credentials",
            "The credentials cannot be read.",
            "Check token, client_certificate and exec.",
        )
    })
}

fn exec_json(exec: &Exec) -> Json {
    let env: Vec<Json> =
        exec.env.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "apiVersion": exec.api_version,
        "command": exec.command,
        "args": exec.args,
        "env": env,
        "interactiveMode": "Never",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kubeconfig(current: Option<&str>) -> Kubeconfig {
        let contexts = json!([{ "name": "a", "context": { "cluster": "c" } }, { "name": "b", "context": { "cluster": "c" } }]);
        serde_json::from_value(
            json!({ "contexts": contexts, "current-context": current, "clusters": [], "users": [] }),
        )
        .unwrap()
    }

    #[test]
    fn the_current_context_is_used_on_request_alone() {
        let table = [
            (Some("a"), false, Some("b"), Ok("a")),
            (Some("x"), false, Some("b"), Err("kubernetes-unknown-context")),
            (None, true, Some("b"), Ok("b")),
            (None, true, None, Err("kubernetes-no-context")),
            (None, false, Some("b"), Err("kubernetes-no-context")),
        ];
        for (context, use_current, current, expected) in table {
            let settings = Settings {
                config_context: context.map(str::to_owned),
                use_current_context: use_current,
                ..Settings::default()
            };
            let found = context_name(&settings, &kubeconfig(current));
            let found = found.map_err(|diagnostics| diagnostics.iter().next().unwrap().code.clone());
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{context:?} {use_current}"
            );
        }
    }

    #[test]
    fn certificates_are_read_from_pem() {
        let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        assert_eq!(certificates(&pem.repeat(2)).unwrap(), vec![b"abc".to_vec(), b"abc".to_vec()]);
        for bad in ["", "abc", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"] {
            assert!(certificates(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn credentials_of_the_block_replace_those_of_the_file() {
        let settings = Settings { token: Some("t".to_owned()), ..Settings::default() };
        assert!(auth_info(&settings).unwrap().unwrap().token.is_some());
        assert!(auth_info(&Settings::default()).unwrap().is_none());
    }
}
