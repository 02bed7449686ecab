//! The compiled form of an expression: constants folded, local names as slots, functions bound.
//!
//! Invariant: a slot is below the number of local values that stand when its node is evaluated.

use crate::constraint::TypeConstraint;
use crate::functions::Function;
use crate::scope::Subject;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::Value;
use std::sync::Arc;

/// One node with its text.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) span: Span,
    /// What is underlined when the node is at fault as an argument: the operator or opening bracket of a large one.
    pub(crate) start: Span,
}

#[derive(Debug)]
pub(crate) enum NodeKind {
    Constant(Value),
    /// A name that a `for` or a dynamic block brought in.
    Local {
        slot: usize,
        name: ArcStr,
    },
    Reference(Box<ReferenceNode>),
    /// `source.name`; the span is the step's.
    Attribute {
        source: Box<Node>,
        name: ArcStr,
        step: Span,
    },
    /// `source[key]`; the span is the step's.
    Index {
        source: Box<Node>,
        key: Box<Node>,
        step: Span,
    },
    /// The item is in the next free slot while `each` is evaluated.
    Splat {
        source: Box<Node>,
        each: Box<Node>,
    },
    Template(Vec<Node>),
    /// The joined elements of a template's `for`.
    Join(Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary {
        operator: BinaryOperator,
        left: Box<Node>,
        right: Box<Node>,
    },
    Conditional {
        condition: Box<Node>,
        truthy: Box<Node>,
        falsy: Box<Node>,
    },
    Tuple(Vec<Node>),
    Object(Vec<(Node, Node)>),
    For(Box<ForNode>),
    Call(Box<CallNode>),
    /// Known to fail: what it says when it is evaluated.
    Invalid(Diagnostic),
}

/// A reference with the part of it that one question to the scope takes.
#[derive(Debug)]
pub(crate) struct ReferenceNode {
    pub(crate) subject: Subject,
    /// Of the part that the question takes: parentheses around it left out.
    pub(crate) span: Span,
    /// For resources and modules that are indexed directly.
    pub(crate) key: Option<Box<(Node, Span)>>,
    /// For modules.
    pub(crate) output: Option<ArcStr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// `[for k, v in collection : value if condition]` or `{for … : key => value...}`. The key's slot is the next free
/// one, the value's the one after.
#[derive(Debug)]
pub(crate) struct ForNode {
    pub(crate) collection: Node,
    /// For an object.
    pub(crate) key: Option<Node>,
    pub(crate) value: Node,
    pub(crate) condition: Option<Node>,
    /// `...`: values of one key are gathered.
    pub(crate) group: bool,
}

#[derive(Debug)]
pub(crate) struct CallNode {
    pub(crate) callee: Callee,
    pub(crate) name: ArcStr,
    /// From the name through the opening parenthesis.
    pub(crate) open: Span,
    pub(crate) arguments: Vec<Node>,
    /// Whether the last argument is followed by `...`.
    pub(crate) expand: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Callee {
    Function(&'static Function),
    Provider {
        provider: ArcStr,
        function: ArcStr,
    },
    Try,
    Can,
    TemplateFile,
    TemplateString,
    /// `convert`: its second argument is a type, read when the call was compiled.
    Convert(Arc<TypeConstraint>),
}

impl Node {
    /// The nodes below, as far as each is evaluated once where this one is.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            NodeKind::Constant(_) | NodeKind::Local { .. } | NodeKind::Invalid(_) => Vec::new(),
            NodeKind::Reference(reference) => reference.key.iter().map(|key| &key.0).collect(),
            // What stands inside is evaluated many times over; one value would mislead.
            NodeKind::For(for_node) => vec![&for_node.collection],
            NodeKind::Splat { source, .. } | NodeKind::Attribute { source, .. } => vec![source],
            NodeKind::Index { source, key, .. } => vec![source, key],
            NodeKind::Not(inner) | NodeKind::Negate(inner) | NodeKind::Join(inner) => vec![inner],
            NodeKind::Binary { left, right, .. } => vec![left, right],
            NodeKind::Conditional { condition, truthy, falsy } => vec![condition, truthy, falsy],
            NodeKind::Tuple(items) | NodeKind::Template(items) => items.iter().collect(),
            NodeKind::Object(items) => items.iter().flat_map(|(key, value)| [key, value]).collect(),
            NodeKind::Call(call) => call.arguments.iter().collect(),
        }
    }
}
