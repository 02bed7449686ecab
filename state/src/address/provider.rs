//! Addresses of providers and of their configurations.

use super::parse::AddressError;
use arcstr::ArcStr;
use std::fmt;
use std::str::FromStr;

/// The registry that a provider without a host means.
const DEFAULT_HOST: &str = "registry.opentofu.org";
const BUILTIN_HOST: &str = "terraform.io";

/// A provider: host, namespace, type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderAddress {
    /// The registry.
    pub host: ArcStr,
    /// Whose it is.
    pub namespace: ArcStr,
    /// Its name.
    pub type_name: ArcStr,
}

impl ProviderAddress {
    /// `terraform.io/builtin/terraform`
    pub fn builtin() -> Self {
        Self { host: BUILTIN_HOST.into(), namespace: "builtin".into(), type_name: "terraform".into() }
    }

    /// What an undeclared name means: `hashicorp/NAME`.
    pub fn hashicorp(type_name: &str) -> Self {
        Self { host: DEFAULT_HOST.into(), namespace: "hashicorp".into(), type_name: type_name.into() }
    }

    /// One of ours: `formwork/NAME`.
    pub fn formwork(type_name: &str) -> Self {
        Self { host: DEFAULT_HOST.into(), namespace: "formwork".into(), type_name: type_name.into() }
    }

    /// Reads `[[host/]namespace/]type`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_name =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
        if !parts.iter().all(|part| is_name(part)) {
            return Err(AddressError::new(text, "a provider is [[host/]namespace/]type"));
        }
        let lower = |part: &str| ArcStr::from(part.to_lowercase());
        match parts.as_slice() {
            [type_name] => Ok(Self::hashicorp(&type_name.to_lowercase())),
            [namespace, type_name] => Ok(Self {
                host: DEFAULT_HOST.into(),
                namespace: lower(namespace),
                type_name: lower(type_name),
            }),
            [host, namespace, type_name] => {
                Ok(Self { host: lower(host), namespace: lower(namespace), type_name: lower(type_name) })
            }
            _ => Err(AddressError::new(text, "a provider is [[host/]namespace/]type")),
        }
    }

    /// The short form for people: `formwork/sim`.
    pub fn for_display(&self) -> String {
        if self.host == DEFAULT_HOST {
            format!("{}/{}", self.namespace, self.type_name)
        } else {
            self.to_string()
        }
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.host, self.namespace, self.type_name)
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// A provider configuration: module, provider, alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderConfigAddress {
    /// Names of the calls that lead to the module; empty for the root.
    pub module_path: Vec<ArcStr>,
    /// The provider.
    pub provider: ProviderAddress,
    /// Which of several configurations.
    pub alias: Option<ArcStr>,
}

/// `module.x.provider["host/namespace/type"].alias`
impl fmt::Display for ProviderConfigAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.module_path {
            write!(f, "module.{name}.")?;
        }
        write!(f, "provider[\"{}\"]", self.provider)?;
        match &self.alias {
            Some(alias) => write!(f, ".{alias}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ProviderConfigAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| AddressError::new(text, reason);
        let (modules, rest) = text.split_once("provider[\"").ok_or_else(|| fail("it names no provider"))?;
        let (provider, alias) = rest.split_once("\"]").ok_or_else(|| fail("the provider is not closed"))?;
        let mut module_path = Vec::new();
        let mut rest = modules;
        while let Some(after) = rest.strip_prefix("module.") {
            let (name, after) = after.split_once('.').ok_or_else(|| fail("a dot is missing"))?;
            module_path.push(name.into());
            rest = after;
        }
        if !rest.is_empty() {
            return Err(fail("something stands before the provider"));
        }
        let alias = match alias.strip_prefix('.') {
            Some(alias) if !alias.is_empty() => Some(alias.into()),
            None if alias.is_empty() => None,
            _ => return Err(fail("the alias is not a name")),
        };
        Ok(Self { module_path, provider: ProviderAddress::parse(provider)?, alias })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_round_trip() {
        for text in [
            "provider[\"registry.opentofu.org/formwork/sim\"]",
            "provider[\"terraform.io/builtin/terraform\"].west",
            "module.a.module.b.provider[\"registry.terraform.io/hashicorp/aws\"].x",
        ] {
            assert_eq!(text.parse::<ProviderConfigAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn short_forms() {
        assert_eq!(ProviderAddress::parse("sim").unwrap(), ProviderAddress::hashicorp("sim"));
        assert_eq!(ProviderAddress::parse("formwork/sim").unwrap(), ProviderAddress::formwork("sim"));
        assert_eq!(ProviderAddress::formwork("sim").for_display(), "formwork/sim");
        assert!(ProviderAddress::parse("a/b/c/d").is_err());
    }
}
