//! Undoing what a failed run did, in reverse, from its journal.
//!
//! Invariant: an act that undoes another is recorded like any act, so that a run that is cut off in the middle of it
//! goes on undoing; what cannot be undone is named, and nothing else is touched in its place.

use super::drive::Start;
use super::step::{pack, unreadable};
use super::{Applied, Applier, StepEnd};
use crate::connections::Connections;
use crate::environment::Environment;
use crate::event::Event;
use crate::model::{Action, Change, Step, Work};
use crate::objects::{PriorObject, decode_object};
use crate::ordinal::ordinal;
use crate::proposed::proposed;
use crate::recipe::{Recipe, paths_json, private_text, recovery_of};
use crate::schema::Kind;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{Block, Connection, Operation, PlanRequest, Planned, Presence, Request, Response};
use formwork_state::{Object, ObjectKey, Record, Status, UndoAct};
use formwork_value::{Type, Value};
use std::rc::Rc;
use std::sync::Arc;

/// What came of undoing.
pub type RolledBack = Applied;

/// How one act came out.
enum Undone {
    Yes,
    /// It stands, for this reason.
    No(String),
    /// It is recorded that it began, or nothing may be started any more: the next apply goes on.
    Later,
}

/// Takes up what is in flight, then undoes what the open run did.
pub async fn roll_back(
    environment: &Environment,
    input: &super::ApplyInput<'_>,
    connections: &Connections,
) -> RolledBack {
    super::with_applier(environment, input, connections, async |applier| applier.roll_back().await).await
}

