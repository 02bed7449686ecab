//! The value of a variable: what the root is given, or what a call gives a module.

use super::{Checked, Evaluator, NodeCell, RowRepetition};
use crate::graph::NodeId;
use arcstr::ArcStr;
use formwork_lang::Expression;
use formwork_value::{Type, Value};
use std::rc::Rc;

impl Evaluator<'_> {
    pub(super) fn evaluate_variable(&self, node: NodeId, name: &ArcStr, row: u32) -> NodeCell {
        let module = self.graph.node(node).module;
        let Some((parent, call)) = self.graph.modules[module.0 as usize].parent else {
            let value = self.variables.get(name).cloned().unwrap_or_else(|| Value::unknown(Type::Dynamic));
            return NodeCell { value, reads: Rc::from([]) };
        };
        let this = self.row(module, row);
        let scope = self.scope(parent, this.parent, this.repetition.clone());
        let input = self.graph.call(call).and_then(|call| call.inputs.get(name));
        let given = input.map(|input| self.evaluate(input, &scope));
        let Some(variable) = self.graph.variable(node) else { return NodeCell::nothing() };
        let (mut value, diagnostics) = crate::variables::settle(variable, given, input.map(Expression::span));
        self.report(diagnostics);
        if self.is_validating.get() {
            // What a body says has to hold for all values that the module may be given.
            let unknown = Value::unknown(variable.constraint.value_type.without_optional());
            value = unknown.with_marks(&value.marks());
        }
        NodeCell { value, reads: scope.into_reads().into() }
    }

    /// Checks the `validation` blocks of a variable; done once its value is in its cell, since they read it.
    pub fn validate_variable(&self, node: NodeId, row: u32) {
        let Some(variable) = self.graph.variable(node) else { return };
        if variable.validations.is_empty() {
            return;
        }
        let module = self.graph.node(node).module;
        let scope = self.scope(module, row, RowRepetition::default());
        let address = self.address_in(module, row, &format!("var.{}", variable.name));
        let checked = Checked { node, address: &address };
        self.check_all(&variable.validations, &scope, checked, "Invalid value for variable");
    }
}
