//! Planning the instances of resource and data blocks: evaluate, propose, ask the provider, decide the action.

use super::Planner;
use super::ignored::ignore_changes;
use super::kinds::{block_header, language_mode, mode_of, place};
use super::provider::ProviderNode;
use super::refresh::nothing;
use super::triggers::Triggers;
use crate::connections::error_diagnostic;
use crate::edges::Naming;
use crate::evaluate::{Checked, Evaluator, Expansion, Read, ResourceCell, RowRepetition};
use crate::graph::{Graph, NodeId};
use crate::model::{Action, ActionReason, Change};
use crate::objects::PriorObject;
use crate::ordinal::ordinal;
use crate::proposed::{plan_faults, proposed};
use crate::schema::Kind;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::IgnoreChanges;
use formwork_sdk::{Connection, Deferred, PlanRequest, Planned, ProviderError, Request, Response};
use formwork_state::{Address, BlockAddress, Edge, Object, ObjectKey};
use formwork_value::{Marks, Path, Value};
use futures::StreamExt;
use std::rc::Rc;
use std::sync::Arc;

/// One instance after planning, as the order of steps needs it.
#[derive(Debug)]
pub struct PlannedRow {
    /// Its address.
    pub address: Address,
    /// What its expressions read.
    pub reads: Box<[Read]>,
    /// Its place in the plan's changes, when anything happens to it.
    pub change: Option<u32>,
    /// Whether it waits for a later stage.
    pub is_deferred: bool,
}

/// One instance between evaluation and decision.
pub(super) struct Row {
    pub(super) address: Address,
    pub(super) repetition: RowRepetition,
    pub(super) provider: Rc<ProviderNode>,
    pub(super) configuration: Value,
    pub(super) marks: Vec<(Path, Marks)>,
    pub(super) reads: Vec<Read>,
    pub(super) prior: Option<Rc<PriorObject>>,
    /// Why it is replaced whatever its provider says.
    pub(super) forced: Option<ActionReason>,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// Its configuration is at fault; reported already.
    Failed,
    /// Asked; the answer, and for a replacement the second one.
    Asked(Option<Planned>),
    /// A later stage plans it.
    Deferred(Deferred),
    /// This run is not about it.
    Kept,
}

/// One row of a block's module with all its instances.
pub(super) struct BlockWork {
    pub(super) node: NodeId,
    pub(super) row: u32,
    pub(super) kind: Rc<Kind>,
    pub(super) expansion: Rc<Expansion>,
    pub(super) rows: Vec<Row>,
}

