//! What of a configuration a run is about: everything, what `-target` names, or all but what `-exclude` names.
//!
//! Invariant: an address without a key stands for all instances, in the module part too.

use formwork_state::{Address, AddressError, ModuleInstance};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A module or resource that an option names, with all its instances where it has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Everything in a module, and in the modules below it.
    Module(ModuleInstance),
    /// A resource block or one of its instances.
    Resource(Address),
}

impl Selector {
    /// Whether it names this instance.
    pub fn covers(&self, address: &Address) -> bool {
        match self {
            Self::Module(module) => leads_to(module, address.module(), false),
            Self::Resource(wanted) => {
                is_block(wanted, address)
                    && (wanted.key().is_none() || wanted.key() == address.key())
                    && wanted.module().steps().len() == address.module().steps().len()
                    && leads_to(wanted.module(), address.module(), false)
            }
        }
    }

    /// Whether it names at least one instance of the block that this address is of, whatever the keys.
    pub fn touches_block(&self, address: &Address) -> bool {
        match self {
            Self::Module(module) => leads_to(module, address.module(), true),
            Self::Resource(wanted) => {
                is_block(wanted, address)
                    && wanted.module().steps().len() == address.module().steps().len()
                    && leads_to(wanted.module(), address.module(), true)
            }
        }
    }
}

fn is_block(wanted: &Address, address: &Address) -> bool {
    wanted.mode() == address.mode()
        && wanted.type_name() == address.type_name()
        && wanted.name() == address.name()
}

fn leads_to(above: &ModuleInstance, below: &ModuleInstance, whatever_keys: bool) -> bool {
    let (above, below) = (above.steps(), below.steps());
    above.len() <= below.len()
        && above.iter().zip(&below).all(|((name, key), (other, other_key))| {
            name == other && (whatever_keys || key.is_none() || key == other_key)
        })
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(module) => module.fmt(out),
            Self::Resource(address) => address.fmt(out),
        }
    }
}

impl FromStr for Selector {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self::Resource).or_else(|error| match text.parse::<ModuleInstance>() {
            Ok(module) if !module.is_root() => Ok(Self::Module(module)),
            _ => Err(error),
        })
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a run is about. Without targets and exclusions it is about everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    /// Only these, and what they depend on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Selector>,
    /// All but these, and what depends on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<Selector>,
}

impl Focus {
    /// Whether it is about everything.
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;

    #[test]
    fn an_address_without_key_stands_for_all_instances() {
        for (selector, address, covers, touches) in [
            ("a.b", "a.b", true, true),
            ("a.b", "a.b[0]", true, true),
            ("a.b[0]", "a.b[0]", true, true),
            ("a.b[0]", "a.b[1]", false, true),
            ("a.b", "a.c", false, false),
            ("a.b", "data.a.b", false, false),
            ("a.b", "module.m.a.b", false, false),
            ("module.m", "module.m[\"x\"].a.b", true, true),
            ("module.m[\"x\"]", "module.m[\"y\"].a.b", false, true),
            ("module.m", "module.m.module.n[0].a.b", true, true),
            ("module.m", "module.o.a.b", false, false),
            ("module.m.a.b", "module.m[1].a.b[2]", true, true),
        ] {
            let (selector, address): (Selector, _) = (selector.parse().unwrap(), address.parse().unwrap());
            assert_eq!(selector.covers(&address), covers, "{selector} {address}");
            assert_eq!(selector.touches_block(&address), touches, "{selector} {address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a", "a.b.c", "module.", "a.b[", "module.m.a"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
