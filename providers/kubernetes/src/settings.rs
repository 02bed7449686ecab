//! The provider block as plain data, and its checks that need no connection.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_value::Value;
use std::fmt;
use std::path::PathBuf;

/// What the provider block says.
#[derive(Default, Clone)]
pub(crate) struct Settings {
    pub(crate) config_paths: Vec<String>,
    pub(crate) config_context: Option<String>,
    pub(crate) config_context_cluster: Option<String>,
    pub(crate) config_context_auth_info: Option<String>,
    pub(crate) use_current_context: bool,
    pub(crate) host: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) client_certificate: Option<String>,
    pub(crate) client_key: Option<String>,
    pub(crate) cluster_ca_certificate: Option<String>,
    pub(crate) tls_server_name: Option<String>,
    pub(crate) insecure: Option<bool>,
    pub(crate) exec: Option<Exec>,
}

/// A credential plugin.
#[derive(Default, Clone)]
pub(crate) struct Exec {
    pub(crate) api_version: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// Credentials are left out.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("config_paths", &self.config_paths)
            .field("config_context", &self.config_context)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// The text of an attribute, where it is given and known.
pub(crate) fn text(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(ToString::to_string).filter(|text| !text.is_empty())
}

/// The texts of a list attribute.
pub(crate) fn texts(object: &Value, name: &str) -> Vec<String> {
    let items = object.get(name).and_then(Value::items).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(ToString::to_string)).collect()
}

/// The only block of a list of blocks, where it is there.
pub(crate) fn block<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).and_then(Value::items).and_then(<[Value]>::first)
}

impl Settings {
    /// Reads the provider block; what is unknown counts as not given.
    pub(crate) fn of(configuration: &Value) -> Self {
        let mut config_paths = texts(configuration, "config_paths");
        config_paths.extend(text(configuration, "config_path"));
        let exec = block(configuration, "exec").map(|exec| Exec {
            api_version: text(exec, "api_version").unwrap_or_default(),
            command: text(exec, "command").unwrap_or_default(),
            args: texts(exec, "args"),
            env: exec
                .get("env")
                .and_then(Value::entries)
                .map(|entries| {
                    let pair = |(name, value): &(_, Value)| {
                        let name: &formwork_value::Name = name;
                        Some((name.to_string(), value.as_str()?.to_string()))
                    };
                    entries.iter().filter_map(pair).collect()
                })
                .unwrap_or_default(),
        });
        let flag = |name: &str| configuration.get(name).and_then(Value::as_bool);
        Self {
            config_paths,
            config_context: text(configuration, "config_context"),
            config_context_cluster: text(configuration, "config_context_cluster"),
            config_context_auth_info: text(configuration, "config_context_auth_info"),
            use_current_context: flag("use_current_context").unwrap_or(false),
            host: text(configuration, "host"),
            token: text(configuration, "token"),
            client_certificate: text(configuration, "client_certificate"),
            client_key: text(configuration, "client_key"),
            cluster_ca_certificate: text(configuration, "cluster_ca_certificate"),
            tls_server_name: text(configuration, "tls_server_name"),
            insecure: flag("insecure"),
            exec,
        }
    }

    /// The kubeconfig files, `~/` at their start replaced by the home folder.
    pub(crate) fn kubeconfig_paths(&self) -> Vec<PathBuf> {
        let expand = |path: &String| match (path.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        };
        self.config_paths.iter().map(expand).collect()
    }
}

/// Checks what can be checked without connecting; the configuration may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let is_given = |name: &str| configuration.get(name).is_some_and(|value| !value.is_null());
    let mut push = |attribute: &str, detail: &str, hint: &str| {
        let summary = "Invalid Kubernetes provider configuration";
        found.push(Diagnostic::error("kubernetes-provider", summary, detail).hint(hint).attribute(attribute));
    };
    let has_kubeconfig = is_given("config_path")
        || configuration.get("config_paths").is_some_and(|paths| !paths.is_known() || paths.items().is_some_and(|items| !items.is_empty()));
    let follows_current = configuration.get("use_current_context").is_some_and(|flag| !flag.is_known() || flag.as_bool() == Some(true));
    if has_kubeconfig && !is_given("config_context") && !follows_current {
        push(
            ".config_context",
            "A kubeconfig is given, but not which of its contexts to use.",
            "Set config_context, or use_current_context = true to follow whatever context is current.",
        );
    }
    if is_given("client_certificate") != is_given("client_key") {
        push(".client_certificate", "client_certificate and client_key are given together or not at all.", "Give both.");
    }
    let is_insecure = configuration.get("insecure").and_then(Value::as_bool) == Some(true);
    if is_insecure && is_given("cluster_ca_certificate") {
        push(".insecure", "cluster_ca_certificate is of no use where insecure is true.", "Leave one of them out.");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_value::Type;

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn bad_provider_blocks_are_refused_at_their_attribute() {
        let table = [
            (vec![("config_path", "a".into())], vec![".config_context"]),
            (vec![("config_path", "a".into()), ("config_context", "b".into())], vec![]),
            (vec![("config_path", "a".into()), ("use_current_context", true.into())], vec![]),
            (vec![("config_path", "a".into()), ("config_context", Value::unknown(Type::String))], vec![]),
            (vec![("config_path", Value::null(Type::String))], vec![]),
            (vec![("host", "h".into()), ("client_key", "k".into())], vec![".client_certificate"]),
            (vec![("insecure", true.into()), ("cluster_ca_certificate", "x".into())], vec![".insecure"]),
        ];
        for (given, expected) in table {
            let found = validate(&object(&given));
            let attributes: Vec<&str> = found.iter().filter_map(|one| one.attribute.as_deref()).collect();
            assert_eq!(attributes, expected, "{given:?}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let settings = Settings::of(&object(&[("token", "hunter2".into()), ("client_key", "hunter3".into())]));
        assert_eq!(settings.token.as_deref(), Some("hunter2"));
        assert!(!format!("{settings:?}").contains("hunter"));
    }
}
