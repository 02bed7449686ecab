//! Reading what is live: one batch a provider configuration and kind, all side by side, before anything is planned.

use super::{Planner, provider};
use crate::connections::error_diagnostic;
use crate::event::Event;
use crate::model::{Action, Change, RunMode, StoredReading};
use crate::objects::{PriorObject, decode_object, shown_id};
use crate::pace::pause_ms;
use crate::time_limit;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{Connection, ProviderError, ReadRequest, Reading, Request, Response};
use formwork_state::{Address, Mode, ObjectKey, ProviderConfigAddress};
use formwork_value::{Type, Value};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use std::rc::Rc;
use std::sync::Arc;

/// Objects of one kind under one provider configuration.
pub(super) type Batches = IndexMap<(ProviderConfigAddress, String), Priors>;

/// Objects as they are stored.
type Priors = Vec<(ObjectKey, Rc<PriorObject>)>;

impl Planner<'_> {
    /// Decodes the objects of the state, and reads them where the run refreshes.
    pub(super) async fn load_priors(&self) {
        let batches = self.decode_priors();
        if self.has_errors() {
            return;
        }
        let connections = self.connect_priors(&batches).await;
        if self.has_errors() {
            return;
        }
        let mut readings = FuturesUnordered::new();
        for ((address, kind), objects) in batches {
            let Some(connection) = connections.get(&address) else {
                readings.push(self.read_batch(None, kind, objects));
                continue;
            };
            for (connection, objects) in self.objects_by_connection(&address, connection, objects) {
                readings.push(self.read_batch(Some(connection), kind.clone(), objects));
            }
        }
        while readings.next().await.is_some() {}
    }

    /// Objects of one provider configuration by the connection that acts on them.
    fn objects_by_connection(
        &self,
        address: &ProviderConfigAddress,
        connection: &Arc<dyn Connection>,
        objects: Priors,
    ) -> Vec<(Arc<dyn Connection>, Priors)> {
        let mut common = Vec::new();
        let mut groups = Vec::new();
        for (key, prior) in objects {
            let own = self.connections.connection_of(&key.address, address, connection);
            if Arc::ptr_eq(&own, connection) {
                common.push((key, prior));
            } else {
                groups.push((own, vec![(key, prior)]));
            }
        }
        if !common.is_empty() {
            groups.push((connection.clone(), common));
        }
        groups
    }

    fn decode_priors(&self) -> Batches {
        let mut batches = Batches::default();
        let open = self.input.open_run;
        for (key, object) in self.state.objects() {
            if key.address.mode() == Mode::Data || open.is_some_and(|run| run.is_in_flight(key)) {
                continue;
            }
            let Some(kind) =
                self.connections.kind(&object.provider.provider, Mode::Managed, key.address.type_name())
            else {
                self.report(unknown_kind(key, &object.provider, self));
                continue;
            };
            let is_wanted = self.reach.has(self.graph, &key.address);
            match decode_object(object, &kind) {
                Ok(prior) if !is_wanted => self.keep(key.clone(), Rc::new(prior)),
                Ok(prior) => batches.entry((object.provider.clone(), key.address.type_name().to_string())).or_default().push((key.clone(), Rc::new(prior))),
                Err(message) => self.report(Diagnostic::error("state-object-unreadable", "Stored object cannot be read", message).about(key.to_string()).hint("The state file was changed by hand or by a newer provider; restore it from terraform.tfstate.backup.")),
            }
        }
        batches
    }

    async fn connect_priors(
        &self,
        batches: &Batches,
    ) -> IndexMap<ProviderConfigAddress, Arc<dyn Connection>> {
        let mut connections = IndexMap::new();
        let prior = provider::prior_evaluator(self);
        for (address, _) in batches.keys() {
            if connections.contains_key(address) {
                continue;
            }
            self.open_for_prior(address, &prior).await;
            let Some(configuration) = self.prior_configuration(address, &prior) else {
                self.report(no_configuration(address));
                continue;
            };
            self.prior_configurations.borrow_mut().push((address.clone(), configuration.clone()));
            match self.connections.connect(address, &configuration.unmark_deep().0).await {
                Ok(connection) => {
                    self.diagnostics.borrow_mut().append(self.connections.take_warnings());
                    self.check_target(address, &connection);
                    connections.insert(address.clone(), connection);
                }
                Err(diagnostics) => self.not_reached(address, batches, diagnostics),
            }
        }
        self.prior_connections.borrow_mut().extend(connections.clone());
        connections
    }

    /// Stops when a provider points elsewhere than the state's objects came from: there, "not found" would look
    /// like "was deleted".
    pub(super) fn check_target(&self, address: &ProviderConfigAddress, connection: &Arc<dyn Connection>) {
        let name = address.to_string();
        let Some(stored) = self.state.targets.get(&name) else { return };
        let found = connection.target();
        let is_accepted = self.input.accepted_targets.iter().any(|accepted| {
            *accepted == name
                || *accepted == address.for_display()
                || *accepted == address.provider.type_name.as_str()
        });
        if stored.id == found.id || is_accepted || self.accepted_once(&name) {
            return;
        }
        self.report(
            Diagnostic::error(
                "other-target",
                "Provider points to another target",
                format!("The objects in this state were made at\n  {} (id {})\nbut {} points to\n  {} (id {}).\nNothing was read: on the wrong target every object would look deleted.", stored.words, stored.id, address.for_display(), found.words, found.id),
            )
            .hint(format!("Point the provider back, or use -accept-new-target={} if the move is meant.", address.provider.type_name)),
        );
    }

    fn accepted_once(&self, name: &str) -> bool {
        !self.refused_targets.borrow_mut().insert(name.to_owned())
    }

    async fn read_batch(
        &self,
        connection: Option<Arc<dyn Connection>>,
        kind: String,
        objects: Vec<(ObjectKey, Rc<PriorObject>)>,
    ) {
        let connection = connection.filter(|_| self.input.refresh);
        let Some(connection) = connection else {
            for (key, prior) in objects {
                self.keep(key, prior);
            }
            return;
        };
        for (key, prior) in &objects {
            self.environment
                .observer
                .observe(Event::RefreshStart { key: key.clone(), id: shown_id(&prior.marked()) });
        }
        let mut left: Vec<usize> = (0..objects.len()).collect();
        let number = self.connections.next_request();
        let began_ms = self.environment.clock.monotonic_ms();
        let mut attempt = 0;
        while !left.is_empty() {
            let Some(refused) = self.read_once(&connection, &kind, &objects, &left).await else {
                for at in left {
                    self.keep(objects[at].0.clone(), objects[at].1.clone());
                }
                return;
            };
            // The longest pause that one of them asks for is right for all.
            let pause = |(_, error): &(usize, ProviderError)| pause_ms(error, attempt, number);
            let pause_ms = refused.iter().filter_map(pause).max();
            let Some(pause_ms) = pause_ms.filter(|_| !self.environment.is_interrupted()) else {
                for (at, error) in refused {
                    self.take_reading(&objects[at].0, &objects[at].1, Reading::Failed(error));
                }
                return;
            };
            let elapsed_ms = self.environment.clock.monotonic_ms() - began_ms + pause_ms;
            left.clear();
            for (at, error) in refused {
                let (key, prior) = &objects[at];
                match time_limit::given_ms(&prior.value, "read").filter(|limit_ms| elapsed_ms > *limit_ms) {
                    Some(limit_ms) => {
                        let error = time_limit::no_room(error, limit_ms);
                        self.take_reading(key, prior, Reading::Failed(error));
                    }
                    None => left.push(at),
                }
            }
            if left.is_empty() {
                return;
            }
            self.environment.clock.sleep(pause_ms).await;
            attempt += 1;
        }
    }

    /// Reads some objects of a batch; gives back those whose error may well pass. None where nothing is read at all.
    async fn read_once(
        &self,
        connection: &Arc<dyn Connection>,
        kind: &str,
        objects: &[(ObjectKey, Rc<PriorObject>)],
        wanted: &[usize],
    ) -> Option<Vec<(usize, ProviderError)>> {
        let requests = wanted.iter().map(|at| {
            let (_, prior) = &objects[*at];
            ReadRequest {
                prior: prior.value.clone(),
                private: prior.private.clone(),
                identity: prior.identity.clone(),
            }
        });
        let request = Request::Read { kind: kind.to_owned(), objects: requests.collect() };
        let Response::Read(mut readings) = self.connections.ask(connection, request).await else {
            return None;
        };
        let mut answered = vec![false; wanted.len()];
        let mut refused = Vec::new();
        while let Some((index, reading)) = readings.next().await {
            let Some(at) = wanted.get(index).copied() else { continue };
            answered[index] = true;
            match reading {
                Reading::Failed(error) if error.is_retryable() => refused.push((at, error)),
                reading => self.take_reading(&objects[at].0, &objects[at].1, reading),
            }
        }
        for (at, _) in wanted.iter().zip(answered).filter(|(_, answered)| !answered) {
            self.report(unanswered(&objects[*at].0));
        }
        Some(refused)
    }

    fn take_reading(&self, key: &ObjectKey, prior: &Rc<PriorObject>, reading: Reading) {
        match reading {
            Reading::Found { object, private, identity } => {
                let identity = identity.or_else(|| prior.identity.clone());
                let is_same = object == prior.value && private == prior.private && identity == prior.identity;
                let fresh = if is_same {
                    prior.clone()
                } else {
                    let (value, is_refreshed) = (object, true);
                    Rc::new(PriorObject { value, private, identity, is_refreshed, ..(**prior).clone() })
                };
                if fresh.is_refreshed {
                    self.readings.borrow_mut().push(StoredReading {
                        key: key.clone(),
                        object: Some(fresh.value.clone()),
                        private: fresh.private.clone(),
                        identity: fresh.identity.clone(),
                    });
                }
                if fresh.value != prior.value {
                    self.note_drift(key, prior, fresh.marked());
                }
                self.environment
                    .observer
                    .observe(Event::RefreshComplete { key: key.clone(), id: shown_id(&fresh.marked()) });
                self.keep(key.clone(), fresh);
            }
            Reading::Gone => {
                self.note_drift(key, prior, Value::null(prior.kind.value_type.clone()));
                self.readings.borrow_mut().push(StoredReading {
                    key: key.clone(),
                    object: None,
                    private: Vec::new(),
                    identity: None,
                });
                self.environment
                    .observer
                    .observe(Event::RefreshComplete { key: key.clone(), id: shown_id(&prior.marked()) });
            }
            Reading::Failed(error) => {
                self.report(error_diagnostic(&error, "Reading an object failed", &key.to_string()));
            }
        }
    }

    fn keep(&self, key: ObjectKey, prior: Rc<PriorObject>) {
        if key.deposed.is_some() {
            self.deposed.borrow_mut().push((key, prior));
        } else {
            self.priors.borrow_mut().insert(key.address, prior);
        }
    }

    fn note_drift(&self, key: &ObjectKey, prior: &PriorObject, after: Value) {
        let action = if after.is_null() { Action::Delete } else { Action::Update };
        self.drift.borrow_mut().push(drift(key, prior, action, after));
    }

    /// What differs from the state. A run that only refreshes has no changes to tell moves by, so they stand here.
    pub(super) fn drifted(&self) -> Vec<Change> {
        let mut found = self.drift.take();
        if self.input.mode != RunMode::RefreshOnly {
            return found;
        }
        let known: FxHashSet<Address> = found.iter().map(|change| change.address.clone()).collect();
        let priors = self.priors.borrow();
        let moved = self.origins.keys().filter(|to| !known.contains(*to));
        found.extend(moved.filter_map(|to| {
            let prior = priors.get(to)?;
            Some(drift(&ObjectKey::current(to.clone()), prior, Action::NoOp, prior.marked()))
        }));
        for change in found.iter_mut().filter(|change| change.deposed.is_none()) {
            change.previous_address = self.origins.get(&change.address).cloned();
        }
        found
    }
}

