//! What an object was read from, as it is remembered in state.

use super::parse::{AddressError, serde_as_text};
use super::{Address, BlockAddress};
use crate::Name;
use std::fmt;
use std::str::FromStr;

/// One direct edge: what must exist before, and go after, the object that has it.
///
/// Text: an object is its address, a block is followed by `[*]`, a node is led by `node:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edge {
    /// One instance.
    Object(Address),
    /// All instances of a block. A block whose module calls carry no keys stands for that block in every instance
    /// of those modules: so do the block-level dependencies that another engine wrote.
    Block(BlockAddress),
    /// A local, variable or output: `local.x`, `module.a.var.y`, `module.a.output.z`. What it read in turn is in
    /// the state's node edges.
    Node(Name),
}

const BLOCK: &str = "[*]";
const NODE: &str = "node:";

impl fmt::Display for Edge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(address) => write!(out, "{address}"),
            Self::Block(block) => write!(out, "{block}{BLOCK}"),
            Self::Node(name) => write!(out, "{NODE}{name}"),
        }
    }
}

impl FromStr for Edge {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(node) = text.strip_prefix(NODE) {
            return Ok(Self::Node(node.into()));
        }
        match text.strip_suffix(BLOCK) {
            Some(block) => block.parse().map(Self::Block),
            None => text.parse().map(Self::Object),
        }
    }
}

serde_as_text!(Edge);
