//! The provider's block: what holds for every host that does not say otherwise.

use crate::place::{BASTION, Bastion};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::values::{Findings, text, truth, whole_number};
use formwork_sdk::{Attribute, Block};
use formwork_value::{Type, Value};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

const PARALLELISM: i64 = 50;
const PARALLELISM_MAXIMUM: i64 = 1000;
const CONNECT_SECONDS: i64 = 10;

/// What the block says.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "a build without SSH has no use for it"))]
pub(crate) struct Settings {
    pub(crate) is_local: bool,
    pub(crate) user: String,
    pub(crate) port: Option<u16>,
    pub(crate) becomes_root: bool,
    pub(crate) become_password: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) known_hosts: Option<PathBuf>,
    pub(crate) bastion: Option<Bastion>,
    /// Those of the bastion, where they are others.
    pub(crate) bastion_credentials: Option<Credentials>,
    pub(crate) first_keys: FirstKeys,
    pub(crate) parallelism: usize,
    pub(crate) connect_timeout: Duration,
}

/// Whose key is believed that nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "a build without SSH has no use for it"))]
pub(crate) enum FirstKeys {
    /// Nobody's.
    #[default]
    Refused,
    /// A host's: it is kept with what is made there.
    OfHosts,
    /// A bastion's, too, which is kept nowhere.
    OfAll,
}

/// How an account is proven.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "ssh"), expect(dead_code, reason = "a build without SSH has no use for it"))]
pub(crate) struct Credentials {
    /// A private key's text.
    pub(crate) private_key: Option<String>,
    pub(crate) private_key_file: Option<PathBuf>,
    /// A certificate of the private key's public half.
    pub(crate) certificate: Option<String>,
    pub(crate) certificate_file: Option<PathBuf>,
    pub(crate) passphrase: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) uses_agent: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("user", &self.user).field("port", &self.port).finish_non_exhaustive()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("uses_agent", &self.uses_agent).finish_non_exhaustive()
    }
}

/// A path of the configuration; `~` is the user's home.
fn path(configuration: &Value, name: &str) -> Option<PathBuf> {
    let path = text(configuration, name)?;
    Some(match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    })
}

fn owned(configuration: &Value, name: &str) -> Option<String> {
    text(configuration, name).map(str::to_owned)
}

impl Credentials {
    fn of(configuration: &Value) -> Self {
        let mut credentials = Self {
            private_key: owned(configuration, "private_key"),
            private_key_file: path(configuration, "private_key_file"),
            certificate: owned(configuration, "certificate"),
            certificate_file: path(configuration, "certificate_file"),
            passphrase: owned(configuration, "passphrase"),
            password: owned(configuration, "password"),
            uses_agent: truth(configuration, "agent").unwrap_or(false),
        };
        credentials.uses_agent |= !credentials.is_given();
        credentials
    }

    fn is_given(&self) -> bool {
        self.private_key.is_some() || self.private_key_file.is_some() || self.password.is_some()
    }
}

impl Settings {
    /// What a configuration that is wholly known says.
    pub(crate) fn of(configuration: &Value) -> Self {
        let number = |name: &str, default: i64| whole_number(configuration, name).unwrap_or(default);
        let port = |of: &Value| whole_number(of, "port").and_then(|port| u16::try_from(port).ok());
        let user = owned(configuration, "user").unwrap_or_else(|| "root".to_owned());
        let credentials = Credentials::of(configuration);
        let bastion = Bastion::of(configuration, &user);
        Self {
            bastion,
            bastion_credentials: None,
            is_local: text(configuration, "connection") == Some("local"),
            port: port(configuration),
            becomes_root: truth(configuration, "become").unwrap_or(user != "root"),
            user,
            become_password: owned(configuration, "become_password"),
            credentials,
            known_hosts: path(configuration, "known_hosts_file"),
            first_keys: match truth(configuration, "trust_on_first_use") {
                Some(true) => FirstKeys::OfHosts,
                _ => FirstKeys::Refused,
            },
            parallelism: usize::try_from(number("parallelism", PARALLELISM)).unwrap_or(1).max(1),
            connect_timeout: Duration::from_secs(
                u64::try_from(number("connect_timeout_seconds", CONNECT_SECONDS)).unwrap_or(1).max(1),
            ),
        }
    }
}

/// Checks what can be checked without connecting; the configuration may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Findings::default();
    found.check_choice(configuration, "connection", &["ssh", "local"]);
    found.check_number(configuration, "port", 1, 65535);
    found.check_number(configuration, "parallelism", 1, PARALLELISM_MAXIMUM);
    found.check_number(configuration, "connect_timeout_seconds", 1, 600);
    Bastion::check(configuration, BASTION, &mut found);
    let is_given = |name: &str| configuration.get(name).is_some_and(|value| !value.is_null());
    if is_given("private_key") && is_given("private_key_file") {
        found.refuse("private_key_file", "A private key is given as text already: leave one of them out.");
    }
    if is_given("become_password") && truth(configuration, "become") == Some(false) {
        found.refuse("become_password", "It is of no use where `become` is false: leave one of them out.");
    }
    if is_given("certificate") && is_given("certificate_file") {
        found.refuse("certificate_file", "A certificate is given as text already: leave one of them out.");
    }
    if text(configuration, "certificate").is_some_and(|text| !text.contains("-cert-v01@openssh.com ")) {
        found.refuse(
            "certificate",
            "It is no certificate in OpenSSH's form: give the text of a file that ends in -cert.pub.",
        );
    }
    let has_key = is_given("private_key") || is_given("private_key_file");
    for name in ["certificate", "certificate_file"] {
        if is_given(name) && !has_key {
            found.refuse(name, "Its private key is missing: give private_key or private_key_file.");
        }
    }
    if text(configuration, "private_key").is_some_and(|key| !key.contains("PRIVATE KEY-----")) {
        found.refuse(
            "private_key",
            "It is no private key in PEM or OpenSSH's form: give the text of the file, or `private_key_file`.",
        );
    }
    let mut found = found.into_diagnostics();
    if truth(configuration, "trust_on_first_use") == Some(true) {
        let detail = "The first key that a host shows is believed and kept in the state: whoever stands between may be that host.";
        found.push(
            Diagnostic::warning("host-key-trusted", "Host keys are believed at first use", detail)
                .attribute(".trust_on_first_use")
                .hint("Give known_hosts_file, or host_key with each host."),
        );
    }
    found
}

