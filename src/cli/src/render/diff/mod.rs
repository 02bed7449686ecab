//! The difference of two values as a tree, made once and then written as text.
//!
//! Invariant: a node that stands for a sensitive value holds none of its content, so nothing that writes the tree
//! can show it.

mod block;
mod change;
mod compute;
mod document;
mod sequence;
mod write;
mod write_block;

pub(crate) use block::block;
pub(crate) use change::{Change, Matcher};
pub(crate) use compute::dynamic;
#[cfg(test)]
pub(crate) use document::value_of;
pub(crate) use write::{Options, header_symbol, identifier, quoted};

use formwork_value::{Name, Value};
use std::collections::BTreeMap;

/// What happens to one node; replacements exist only for whole objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    Create,
    Update,
    Delete,
}

impl Verdict {
    /// The verdict of a composite that had this one and meets a child with the next.
    pub(crate) fn joined(self, next: Self) -> Self {
        if next == Self::Same || next == self { self } else { Self::Update }
    }
}

/// One node of the difference.
#[derive(Debug)]
pub(crate) struct Diff {
    shape: Shape,
    pub(crate) verdict: Verdict,
    replace: bool,
}

/// How a node is laid out.
#[derive(Debug)]
enum Shape {
    /// A string, number, bool, or null.
    Scalar { before: Option<Value>, after: Option<Value> },
    /// Elements in order. With context, the unchanged neighbours of a change are shown.
    List { elements: Vec<Diff>, context: bool },
    /// Elements without an order. Of a nested one the elements say that they force replacement.
    Set { elements: Vec<Diff>, nested: bool },
    /// Quoted keys.
    Map { entries: BTreeMap<Name, Diff>, nested: bool },
    /// Attributes.
    Object { attributes: BTreeMap<Name, Diff>, nested: bool },
    /// The body of a block.
    Body(Box<Body>),
    /// Known after apply, with what stands there before.
    Unknown(Option<Box<Diff>>),
    /// Content that is or was sensitive: only whether it changed.
    Sensitive { inner: Verdict, before: bool, after: bool },
    /// The same for a whole block.
    SensitiveBody { inner: Verdict, before: bool, after: bool },
    /// Sent, never stored.
    WriteOnly,
    /// One kind of thing becomes another.
    TypeChange { before: Box<Diff>, after: Box<Diff> },
}

/// A block's attributes and nested blocks.
#[derive(Debug, Default)]
struct Body {
    attributes: BTreeMap<Name, Diff>,
    blocks: BTreeMap<Name, NestedBlocks>,
}

/// All blocks of one name in a body.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not exclude one another")]
struct NestedBlocks {
    /// Each with its label, when the nesting is a map.
    items: Vec<(Option<Name>, Diff)>,
    /// Whether each says that it forces replacement when the whole does.
    is_set: bool,
    replace: bool,
    before_sensitive: bool,
    after_sensitive: bool,
}

#[cfg(test)]
mod tests;
