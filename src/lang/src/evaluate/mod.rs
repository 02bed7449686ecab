//! Evaluation of compiled expressions.
use crate::node::Node;
use crate::scope::Scope;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Type, Value};

pub(crate) fn evaluate(_node: &Node, _scope: &dyn Scope, _locals: Vec<Value>) -> (Value, Diagnostics) {
    (Value::unknown(Type::Dynamic), Diagnostics::new())
}

/// The element of a collection by key, as `collection[key]` gives it.
pub fn index_value(collection: &Value, _key: &Value, _span: Span) -> Result<Value, Box<Diagnostic>> {
    Ok(collection.clone())
}
