//! One step: its inputs evaluated again, planned again, held against the plan, and made into an act.

use super::drive::{Act, Line, Start};
use super::{Applier, PlannedConnection, StepEnd};
use crate::connections::error_diagnostic;
use crate::evaluate::{Checked, RowRepetition};
use crate::event::Event;
use crate::graph::ModuleId;
use crate::model::{Action, Change, Step, Work};
use crate::objects::{PriorObject, StoredParts, decode_object, encode_object, shown_id};
use crate::plan::{evaluate_configuration, instance_repetition};
use crate::proposed::{completion_faults, proposed};
use crate::recipe::{Packed, Recipe, paths_json, private_text, recovery_of};
use crate::schema::Kind;
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{Connection, Operation, PlanRequest, Planned, Request, Response};
use formwork_state::{Edge, Object, ObjectKey, ProviderConfigAddress, Record};
use formwork_value::{MarkKind, Marks, Path, Type, Value, convert};
use std::rc::Rc;
use std::sync::Arc;

/// What an instance's expressions gave.
struct Inputs {
    configuration: Value,
    marks: Vec<(Path, Marks)>,
    edges: Vec<Edge>,
    provider_edges: Vec<Edge>,
    connection: Arc<dyn Connection>,
    kind: Rc<Kind>,
}

impl Inputs {
    /// Whether something in the configuration is sent and never stored.
    fn evaluates_again(&self) -> bool {
        self.kind.has_write_only && self.kind.without_write_only(&self.configuration) != self.configuration
    }
}

