//! What an object was read from, as it is remembered in state.

use super::parse::{AddressError, Cursor, serde_as_text};
use super::{Address, BlockAddress};
use crate::Name;
use std::fmt;
use std::str::FromStr;

/// One direct edge: what must exist before, and go after, the object that has it.
///
/// Text: `object ADDRESS`, `block ADDRESS`, `node NAME`.
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

impl fmt::Display for Edge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(address) => {
                out.write_str("object ")?;
                address.fmt(out)
            }
            Self::Block(block) => {
                out.write_str("block ")?;
                block.fmt(out)
            }
            Self::Node(name) => {
                out.write_str("node ")?;
                out.write_str(name)
            }
        }
    }
}

impl FromStr for Edge {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.split_once(' ') {
            Some(("object", address)) => address.parse().map(Self::Object),
            Some(("block", block)) => block.parse().map(Self::Block),
            Some(("node", name)) => Ok(Self::Node(name.into())),
            _ => Cursor::new(text).fail("an edge begins with object, block or node"),
        }
    }
}

serde_as_text!(Edge);
