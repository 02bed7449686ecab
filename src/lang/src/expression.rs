//! Expressions as the rest of the program sees them: compiled once, evaluated often.

use crate::node::{Node, NodeKind};
use crate::scope::{Reference, Scope};
use formwork_diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use formwork_value::Value;
use std::sync::Arc;

/// A compiled expression. A clone is O(1).
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

pub(crate) struct Compiled {
    pub(crate) node: Node,
    pub(crate) references: Vec<Reference>,
    /// What is known to be wrong before evaluation: invalid references, unknown functions.
    pub(crate) problems: Vec<Diagnostic>,
}

impl Expression {
    pub(crate) fn new(compiled: Compiled) -> Self {
        Self(Arc::new(compiled))
    }

    /// An expression that always gives this value. Its span is empty, at the start of the given file.
    pub fn from_value(value: Value, file: FileId) -> Self {
        Self::from_value_at(value, Span::new(file, 0, 0))
    }

    /// An expression that always gives this value and stands at this place.
    pub fn from_value_at(value: Value, span: Span) -> Self {
        let node = Node { kind: NodeKind::Constant(value), span, start: span };
        Self::new(Compiled { node, references: Vec::new(), problems: Vec::new() })
    }

    /// Its text.
    pub fn span(&self) -> Span {
        self.0.node.span
    }

    /// Everything it names, in the order of the text; each occurrence is listed.
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// What is known to be wrong before evaluation: invalid references, unknown functions.
    pub fn problems(&self) -> &[Diagnostic] {
        &self.0.problems
    }

    /// The value, where it is the same in every scope.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0.node.kind {
            NodeKind::Constant(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0.node
    }

    /// Its value in a scope. With errors the value is unknown where nothing better can be said.
    pub fn evaluate(&self, scope: &dyn Scope) -> (Value, Diagnostics) {
        self.evaluate_with(scope, Vec::new())
    }

    /// What its references stand for in a scope, each with the end of a sentence about it: `var.a`, `is 5`.
    pub fn values(&self, scope: &dyn Scope) -> Vec<(String, String)> {
        crate::evaluate::values_behind(self.node(), scope)
    }

    /// Its value in a scope, with values for the local names that it was compiled with.
    pub fn evaluate_with(&self, scope: &dyn Scope, locals: Vec<Value>) -> (Value, Diagnostics) {
        crate::evaluate::evaluate(self.node(), scope, locals)
    }
}

/// The place alone: the text may hold what must not be shown.
impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Expression({:?})", self.span())
    }
}