impl Applier<'_> {
    async fn roll_back(&self) {
        let Some(undo) = self.input.store.folded().run.as_ref().and_then(|run| run.undo.clone()) else {
            return;
        };
        if undo.has_ended {
            // Cut off just before its end: what came of it is said again.
            let standing = |act: &UndoAct| format!("  {}: it stands as this run left it", act.key);
            let left = undo.acts.iter().filter(|act| !act.is_undone).map(standing);
            self.report(if undo.is_whole {
                rolled_back()
            } else {
                partly_rolled_back(&left.collect::<Vec<_>>())
            });
            return;
        }
        if !undo.has_begun && self.record(&Record::RollbackBegun).await.is_err() {
            return;
        }
        if !self.take_up_open().await.is_empty() {
            self.report(waits_for_what_is_open());
            return;
        }
        let acts = self.acts_to_undo();
        let left = acts.iter().filter(|act| !act.is_undone).count();
        self.environment.observer.observe(Event::RollbackStart { acts: left });
        let mut standing = Vec::new();
        for (place, act) in (0..ordinal(acts.len())).zip(&acts).rev() {
            // Cut off right after an object was removed, what was set aside for it has not come back yet.
            let undone = if act.is_undone { self.give_back(act).await } else { self.undo(place, act).await };
            match undone {
                Undone::Yes => {}
                Undone::No(reason) => standing.push(format!("  {}: {reason}", act.key)),
                Undone::Later => {
                    self.report(cut_off());
                    return;
                }
            }
        }
        let is_whole = standing.is_empty();
        if self.record(&Record::RollbackEnded { is_whole }).await.is_ok() {
            self.report(if is_whole { rolled_back() } else { partly_rolled_back(&standing) });
        }
    }

    fn acts_to_undo(&self) -> Vec<UndoAct> {
        let folded = self.input.store.folded();
        let undo = folded.run.as_ref().and_then(|run| run.undo.as_ref());
        undo.map(|undo| undo.acts.clone()).unwrap_or_default()
    }

    async fn undo(&self, place: u32, act: &UndoAct) -> Undone {
        if !self.may_start() {
            return Undone::Later;
        }
        let done = match act.operation {
            formwork_state::Operation::Create => self.unmake_again(place, act).await,
            formwork_state::Operation::Update => self.change_back(place, act).await,
            _ => Ok(Undone::No("it was destroyed, and nothing brings it back".to_owned())),
        };
        done.unwrap_or_else(|diagnostic| {
            let reason = diagnostic.as_ref().map_or_else(String::new, |one| format!(" ({})", one.summary));
            if let Some(diagnostic) = diagnostic {
                self.report(diagnostic);
            }
            Undone::No(format!("it could not be undone{reason}"))
        })
    }

    /// Removes what the run made, and gives its place back to what was set aside for it.
    async fn unmake_again(&self, place: u32, act: &UndoAct) -> Result<Undone, Option<Diagnostic>> {
        let Some(object) = self.input.store.folded().state.object(&act.key).cloned() else {
            return Ok(self.give_back(act).await);
        };
        let step = Step { id: place, work: Work::Delete { change: 0 }, after: Vec::new() };
        let change = self.change_of(act, &object, Action::Delete)?;
        match self.unmake(&step, &change).await? {
            StepEnd::Done => {}
            StepEnd::Failed if self.is_in_flight(&act.key) => return Ok(Undone::Later),
            StepEnd::Failed => return Ok(Undone::No("it was made, and could not be removed".to_owned())),
            StepEnd::Stopped => return Ok(Undone::Later),
        }
        Ok(self.give_back(act).await)
    }

    /// Gives the place of an object that is gone back to the one that was set aside for it.
    async fn give_back(&self, act: &UndoAct) -> Undone {
        let Some(deposed) = &act.set_aside else { return Undone::Yes };
        let aside = ObjectKey::deposed(act.key.address.clone(), deposed.clone());
        let is_due = {
            let folded = self.input.store.folded();
            folded.state.object(&aside).is_some() && folded.state.object(&act.key).is_none()
        };
        let restored = Record::Restored { address: act.key.address.clone(), deposed: deposed.clone() };
        if is_due && self.record(&restored).await.is_err() { Undone::Later } else { Undone::Yes }
    }

    fn is_in_flight(&self, key: &ObjectKey) -> bool {
        self.input.store.folded().run.as_ref().is_some_and(|run| run.open.contains_key(key))
    }

    /// Gives an object the values that it had.
    async fn change_back(&self, place: u32, act: &UndoAct) -> Result<Undone, Option<Diagnostic>> {
        let standing = self.input.store.folded().state.object(&act.key).cloned();
        let (Some(prior), Some(object)) = (&act.prior, standing) else {
            return Ok(Undone::No("nobody knows what it was".to_owned()));
        };
        let Some(kind) = self.kind_of(&act.key, &object) else {
            return Err(Some(crate::connections::missing_provider(
                &object.provider.provider,
                &self.environment,
            )));
        };
        if kind.has_write_only {
            let reason = "it may have been given what is never stored, so nobody knows what it was";
            return Ok(Undone::No(reason.to_owned()));
        }
        let wanted = decoded(&act.key, prior, &kind)?;
        let current = decoded(&act.key, &object, &kind)?;
        let connection = self.prior_connection(&object.provider).await?;
        let connection = self.connections.connection_of(&act.key.address, &object.provider, &connection);
        let configuration = arguments(&kind.schema.block, &wanted.value);
        let planned = match self.plan_back(&act.key, &kind, &connection, &current, &configuration).await? {
            Ok(planned) => planned,
            Err(reason) => return Ok(Undone::No(reason)),
        };
        if planned.planned == current.value {
            return Ok(Undone::Yes);
        }
        let recipe = self.recipe_back(&act.key, prior, &current, &planned, (&kind, &configuration))?;
        let step = Step { id: place, work: Work::Update { change: 0 }, after: Vec::new() };
        let change = self.change_of(act, &object, Action::Update)?;
        let done = self.act(&step, &change, act.key.clone(), Operation::Update, connection, kind, recipe)?;
        Ok(match self.drive(&done, Start::Begin).await {
            StepEnd::Done => Undone::Yes,
            StepEnd::Failed if !self.is_in_flight(&act.key) => {
                Undone::No("it was changed, and could not be put back".to_owned())
            }
            StepEnd::Failed | StepEnd::Stopped => Undone::Later,
        })
    }

    /// Plans the way back; why there is none, where its kind cannot go it in place.
    async fn plan_back(
        &self,
        key: &ObjectKey,
        kind: &Rc<Kind>,
        connection: &Arc<dyn Connection>,
        current: &PriorObject,
        configuration: &Value,
    ) -> Result<Result<Planned, String>, Option<Diagnostic>> {
        let request = PlanRequest {
            kind: kind.name.to_string(),
            proposed: proposed(&kind.schema.block, &current.value, configuration),
            private: current.private.clone(),
            identity: current.identity.clone(),
            prior: current.value.clone(),
            configuration: configuration.clone(),
            owner: self.input.owner.clone(),
        };
        match self.connections.ask(connection, Request::Plan(Box::new(request))).await {
            Response::Planned(Ok(planned)) if planned.diagnostics.has_errors() => {
                Ok(Err("its provider refuses the values that it had".to_owned()))
            }
            Response::Planned(Ok(planned)) if !planned.requires_replace.is_empty() => {
                Ok(Err("it would have to be replaced to be what it was".to_owned()))
            }
            Response::Planned(Ok(planned)) => Ok(Ok(*planned)),
            Response::Planned(Err(error)) => {
                Err(Some(crate::connections::error_diagnostic(&error, "Planning failed", &key.to_string())))
            }
            _ => Ok(Err("its provider does not plan this kind".to_owned())),
        }
    }

    fn recipe_back(
        &self,
        key: &ObjectKey,
        prior: &Object,
        current: &PriorObject,
        planned: &Planned,
        (kind, configuration): (&Rc<Kind>, &Value),
    ) -> Result<Recipe, Option<Diagnostic>> {
        Ok(Recipe {
            kind: kind.name.to_string(),
            provider: prior.provider.clone(),
            through_prior: true,
            recovery: recovery_of(kind.schema.recovery, Operation::Update, false),
            prior: pack(&current.value, key)?,
            planned: pack(&planned.planned, key)?,
            configuration: pack(configuration, key)?,
            evaluates_again: false,
            private: private_text(&planned.private),
            identity: None,
            import_id: None,
            sensitive: paths_json(prior.sensitive_paths.iter()),
            owner: self.input.owner.clone(),
            edges: prior.edges.clone(),
            provider_edges: prior.provider_edges.clone(),
            create_before_destroy: prior.create_before_destroy,
            skip_destroy: prior.skip_destroy,
            deposed: None,
        })
    }

    fn kind_of(&self, key: &ObjectKey, object: &Object) -> Option<Rc<Kind>> {
        self.connections.kind(&object.provider.provider, key.address.mode(), key.address.type_name())
    }

    /// The change that undoes an act, as a step of a plan would have it.
    fn change_of(
        &self,
        act: &UndoAct,
        object: &Arc<Object>,
        action: Action,
    ) -> Result<Change, Option<Diagnostic>> {
        let value = match self.kind_of(&act.key, object) {
            Some(kind) => kind.mark_sensitive(&decoded(&act.key, object, &kind)?.marked()),
            None => Value::null(Type::Dynamic),
        };
        Ok(Change {
            address: act.key.address.clone(),
            deposed: act.key.deposed.clone(),
            previous_address: None,
            provider: object.provider.clone(),
            action,
            reason: None,
            before: value,
            after: Value::null(Type::Dynamic),
            replace_paths: Vec::new(),
            causes: Vec::new(),
            stage: 0,
            private: object.private.clone().unwrap_or_default(),
            importing: None,
            generated: None,
        })
    }
}