impl Applier<'_> {
    pub(super) async fn perform(&self, step: &Step) -> StepEnd {
        let Some(change) = step.work.change().and_then(|change| self.input.plan.changes.get(change as usize))
        else {
            return StepEnd::Done;
        };
        let result = match step.work {
            Work::Create { .. } => self.make(step, change, Operation::Create).await,
            Work::Update { .. } => self.make(step, change, Operation::Update).await,
            Work::Delete { .. } => self.unmake(step, change).await,
            Work::Read { .. } => self.read(change).await,
            Work::Forget { .. } => self.forget(step, change).await,
            Work::Barrier => Ok(StepEnd::Done),
        };
        result.unwrap_or_else(|diagnostic| {
            if let Some(diagnostic) = diagnostic {
                self.report(diagnostic);
            }
            StepEnd::Failed
        })
    }

    async fn make(
        &self,
        step: &Step,
        change: &Change,
        operation: Operation,
    ) -> Result<StepEnd, Option<Diagnostic>> {
        let key = ObjectKey::current(change.address.clone());
        if let (Operation::Create, Some(partial)) = (operation, self.partial(&key))
            && partial.is_made
        {
            return Ok(self.resume_made(step.id, &key, partial.provisioned).await);
        }
        if operation == Operation::Create && self.is_made_already(change, &key) {
            return Err(Some(made_already(&key)));
        }
        let inputs = self.inputs(change).await?;
        let prior = if operation == Operation::Update { self.prior(&key, &inputs.kind)? } else { None };
        let planned = self.plan_again(change, &inputs, prior.as_ref()).await?;
        let prior_value = prior
            .as_ref()
            .map_or_else(|| Value::null(inputs.kind.value_type.clone()), |prior| prior.value.clone());
        if operation == Operation::Update && planned.planned == prior_value {
            // The values that were unknown came out as they were: nothing to change.
            return Ok(StepEnd::Done);
        }
        let deposed =
            if change.action == Action::CreateThenDelete { self.deposed_key(&key, step) } else { None };
        let recipe = self.recipe(change, operation, &inputs, &prior_value, &planned, deposed)?;
        let mut act =
            self.act(step, change, key, operation, inputs.connection.clone(), inputs.kind.clone(), recipe)?;
        act.request.configuration = inputs.configuration;
        Ok(self.drive(&act, Start::Begin).await)
    }

    /// Whether an earlier part of the run made the object and then failed: it stands, tainted, and making another in
    /// its place would lose it.
    fn is_made_already(&self, change: &Change, key: &ObjectKey) -> bool {
        let is_standing = self.input.store.folded().state.object(key).is_some();
        let is_new = match change.action {
            Action::CreateThenDelete => self.deposed.borrow().contains_key(&change.address),
            _ => true,
        };
        is_standing && is_new
    }

    pub(super) async fn unmake(&self, step: &Step, change: &Change) -> Result<StepEnd, Option<Diagnostic>> {
        let deposed = match change.action {
            Action::CreateThenDelete => self.deposed.borrow().get(&change.address).cloned(),
            _ => change.deposed.clone(),
        };
        let key = ObjectKey { address: change.address.clone(), deposed };
        let Some(object) = self.input.store.folded().state.object(&key).cloned() else {
            return Ok(StepEnd::Done);
        };
        let Some(kind) =
            self.connections.kind(&object.provider.provider, key.address.mode(), key.address.type_name())
        else {
            return Err(Some(crate::connections::missing_provider(
                &object.provider.provider,
                &self.environment,
            )));
        };
        let connection = self.prior_connection(&object.provider).await?;
        let connection = self.connections.connection_of(&key.address, &object.provider, &connection);
        let prior = decode_object(&object, &kind).map_err(|message| unreadable(&key, message))?;
        let null = Value::null(kind.value_type.clone());
        let recipe = Recipe {
            kind: kind.name.to_string(),
            provider: object.provider.clone(),
            through_prior: true,
            recovery: recovery_of(kind.schema.recovery, Operation::Delete, false),
            prior: pack(&prior.value, &key)?,
            planned: pack(&null, &key)?,
            configuration: pack(&null, &key)?,
            evaluates_again: false,
            private: private_text(if change.action == Action::Delete {
                &change.private
            } else {
                &prior.private
            }),
            identity: None,
            import_id: None,
            sensitive: Vec::new(),
            owner: self.input.owner.clone(),
            edges: Vec::new(),
            provider_edges: Vec::new(),
            create_before_destroy: object.create_before_destroy,
            skip_destroy: object.skip_destroy,
            deposed: None,
        };
        let mut act = self.act(step, change, key, Operation::Delete, connection, kind, recipe)?;
        if self.has_removal_provisioners(&act.key, &object) {
            self.announce(&act.key, act.action, act.id.clone());
            act.is_announced = true;
            let end = self.provision_before_removal(step.id, &act.key, &object).await;
            if end != StepEnd::Done {
                self.tell_errored(&act, end);
                return Ok(end);
            }
        }
        Ok(self.drive(&act, Start::Begin).await)
    }

    async fn forget(&self, step: &Step, change: &Change) -> Result<StepEnd, Option<Diagnostic>> {
        let key = ObjectKey { address: change.address.clone(), deposed: change.deposed.clone() };
        let recorded = self.record(&Record::Forgotten { key, step: Some(step.id) }).await;
        if recorded.is_err() {
            return Err(None);
        }
        self.applied.borrow_mut().forgotten += 1;
        Ok(StepEnd::Done)
    }

    /// A data source that could not be read before now.
    async fn read(&self, change: &Change) -> Result<StepEnd, Option<Diagnostic>> {
        let inputs = self.inputs(change).await?;
        let key = ObjectKey::current(change.address.clone());
        self.environment.observer.observe(Event::DataStart { key: key.clone() });
        let started = self.environment.clock.monotonic_ms();
        let request = Request::ReadData {
            kind: inputs.kind.name.to_string(),
            configurations: vec![inputs.configuration.clone()],
        };
        let Response::Data(results) = self.connections.ask(&inputs.connection, request).await else {
            return Err(Some(no_answer(&key)));
        };
        let value = match results.into_iter().next() {
            Some(Ok(value)) => inputs.kind.mark_sensitive(&value.mark_paths(&inputs.marks)),
            Some(Err(error)) => {
                return Err(Some(error_diagnostic(&error, "Reading a data source failed", &key.to_string())));
            }
            None => return Err(Some(no_answer(&key))),
        };
        let elapsed_ms = self.environment.clock.monotonic_ms() - started;
        self.environment.observer.observe(Event::DataComplete {
            key: key.clone(),
            id: shown_id(&value),
            elapsed_ms,
        });
        let object = encode_data(&value, change, &inputs).map_err(|message| unreadable(&key, message))?;
        // Read again after a crash, so the record needs no intent; it rides on the next flush.
        drop(self.input.store.append(&Record::Refreshed { objects: vec![(key, Some(Arc::new(object)))] }));
        self.set_value(&change.address, value);
        Ok(if self.postconditions_hold(&change.address) { StepEnd::Done } else { StepEnd::Failed })
    }

    /// Looks at the postconditions of an instance that stands; what does not hold is reported.
    pub(super) fn postconditions_hold(&self, address: &formwork_state::Address) -> bool {
        let Some((node, row, place)) = self.position(address) else { return true };
        let postconditions = &self.graph.resource(node).lifecycle.postconditions;
        if postconditions.is_empty() {
            return true;
        }
        let expansion = self.evaluator.expansion(node, row);
        let repetition =
            expansion.rows.get(place as usize).map(|(_, repetition)| repetition.clone()).unwrap_or_default();
        let mut scope = self.evaluator.scope(self.graph.node(node).module, row, repetition);
        scope.self_value = self.evaluator.resource(node, row).values.borrow().get(place as usize).cloned();
        let text = address.to_string();
        let checked = Checked { node, address: &text };
        let hold = self.evaluator.check_all(postconditions, &scope, checked, "Resource postcondition failed");
        let mut found = self.evaluator.take_diagnostics();
        found.iter_mut().for_each(|diagnostic| diagnostic.address = Some(text.clone()));
        self.diagnostics.borrow_mut().append(found);
        hold
    }

    /// Puts an instance's value where expressions find it.
    pub(super) fn set_value(&self, address: &formwork_state::Address, value: Value) {
        if let Some((node, row, place)) = self.position(address) {
            self.evaluator.resource(node, row).set(place, value);
        }
    }

    async fn inputs(&self, change: &Change) -> Result<Inputs, Option<Diagnostic>> {
        let address = &change.address;
        let Some((node, row, place)) = self.position(address) else {
            return Err(Some(bug(address, "its block is not in the plan's configuration")));
        };
        self.open_for(node).await;
        let graph_node = self.graph.node(node);
        let resource = self.graph.resource(node);
        let Some(kind) = self.connections.kind(
            &change.provider.provider,
            crate::plan::mode_of(resource.mode),
            &resource.type_name,
        ) else {
            return Err(Some(crate::connections::missing_provider(
                &change.provider.provider,
                &self.environment,
            )));
        };
        let expansion = self.evaluator.expansion(node, row);
        let repetition =
            expansion.rows.get(place as usize).map(|(_, repetition)| repetition.clone()).unwrap_or_default();
        let scope = self.evaluator.scope(graph_node.module, row, repetition);
        let (value, mut diagnostics) = resource.body.decode(&kind.decode, &scope);
        let preconditions = &resource.lifecycle.preconditions;
        if !preconditions.is_empty() {
            let text = address.to_string();
            let checked = Checked { node, address: &text };
            self.evaluator.check_all(preconditions, &scope, checked, "Resource precondition failed");
        }
        let mut reads = scope.into_reads();
        crate::plan::add_static_reads(self.graph, &self.evaluator, node, row, &mut reads);
        diagnostics.append(self.evaluator.take_diagnostics());
        let (configuration, marks) = value.unmark_deep();
        diagnostics.append(crate::ephemeral::misplaced(&marks, &kind, &resource.body));
        let marks = crate::ephemeral::storable(marks);
        diagnostics.iter_mut().for_each(|diagnostic| diagnostic.address = Some(address.to_string()));
        let has_errors = diagnostics.has_errors();
        self.diagnostics.borrow_mut().append(diagnostics);
        if has_errors {
            return Err(None);
        }
        if !configuration.is_wholly_known() {
            return Err(Some(bug(
                address,
                "a value in its configuration is still unknown though everything it reads is done",
            )));
        }
        let planned = self.planned_connection(graph_node.provider, &change.provider, address).await?;
        let connection = self.connections.connection_of(address, &change.provider, &planned.connection);
        Ok(Inputs {
            configuration,
            marks,
            edges: self.edges(&reads),
            provider_edges: planned.edges,
            connection,
            kind,
        })
    }

    /// The connection of what is made: the provider's configuration over what stands by then.
    pub(super) async fn planned_connection(
        &self,
        provider: Option<crate::graph::NodeId>,
        instance: &ProviderConfigAddress,
        address: &formwork_state::Address,
    ) -> Result<PlannedConnection, Option<Diagnostic>> {
        let node = provider.ok_or_else(|| Some(bug(address, "its block has no provider")))?;
        self.open_for(node).await;
        self.connect_planned(node, instance).await
    }

    /// The same where whatever ephemeral its configuration reads is open already.
    pub(super) async fn connect_planned(
        &self,
        node: crate::graph::NodeId,
        instance: &ProviderConfigAddress,
    ) -> Result<PlannedConnection, Option<Diagnostic>> {
        if let Some(known) = self.planned_connections.borrow().get(instance) {
            return Ok(known.clone());
        }
        let Some(repetition) = instance_repetition(self.graph, node, instance, &self.evaluator) else {
            return Err(Some(provider_bug(instance, "it is not in the plan's configuration")));
        };
        let config_address = instance.clone();
        let (configuration, reads, diagnostics) =
            evaluate_configuration(self.graph, node, repetition, &self.evaluator, self.connections);
        let has_errors = diagnostics.has_errors();
        self.diagnostics.borrow_mut().append(diagnostics);
        if has_errors {
            return Err(None);
        }
        let (plain, _) = configuration.unmark_deep();
        if !plain.is_wholly_known() {
            return Err(Some(provider_bug(instance, "its configuration is still unknown")));
        }
        self.remember_configuration(&config_address, &crate::ephemeral::stored_form(&configuration));
        match self.connections.connect(&config_address, &plain).await {
            Ok(connection) => {
                self.diagnostics.borrow_mut().append(self.connections.take_warnings());
                let made = PlannedConnection { connection, edges: self.edges(&reads) };
                self.planned_connections.borrow_mut().insert(config_address, made.clone());
                Ok(made)
            }
            Err(mut diagnostics) => {
                for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.subject.is_none()) {
                    diagnostic.subject = self.graph.span(node);
                }
                self.diagnostics.borrow_mut().append(diagnostics);
                Err(None)
            }
        }
    }

    fn remember_configuration(&self, address: &ProviderConfigAddress, configuration: &Value) {
        let name = address.to_string();
        if self.configurations.borrow().contains_key(&name) {
            return;
        }
        let Some(block) = self.connections.configuration_block(&address.provider) else { return };
        let text = formwork_value::json::encode(configuration, &block.implied_type())
            .ok()
            .and_then(|text| crate::objects::raw(text).ok());
        let Some(text) = text else { return };
        self.configurations.borrow_mut().insert(name.clone(), text.clone());
        let stored = self
            .input
            .store
            .folded()
            .state
            .provider_configurations
            .get(&name)
            .map(|stored| stored.get().to_owned());
        if stored.as_deref() != Some(text.get()) {
            // It stands before the first intent under it, and becomes durable with that intent's flush: a run that
            // is cut off leaves no object whose configuration nobody knows.
            drop(self.input.store.append(&formwork_state::Record::Providers {
                targets: indexmap::IndexMap::new(),
                configurations: [(name, text)].into(),
            }));
        }
    }

    /// The configuration that the state remembers.
    pub(super) fn stored_configuration(&self, address: &ProviderConfigAddress) -> Option<Value> {
        let block = self.connections.configuration_block(&address.provider)?;
        let text =
            self.input.store.folded().state.provider_configurations.get(&address.to_string()).cloned()?;
        formwork_value::json::decode(text.get(), &block.implied_type()).ok()
    }

    /// The connection of what is removed: the configuration that the state was read with.
    pub(super) async fn prior_connection(
        &self,
        address: &ProviderConfigAddress,
    ) -> Result<Arc<dyn Connection>, Option<Diagnostic>> {
        let planned = self
            .input
            .plan
            .prior_configurations
            .iter()
            .find(|(other, _)| other == address)
            .map(|(_, value)| value.clone());
        let known = planned.or_else(|| self.stored_configuration(address));
        let Some(configuration) = self.reopened(address, known).await else {
            let diagnostic = Diagnostic::error(
                "provider-configuration-missing",
                "Provider configuration not present",
                format!(
                    "{address} is needed to remove an object, and neither the plan nor the state has its configuration."
                ),
            );
            return Err(Some(diagnostic));
        };
        match self.connections.connect(address, &configuration.unmark_deep().0).await {
            Ok(connection) => Ok(connection),
            Err(diagnostics) => {
                self.diagnostics.borrow_mut().append(diagnostics);
                Err(None)
            }
        }
    }

    /// A configuration with what is never stored in it evaluated again, where there is such a thing and its block stands.
    async fn reopened(&self, address: &ProviderConfigAddress, configuration: Option<Value>) -> Option<Value> {
        let configuration = configuration?;
        if !configuration.has_mark_deep(MarkKind::Ephemeral) {
            return Some(configuration);
        }
        let Some(node) = crate::plan::node_of_configuration(self.graph, address) else {
            return Some(configuration);
        };
        self.open_for(node).await;
        let repetition = instance_repetition(self.graph, node, address, &self.evaluator)?;
        let (again, _, found) =
            evaluate_configuration(self.graph, node, repetition, &self.evaluator, self.connections);
        (!found.has_errors() && again.is_wholly_known()).then_some(again)
    }

    fn prior(&self, key: &ObjectKey, kind: &Rc<Kind>) -> Result<Option<PriorObject>, Option<Diagnostic>> {
        let Some(object) = self.input.store.folded().state.object(key).cloned() else { return Ok(None) };
        decode_object(&object, kind).map(Some).map_err(|message| unreadable(key, message))
    }

    /// Plans the instance with what is known by now and requires the planned value to be completed by it.
    async fn plan_again(
        &self,
        change: &Change,
        inputs: &Inputs,
        prior: Option<&PriorObject>,
    ) -> Result<Planned, Option<Diagnostic>> {
        let prior_value =
            prior.map_or_else(|| Value::null(inputs.kind.value_type.clone()), |prior| prior.value.clone());
        let position = self.position(&change.address);
        let ignored = position.map(|(node, _, _)| &self.graph.resource(node).lifecycle.ignore_changes);
        let configuration = match (ignored, prior) {
            (Some(ignored), Some(prior)) => {
                crate::plan::ignore_changes(ignored, &prior.value, &inputs.configuration, &inputs.kind)
            }
            _ => inputs.configuration.clone(),
        };
        let request = PlanRequest {
            kind: inputs.kind.name.to_string(),
            proposed: proposed(&inputs.kind.schema.block, &prior_value, &configuration),
            private: prior.map_or_else(|| change.private.clone(), |prior| prior.private.clone()),
            identity: prior.and_then(|prior| prior.identity.clone()),
            prior: prior_value,
            configuration,
            owner: self.input.owner.clone(),
        };
        let address = change.address.to_string();
        let planned = match self.connections.ask(&inputs.connection, Request::Plan(Box::new(request))).await {
            Response::Planned(Ok(planned)) => *planned,
            Response::Planned(Err(error)) => {
                return Err(Some(error_diagnostic(&error, "Planning failed", &address)));
            }
            _ => return Err(Some(bug(&change.address, "the provider does not plan this kind"))),
        };
        if planned.diagnostics.has_errors() {
            let mut found = planned.diagnostics;
            found.iter_mut().for_each(|diagnostic| diagnostic.address = Some(address.clone()));
            self.diagnostics.borrow_mut().append(found);
            return Err(None);
        }
        let faults = completion_faults(&change.after.unmark_deep().0, &planned.planned);
        let is_replacing = !planned.requires_replace.is_empty() && prior.is_some();
        if let (Some(path), false) = (faults.first(), planned.lenient) {
            return Err(Some(inconsistent(&address, &path.to_string())));
        }
        if is_replacing {
            return Err(Some(inconsistent(&address, " (it would be replaced)")));
        }
        Ok(planned)
    }

    fn recipe(
        &self,
        change: &Change,
        operation: Operation,
        inputs: &Inputs,
        prior: &Value,
        planned: &Planned,
        deposed: Option<formwork_state::DeposedKey>,
    ) -> Result<Recipe, Option<Diagnostic>> {
        let key = ObjectKey::current(change.address.clone());
        let sensitive =
            inputs.marks.iter().filter(|(_, marks)| marks.has(MarkKind::Sensitive)).map(|(path, _)| path);
        let node = self.position(&change.address).map(|(node, _, _)| node);
        let identity = planned.identity.as_ref().filter(|identity| !identity.is_null());
        let import_id = match operation {
            Operation::Create => self.import_id(&inputs.kind.name, &planned.planned, &key)?,
            _ => None,
        };
        let is_known = import_id.is_some() || identity.is_some_and(Value::is_wholly_known);
        Ok(Recipe {
            kind: inputs.kind.name.to_string(),
            provider: change.provider.clone(),
            through_prior: false,
            recovery: recovery_of(inputs.kind.schema.recovery, operation, is_known),
            identity: identity.map(|identity| pack(identity, &key)).transpose()?,
            import_id,
            prior: pack(prior, &key)?,
            planned: pack(&planned.planned, &key)?,
            configuration: pack(&inputs.kind.without_write_only(&inputs.configuration), &key)?,
            evaluates_again: inputs.evaluates_again(),
            private: private_text(&planned.private),
            sensitive: paths_json(sensitive),
            owner: self.input.owner.clone(),
            edges: inputs.edges.clone(),
            provider_edges: inputs.provider_edges.clone(),
            create_before_destroy: node.is_some_and(|node| self.create_before_destroy.contains(&node)),
            skip_destroy: node.is_some_and(|node| self.graph.skips_destroy(node)),
            deposed,
        })
    }

    /// The id under which an object can be imported once it is made, as a `recover` block says; none where there is no
    /// such block, or where it says something that only the provider knows.
    fn import_id(
        &self,
        kind: &str,
        planned: &Value,
        key: &ObjectKey,
    ) -> Result<Option<String>, Option<Diagnostic>> {
        let settings = &self.graph.module(ModuleId(0)).settings;
        let Some(recover) = settings.recover.get(kind) else { return Ok(None) };
        let mut scope = self.evaluator.scope(ModuleId(0), 0, RowRepetition::default());
        scope.self_value = Some(planned.clone());
        let (value, mut found) = recover.import_id.evaluate(&scope);
        found.iter_mut().for_each(|diagnostic| diagnostic.address = Some(key.to_string()));
        let has_errors = found.has_errors();
        self.diagnostics.borrow_mut().append(found);
        if has_errors {
            return Err(None);
        }
        let text = convert(&value.unmark_deep().0, &Type::String).map_err(|error| {
            let detail = format!("The import id of {key} is not a text: {error}.");
            let diagnostic = Diagnostic::error("recover-id", "Invalid recover configuration", detail);
            Some(diagnostic.at(recover.import_id.span()))
        })?;
        Ok(text.as_str().filter(|text| !text.is_empty()).map(ToString::to_string))
    }

    #[expect(clippy::too_many_arguments, reason = "an act is made of exactly these parts, once")]
    pub(super) fn act(
        &self,
        step: &Step,
        change: &Change,
        key: ObjectKey,
        operation: Operation,
        connection: Arc<dyn Connection>,
        kind: Rc<Kind>,
        recipe: Recipe,
    ) -> Result<Act, Option<Diagnostic>> {
        let token = self.token(&key, operation);
        let request = recipe.request(operation, &token).map_err(|message| unreadable(&key, message))?;
        let action = match operation {
            Operation::Create => Action::Create,
            Operation::Update => Action::Update,
            Operation::Delete => Action::Delete,
        };
        let followed_by = if operation == Operation::Create { self.provisioners_after(&key) } else { 0 };
        Ok(Act {
            id: shown_id(&change.before),
            followed_by,
            is_announced: false,
            key,
            token,
            operation,
            action,
            step: step.id,
            connection,
            kind,
            recipe,
            request,
            started_ms: self.environment.clock.monotonic_ms(),
            line: Line::begun(self.environment.clock.monotonic_ms()),
        })
    }
}

