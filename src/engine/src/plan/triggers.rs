//! What forces a replacement beside the provider's word: `-replace` and `replace_triggered_by`.

use super::{Planner, provider};
use crate::evaluate::{Evaluator, Read, RowRepetition};
use crate::graph::NodeId;
use crate::model::{Action, ActionReason};
use crate::ordinal::ordinal;
use formwork_diagnostic::Diagnostic;
use formwork_lang::{Expression, Subject, TraversalStep};
use formwork_state::{Address, Key, Object};
use std::cell::RefCell;
use std::sync::Arc;

/// The triggers of a block in one row of its module.
pub(super) struct Triggers<'a> {
    /// What they are held against: values as they stand.
    standing: Evaluator<'a>,
    /// By trigger, what it came to for all instances: of one that names neither `count` nor `each`, which may read a
    /// whole block, no instance asks again.
    shared: RefCell<Vec<Option<bool>>>,
}

impl Triggers<'_> {
    /// Whether a trigger fires for an instance, asked once where all instances have the same answer.
    fn fires(&self, place: usize, trigger: &Expression, ask: impl FnOnce() -> bool) -> bool {
        if let Some(known) = self.shared.borrow()[place] {
            return known;
        }
        let answer = ask();
        let is_of_instance = trigger.references().iter().any(|reference| {
            matches!(reference.subject, Subject::CountIndex | Subject::EachKey | Subject::EachValue)
        });
        if !is_of_instance {
            self.shared.borrow_mut()[place] = Some(answer);
        }
        answer
    }
}

impl Planner<'_> {
    /// Why an instance is replaced though its provider need not ask for it; for one that is made only what triggers it.
    pub(super) fn forced_reason(
        &self,
        node: NodeId,
        row: u32,
        address: &Address,
        repetition: &RowRepetition,
        triggers: Option<&Triggers<'_>>,
    ) -> Option<ActionReason> {
        let expressions = &self.graph.resource(node).lifecycle.replace_triggered_by;
        let is_triggered = triggers.is_some_and(|triggers| {
            expressions.iter().enumerate().any(|(place, trigger)| {
                triggers.fires(place, trigger, || {
                    self.is_triggered(trigger, node, row, repetition, &triggers.standing)
                })
            })
        });
        if is_triggered {
            return Some(ActionReason::ReplaceByTriggers);
        }
        self.input.replace.contains(address).then_some(ActionReason::ReplaceByRequest)
    }

    /// The triggers of a block. None for a block without any.
    pub(super) fn triggers_of(&self, node: NodeId) -> Option<Triggers<'_>> {
        let expressions = &self.graph.resource(node).lifecycle.replace_triggered_by;
        (!expressions.is_empty()).then(|| Triggers {
            standing: provider::refreshed_evaluator(self),
            shared: RefCell::new(vec![None; expressions.len()]),
        })
    }

    /// Whether what a trigger names is about to change: an object named whole in whatever way, an attribute to another
    /// value.
    fn is_triggered(
        &self,
        trigger: &Expression,
        node: NodeId,
        row: u32,
        repetition: &RowRepetition,
        prior: &Evaluator<'_>,
    ) -> bool {
        let module = self.graph.node(node).module;
        let scope = self.evaluator.scope(module, row, repetition.clone());
        let (after, diagnostics) = trigger.evaluate(&scope);
        let actions = self.actions_of(&scope.into_reads());
        let is_failed = diagnostics.has_errors();
        self.diagnostics.borrow_mut().append(diagnostics);
        if is_failed || actions.is_empty() {
            return false;
        }
        if names_whole_object(trigger) {
            return true;
        }
        let address = self.evaluator.row(module, row).address.clone();
        let Some(prior_row) = prior.find_row(module, &address) else { return false };
        let (before, diagnostics) = trigger.evaluate(&prior.scope(module, prior_row, repetition.clone()));
        let (before, after) = (before.unmark_deep().0, after.unmark_deep().0);
        diagnostics.has_errors() || !after.is_wholly_known() || before != after
    }

    /// What is to happen to the instances that were read, where anything is.
    fn actions_of(&self, reads: &[Read]) -> Vec<Action> {
        let rows = self.rows.borrow();
        let changes = self.changes.borrow();
        let mut actions = Vec::new();
        for read in reads {
            let (node, row, places) = match *read {
                Read::Instance(node, row, place) => (node, row, place..place + 1),
                Read::Block(node, row) => {
                    (node, row, 0..rows.get(&(node, row)).map_or(0, |rows| ordinal(rows.len())))
                }
                Read::Node(..) => continue,
            };
            let Some(rows) = rows.get(&(node, row)) else { continue };
            let found = places.filter_map(|place| rows.get(place as usize)?.change);
            let found = found.map(|change| changes[change as usize].action);
            actions.extend(found.filter(|action| *action != Action::Read));
        }
        actions
    }
}

/// Whether a trigger names a block or an instance and no attribute of it.
fn names_whole_object(trigger: &Expression) -> bool {
    let reference =
        trigger.references().iter().find(|reference| matches!(reference.subject, Subject::Resource { .. }));
    reference.is_some_and(|reference| {
        let is_static = reference.span == trigger.span();
        is_static && reference.steps.iter().all(|step| matches!(step, TraversalStep::Index(_)))
    })
}

/// Says that `-replace` names a block with instances and none of them.
pub(super) fn incomplete_replace(address: &Address, standing: &[(Key, Arc<Object>)]) -> Diagnostic {
    let names: Vec<String> = standing
        .iter()
        .map(|(key, _)| format!("-replace={}", address.block().instance(key.clone())))
        .collect();
    Diagnostic::warning(
        "incomplete-replace",
        "Incompletely-matched force-replace resource instance",
        format!("-replace={address} names no object: the block has several instances, and the option takes one of them."),
    )
    .hint(format!("Name the instances to replace: {}.", names.join(" ")))
}
