//! Where a host is: a value that every resource gives, over what the provider's block says for all.

use crate::settings::Settings;
use formwork_sdk::values::{Findings, given, text, truth, whole_number};
use formwork_sdk::{Attribute, ProviderError};
use formwork_value::{Name, Type, Value};

/// The attribute that says where.
pub const HOST: &str = "host";
const PORTS: std::ops::RangeInclusive<i64> = 1..=65535;
pub(crate) const SSH_PORT: u16 = 22;

/// One host as one account sees it. Resources that say the same share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Name or address.
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    /// Whether what is done there is done as root, by sudo.
    pub(crate) becomes_root: bool,
    /// The one key that the host may have, as `TYPE BASE64`.
    pub host_key: Option<String>,
    /// Whether it is this machine, without a connection.
    pub(crate) is_local: bool,
    /// The host that it is reached through.
    pub(crate) bastion: Option<Bastion>,
}

/// A host that others are reached through.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bastion {
    pub(crate) address: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub host_key: Option<String>,
}

/// The attribute of a host, and of the provider's block, that says what it is reached through.
pub(crate) const BASTION: &str = "bastion";

impl Bastion {
    /// What an object says, as whose account where it says none.
    pub(crate) fn of(object: &Value, user: &str) -> Option<Self> {
        let bastion = given(object, BASTION)?;
        let port = whole_number(bastion, "port").and_then(|port| u16::try_from(port).ok());
        Some(Self {
            address: text(bastion, "address")?.to_owned(),
            port: port.unwrap_or(SSH_PORT),
            user: text(bastion, "user").unwrap_or(user).to_owned(),
            host_key: text(bastion, "host_key").and_then(key_of),
        })
    }

    fn attributes() -> [(&'static str, Type); 4] {
        [
            ("address", Type::String),
            ("port", Type::Number),
            ("user", Type::String),
            ("host_key", Type::String),
        ]
    }

    pub(crate) fn attribute_type() -> Type {
        Type::object_with_optional(Self::attributes(), ["port", "user", "host_key"])
    }

    /// What is wrong with it, at an attribute.
    pub(crate) fn check(object: &Value, attribute: &'static str, found: &mut Findings) {
        let Some(bastion) = given(object, BASTION) else { return };
        if text(bastion, "address").is_some_and(|address| !is_address(address)) {
            found.refuse(attribute, "The address of its bastion is none: give a name or an IP address.");
        }
        check_port_and_key(bastion, attribute, "Its bastion's", found);
    }
}

impl Place {
    /// For people.
    pub(crate) fn words(&self) -> String {
        match (self.is_local, self.port) {
            (true, _) => "this machine".to_owned(),
            (false, SSH_PORT) => format!("{}@{}", self.user, self.address),
            (false, port) => format!("{}@{}:{port}", self.user, self.address),
        }
    }

