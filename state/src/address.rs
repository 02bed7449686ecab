//! Typed addresses of instances, blocks, objects and providers, and their text as Terraform writes it.
//!
//! Invariant: text is read and written here and nowhere else; a clone is O(1).

use arcstr::ArcStr;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

mod parse;
mod provider;

pub use parse::AddressError;
pub use provider::{ProviderAddress, ProviderConfigAddress};

/// The key of an instance: none, a number, or text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Key {
    /// The block does not repeat.
    #[default]
    None,
    /// `[0]`
    Int(u64),
    /// `["a"]`
    Text(ArcStr),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Int(index) => write!(f, "[{index}]"),
            Self::Text(text) => {
                f.write_str("[\"")?;
                for character in text.chars() {
                    match character {
                        '"' => f.write_str("\\\"")?,
                        '\\' => f.write_str("\\\\")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        other => write!(f, "{other}")?,
                    }
                }
                f.write_str("\"]")
            }
        }
    }
}

/// Managed objects have a life of their own; data sources are only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `resource` block's.
    Managed,
    /// A `data` block's.
    Data,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ModuleStep {
    parent: ModuleInstance,
    name: ArcStr,
    key: Key,
}

/// One instance of a module: the calls that lead to it from the root, each with its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModuleInstance(Option<Arc<ModuleStep>>);

impl ModuleInstance {
    /// The root module.
    pub const fn root() -> Self {
        Self(None)
    }

    /// An instance of a module that this one calls.
    #[must_use]
    pub fn child(&self, name: impl Into<ArcStr>, key: Key) -> Self {
        Self(Some(Arc::new(ModuleStep { parent: self.clone(), name: name.into(), key })))
    }

    /// The module instance that calls this one.
    pub fn parent(&self) -> Option<&Self> {
        self.0.as_ref().map(|step| &step.parent)
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The calls from the root, each with its key.
    pub fn steps(&self) -> Vec<(&ArcStr, &Key)> {
        let mut steps = Vec::new();
        let mut at = self;
        while let Some(step) = &at.0 {
            steps.push((&step.name, &step.key));
            at = &step.parent;
        }
        steps.reverse();
        steps
    }

    /// The names of the calls from the root, without keys.
    pub fn config_path(&self) -> Vec<ArcStr> {
        self.steps().into_iter().map(|(name, _)| name.clone()).collect()
    }
}

impl PartialOrd for ModuleInstance {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ModuleInstance {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (None, None) => Ordering::Equal,
            (Some(left), Some(right)) if Arc::ptr_eq(left, right) => Ordering::Equal,
            _ => self.steps().cmp(&other.steps()),
        }
    }
}

impl Hash for ModuleInstance {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut at = self;
        while let Some(step) = &at.0 {
            step.name.hash(state);
            step.key.hash(state);
            at = &step.parent;
        }
    }
}

/// `module.a["k"].module.b[0]`; empty for the root.
impl fmt::Display for ModuleInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, key)) in self.steps().into_iter().enumerate() {
            write!(f, "{}module.{name}{key}", if at > 0 { "." } else { "" })?;
        }
        Ok(())
    }
}

/// A resource block in one module instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockAddress {
    module: ModuleInstance,
    mode: Mode,
    type_name: ArcStr,
    name: ArcStr,
}

impl BlockAddress {
    /// A block from its parts.
    pub fn new(
        module: ModuleInstance,
        mode: Mode,
        type_name: impl Into<ArcStr>,
        name: impl Into<ArcStr>,
    ) -> Self {
        Self { module, mode, type_name: type_name.into(), name: name.into() }
    }

    /// The module instance.
    pub fn module(&self) -> &ModuleInstance {
        &self.module
    }

    /// Managed or data.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The resource type.
    pub fn type_name(&self) -> &ArcStr {
        &self.type_name
    }

    /// The block's own name.
    pub fn name(&self) -> &ArcStr {
        &self.name
    }

    /// One of its instances.
    pub fn instance(&self, key: Key) -> Address {
        Address { block: self.clone(), key }
    }

    /// The block's name without any keys, as `dependencies` in the v4 format has it.
    pub fn config_name(&self) -> String {
        let mut name = String::new();
        for module in self.module.config_path() {
            name.push_str("module.");
            name.push_str(&module);
            name.push('.');
        }
        if self.mode == Mode::Data {
            name.push_str("data.");
        }
        name.push_str(&self.type_name);
        name.push('.');
        name.push_str(&self.name);
        name
    }
}

/// `module.a["k"].sim_machine.gpu`
impl fmt::Display for BlockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        if self.mode == Mode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.type_name, self.name)
    }
}