fn unanswered(key: &ObjectKey) -> Diagnostic {
    let detail = "The provider ended its answer without saying whether this object is there.";
    Diagnostic::error("read-unanswered", "Provider did not answer", detail).about(key.to_string())
}

fn drift(key: &ObjectKey, prior: &PriorObject, action: Action, after: Value) -> Change {
    Change {
        address: key.address.clone(),
        deposed: key.deposed.clone(),
        previous_address: None,
        provider: prior.object.provider.clone(),
        action,
        reason: None,
        before: prior.marked(),
        after,
        replace_paths: Vec::new(),
        causes: Vec::new(),
        stage: 0,
        private: Vec::new(),
        importing: None,
        generated: None,
    }
}

fn unknown_kind(key: &ObjectKey, provider: &ProviderConfigAddress, planner: &Planner<'_>) -> Diagnostic {
    if planner.connections.has_provider(&provider.provider) {
        let detail = format!(
            "The state holds an object of type {:?}, which the provider {} does not have.",
            key.address.type_name().as_str(),
            provider.provider.for_display()
        );
        return Diagnostic::error("state-unknown-type", "Unknown resource type in state", detail)
            .about(key.to_string())
            .hint("Use the provider version that made it, or remove it from the state.");
    }
    crate::connections::missing_provider(&provider.provider, &planner.environment).about(key.to_string())
}

pub(super) fn no_configuration(address: &ProviderConfigAddress) -> Diagnostic {
    Diagnostic::error(
        "provider-configuration-missing",
        "Provider configuration not present",
        format!("The state holds objects made under {address}, but the configuration has no such provider block and the state does not remember its configuration."),
    )
    .hint("Put the provider block back until its objects are destroyed.")
}

/// Null of nothing in particular.
pub(super) fn nothing() -> Value {
    Value::null(Type::Dynamic)
}
