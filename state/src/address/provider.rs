//! Addresses of providers and of their configurations.

use super::Key;
use super::parse::{AddressError, Cursor, serde_as_text, write_quoted};
use crate::Name;
use std::fmt;
use std::str::FromStr;

/// The host that a provider address without one means.
const DEFAULT_HOST: &str = "registry.opentofu.org";
const DEFAULT_NAMESPACE: &str = "hashicorp";
const BUILTIN_HOST: &str = "terraform.io";
const BUILTIN_NAMESPACE: &str = "builtin";
/// The namespace of a provider in a state from before providers had one.
const LEGACY_NAMESPACE: &str = "-";

/// Which provider: host, namespace, type. A host in a state file is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAddress {
    /// The registry that it comes from.
    pub host: Name,
    /// Whose it is there.
    pub namespace: Name,
    /// Its name.
    pub type_name: Name,
}

impl ProviderAddress {
    /// One of ours: `formwork/NAME`.
    pub fn formwork(type_name: &str) -> Self {
        Self::new("formwork", type_name)
    }

    /// What an undeclared name means: `hashicorp/NAME`.
    pub fn hashicorp(type_name: &str) -> Self {
        Self::new(DEFAULT_NAMESPACE, type_name)
    }

    /// A provider at the default host.
    pub fn new(namespace: impl Into<Name>, type_name: impl Into<Name>) -> Self {
        Self { host: DEFAULT_HOST.into(), namespace: namespace.into(), type_name: type_name.into() }
    }

    /// The provider inside the program that serves `terraform_data`.
    pub fn builtin() -> Self {
        Self {
            host: BUILTIN_HOST.into(),
            namespace: BUILTIN_NAMESPACE.into(),
            type_name: arcstr::literal!("terraform"),
        }
    }

    /// Reads a source address: `sim`, `formwork/sim` or `host/formwork/sim`.
    pub fn parse(source: &str) -> Result<Self, AddressError> {
        source.parse()
    }

    /// The short form that people read: without the default host.
    pub fn for_display(&self) -> String {
        if self.host == DEFAULT_HOST {
            format!("{}/{}", self.namespace, self.type_name)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}/{}", self.host, self.namespace, self.type_name)
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_part = |part: &str| {
            !part.is_empty()
                && part.chars().all(|character| character.is_alphanumeric() || "-_".contains(character))
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let fail = |message| Err(AddressError { text: text.to_owned(), offset: 0, message });
        let (host, names) = match parts.as_slice() {
            [host, names @ ..] if names.len() == 2 => (Some(*host), names),
            names => (None, names),
        };
        let (namespace, type_name) = match names {
            [type_name] => (DEFAULT_NAMESPACE, *type_name),
            [namespace, type_name] => (*namespace, *type_name),
            _ => return fail("a provider is NAME, NAMESPACE/NAME or HOST/NAMESPACE/NAME"),
        };
        let host = host.map_or_else(|| Name::from(DEFAULT_HOST), |host| Name::from(host.to_lowercase()));
        let is_host =
            host.split(':').next().is_some_and(|domain| !domain.is_empty() && domain.split('.').all(is_part))
                && host.split(':').nth(1).is_none_or(|port| port.parse::<u16>().is_ok());
        if !is_host {
            return fail("the host is no host name");
        }
        let (namespace, type_name) = (namespace.to_lowercase(), type_name.to_lowercase());
        if !(is_part(&namespace) || namespace == LEGACY_NAMESPACE) || !is_part(&type_name) {
            return fail("a namespace or name has letters, digits and inner dashes only");
        }
        Ok(Self { host, namespace: namespace.into(), type_name: type_name.into() })
    }
}

/// One provider configuration: in which module it stands, of which provider, and which alias.
///
/// Its text is that of a state file: `module.x.provider["host/namespace/name"].alias`. A clone is cheap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderConfigAddress {
    /// The names of the module calls from the root.
    pub module_path: Vec<Name>,
    /// The provider.
    pub provider: ProviderAddress,
    /// The alias; none for the default configuration. Where another engine's configuration has instances, the key of
    /// one follows in brackets.
    pub alias: Option<Name>,
}

impl ProviderConfigAddress {
    /// The default configuration in the root module.
    pub const fn root(provider: ProviderAddress) -> Self {
        Self { module_path: Vec::new(), provider, alias: None }
    }

    /// One instance of a configuration that has `for_each`.
    #[must_use]
    pub fn instance(&self, key: &Key) -> Self {
        let alias = match (&self.alias, key) {
            (alias, Key::None) => alias.clone(),
            (alias, key) => Some(format!("{}{key}", alias.as_deref().unwrap_or_default()).into()),
        };
        Self { alias, ..self.clone() }
    }

    /// Whether it is one instance of a configuration, which a state file names at the instance.
    pub(crate) fn has_key(&self) -> bool {
        self.alias.as_ref().is_some_and(|alias| alias.ends_with(']'))
    }
}

impl ProviderConfigAddress {
    /// The short form that people read: without the default host.
    pub fn for_display(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out, &self.provider.for_display());
        out
    }

    fn write(&self, out: &mut impl fmt::Write, provider: &str) -> fmt::Result {
        for name in &self.module_path {
            write!(out, "module.{name}.")?;
        }
        out.write_str("provider[")?;
        write_quoted(out, provider)?;
        out.write_str("]")?;
        if let Some(alias) = &self.alias {
            write!(out, ".{alias}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ProviderConfigAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(out, &self.provider.to_string())
    }
}

impl FromStr for ProviderConfigAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let module = cursor.modules()?;
        if module != module.without_keys() {
            return cursor.fail("a provider configuration stands in a module without keys");
        }
        let provider = if cursor.eat("provider.") {
            ProviderAddress::new(LEGACY_NAMESPACE, cursor.identifier()?)
        } else if cursor.eat("provider[") {
            let source = cursor.quoted()?;
            if !cursor.eat("]") {
                return cursor.fail("a closing bracket is expected");
            }
            source.parse()?
        } else {
            return cursor.fail("provider[\"…\"] is expected");
        };
        let alias = if cursor.eat(".") {
            let name = cursor.identifier()?;
            Some(Name::from(format!("{name}{}", cursor.key()?)))
        } else {
            None
        };
        cursor.end(Self { module_path: module.config_path(), provider, alias })
    }
}

serde_as_text!(ProviderAddress, ProviderConfigAddress);