fn decoded(key: &ObjectKey, object: &Object, kind: &Rc<Kind>) -> Result<PriorObject, Option<Diagnostic>> {
    let object = Arc::new(Object { status: Status::Ready, ..object.clone() });
    decode_object(&object, kind).map_err(|message| unreadable(key, message))
}

/// The configuration that an object with this value may have had: what its provider alone computes is left out.
fn arguments(block: &Block, value: &Value) -> Value {
    let Some(entries) = value.entries() else { return value.clone() };
    let kept = entries.iter().map(|(name, given)| {
        let is_computed_alone = block
            .attributes
            .get(name.as_str())
            .is_some_and(|attribute| attribute.presence == Presence::Computed);
        let value = if is_computed_alone {
            Value::null(given.value_type())
        } else if let Some(nested) = block.blocks.get(name.as_str()) {
            nested_arguments(&nested.block, given)
        } else {
            given.clone()
        };
        (name.clone(), value)
    });
    Value::object(kept.collect())
}

fn nested_arguments(block: &Block, given: &Value) -> Value {
    use formwork_value::Kind as Shape;
    match (given.kind(), given.value_type()) {
        (Shape::List(items), Type::List(element)) => {
            Value::list((*element).clone(), items.iter().map(|item| arguments(block, item)).collect())
        }
        (Shape::Set(items), Type::Set(element)) => {
            Value::set((*element).clone(), items.iter().map(|item| arguments(block, item)).collect())
        }
        (Shape::Map(entries), Type::Map(element)) => Value::map(
            (*element).clone(),
            entries.iter().map(|(key, item)| (key.clone(), arguments(block, item))).collect(),
        ),
        (Shape::Object(_), _) => arguments(block, given),
        _ => given.clone(),
    }
}

fn waits_for_what_is_open() -> Diagnostic {
    let detail = "What came of an act that is in flight is not known yet, so nothing was undone.";
    Diagnostic::error("rollback-waits", "Rollback waits", detail)
        .hint("Run apply again: it finds out, and goes on undoing what this run did.")
}

fn cut_off() -> Diagnostic {
    Diagnostic::error("rollback-cut-off", "Rollback was cut off", "Not all that this run did is undone yet.")
        .hint("Run apply again: it goes on undoing.")
}

fn rolled_back() -> Diagnostic {
    Diagnostic::warning(
        "rolled-back",
        "Run was rolled back",
        "It failed, and everything that it did is undone.",
    )
}

fn partly_rolled_back(standing: &[String]) -> Diagnostic {
    let detail = format!("The run failed, and this could not be undone:\n{}", standing.join("\n"));
    Diagnostic::error("partly-rolled-back", "Run was rolled back in part", detail)
        .hint("Correct what failed and apply again; formwork history shows every step.")
}
