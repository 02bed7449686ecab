//! What a person means by an address on the command line: a module, a block or one instance, with all below it.

use super::parse::{AddressError, Cursor};
use super::{Address, BlockAddress, Key, ModuleInstance};
use std::fmt;
use std::str::FromStr;

/// A part of a configuration. A module call or block named without a key stands for all its instances.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// Everything in a module and below it.
    Module(ModuleInstance),
    /// All instances of a block.
    Block(BlockAddress),
    /// One instance.
    Instance(Address),
}

impl Selector {
    /// Whether an instance is meant.
    pub fn contains(&self, address: &Address) -> bool {
        match self {
            Self::Module(module) => holds(module, address.module()),
            Self::Block(block) => is_of(block, address),
            Self::Instance(instance) => is_of(&instance.block(), address) && instance.key() == address.key(),
        }
    }

    /// Whether any instance of a block in the configuration, which has no keys, may be meant.
    pub fn touches(&self, block: &BlockAddress) -> bool {
        let is_same = |selected: &BlockAddress| selected.in_configuration() == block.in_configuration();
        match self {
            Self::Module(module) => holds(&module.without_keys(), &block.module().without_keys()),
            Self::Block(selected) => is_same(selected),
            Self::Instance(instance) => is_same(&instance.block()),
        }
    }
}

fn is_of(block: &BlockAddress, address: &Address) -> bool {
    block.mode() == address.mode()
        && block.type_name() == address.type_name()
        && block.name() == address.name()
        && block.module().steps().len() == address.module().steps().len()
        && holds(block.module(), address.module())
}

/// Whether a module is the outer one or stands below it.
fn holds(outer: &ModuleInstance, inner: &ModuleInstance) -> bool {
    let (outer, inner) = (outer.steps(), inner.steps());
    outer.len() <= inner.len()
        && outer.iter().zip(&inner).all(|((name, key), (inner_name, inner_key))| {
            name == inner_name && (key.is_none() || key == inner_key)
        })
}

impl fmt::Display for Selector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(module) => write!(out, "{module}"),
            Self::Block(block) => write!(out, "{block}"),
            Self::Instance(instance) => write!(out, "{instance}"),
        }
    }
}

impl FromStr for Selector {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut cursor = Cursor::new(text);
        let module = cursor.modules()?;
        if cursor.is_done() && !module.is_root() {
            return if text.ends_with('.') {
                cursor.fail("a name is expected")
            } else {
                Ok(Self::Module(module))
            };
        }
        let mut cursor = Cursor::new(text);
        let block = cursor.block()?;
        let selector = match cursor.key()? {
            Key::None => Self::Block(block),
            key => Self::Instance(block.instance(key)),
        };
        cursor.end(selector)
    }
}

#[cfg(test)]
mod tests {
    use super::Selector;
    use crate::address::Address;

    #[test]
    fn a_selector_means_all_below_it() {
        for (selector, address, expected) in [
            ("a.b", "a.b", true),
            ("a.b", "a.b[0]", true),
            ("a.b[0]", "a.b[0]", true),
            ("a.b[0]", "a.b[1]", false),
            ("a.b[0]", "a.b", false),
            ("a.b", "a.bc", false),
            ("data.a.b", "a.b", false),
            ("module.m", "module.m.a.b", true),
            ("module.m", "module.m[0].module.n.a.b", true),
            ("module.m[1]", "module.m[0].a.b", false),
            ("module.m.a.b", "module.m[\"k\"].a.b[2]", true),
            ("module.m.a.b", "module.m.module.n.a.b", false),
            ("module.m", "a.b", false),
        ] {
            let parsed: Selector = selector.parse().unwrap();
            assert_eq!(parsed.to_string(), selector);
            let address: Address = address.parse().unwrap();
            assert_eq!(parsed.contains(&address), expected, "{selector} {address}");
            if expected {
                assert!(parsed.touches(&address.block().in_configuration()), "{selector} {address}");
            }
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a", "a.", "module", "module.m.", "module.m.a", "a.b.c", "a.b[", "a.b[x]"] {
            assert!(text.parse::<Selector>().is_err(), "{text:?}");
        }
    }
}
