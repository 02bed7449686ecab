//! Typed addresses: modules, resources, their instances and objects, providers, and edges between them.
//!
//! The text forms are Terraform's to the letter, and exist only at the rim: `Display` writes, `FromStr` reads,
//! and serde goes through the two. A clone costs a reference count; the hash of everything but the instance key
//! is computed once. Order is that of a state file: by module, mode, type, name, then key, numbers by number.

mod edge;
mod parse;
mod provider;
mod selector;

pub use edge::Edge;
pub use parse::AddressError;
pub use provider::{ProviderAddress, ProviderConfigAddress};
pub use selector::Selector;

use crate::Name;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Which instance of a block: none, a `count` index or a `for_each` key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Key {
    /// The block has neither `count` nor `for_each`.
    #[default]
    None,
    /// An index of `count`.
    Int(u64),
    /// A key of `for_each`.
    Text(Name),
}

impl Key {
    /// Whether the block is single.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl From<u64> for Key {
    fn from(index: u64) -> Self {
        Self::Int(index)
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Self {
        Self::Text(key.into())
    }
}

impl From<Name> for Key {
    fn from(key: Name) -> Self {
        Self::Text(key)
    }
}

/// Writes `[0]`, `["key"]` or nothing.
impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Int(index) => {
                out.write_str("[")?;
                index.fmt(out)?;
                out.write_str("]")
            }
            Self::Text(key) => {
                out.write_str("[")?;
                parse::write_quoted(out, key)?;
                out.write_str("]")
            }
        }
    }
}

#[derive(Debug)]
struct ModuleNode {
    parent: ModuleInstance,
    name: Name,
    key: Key,
    depth: usize,
    hash: u64,
    /// As it is written: a run writes it several times for each instance.
    text: Box<str>,
}

/// One instance of a module: the root, or `module.a["k"].module.b[0]`.
#[derive(Clone, Default)]
pub struct ModuleInstance(Option<Arc<ModuleNode>>);

impl ModuleInstance {
    /// The root module.
    pub const fn root() -> Self {
        Self(None)
    }

    /// An instance of a module that this one calls.
    #[must_use]
    pub fn child(&self, name: impl Into<Name>, key: Key) -> Self {
        let name = name.into();
        let hash = digest(&(self.hash(), &name, &key));
        let depth = self.0.as_ref().map_or(0, |node| node.depth) + 1;
        let text = match &self.0 {
            None => format!("module.{name}{key}"),
            Some(node) => format!("{}.module.{name}{key}", node.text),
        };
        let text = text.into_boxed_str();
        Self(Some(Arc::new(ModuleNode { parent: self.clone(), name, key, depth, hash, text })))
    }

    /// The module that calls this one; none for the root.
    pub fn parent(&self) -> Option<&Self> {
        self.0.as_ref().map(|node| &node.parent)
    }

    /// The call that leads here from there, with its key; none for the root.
    pub fn call(&self) -> Option<(&Name, &Key)> {
        self.0.as_ref().map(|node| (&node.name, &node.key))
    }

    /// Whether this is the root module.
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The calls from the root to here, each with its key.
    pub fn steps(&self) -> Vec<(&Name, &Key)> {
        let mut steps = Vec::with_capacity(self.0.as_ref().map_or(0, |node| node.depth));
        let mut at = self;
        while let Some(node) = &at.0 {
            steps.push((&node.name, &node.key));
            at = &node.parent;
        }
        steps.reverse();
        steps
    }

    /// The names of the calls from the root to here: where the module stands in the configuration.
    pub fn config_path(&self) -> Vec<Name> {
        self.steps().into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// The same calls without their keys.
    #[must_use]
    pub fn without_keys(&self) -> Self {
        if !self.has_keys() {
            return self.clone();
        }
        self.steps().into_iter().fold(Self::root(), |module, (name, _)| module.child(name.clone(), Key::None))
    }

    fn has_keys(&self) -> bool {
        self.0.as_ref().is_some_and(|node| !node.key.is_none() || node.parent.has_keys())
    }

    /// As it is written; empty for the root.
    pub fn text(&self) -> &str {
        self.0.as_ref().map_or("", |node| &node.text)
    }

    fn hash(&self) -> u64 {
        self.0.as_ref().map_or(0, |node| node.hash)
    }
}

impl PartialEq for ModuleInstance {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(left), Some(right)) => {
                Arc::ptr_eq(left, right)
                    || (left.hash == right.hash
                        && left.name == right.name
                        && left.key == right.key
                        && left.parent == right.parent)
            }
            _ => false,
        }
    }
}

impl Eq for ModuleInstance {}

impl Hash for ModuleInstance {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash());
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

impl fmt::Display for ModuleInstance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl fmt::Debug for ModuleInstance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ModuleInstance({self})")
    }
}

/// What kind of block an object comes from. Data sorts before managed, as in a state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// A `data` block.
    Data,
    /// A `resource` block.
    Managed,
    /// An `ephemeral` block: addressed, never stored.
    Ephemeral,
}

#[derive(Debug)]
struct BlockNode {
    module: ModuleInstance,
    mode: Mode,
    type_name: Name,
    name: Name,
    hash: u64,
}