fn credentials() -> Vec<(&'static str, Attribute)> {
    vec![
        (
            "private_key",
            Attribute::optional(Type::String, "The private key's text; any form that OpenSSH reads.")
                .sensitive(),
        ),
        ("private_key_file", Attribute::optional(Type::String, "A file with the private key instead.")),
        (
            "certificate",
            Attribute::optional(
                Type::String,
                "A certificate of the private key, as `ssh-keygen -s` makes one: hosts that believe its authority need no list of keys. For RSA and ECDSA keys.",
            ),
        ),
        ("certificate_file", Attribute::optional(Type::String, "A file with the certificate instead.")),
        (
            "passphrase",
            Attribute::optional(Type::String, "What the private key is encrypted with.").sensitive(),
        ),
        (
            "password",
            Attribute::optional(Type::String, "A password, for hosts that take no key.").sensitive(),
        ),
        (
            "agent",
            Attribute::optional(
                Type::Bool,
                "Whether the keys of the SSH agent are tried; so by itself where neither key nor password is given.",
            ),
        ),
    ]
}

/// The block's schema.
pub(crate) fn configuration() -> Block {
    let own = [
        (
            "connection",
            Attribute::optional(
                Type::String,
                "`ssh`, by itself, or `local`: this machine, without a connection.",
            ),
        ),
        ("user", Attribute::optional(Type::String, "The account on the hosts; `root`, by itself.")),
        ("port", Attribute::optional(Type::Number, "The port; 22, by itself.")),
        (
            "become",
            Attribute::optional(
                Type::Bool,
                "Whether what is done is done as root, by sudo; so by itself where `user` is not root.",
            ),
        ),
        (
            "become_password",
            Attribute::optional(Type::String, "The password that sudo asks for.").sensitive(),
        ),
        (
            "known_hosts_file",
            Attribute::optional(
                Type::String,
                "A file of host keys in OpenSSH's form; `~/.ssh/known_hosts`, by itself.",
            ),
        ),
        (
            BASTION,
            Attribute::optional(
                Bastion::attribute_type(),
                "The host that all others are reached through: `address`, and where they differ `port`, `user` and `host_key`. It takes the same credentials.",
            ),
        ),
        (
            "trust_on_first_use",
            Attribute::optional(
                Type::Bool,
                "Whether the first key of a host that is not known is believed; it is kept in the state then.",
            ),
        ),
        (
            "parallelism",
            Attribute::optional(Type::Number, "How many hosts are worked on at once; 50, by itself."),
        ),
        (
            "connect_timeout_seconds",
            Attribute::optional(Type::Number, "How long a host may take to answer; 10, by itself."),
        ),
    ];
    Block::new(own.into_iter().chain(credentials()))
}

#[cfg(test)]
mod tests {
    use super::{Settings, validate};
    use formwork_value::Value;

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn bad_blocks_are_refused_at_their_attribute() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----";
        let table = [
            (vec![], vec![]),
            (vec![("connection", "telnet".into())], vec![".connection"]),
            (vec![("port", 0.into())], vec![".port"]),
            (vec![("parallelism", 0.into())], vec![".parallelism"]),
            (vec![("private_key", "x".into())], vec![".private_key"]),
            (vec![("private_key", key.into()), ("private_key_file", "x".into())], vec![".private_key_file"]),
            (vec![("certificate", "x".into()), ("private_key", key.into())], vec![".certificate"]),
            (vec![("certificate_file", "x".into())], vec![".certificate_file"]),
            (vec![("become", false.into()), ("become_password", "x".into())], vec![".become_password"]),
            (vec![("trust_on_first_use", true.into())], vec![".trust_on_first_use"]),
        ];
        for (given, expected) in table {
            let found = validate(&object(&given));
            let attributes: Vec<&str> = found.iter().filter_map(|one| one.attribute.as_deref()).collect();
            assert_eq!(attributes, expected, "{given:?}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let settings =
            Settings::of(&object(&[("password", "hunter2".into()), ("become_password", "hunter3".into())]));
        assert_eq!(settings.credentials.password.as_deref(), Some("hunter2"));
        assert!(!format!("{settings:?}{:?}", settings.credentials).contains("hunter"));
    }

    #[test]
    fn what_is_left_out_follows() {
        let table = [
            (vec![], ("root", false, true)),
            (vec![("user", "admin".into())], ("admin", true, true)),
            (
                vec![("user", "admin".into()), ("become", false.into()), ("password", "x".into())],
                ("admin", false, false),
            ),
        ];
        for (given, expected) in table {
            let settings = Settings::of(&object(&given));
            let found = (settings.user.as_str(), settings.becomes_root, settings.credentials.uses_agent);
            assert_eq!(found, expected);
        }
    }
}