    /// The place of an object; its host is known.
    pub(crate) fn of(object: &Value, settings: &Settings) -> Result<Self, ProviderError> {
        let host = given(object, HOST)
            .ok_or_else(|| ProviderError::bug("an object without a host that is known came to a host"))?;
        let address = text(host, "address").unwrap_or_default().to_owned();
        let is_local = text(host, "connection").map_or(settings.is_local, |word| word == "local");
        if address.is_empty() && !is_local {
            return Err(ProviderError::invalid(
                "The host has no address: give `address`, or `connection = \"local\"`.",
            ));
        }
        let port = whole_number(host, "port").and_then(|port| u16::try_from(port).ok());
        Ok(Self {
            address,
            port: port.or(settings.port).unwrap_or(SSH_PORT),
            user: text(host, "user").map_or_else(|| settings.user.clone(), str::to_owned),
            becomes_root: truth(host, "become").unwrap_or(settings.becomes_root),
            host_key: text(host, "host_key").and_then(key_of),
            is_local,
            bastion: Bastion::of(host, &settings.user).or_else(|| settings.bastion.clone()),
        })
    }
}

/// The attribute.
pub(crate) fn attribute() -> Attribute {
    Attribute::required(
        host_type(),
        "The host: `address`, and where they differ from the provider's `port`, `user`, `become`, `host_key` (its public key, `ssh-ed25519 AAAA…`) `connection` (`ssh` or `local`) and `bastion` (`address`, `port`, `user`, `host_key`), the host that it is reached through. Another address replaces the object.",
    )
}

/// What a host is given as.
pub fn host_type() -> Type {
    let attributes = [
        ("address", Type::String),
        ("port", Type::Number),
        ("user", Type::String),
        ("become", Type::Bool),
        ("host_key", Type::String),
        ("connection", Type::String),
        (BASTION, Bastion::attribute_type()),
    ];
    Type::object_with_optional(attributes.clone(), attributes.iter().map(|(name, _)| *name))
}

/// A host of an address alone, for imports.
pub(crate) fn host_of(address: &str, port: Option<u16>, user: Option<&str>) -> Value {
    let null = |value_type: Type| Value::null(value_type);
    let text = |text: Option<&str>| text.map_or_else(|| null(Type::String), Value::from);
    Value::object(vec![
        (Name::from("address"), Value::from(address)),
        (Name::from("port"), port.map_or_else(|| null(Type::Number), |port| Value::from(i64::from(port)))),
        (Name::from("user"), text(user)),
        (Name::from("become"), null(Type::Bool)),
        (Name::from("host_key"), null(Type::String)),
        (Name::from("connection"), null(Type::String)),
        (Name::from(BASTION), null(Type::object(Bastion::attributes()))),
    ])
}

/// What is wrong with the host of a configuration.
pub(crate) fn check(configuration: &Value, found: &mut Findings) {
    let Some(host) = given(configuration, HOST) else { return };
    let is_open = |name: &str| host.get(name).is_some_and(|value| !value.is_known());
    let connection = text(host, "connection");
    if connection.is_some_and(|word| !["ssh", "local"].contains(&word)) {
        found.refuse(HOST, "Its `connection` is neither \"ssh\" nor \"local\": give one of them.");
    }
    let address = text(host, "address");
    if let Some(address) = address.filter(|address| !is_address(address)) {
        found.refuse(
            HOST,
            format!(
                "{address:?} is no address of a host: give a name or an IP address, and a port as `port`."
            ),
        );
    }
    if address.is_none() && connection.is_none() && !is_open("address") && !is_open("connection") {
        found
            .refuse(HOST, "It has no address: give `address`, or `connection = \"local\"` for this machine.");
    }
    check_port_and_key(host, HOST, "Its", found);
    Bastion::check(host, HOST, found);
}

fn check_port_and_key(host: &Value, attribute: &'static str, whose: &str, found: &mut Findings) {
    if given(host, "port").is_some() && whole_number(host, "port").is_none_or(|port| !PORTS.contains(&port)) {
        found.refuse(
            attribute,
            format!("{whose} `port` is no whole number from 1 to 65535: give one that is."),
        );
    }
    if text(host, "host_key").is_some_and(|key| key_of(key).is_none()) {
        found.refuse(attribute, format!("{whose} `host_key` is no public key: give its type and its base64, as `ssh-keyscan` prints them: `ssh-ed25519 AAAA…`."));
    }
}

fn is_address(text: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || "-._:%".contains(character);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_part)
}

/// A public key without its comment, where the text is one.
pub(crate) fn key_of(text: &str) -> Option<String> {
    use base64::Engine as _;
    let mut words = text.split_whitespace();
    let (kind, encoded) = (words.next()?, words.next()?);
    let is_kind = kind.starts_with("ssh-") || kind.starts_with("ecdsa-") || kind.starts_with("sk-");
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let named = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (is_kind && named == kind.as_bytes()).then(|| format!("{kind} {encoded}"))
}

