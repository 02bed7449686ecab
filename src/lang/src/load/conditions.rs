//! Conditions with their messages, and `check` blocks, which hold them for what is only warned of.

use super::Loader;
use crate::compile::compile;
use crate::module::{Check, Condition, Module};
use crate::syntax::{BlockSyntax, BodySyntax};

impl Loader<'_> {
    /// `precondition`, `postcondition`, `validation` and `assert` blocks.
    pub(super) fn conditions(&mut self, body: &BodySyntax, kind: &str) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for block in body.blocks.iter().filter(|block| block.kind == kind) {
            self.labels(block, []);
            self.only(&block.body, &["condition", "error_message"], &[]);
            let condition = self.required(block, "condition");
            let error_message = self.required(block, "error_message");
            if let (Some(condition), Some(error_message)) = (condition, error_message) {
                conditions.push(Condition {
                    condition: compile(&condition.value, &[]),
                    error_message: compile(&error_message.value, &[]),
                    span: block.header,
                });
            }
        }
        conditions
    }

    /// `check` blocks.
    pub(super) fn check_block(&mut self, block: &BlockSyntax, module: &mut Module) {
        let Some([name]) = self.labels(block, ["name"]) else { return };
        self.only(&block.body, &[], &["data", "assert"]);
        if let Some(first) = module.checks.get(&name) {
            let (first, what) = (first.span, format!("A check block named \"{name}\""));
            return self.duplicate("Duplicate check block", what, first, block.header);
        }
        let data = self.single(&block.body, "data").and_then(|data| {
            let place = module.resources.len();
            self.resource(data, Some(&name), module);
            (module.resources.len() > place).then_some(place)
        });
        let asserts = self.conditions(&block.body, "assert");
        if !block.body.is_incomplete && !block.body.blocks.iter().any(|nested| nested.kind == "assert") {
            let detail = "A check block holds at least one assert block: without one it checks nothing.";
            self.report("missing-block", "Missing assert block", detail, block.header);
        }
        module.checks.insert(name.clone(), Check { name, data, asserts, span: block.header });
    }
}