pub(super) fn pack(value: &Value, key: &ObjectKey) -> Result<Packed, Option<Diagnostic>> {
    Packed::pack(value).map_err(|message| unreadable(key, message))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the callers' error type has room for errors that were reported already"
)]
pub(super) fn unreadable(key: &ObjectKey, message: String) -> Option<Diagnostic> {
    Some(
        Diagnostic::error("object-unreadable", "Object cannot be stored or read", message)
            .about(key.to_string()),
    )
}

fn made_already(key: &ObjectKey) -> Diagnostic {
    let detail = format!(
        "{key} was made by an earlier part of this run and is tainted, so this plan cannot go on with it. It stands in the state."
    );
    Diagnostic::error("made-already", "Object must be replaced", detail)
        .about(key.to_string())
        .hint("Apply again: the next plan replaces it.")
}

fn no_answer(key: &ObjectKey) -> Diagnostic {
    Diagnostic::error(
        "read-unanswered",
        "Provider did not answer",
        "The provider does not read this data source.",
    )
    .about(key.to_string())
}

fn bug(address: &formwork_state::Address, what: &str) -> Diagnostic {
    Diagnostic::error(
        "apply-inconsistent",
        "Step cannot be performed",
        format!("{address}: {what}. This is a fault of Formwork; nothing was done to this object."),
    )
    .about(address.to_string())
}

fn provider_bug(address: &ProviderConfigAddress, what: &str) -> Diagnostic {
    let detail = format!("{}: {what}. This is a fault of Formwork; nothing was done.", address.for_display());
    Diagnostic::error("apply-inconsistent", "Step cannot be performed", detail)
}

fn inconsistent(address: &str, path: &str) -> Diagnostic {
    Diagnostic::error("inconsistent-final-plan", "Provider produced inconsistent final plan", format!("When expanding the plan for {address} to include new values learned so far during apply, the provider produced a plan that does not complete the approved one at {path}. Nothing was done to this object."))
        .about(address)
        .hint("Plan again: the approved plan no longer fits what is live.")
}

fn encode_data(value: &Value, change: &Change, inputs: &Inputs) -> Result<Object, String> {
    let parts = StoredParts {
        edges: inputs.edges.clone(),
        provider_edges: inputs.provider_edges.clone(),
        ..StoredParts::of_data(change.provider.clone())
    };
    encode_object(value, &inputs.kind, parts)
}
