//! What a later stage plans: blocks whose provider is not there yet, rows whose provider awaits something.
//!
//! Invariant: nothing here decides a change; it only writes down what the later stage may do.

use super::Planner;
use super::instances::{BlockWork, Outcome};
use super::kinds::mode_of;
use super::provider::ProviderNode;
use crate::evaluate::ResourceCell;
use crate::graph::NodeId;
use crate::model::{Action, EnvelopeEntry};
use crate::schema::Kind;
use formwork_state::{Address, BlockAddress};
use std::rc::Rc;

impl Planner<'_> {
    /// A block whose provider or inputs are not known before a later stage.
    pub(super) fn defer_block(&self, node: NodeId, row: u32, kind: &Rc<Kind>, provider: &Rc<ProviderNode>) {
        let resource = self.graph.resource(node);
        let module = self.evaluator.row(self.graph.node(node).module, row).address.clone();
        let block = BlockAddress::new(
            module,
            mode_of(resource.mode),
            resource.type_name.clone(),
            resource.name.clone(),
        );
        self.evaluator.set_resource(node, row, ResourceCell::undecided());
        self.rows.borrow_mut().insert((node, row), Rc::from([]));
        if resource.mode == formwork_lang::Mode::Data {
            return;
        }
        let expansion = self.evaluator.expansion(node, row);
        self.take_evaluation_diagnostics(None);
        let expected: Vec<Address> =
            expansion.rows.iter().map(|(key, _)| block.instance(key.clone())).collect();
        let standing: Vec<Address> =
            self.priors.borrow().keys().filter(|address| address.block() == block).cloned().collect();
        let mut may_touch = standing;
        may_touch.sort();
        let mut actions = vec![Action::Create];
        if provider.is_source_replaced {
            self.end_with_container(&may_touch, kind);
            may_touch.clear();
        } else if !may_touch.is_empty() {
            actions.extend([
                Action::NoOp,
                Action::Update,
                Action::DeleteThenCreate,
                Action::CreateThenDelete,
            ]);
        }
        self.envelope.borrow_mut().push(EnvelopeEntry {
            block,
            provider: provider.address.clone(),
            actions,
            at_most: Some(expected.len() as u64),
            may_touch,
            expected,
            reason: if provider.connection.is_none() {
                "provider_config_unknown"
            } else {
                "resource_config_unknown"
            }
            .to_owned(),
        });
    }

    pub(super) fn note_deferred_rows(&self, block: &BlockWork) {
        let deferred = block.rows.iter().filter_map(|row| match &row.outcome {
            Outcome::Deferred(deferred) => Some((row, deferred)),
            _ => None,
        });
        let mut expected = Vec::new();
        let mut provider = None;
        for (row, deferred) in deferred {
            provider.get_or_insert_with(|| row.provider.address.clone());
            self.awaits.borrow_mut().push(format!("{} awaits {}", row.address.block(), deferred.awaits));
            expected.push(row.address.clone());
        }
        let may_touch: Vec<Address> =
            expected.iter().filter(|address| self.priors.borrow().contains_key(*address)).cloned().collect();
        let (Some(first), Some(provider)) = (expected.first(), provider) else { return };
        self.envelope.borrow_mut().push(EnvelopeEntry {
            block: first.block(),
            provider,
            actions: if may_touch.is_empty() {
                vec![Action::Create]
            } else {
                vec![Action::Create, Action::NoOp, Action::Update]
            },
            at_most: Some(expected.len() as u64),
            may_touch,
            expected,
            reason: "absent_prerequisite".to_owned(),
        });
    }
}
