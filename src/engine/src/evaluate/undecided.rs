//! Instances that only a later stage can decide, since what says which there are is known only after apply.
//!
//! Invariant: an undecided call has no module instances, so nothing inside it is evaluated.

use super::Evaluator;
use crate::graph::{ModuleId, NodeId, NodeKind};
use crate::ordinal::ordinal;
use formwork_state::{Key, ModuleInstance};

/// What is known of instances that a later stage decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecided {
    /// The argument whose value is known only after apply: `count`, `for_each`, `enabled`.
    pub argument: &'static str,
    /// No more instances than this; none for any number.
    pub at_most: Option<u64>,
}

impl Evaluator<'_> {
    /// Whether a later stage decides if there is such an instance of a module: a call on the way to it is undecided.
    pub fn is_undecided(&self, module: ModuleId, address: &ModuleInstance) -> bool {
        let Some(parent_address) = address.parent() else { return false };
        let Some((parent, call)) = self.graph.modules[module.0 as usize].parent else { return false };
        self.is_undecided(parent, parent_address)
            || self
                .find_row(parent, parent_address)
                .is_some_and(|row| self.expansion(call, row).undecided.is_some())
    }

    /// The instances of a module that a later stage decides, as far as they can be named: keys from an undecided
    /// call on are left out.
    pub fn undecided_instances(&self, module: ModuleId) -> Vec<ModuleInstance> {
        let Some((parent, call)) = self.graph.modules[module.0 as usize].parent else { return Vec::new() };
        let NodeKind::Call(name) = &self.graph.node(call).kind else { return Vec::new() };
        let here = (0..ordinal(self.row_count(parent)))
            .filter(|row| self.expansion(call, *row).undecided.is_some())
            .map(|row| self.row(parent, row).address.clone());
        let above = self.undecided_instances(parent).into_iter();
        above.chain(here).map(|address| address.child(name.clone(), Key::None)).collect()
    }

    /// Whether a later stage decides the instances of a call or block in any instance of its module.
    pub fn has_undecided(&self, node: NodeId) -> bool {
        let rows = self.row_count(self.graph.node(node).module);
        (0..ordinal(rows)).any(|row| self.expansion(node, row).undecided.is_some())
    }
}