impl Planner<'_> {
    /// Plans all instances of the given blocks side by side.
    pub(super) async fn plan_resources(&self, nodes: &[NodeId]) {
        let mut work = Vec::new();
        for node in nodes {
            self.import_before(*node).await;
            let module = self.graph.node(*node).module;
            self.await_instances(*node);
            for row in 0..self.evaluator.row_count(module) {
                work.extend(self.prepare_block(*node, ordinal(row)));
            }
            self.defer_undecided_modules(*node);
            if self.is_deferred(*node) || self.evaluator.has_undecided(*node) {
                self.deferred_nodes.borrow_mut().insert(*node);
            }
        }
        let mode_of = |block: &BlockWork| self.graph.resource(block.node).mode;
        let (data, work): (Vec<_>, Vec<_>) =
            work.into_iter().partition(|block| mode_of(block) == formwork_lang::Mode::Data);
        let (ephemeral, managed): (Vec<_>, Vec<_>) =
            work.into_iter().partition(|block| mode_of(block) == formwork_lang::Mode::Ephemeral);
        self.plan_data(data).await;
        self.plan_ephemeral(ephemeral).await;
        let managed = self.ask_plans(managed).await;
        for block in &managed {
            self.decide_block(block);
        }
    }

    /// Imports into a block that is planned in this stage.
    async fn import_before(&self, node: NodeId) {
        let is_asked = self.graph.imports.contains_key(&node) || !self.input.imports.is_empty();
        if !is_asked || self.is_deferred(node) || self.evaluator.has_undecided(node) {
            return;
        }
        let Some(provider) = self.any_provider_of(node) else { return };
        let resource = self.graph.resource(node);
        let kind =
            self.connections.kind(&provider.address.provider, mode_of(resource.mode), &resource.type_name);
        if let Some(kind) = kind {
            self.import_into(node, &kind, &provider).await;
        }
    }

    fn prepare_block(&self, node: NodeId, row: u32) -> Option<BlockWork> {
        let resource = self.graph.resource(node);
        let provider_node = self.graph.node(node).provider?;
        let address = self.graph.node(provider_node).provider_address.as_ref()?;
        let kind = self.connections.kind(&address.provider, mode_of(resource.mode), &resource.type_name)?;
        let expansion = self.evaluator.expansion(node, row);
        self.take_evaluation_diagnostics(None);
        if self.is_deferred(node) || expansion.undecided.is_some() {
            self.defer_block(node, row, &kind, &self.any_provider_of(node)?);
            return None;
        }
        let module = self.evaluator.row(self.graph.node(node).module, row).address.clone();
        let block = BlockAddress::new(
            module,
            mode_of(resource.mode),
            resource.type_name.clone(),
            resource.name.clone(),
        );
        let triggers = self.triggers_of(node);
        // An instance whose provider cannot be said is left out; why has been reported.
        let (kept, rows): (Vec<_>, Vec<Row>) = expansion
            .rows
            .iter()
            .filter_map(|(key, repetition)| {
                let address = block.instance(key.clone());
                let prepared = if self.reach.has(self.graph, &address) {
                    self.prepare_row(node, row, address, repetition.clone(), &kind, triggers.as_ref())?
                } else {
                    self.kept_row(node, row, address, repetition.clone())?
                };
                Some(((key.clone(), repetition.clone()), prepared))
            })
            .unzip();
        let expansion = if kept.len() == expansion.rows.len() {
            expansion
        } else {
            Rc::new(Expansion { repetition: expansion.repetition, rows: kept, undecided: None })
        };
        Some(BlockWork { node, row, kind, expansion, rows })
    }

    fn prepare_row(
        &self,
        node: NodeId,
        row: u32,
        address: Address,
        repetition: RowRepetition,
        kind: &Kind,
        triggers: Option<&Triggers<'_>>,
    ) -> Option<Row> {
        let provider = self.provider_of(node, row, &repetition)?;
        let resource = self.graph.resource(node);
        let scope = self.evaluator.scope(self.graph.node(node).module, row, repetition.clone());
        let (value, mut diagnostics) = resource.body.decode(&kind.decode, &scope);
        let reads = scope.into_reads();
        let mut is_sound = !diagnostics.has_errors();
        if !diagnostics.is_empty() {
            for diagnostic in &mut diagnostics {
                diagnostic.address.get_or_insert_with(|| address.to_string());
                diagnostic.block.get_or_insert_with(|| block_header(resource));
            }
            self.diagnostics.borrow_mut().append(diagnostics);
        }
        let before = self.diagnostics.borrow().len();
        if !resource.lifecycle.preconditions.is_empty() {
            let scope = self.evaluator.scope(self.graph.node(node).module, row, repetition.clone());
            let text = address.to_string();
            self.evaluator.check_all(
                &resource.lifecycle.preconditions,
                &scope,
                Checked { node, address: &text },
                "Resource precondition failed",
            );
        }
        self.take_evaluation_diagnostics(Some(&address.to_string()));
        is_sound &= !self.diagnostics.borrow().iter().skip(before).any(Diagnostic::is_error);
        let (configuration, marks) = value.unmark_deep();
        if resource.mode != formwork_lang::Mode::Ephemeral {
            let mut misplaced = crate::ephemeral::misplaced(&marks, kind, &resource.body);
            misplaced.iter_mut().for_each(|one| one.address = Some(address.to_string()));
            is_sound &= misplaced.is_empty();
            self.diagnostics.borrow_mut().append(misplaced);
        }
        let marks = crate::ephemeral::storable(marks);
        is_sound = is_sound && self.is_valid(node, &address, &configuration);
        let prior = self.priors.borrow().get(&address).cloned();
        let mut reads = reads;
        add_static_reads(self.graph, &self.evaluator, node, row, &mut reads);
        let is_open = self
            .input
            .open_run
            .is_some_and(|run| run.is_in_flight(&ObjectKey { address: address.clone(), deposed: None }));
        let outcome = if is_sound && !is_open { Outcome::Asked(None) } else { Outcome::Failed };
        let forced = self.forced_reason(node, row, &address, &repetition, triggers);
        Some(Row { address, repetition, provider, configuration, marks, reads, prior, forced, outcome })
    }

    /// An instance that this run leaves as it is.
    fn kept_row(&self, node: NodeId, row: u32, address: Address, repetition: RowRepetition) -> Option<Row> {
        let provider = self.provider_of(node, row, &repetition)?;
        let prior = self.priors.borrow().get(&address).cloned();
        let (configuration, marks, reads) = (nothing(), Vec::new(), Vec::new());
        let outcome = Outcome::Kept;
        Some(Row { address, repetition, provider, configuration, marks, reads, prior, forced: None, outcome })
    }

    /// Asks the provider's own checks of one configuration, which need no target.
    fn is_valid(&self, node: NodeId, address: &Address, configuration: &Value) -> bool {
        let resource = self.graph.resource(node);
        let provider_address = self
            .graph
            .node(node)
            .provider
            .and_then(|provider| self.graph.node(provider).provider_address.as_ref());
        let Some(provider) =
            provider_address.and_then(|address| self.connections.provider(&address.provider))
        else {
            return true;
        };
        let mut found = provider.validate_resource(&resource.type_name, configuration);
        if found.is_empty() {
            return true;
        }
        found.iter_mut().for_each(|diagnostic| diagnostic.address = Some(address.to_string()));
        let is_valid = !found.has_errors();
        self.diagnostics.borrow_mut().append(place(found, &resource.body));
        is_valid
    }

    /// Asks the providers of all rows, many at once; replacements are asked a second time as creates.
    async fn ask_plans(&self, mut blocks: Vec<BlockWork>) -> Vec<BlockWork> {
        let mut jobs = Vec::new();
        for (block_at, block) in blocks.iter().enumerate() {
            for (row_at, row) in block.rows.iter().enumerate() {
                let Some(connection) = self.connection_of(row) else { continue };
                if matches!(row.outcome, Outcome::Asked(_)) {
                    let request = self.plan_request(block, row, None);
                    jobs.push((block_at, row_at, connection, request));
                }
            }
        }
        let answers = self.ask_all(jobs).await;
        let mut again = Vec::new();
        for (block_at, row_at, answer) in answers {
            let block = &mut blocks[block_at];
            let outcome = self.take_plan(&block.rows[row_at], &block.kind, answer);
            block.rows[row_at].outcome = outcome;
            let (block, row) = (&blocks[block_at], &blocks[block_at].rows[row_at]);
            if let (true, Some(connection)) = (is_replace(row), self.connection_of(row)) {
                let private = planned_private(row);
                again.push((block_at, row_at, connection, self.plan_request(block, row, Some(private))));
            }
        }
        for (block_at, row_at, answer) in self.ask_all(again).await {
            let block = &mut blocks[block_at];
            let second = self.take_plan(&block.rows[row_at], &block.kind, answer);
            let row = &mut block.rows[row_at];
            match (&mut row.outcome, second) {
                (Outcome::Asked(Some(first)), Outcome::Asked(Some(second))) => {
                    first.planned = second.planned;
                    first.identity = second.identity;
                    first.private = second.private;
                }
                (outcome, second) => *outcome = second,
            }
        }
        blocks
    }

    /// The connection that acts on an instance, where its provider is configured.
    pub(super) fn connection_of(&self, row: &Row) -> Option<Arc<dyn Connection>> {
        let provider = &row.provider;
        let connection = provider.connection.as_ref()?;
        Some(self.connections.connection_of(&row.address, &provider.address, connection))
    }

    async fn ask_all(
        &self,
        jobs: Vec<(usize, usize, Arc<dyn Connection>, PlanRequest)>,
    ) -> Vec<(usize, usize, Result<Planned, ProviderError>)> {
        let asked = jobs.into_iter().map(|(block, row, connection, request)| async move {
            let response = self.connections.ask(&connection, Request::Plan(Box::new(request))).await;
            let answer = match response {
                Response::Planned(Ok(planned)) => Ok(*planned),
                Response::Planned(Err(error)) => Err(error),
                _ => Err(ProviderError::bug("the provider does not plan this kind")),
            };
            (block, row, answer)
        });
        futures::stream::iter(asked).buffered(self.environment.parallelism.max(1)).collect().await
    }

    /// The question what comes of an instance; with the private bytes of an answer that asks for a replacement, what
    /// comes of it as an object of its own.
    pub(super) fn plan_request(
        &self,
        block: &BlockWork,
        row: &Row,
        replacing: Option<Vec<u8>>,
    ) -> PlanRequest {
        let resource = self.graph.resource(block.node);
        let prior = row.prior.as_ref().filter(|_| replacing.is_none());
        let is_tainted = prior.is_some_and(|prior| prior.object.status == formwork_state::Status::Tainted);
        let prior = prior.filter(|_| !is_tainted);
        let prior_value =
            prior.map_or_else(|| Value::null(block.kind.value_type.clone()), |prior| prior.value.clone());
        let configuration = match prior {
            Some(prior) => ignore_changes(
                &resource.lifecycle.ignore_changes,
                &prior.value,
                &row.configuration,
                &block.kind,
            ),
            None => row.configuration.clone(),
        };
        PlanRequest {
            kind: block.kind.name.to_string(),
            proposed: proposed(&block.kind.schema.block, &prior_value, &configuration),
            private: replacing.or_else(|| Some(prior?.private.clone())).unwrap_or_default(),
            identity: prior.and_then(|prior| prior.identity.clone()),
            prior: prior_value,
            configuration,
            owner: self.input.owner.clone(),
        }
    }

    fn take_plan(&self, row: &Row, kind: &Kind, answer: Result<Planned, ProviderError>) -> Outcome {
        let address = row.address.to_string();
        let planned = match answer {
            Ok(planned) => planned,
            Err(error) => {
                let mut diagnostic = error_diagnostic(&error, "Planning failed", &address);
                diagnostic.subject = self.span_of(row, error.path.as_ref());
                self.report(diagnostic);
                return Outcome::Failed;
            }
        };
        if let Some(deferred) = planned.deferred {
            return Outcome::Deferred(deferred);
        }
        let mut found = planned.diagnostics.clone();
        for diagnostic in &mut found {
            diagnostic.address = Some(address.clone());
        }
        let failed = found.has_errors();
        self.diagnostics.borrow_mut().append(self.place_for(row, found));
        if failed {
            return Outcome::Failed;
        }
        if !planned.lenient {
            let prior = row.prior.as_ref().map_or_else(nothing, |prior| prior.value.clone());
            let faults = plan_faults(&kind.schema.block, &prior, &row.configuration, &planned.planned);
            let is_ignoring = !matches!(
                self.resource_of(row).map(|resource| &resource.lifecycle.ignore_changes),
                Some(IgnoreChanges::None)
            );
            if let Some((path, sentence)) = faults.into_iter().next().filter(|_| !is_ignoring) {
                self.report(
                    Diagnostic::error(
                        "provider-invalid-plan",
                        "Provider produced invalid plan",
                        format!("At {path}: {sentence}. This is a fault of the provider."),
                    )
                    .about(address),
                );
                return Outcome::Failed;
            }
        }
        Outcome::Asked(Some(planned))
    }

    fn resource_of(&self, row: &Row) -> Option<&formwork_lang::Resource> {
        let module = self.graph.find_module_of(row.address.module())?;
        let mode = language_mode(row.address.mode());
        self.graph.module(module).resource(mode, row.address.type_name(), row.address.name())
    }

    pub(super) fn span_of(&self, row: &Row, path: Option<&Path>) -> Option<formwork_diagnostic::Span> {
        let resource = self.resource_of(row)?;
        path.and_then(|path| resource.body.span_of(path)).or(Some(resource.span))
    }

    fn place_for(&self, row: &Row, found: Diagnostics) -> Diagnostics {
        match self.resource_of(row) {
            Some(resource) => place(found, &resource.body),
            None => found,
        }
    }

    /// Turns answers into changes and puts the planned values where expressions find them.
    fn decide_block(&self, block: &BlockWork) {
        let mut keys = Vec::with_capacity(block.rows.len());
        let mut values = Vec::with_capacity(block.rows.len());
        let mut planned_rows = Vec::with_capacity(block.rows.len());
        let mut has_deferred = false;
        for ((key, _), row) in block.expansion.rows.iter().zip(block.rows.iter()) {
            let decided = self.decide_row(block, row);
            self.note_remembered(block.node, row, decided.change);
            has_deferred |= decided.is_deferred;
            keys.push(key.clone());
            values.push(decided.value);
            planned_rows.push(PlannedRow {
                address: row.address.clone(),
                reads: row.reads.clone().into_boxed_slice(),
                change: decided.change,
                is_deferred: decided.is_deferred,
            });
        }
        self.evaluator.set_resource(
            block.node,
            block.row,
            ResourceCell::new(block.expansion.repetition, keys, values),
        );
        if has_deferred {
            self.deferred_nodes.borrow_mut().insert(block.node);
            self.note_deferred_rows(block);
        }
        self.rows.borrow_mut().insert((block.node, block.row), planned_rows.into());
        self.check_postconditions(block);
    }

    /// What the state remembers of an object for its end is brought up to date also where nothing else changes: what
    /// its block says of it, once the block is gone, too, and what it stands on.
    fn note_remembered(&self, node: NodeId, row: &Row, change: Option<u32>) {
        let is_planned = matches!(row.outcome, Outcome::Asked(Some(_)));
        let Some(prior) = row.prior.as_ref().filter(|_| is_planned) else { return };
        if self.imported.borrow().contains_key(&row.address) {
            return;
        }
        let stored = &*prior.object;
        let create_before_destroy = self.create_before_destroy.contains(&node);
        let skip_destroy = self.graph.skips_destroy(node);
        let is_left_alone =
            change.is_none_or(|change| self.changes.borrow()[change as usize].action == Action::NoOp);
        let stands_on = is_left_alone.then(|| self.stands_on(row, stored)).flatten();
        if (stored.create_before_destroy, stored.skip_destroy) == (create_before_destroy, skip_destroy)
            && stands_on.is_none()
        {
            return;
        }
        let (edges, provider_edges) =
            stands_on.unwrap_or_else(|| (stored.edges.clone(), stored.provider_edges.clone()));
        let object =
            Object { create_before_destroy, skip_destroy, edges, provider_edges, ..Object::clone(stored) };
        let key = ObjectKey::current(row.address.clone());
        self.rewrites.borrow_mut().push((key, Some(Arc::new(object))));
    }

    /// What an object and its provider's configuration read, where that is other than what is remembered of it.
    fn stands_on(&self, row: &Row, stored: &Object) -> Option<(Vec<Edge>, Vec<Edge>)> {
        let is_without = stored.edges.is_empty() && stored.provider_edges.is_empty();
        let reads_nothing = row.reads.is_empty() && row.provider.reads.is_empty();
        // What another engine wrote down instead holds until the object changes.
        if is_without && (reads_nothing || !stored.dependencies.is_empty()) {
            return None;
        }
        let ephemerals = self.has_ephemerals.then_some(&self.ephemerals);
        let naming = Naming { graph: self.graph, evaluator: &self.evaluator, ephemerals };
        let found = (naming.edges(&row.reads), naming.edges(&row.provider.reads));
        (found.0 != stored.edges || found.1 != stored.provider_edges).then_some(found)
    }

    fn decide_row(&self, block: &BlockWork, row: &Row) -> Decided {
        match &row.outcome {
            Outcome::Failed | Outcome::Kept => Decided {
                value: row
                    .prior
                    .as_ref()
                    .map_or_else(|| Value::unknown(block.kind.value_type.clone()), |prior| prior.marked()),
                change: None,
                is_deferred: false,
            },
            Outcome::Deferred(_) => Decided {
                value: Value::unknown(block.kind.value_type.clone()),
                change: None,
                is_deferred: true,
            },
            Outcome::Asked(None) => Decided {
                value: Value::unknown(block.kind.value_type.clone()),
                change: None,
                is_deferred: false,
            },
            Outcome::Asked(Some(planned)) => {
                let after = block.kind.mark_sensitive(&planned.planned.mark_paths(&row.marks));
                let (action, reason) = self.action_of(block, row, planned);
                if action == Action::NoOp {
                    let value =
                        row.prior.as_ref().map_or(after.clone(), |prior| prior.value.mark_paths(&row.marks));
                    let value = block.kind.mark_sensitive(&value);
                    if self.origins.contains_key(&row.address)
                        || self.imported.borrow().contains_key(&row.address)
                    {
                        self.push_change(block, row, planned, action, reason, value.clone());
                    }
                    return Decided { value, change: None, is_deferred: false };
                }
                self.check_prevent_destroy(block, row, action);
                let change = self.push_change(block, row, planned, action, reason, after.clone());
                Decided { value: after, change: Some(change), is_deferred: false }
            }
        }
    }

    fn action_of(&self, block: &BlockWork, row: &Row, planned: &Planned) -> (Action, Option<ActionReason>) {
        let Some(prior) = &row.prior else {
            // Tools that read plans expect the reason at what is made beside its trigger, too.
            let is_triggered = row.forced == Some(ActionReason::ReplaceByTriggers);
            return (Action::Create, row.forced.filter(|_| is_triggered));
        };
        let replace = if self.graph.skips_destroy(block.node) {
            Action::ForgetThenCreate
        } else if self.create_before_destroy.contains(&block.node) || prior.object.create_before_destroy {
            Action::CreateThenDelete
        } else {
            Action::DeleteThenCreate
        };
        if prior.object.status == formwork_state::Status::Tainted {
            return (replace, Some(ActionReason::ReplaceBecauseTainted));
        }
        if row.forced.is_some() || !planned.requires_replace.is_empty() {
            return (replace, row.forced.or(Some(ActionReason::ReplaceBecauseCannotUpdate)));
        }
        if planned.planned == prior.value { (Action::NoOp, None) } else { (Action::Update, None) }
    }

    pub(super) fn push_change(
        &self,
        block: &BlockWork,
        row: &Row,
        planned: &Planned,
        action: Action,
        reason: Option<ActionReason>,
        after: Value,
    ) -> u32 {
        let before = row.prior.as_ref().map_or_else(
            || Value::null(block.kind.value_type.clone()),
            |prior| block.kind.mark_sensitive(&prior.marked()),
        );
        let resource = self.graph.resource(block.node);
        let replace_paths = if action.is_replace() { planned.requires_replace.clone() } else { Vec::new() };
        let causes = crate::reasons::causes(resource, &before, &after, &replace_paths, self.input.sources);
        let mut changes = self.changes.borrow_mut();
        changes.push(Change {
            address: row.address.clone(),
            deposed: None,
            previous_address: self.origins.get(&row.address).cloned(),
            provider: row.provider.address.clone(),
            action,
            reason,
            before,
            after,
            replace_paths,
            causes,
            stage: 0,
            private: planned.private.clone(),
            importing: self.imported.borrow().get(&row.address).cloned(),
            generated: None,
        });
        ordinal(changes.len() - 1)
    }

    fn check_prevent_destroy(&self, block: &BlockWork, row: &Row, action: Action) {
        if !action.is_destroying() {
            return;
        }
        let resource = self.graph.resource(block.node);
        let Some(expression) = &resource.lifecycle.prevent_destroy else { return };
        if self.is_true(expression, block, &row.repetition) {
            self.report(super::orphans::prevented(&row.address, expression.span()));
        }
    }

    fn is_true(
        &self,
        expression: &formwork_lang::Expression,
        block: &BlockWork,
        repetition: &RowRepetition,
    ) -> bool {
        let scope = self.evaluator.scope(self.graph.node(block.node).module, block.row, repetition.clone());
        let (value, diagnostics) = expression.evaluate(&scope);
        self.diagnostics.borrow_mut().append(diagnostics);
        value.unmark().0.as_bool() == Some(true)
    }

    pub(super) fn check_postconditions(&self, block: &BlockWork) {
        let resource = self.graph.resource(block.node);
        if resource.lifecycle.postconditions.is_empty() {
            return;
        }
        let cell = self.evaluator.resource(block.node, block.row);
        for (place, row) in block.rows.iter().enumerate() {
            let mut scope =
                self.evaluator.scope(self.graph.node(block.node).module, block.row, row.repetition.clone());
            scope.self_value = cell.values.borrow().get(place).cloned();
            let address = row.address.to_string();
            self.evaluator.check_all(
                &resource.lifecycle.postconditions,
                &scope,
                Checked { node: block.node, address: &address },
                "Resource postcondition failed",
            );
            self.take_evaluation_diagnostics(Some(&address));
        }
    }
}