/// One block in one instance of its module: `module.a["k"].sim_machine.gpu`.
#[derive(Clone)]
pub struct BlockAddress(Arc<BlockNode>);

impl BlockAddress {
    /// The address of a block.
    pub fn new(
        module: ModuleInstance,
        mode: Mode,
        type_name: impl Into<Name>,
        name: impl Into<Name>,
    ) -> Self {
        let (type_name, name) = (type_name.into(), name.into());
        let hash = digest(&(module.hash(), mode, &type_name, &name));
        Self(Arc::new(BlockNode { module, mode, type_name, name, hash }))
    }

    /// The module instance it stands in.
    pub fn module(&self) -> &ModuleInstance {
        &self.0.module
    }

    /// Resource or data source.
    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// The type: `sim_machine`.
    pub fn type_name(&self) -> &Name {
        &self.0.type_name
    }

    /// The block's name: `gpu`.
    pub fn name(&self) -> &Name {
        &self.0.name
    }

    /// One instance of this block.
    pub fn instance(&self, key: Key) -> Address {
        Address { block: self.clone(), key }
    }

    /// The block's name without any keys, as `dependencies` in a state file has it.
    pub fn config_name(&self) -> String {
        self.in_configuration().to_string()
    }

    /// The block in the configuration, for all instances of its module: `module.a.sim_machine.gpu`.
    #[must_use]
    pub fn in_configuration(&self) -> Self {
        let module = self.0.module.without_keys();
        if module == self.0.module {
            return self.clone();
        }
        Self::new(module, self.0.mode, self.0.type_name.clone(), self.0.name.clone())
    }
}

impl PartialEq for BlockAddress {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (&self.0, &other.0);
        Arc::ptr_eq(left, right)
            || (left.hash == right.hash
                && left.mode == right.mode
                && left.name == right.name
                && left.type_name == right.type_name
                && left.module == right.module)
    }
}

impl Eq for BlockAddress {}

impl Hash for BlockAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl PartialOrd for BlockAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BlockAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (&self.0, &other.0);
        if Arc::ptr_eq(left, right) {
            return Ordering::Equal;
        }
        (&left.module, left.mode, &left.type_name, &left.name).cmp(&(
            &right.module,
            right.mode,
            &right.type_name,
            &right.name,
        ))
    }
}

impl fmt::Display for BlockAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.module.is_root() {
            out.write_str(self.0.module.text())?;
            out.write_str(".")?;
        }
        match self.0.mode {
            Mode::Data => out.write_str("data.")?,
            Mode::Ephemeral => out.write_str("ephemeral.")?,
            Mode::Managed => {}
        }
        out.write_str(&self.0.type_name)?;
        out.write_str(".")?;
        out.write_str(&self.0.name)
    }
}

impl fmt::Debug for BlockAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BlockAddress({self})")
    }
}

/// One instance of one block: `module.a["k"].sim_machine.gpu[0]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    block: BlockAddress,
    key: Key,
}

impl Address {
    /// The address of an instance.
    pub fn new(
        module: ModuleInstance,
        mode: Mode,
        type_name: impl Into<Name>,
        name: impl Into<Name>,
        key: Key,
    ) -> Self {
        BlockAddress::new(module, mode, type_name, name).instance(key)
    }

    /// The block it is an instance of.
    pub fn block(&self) -> BlockAddress {
        self.block.clone()
    }

    /// The module instance it stands in.
    pub fn module(&self) -> &ModuleInstance {
        self.block.module()
    }

    /// Resource or data source.
    pub fn mode(&self) -> Mode {
        self.block.mode()
    }

    /// The type: `sim_machine`.
    pub fn type_name(&self) -> &Name {
        self.block.type_name()
    }

    /// The block's name: `gpu`.
    pub fn name(&self) -> &Name {
        self.block.name()
    }

    /// Which instance.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Another instance of the same block.
    #[must_use]
    pub fn with_key(&self, key: Key) -> Self {
        self.block.instance(key)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.block.fmt(out)?;
        self.key.fmt(out)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Address({self})")
    }
}

/// The name of an object that a create-before-destroy replacement set aside: eight hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeposedKey(pub Name);

impl DeposedKey {
    /// A fresh key made of four random bytes that the caller drew.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(format!("{:08x}", u32::from_be_bytes(bytes)).into())
    }
}

impl fmt::Display for DeposedKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One object in state: the current one of an instance, or one set aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The instance.
    pub address: Address,
    /// Which of the objects set aside; none for the current one.
    pub deposed: Option<DeposedKey>,
}

impl ObjectKey {
    /// The current object of an instance.
    pub const fn current(address: Address) -> Self {
        Self { address, deposed: None }
    }

    /// An object set aside.
    pub const fn deposed(address: Address, deposed: DeposedKey) -> Self {
        Self { address, deposed: Some(deposed) }
    }
}

impl From<Address> for ObjectKey {
    fn from(address: Address) -> Self {
        Self::current(address)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)?;
        match &self.deposed {
            None => Ok(()),
            Some(deposed) => write!(out, " (deposed {deposed})"),
        }
    }
}

/// A hash that is the same in every process, so that it can be kept with the address.
fn digest(what: &impl Hash) -> u64 {
    rustc_hash::FxBuildHasher.hash_one(what)
}

#[cfg(test)]
mod tests;