/// `[USER@]ADDRESS[:PORT]`; an IPv6 address with a port stands in brackets.
pub(crate) fn parse(text: &str) -> Option<(Option<&str>, &str, Option<u16>)> {
    let (user, rest) = text.rsplit_once('@').map_or((None, text), |(user, rest)| (Some(user), rest));
    let (address, port) = if let Some(inner) = rest.strip_prefix('[') {
        let (address, port) = inner.split_once(']')?;
        (address, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
    } else if rest.matches(':').count() == 1 {
        let (address, port) = rest.split_once(':')?;
        (address, Some(port))
    } else {
        (rest, None)
    };
    let port = match port {
        None => None,
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
    };
    (is_address(address) && user.is_none_or(|user| !user.is_empty())).then_some((user, address, port))
}

#[cfg(test)]
mod tests {
    use super::{check, host_of, key_of, parse};
    use formwork_sdk::values::Findings;
    use formwork_value::{Name, Type, Value};

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zyw4zQnZ0bmlUYW5kb21LZXlCeXRlc0hlcmUwMDEk";

    #[test]
    fn import_addresses_are_taken_apart() {
        let table = [
            ("10.0.0.5", Some((None, "10.0.0.5", None))),
            ("root@gpu-1.example:2222", Some((Some("root"), "gpu-1.example", Some(2222)))),
            ("fd00::1", Some((None, "fd00::1", None))),
            ("[fd00::1]:23", Some((None, "fd00::1", Some(23)))),
            ("[fd00::1]", Some((None, "fd00::1", None))),
            ("", None),
            ("@x", None),
            ("x:0", None),
            ("x:70000", None),
            ("[x", None),
            ("[x]y", None),
            ("-oProxyCommand=x", None),
            ("a b", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn public_keys_are_told_from_other_texts() {
        assert_eq!(key_of(&format!("{KEY} comment")).as_deref(), Some(KEY));
        let table = [
            ("", false),
            ("ssh-ed25519", false),
            ("ssh-ed25519 !!", false),
            ("ssh-rsa AAAAC3NzaC1lZDI1NTE5", false),
        ];
        for (text, expected) in table {
            assert_eq!(key_of(text).is_some(), expected, "{text}");
        }
        let short = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5";
        assert_eq!(key_of(&format!("  {short} root@x")).as_deref(), Some(short));
    }

    #[test]
    fn bad_hosts_are_refused() {
        let with = |name: &str, value: Value| {
            let entries = host_of("10.0.0.1", None, None);
            let entries = entries.entries().unwrap().iter().map(|(key, old)| {
                (key.clone(), if key.as_str() == name { value.clone() } else { old.clone() })
            });
            Value::object(vec![(Name::from("host"), Value::object(entries.collect()))])
        };
        let bastion = |address: &str, port: Value| {
            let entries = [("address", Value::from(address)), ("port", port)];
            Value::object(entries.map(|(name, value)| (Name::from(name), value)).to_vec())
        };
        let table = [
            (with("", Value::from("")), None),
            (with("address", Value::unknown(Type::String)), None),
            (with("address", Value::null(Type::String)), Some("It has no address")),
            (with("address", Value::from("a b")), Some("is no address of a host")),
            (with("port", Value::from(0)), Some("no whole number from 1 to 65535")),
            (with("connection", Value::from("telnet")), Some("neither \"ssh\" nor \"local\"")),
            (with("host_key", Value::from("x")), Some("is no public key")),
            (with("bastion", bastion("10.0.0.9", Value::null(Type::Number))), None),
            (
                with("bastion", bastion("a b", Value::null(Type::Number))),
                Some("The address of its bastion is none"),
            ),
            (with("bastion", bastion("b", Value::from(0))), Some("Its bastion's `port` is no whole number")),
        ];
        for (configuration, expected) in table {
            let mut found = Findings::default();
            check(&configuration, &mut found);
            let found: Vec<String> = found.into_diagnostics().iter().map(|one| one.detail.clone()).collect();
            assert_eq!(found.len(), usize::from(expected.is_some()), "{found:?}");
            assert!(found.iter().all(|one| one.contains(expected.unwrap_or_default())), "{found:?}");
        }
    }
}