/// Adds what order needs besides what was read: `depends_on`, conditions, the calls around, the parts of
/// expressions that were not evaluated.
pub(crate) fn add_static_reads(
    graph: &Graph,
    evaluator: &Evaluator<'_>,
    node: NodeId,
    row: u32,
    reads: &mut Vec<Read>,
) {
    let graph_node = graph.node(node);
    let read_nodes: Vec<NodeId> = reads
        .iter()
        .map(|read| match read {
            Read::Node(node, _) | Read::Instance(node, _, _) | Read::Block(node, _) => *node,
        })
        .collect();
    let unread = graph_node
        .reads
        .iter()
        .copied()
        .filter(|target| !read_nodes.contains(target) && Some(*target) != graph_node.provider);
    for target in unread {
        let is_call_above =
            graph.modules[graph_node.module.0 as usize].parent.is_some_and(|(_, call)| call == target);
        if is_call_above {
            reads.push(Read::Node(target, evaluator.row(graph_node.module, row).parent));
        } else {
            reads.extend(evaluator.blocks_of(graph_node.module, row, &[target]));
        }
    }
    for reference in &graph.resource(node).depends_on {
        let targets = graph.targets(graph_node.module, reference);
        reads.extend(evaluator.blocks_of(graph_node.module, row, &targets));
    }
    reads.sort_unstable();
    reads.dedup();
}

struct Decided {
    value: Value,
    change: Option<u32>,
    is_deferred: bool,
}

fn planned_private(row: &Row) -> Vec<u8> {
    match &row.outcome {
        Outcome::Asked(Some(planned)) => planned.private.clone(),
        _ => Vec::new(),
    }
}

fn is_replace(row: &Row) -> bool {
    match &row.outcome {
        Outcome::Asked(Some(planned)) => {
            row.prior.is_some() && (row.forced.is_some() || !planned.requires_replace.is_empty())
        }
        _ => false,
    }
}
