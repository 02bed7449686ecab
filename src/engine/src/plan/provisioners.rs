//! What provisioners read, so that a plan has it with it: they run when it is applied, wherever that is.

use super::Planner;
use crate::evaluate::{RowRepetition, RowScope};
use crate::model::{Action, Change};
use crate::provisioner::{at_creation, at_removal, check_one, has_any, instance_scope};
use formwork_diagnostic::Diagnostics;
use formwork_state::Key;
use formwork_value::{Type, Value};

impl Planner<'_> {
    /// Has every file read that a provisioner of a planned change names. What is wrong is said by `validate`, and when
    /// it runs.
    pub(super) fn read_for_provisioners(&self) {
        if !has_any(self.graph) {
            return;
        }
        let mut found = Diagnostics::new();
        for change in self.changes.borrow().iter() {
            let makes = change.action == Action::Create || change.action.is_replace();
            let removes = change.action.is_destroying();
            let block = crate::plan::block_of(self.graph, &change.address);
            let connection = block.and_then(|node| self.graph.resource(node).connection.as_ref());
            let (module, last) = at_removal(self.graph, &change.address);
            if removes && !last.is_empty() {
                let mut scope = self.evaluator.scope(module, 0, repetition_of(change.address.key()));
                scope.self_value = Some(change.before.clone());
                for one in last {
                    check_one(one, connection, &scope, &mut found);
                }
            }
            let first = block.map(|node| at_creation(self.graph.resource(node))).unwrap_or_default();
            if makes
                && !first.is_empty()
                && let Some(scope) = self.scope_of(change)
            {
                for one in first {
                    check_one(one, connection, &scope, &mut found);
                }
            }
        }
    }

    fn scope_of(&self, change: &Change) -> Option<RowScope<'_, '_>> {
        let node = crate::plan::block_of(self.graph, &change.address)?;
        let module = self.graph.node(node).module;
        let row = self.evaluator.find_row(module, change.address.module())?;
        let place = self.evaluator.resource(node, row).place(change.address.key())?;
        let mut scope = instance_scope(self.graph, &self.evaluator, (node, row, place));
        scope.self_value = Some(change.after.clone());
        Some(scope)
    }
}

/// What `count` and `each` are where only the key of the instance is known.
pub(crate) fn repetition_of(key: &Key) -> RowRepetition {
    match key {
        Key::None => RowRepetition::default(),
        Key::Int(index) => RowRepetition { count: Some(*index), each: None },
        Key::Text(text) => RowRepetition {
            count: None,
            each: Some((Value::string(text.clone()), Value::unknown(Type::Dynamic))),
        },
    }
}