/// One instance of a resource block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    block: BlockAddress,
    key: Key,
}

impl Address {
    /// An instance from its parts.
    pub fn new(
        module: ModuleInstance,
        mode: Mode,
        type_name: impl Into<ArcStr>,
        name: impl Into<ArcStr>,
        key: Key,
    ) -> Self {
        BlockAddress::new(module, mode, type_name, name).instance(key)
    }

    /// The module instance.
    pub fn module(&self) -> &ModuleInstance {
        &self.block.module
    }

    /// Managed or data.
    pub fn mode(&self) -> Mode {
        self.block.mode
    }

    /// The resource type.
    pub fn type_name(&self) -> &ArcStr {
        &self.block.type_name
    }

    /// The block's own name.
    pub fn name(&self) -> &ArcStr {
        &self.block.name
    }

    /// The instance's key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its block.
    pub fn block(&self) -> BlockAddress {
        self.block.clone()
    }

    /// Another instance of the same block.
    #[must_use]
    pub fn with_key(&self, key: Key) -> Self {
        self.block.instance(key)
    }
}

/// `module.a["k"].sim_machine.gpu[2]`
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.block, self.key)
    }
}

impl FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::address(text)
    }
}

impl FromStr for BlockAddress {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = parse::address(text)?;
        match address.key {
            Key::None => Ok(address.block),
            _ => Err(AddressError::new(text, "a block has no key")),
        }
    }
}

impl FromStr for ModuleInstance {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::module(text)
    }
}

/// The name of an object that was replaced and not removed yet: eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeposedKey(pub ArcStr);

impl fmt::Display for DeposedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object in the state: an instance's current one, or a deposed one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The instance.
    pub address: Address,
    /// Which deposed object; none for the current one.
    pub deposed: Option<DeposedKey>,
}

impl ObjectKey {
    /// The current object of an instance.
    pub fn current(address: Address) -> Self {
        Self { address, deposed: None }
    }
}

/// `addr` or `addr (deposed 1a2b3c4d)`
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        match &self.deposed {
            Some(key) => write!(f, " (deposed {key})"),
            None => Ok(()),
        }
    }
}

impl FromStr for ObjectKey {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix(')').and_then(|text| text.rsplit_once(" (deposed ")) {
            Some((address, key)) => {
                Ok(Self { address: address.parse()?, deposed: Some(DeposedKey(key.into())) })
            }
            None => Ok(Self::current(text.parse()?)),
        }
    }
}

/// What an object's expressions read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// One instance.
    Object(Address),
    /// A whole block.
    Block(BlockAddress),
    /// A value in between: `local.x`, `module.a["k"].var.y`.
    Node(ArcStr),
}

/// `object ADDRESS`, `block ADDRESS`, `node NAME`
impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(address) => write!(f, "object {address}"),
            Self::Block(block) => write!(f, "block {block}"),
            Self::Node(name) => write!(f, "node {name}"),
        }
    }
}

impl FromStr for Edge {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(' ') {
            Some(("object", rest)) => Ok(Self::Object(rest.parse()?)),
            Some(("block", rest)) => Ok(Self::Block(rest.parse()?)),
            Some(("node", rest)) => Ok(Self::Node(rest.into())),
            _ => Err(AddressError::new(text, "an edge begins with object, block or node")),
        }
    }
}

macro_rules! text_codec {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = crate::object_codec::Text::deserialize(deserializer)?;
                text.0.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
text_codec!(Address, BlockAddress, ObjectKey, Edge, ProviderAddress, ProviderConfigAddress, ModuleInstance);

impl serde::Serialize for DeposedKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for DeposedKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "sim_machine.gpu",
            "sim_machine.gpu[2]",
            "data.sim_image.ubuntu[\"a.b\"]",
            "module.a.sim_machine.gpu",
            "module.a[\"k]\\\"\"].module.b[0].data.x.y[\"z\"]",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bad_text_is_refused() {
        for text in ["", "a", "a.", "a.b[", "a.b[x]", "module.a", "a.b.c", "a.b[\"x", "data.a"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_sort_by_number() {
        let mut addresses: Vec<Address> =
            ["a.b[10]", "a.b[9]", "a.b"].iter().map(|text| text.parse().unwrap()).collect();
        addresses.sort();
        assert_eq!(
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["a.b", "a.b[9]", "a.b[10]"]
        );
    }

    #[test]
    fn object_keys() {
        let key: ObjectKey = "a.b[0] (deposed 1a2b3c4d)".parse().unwrap();
        assert_eq!(key.deposed, Some(DeposedKey("1a2b3c4d".into())));
        assert_eq!(key.to_string(), "a.b[0] (deposed 1a2b3c4d)");
    }
}
