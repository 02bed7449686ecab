//! What is in the state and not, or no longer, in the configuration: orphans, deposed objects, everything when
//! destroying.

use super::Planner;
use super::reach::node_of;
use super::refresh::nothing;
use crate::evaluate::Repetition;
use crate::model::{Action, ActionReason, Change, RunMode};
use crate::objects::PriorObject;
use crate::schema::Kind;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_sdk::{PlanRequest, Request, Response};
use formwork_state::{Address, Key, Mode, ObjectKey};
use formwork_value::Value;
use std::rc::Rc;

impl Planner<'_> {
    /// Plans the removal of every object that the configuration does not ask for.
    pub(super) async fn plan_orphans(&self) {
        let mut orphans: Vec<(ObjectKey, Rc<PriorObject>, Option<ActionReason>)> = Vec::new();
        let is_wanted = |address: &Address| self.reach.has(self.graph, address);
        for (address, prior) in self.priors.borrow().iter().filter(|(address, _)| is_wanted(address)) {
            if self.input.mode == RunMode::Destroy {
                orphans.push((ObjectKey { address: address.clone(), deposed: None }, prior.clone(), None));
            } else if let Some(reason) = self.orphan_reason(address) {
                orphans.push((
                    ObjectKey { address: address.clone(), deposed: None },
                    prior.clone(),
                    Some(reason),
                ));
            }
        }
        for (key, prior) in self.deposed.borrow().iter().filter(|(key, _)| is_wanted(&key.address)) {
            orphans.push((key.clone(), prior.clone(), None));
        }
        orphans.sort_by(|left, right| left.0.cmp(&right.0));
        for (key, prior, reason) in orphans {
            match self.removal_of(&key.address, &prior, reason) {
                (Action::Forget, why) => {
                    let is_given_up = self.unreachable.borrow().contains(&prior.object.provider);
                    if !is_given_up && (reason.is_some() || key.deposed.is_some()) {
                        self.report(no_longer_managed(&key.address));
                    }
                    self.push_removal(&key, &prior, Action::Forget, why, prior.private.clone());
                }
                (_, why) => {
                    if key.deposed.is_none() {
                        self.check_prevented(&key.address);
                    }
                    self.plan_removal(&key, &prior, why).await;
                }
            }
        }
    }

    /// Whether an object that goes is destroyed or forgotten, and why. A `removed` block is what was said last; else
    /// its block says it, or said it when the object was planned last.
    fn removal_of(
        &self,
        address: &Address,
        prior: &PriorObject,
        reason: Option<ActionReason>,
    ) -> (Action, Option<ActionReason>) {
        if self.unreachable.borrow().contains(&prior.object.provider) {
            return (Action::Forget, None);
        }
        let node = node_of(self.graph, address);
        let removed = self.removed.iter().find(|removed| node.is_none() && removed.covers(address));
        if let Some(removed) = removed {
            return (if removed.destroy { Action::Delete } else { Action::Forget }, reason);
        }
        if node.is_some_and(|node| self.graph.skips_destroy(node)) {
            return (Action::Forget, Some(ActionReason::ForgotBecauseLifecycleDestroyInConfig));
        }
        // The block of an object that stands says what holds by now.
        let is_remembered = node.is_none() || self.input.mode != RunMode::Destroy;
        if is_remembered && prior.object.skip_destroy {
            return (Action::Forget, Some(ActionReason::ForgotBecauseLifecycleDestroyInState));
        }
        (Action::Delete, reason)
    }

    /// Why an object is not wanted; none when it is.
    fn orphan_reason(&self, address: &Address) -> Option<ActionReason> {
        let Some(module) = self.graph.find_module_of(address.module()) else {
            return Some(ActionReason::DeleteBecauseNoModule);
        };
        let Some(node) = self.graph.find_resource(
            module,
            formwork_lang::Mode::Managed,
            address.type_name(),
            address.name(),
        ) else {
            let is_moved = self.origins.contains_key(address);
            return Some(if is_moved {
                ActionReason::DeleteBecauseNoMoveTarget
            } else {
                ActionReason::DeleteBecauseNoResourceConfig
            });
        };
        let Some(row) = self.evaluator.find_row(module, address.module()) else {
            let is_open = self.evaluator.is_undecided(module, address.module());
            return (!is_open).then_some(ActionReason::DeleteBecauseNoModule);
        };
        // Instances of an undecided block stay as they are until its stage comes.
        let cell = self.evaluator.resource(node, row);
        if cell.is_undecided || cell.place(address.key()).is_some() {
            return None;
        }
        if self.graph.resource(node).lifecycle.enabled.is_some() && address.key().is_none() {
            return Some(ActionReason::DeleteBecauseEnabledFalse);
        }
        Some(key_reason(cell.repetition, address.key()))
    }

    async fn plan_removal(&self, key: &ObjectKey, prior: &Rc<PriorObject>, reason: Option<ActionReason>) {
        if self.ended.borrow().contains(key) {
            return;
        }
        let address = &prior.object.provider;
        let connection = self.prior_connections.borrow().get(address).cloned();
        let mut private = prior.private.clone();
        if let Some(connection) = connection {
            let connection = self.connections.connection_of(&key.address, address, &connection);
            let request = PlanRequest {
                kind: prior.kind.name.to_string(),
                prior: prior.value.clone(),
                proposed: Value::null(prior.kind.value_type.clone()),
                configuration: Value::null(prior.kind.value_type.clone()),
                private: prior.private.clone(),
                identity: prior.identity.clone(),
                owner: self.input.owner.clone(),
            };
            match self.connections.ask(&connection, Request::Plan(Box::new(request))).await {
                Response::Planned(Ok(planned)) => {
                    private.clone_from(&planned.private);
                    let mut found = planned.diagnostics;
                    found.iter_mut().for_each(|diagnostic| diagnostic.address = Some(key.to_string()));
                    self.diagnostics.borrow_mut().append(found);
                }
                Response::Planned(Err(error)) => self.report(crate::connections::error_diagnostic(
                    &error,
                    "Planning failed",
                    &key.to_string(),
                )),
                _ => {}
            }
        }
        self.push_removal(key, prior, Action::Delete, reason, private);
    }

    pub(super) fn push_removal(
        &self,
        key: &ObjectKey,
        prior: &PriorObject,
        action: Action,
        reason: Option<ActionReason>,
        private: Vec<u8>,
    ) {
        self.changes.borrow_mut().push(Change {
            address: key.address.clone(),
            deposed: key.deposed.clone(),
            previous_address: self.origins.get(&key.address).cloned(),
            provider: prior.object.provider.clone(),
            action,
            reason,
            before: prior.kind.mark_sensitive(&prior.marked()),
            after: nothing(),
            replace_paths: Vec::new(),
            causes: Vec::new(),
            stage: 0,
            private,
            importing: None,
            generated: None,
        });
        self.ended.borrow_mut().insert(key.clone());
    }

    /// Ends objects whose container is replaced: those that die with it are forgotten, the others removed through
    /// the connection that still reaches them.
    pub(super) fn end_with_container(&self, addresses: &[Address], kind: &Kind) {
        for address in addresses {
            let Some(prior) = self.priors.borrow().get(address).cloned() else { continue };
            let action = if kind.schema.dies_with_container { Action::Forget } else { Action::Delete };
            let key = ObjectKey { address: address.clone(), deposed: None };
            self.push_removal(
                &key,
                &prior,
                action,
                Some(ActionReason::ReplaceBecauseContainerReplaced),
                prior.private.clone(),
            );
        }
    }

    fn check_prevented(&self, address: &Address) {
        if address.mode() != Mode::Managed {
            return;
        }
        let Some(module) = self.graph.find_module_of(address.module()) else { return };
        let Some(node) = self.graph.find_resource(
            module,
            formwork_lang::Mode::Managed,
            address.type_name(),
            address.name(),
        ) else {
            return;
        };
        let Some(expression) = &self.graph.resource(node).lifecycle.prevent_destroy else { return };
        // In a module instance that the configuration no longer has, nothing is prevented.
        let Some(row) = self.evaluator.find_row(module, address.module()) else { return };
        let scope = self.evaluator.scope(module, row, crate::evaluate::RowRepetition::default());
        if expression.evaluate(&scope).0.unmark().0.as_bool() == Some(true) {
            self.report(prevented(address, expression.span()));
        }
    }
}

fn key_reason(repetition: Repetition, key: &Key) -> ActionReason {
    match (repetition, key) {
        (Repetition::Count, Key::Int(_)) => ActionReason::DeleteBecauseCountIndex,
        (Repetition::ForEach, Key::Text(_)) => ActionReason::DeleteBecauseEachKey,
        _ => ActionReason::DeleteBecauseWrongRepetition,
    }
}

fn no_longer_managed(address: &Address) -> Diagnostic {
    let detail = format!(
        "After this plan is applied, the resource {address} will not be managed anymore by Formwork.\n\nIn case you want to manage the resource again, you will have to import it."
    );
    Diagnostic::warning("removed-from-state", "Resource will be removed from the state", detail)
        .about(address.to_string())
}

/// Says that `prevent_destroy` forbids the plan.
pub(super) fn prevented(address: &Address, span: Span) -> Diagnostic {
    Diagnostic::error(
        "prevent-destroy",
        "Instance cannot be destroyed",
        format!("Resource {address} has lifecycle.prevent_destroy set, but the plan calls for this resource to be destroyed."),
    )
    .at(span)
    .about(address.to_string())
    .hint("Take prevent_destroy away, or change the configuration so that the object stays.")
}
