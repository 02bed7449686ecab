//! Ephemeral values: the resources that are open while a plan or an apply runs, and where such values may stand.
//!
//! Invariant: what an ephemeral resource gave is kept here and in cells that expressions read, and nowhere else: neither
//! plan, state, journal nor an event holds any of it. Whatever was opened is closed at the end, also on an error.

use crate::connections::{Connections, error_diagnostic};
use crate::environment::Environment;
use crate::evaluate::{Evaluator, Read, ResourceCell, RowRepetition};
use crate::event::{EphemeralAct, Event};
use crate::graph::{Graph, NodeId, NodeKind};
use crate::ordinal::ordinal;
use crate::schema::{Kind, is_write_only};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Body, Mode, Output};
use formwork_sdk::{Connection, ProviderError, Request, Response};
use formwork_state::{Address, BlockAddress, ObjectKey};
use formwork_value::{Mark, MarkKind, Marks, Path, Value};
use futures::future::{Either, LocalBoxFuture, select};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

/// What `terraform.applying` answers: a plan and its apply see it otherwise, so nothing of it may be stored.
pub(crate) fn applying(is_applying: bool) -> Value {
    let mark = Mark::new(MarkKind::Ephemeral, "terraform.applying");
    Value::bool(is_applying).with_marks(&Marks::one(mark))
}

/// One ephemeral resource that is open.
struct Opened {
    address: Address,
    kind: Rc<Kind>,
    configuration: Value,
    connection: Arc<dyn Connection>,
    value: Value,
    private: Vec<u8>,
    renew_at_ms: Option<u64>,
}

/// What is open in one phase, in the order in which it was opened.
#[derive(Default)]
pub(crate) struct Ephemerals {
    open: RefCell<Vec<Opened>>,
    /// What the configuration of each opened instance read.
    reads: RefCell<FxHashMap<(NodeId, u32), Vec<Read>>>,
    /// Held while instances of blocks are opened, so that two steps do not open one twice.
    pub(crate) opening: futures::lock::Mutex<()>,
}

/// An instance to be opened.
pub(crate) struct Opening<'a> {
    pub(crate) address: &'a Address,
    pub(crate) kind: &'a Rc<Kind>,
    pub(crate) connection: &'a Arc<dyn Connection>,
    /// Wholly known, marks off.
    pub(crate) configuration: &'a Value,
}

impl Ephemerals {
    /// Opens a resource; one that is open with the same configuration is taken as it is.
    pub(crate) async fn open(
        &self,
        environment: &Environment,
        connections: &Connections,
        opening: Opening<'_>,
    ) -> Result<Value, Diagnostic> {
        let Opening { address, kind, connection, configuration } = opening;
        let is_it = |one: &&Opened| one.address == *address && one.configuration == *configuration;
        if let Some(known) = self.open.borrow().iter().find(is_it) {
            return Ok(known.value.clone());
        }
        let started_ms = begin(environment, address, EphemeralAct::Open);
        let request =
            Request::OpenEphemeral { kind: kind.name.to_string(), configuration: configuration.clone() };
        let failed = |error: &ProviderError| {
            error_diagnostic(error, "Opening an ephemeral resource failed", &address.to_string())
        };
        let (value, private, renew_after_ms) = match connections.ask(connection, request).await {
            Response::Opened(Ok(opened)) => opened,
            Response::Opened(Err(error)) => return Err(failed(&error)),
            _ => return Err(failed(&ProviderError::bug("the provider does not open this kind"))),
        };
        if !value.is_wholly_known() {
            return Err(failed(&ProviderError::bug("the provider gave a value that is not wholly known")));
        }
        end(environment, address, EphemeralAct::Open, started_ms);
        let renew_at_ms = renew_after_ms.map(|after_ms| environment.clock.monotonic_ms() + after_ms);
        self.open.borrow_mut().push(Opened {
            address: address.clone(),
            kind: kind.clone(),
            configuration: configuration.clone(),
            connection: connection.clone(),
            value: value.clone(),
            private,
            renew_at_ms,
        });
        Ok(value)
    }

    /// Notes what the configuration of a block's instances read.
    pub(crate) fn note_reads(&self, node: NodeId, row: u32, reads: Vec<Read>) {
        let mut all = self.reads.borrow_mut();
        let known = all.entry((node, row)).or_default();
        known.extend(reads);
        known.sort_unstable();
        known.dedup();
    }

    /// Reads with what ephemeral resources read in place of them: they are in no state, so nothing waits for them.
    pub(crate) fn through(&self, graph: &Graph, reads: &[Read]) -> Vec<Read> {
        let mut found = Vec::with_capacity(reads.len());
        let mut seen = rustc_hash::FxHashSet::default();
        let mut waiting = reads.to_vec();
        while let Some(read) = waiting.pop() {
            match read {
                Read::Instance(node, row, _) | Read::Block(node, row) if is_ephemeral(graph, node) => {
                    if seen.insert((node, row)) {
                        waiting.extend(self.reads.borrow().get(&(node, row)).into_iter().flatten());
                    }
                }
                _ => found.push(read),
            }
        }
        found
    }

    /// When the next one is to be renewed, in milliseconds from here; none when none is.
    fn renew_in_ms(&self, environment: &Environment) -> Option<u64> {
        let next = self.open.borrow().iter().filter_map(|one| one.renew_at_ms).min()?;
        Some(next.saturating_sub(environment.clock.monotonic_ms()))
    }

    /// Waits for work and meanwhile renews what is due.
    pub(crate) async fn while_renewing<T>(
        &self,
        environment: &Environment,
        connections: &Connections,
        work: impl Future<Output = T>,
        report: &dyn Fn(Diagnostic),
    ) -> T {
        let mut work = pin!(work);
        loop {
            let Some(pause_ms) = self.renew_in_ms(environment) else { return work.await };
            match select(work.as_mut(), environment.clock.sleep(pause_ms)).await {
                Either::Left((done, _)) => return done,
                Either::Right(_) => self.renew_due(environment, connections, report).await,
            }
        }
    }

    async fn renew_due(
        &self,
        environment: &Environment,
        connections: &Connections,
        report: &dyn Fn(Diagnostic),
    ) {
        let now_ms = environment.clock.monotonic_ms();
        let due: Vec<usize> = {
            let mut open = self.open.borrow_mut();
            let is_due = |one: &Opened| one.renew_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
            let due = (0..open.len()).filter(|at| is_due(&open[*at])).collect();
            // Whoever else looks meanwhile finds nothing to do.
            open.iter_mut().filter(|one| is_due(one)).for_each(|one| one.renew_at_ms = None);
            due
        };
        for at in due {
            let (address, connection, request) = {
                let open = self.open.borrow();
                let Some(one) = open.get(at) else { continue };
                let request =
                    Request::RenewEphemeral { kind: one.kind.name.to_string(), private: one.private.clone() };
                (one.address.clone(), one.connection.clone(), request)
            };
            let started_ms = begin(environment, &address, EphemeralAct::Renew);
            let failed = |error: &ProviderError| {
                error_diagnostic(error, "Renewing an ephemeral resource failed", &address.to_string())
            };
            match connections.ask(&connection, request).await {
                Response::Renewed(Ok(after_ms)) => {
                    let at_ms = after_ms.map(|after_ms| environment.clock.monotonic_ms() + after_ms);
                    if let Some(one) = self.open.borrow_mut().get_mut(at) {
                        one.renew_at_ms = at_ms;
                    }
                    end(environment, &address, EphemeralAct::Renew, started_ms);
                }
                Response::Reissued { after_ms, private } => {
                    let at_ms = after_ms.map(|after_ms| environment.clock.monotonic_ms() + after_ms);
                    if let Some(one) = self.open.borrow_mut().get_mut(at) {
                        (one.renew_at_ms, one.private) = (at_ms, private);
                    }
                    end(environment, &address, EphemeralAct::Renew, started_ms);
                }
                Response::Renewed(Err(error)) => report(failed(&error)),
                _ => report(failed(&ProviderError::bug("the provider does not renew this kind"))),
            }
        }
    }

    /// Closes everything, the last opened first.
    pub(crate) async fn close_all(
        &self,
        environment: &Environment,
        connections: &Connections,
    ) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        loop {
            let Some(one) = self.open.borrow_mut().pop() else { return diagnostics };
            let started_ms = begin(environment, &one.address, EphemeralAct::Close);
            let request = Request::CloseEphemeral { kind: one.kind.name.to_string(), private: one.private };
            let failed = |error: &ProviderError| {
                error_diagnostic(error, "Closing an ephemeral resource failed", &one.address.to_string())
            };
            match connections.ask(&one.connection, request).await {
                Response::Renewed(Ok(_)) => end(environment, &one.address, EphemeralAct::Close, started_ms),
                Response::Renewed(Err(error)) => diagnostics.push(failed(&error)),
                _ => diagnostics.push(failed(&ProviderError::bug("the provider does not close this kind"))),
            }
        }
    }
}

fn begin(environment: &Environment, address: &Address, act: EphemeralAct) -> u64 {
    let key = ObjectKey::current(address.clone());
    environment.observer.observe(Event::EphemeralStart { key, act });
    environment.clock.monotonic_ms()
}

fn end(environment: &Environment, address: &Address, act: EphemeralAct, started_ms: u64) {
    let elapsed_ms = environment.clock.monotonic_ms().saturating_sub(started_ms);
    let key = ObjectKey::current(address.clone());
    environment.observer.observe(Event::EphemeralComplete { key, act, elapsed_ms });
}

/// Whether a node is an `ephemeral` block.
pub(crate) fn is_ephemeral(graph: &Graph, node: NodeId) -> bool {
    matches!(graph.node(node).kind, NodeKind::Resource(_)) && graph.resource(node).mode == Mode::Ephemeral
}

/// The `ephemeral` blocks that a block reads, directly or through values, provider configurations and others of their
/// own kind, each after those it reads itself.
fn blocks_read(graph: &Graph, node: NodeId) -> Vec<NodeId> {
    let mut found = rustc_hash::FxHashSet::default();
    let mut seen = rustc_hash::FxHashSet::default();
    let mut waiting = graph.node(node).reads.clone();
    while let Some(read) = waiting.pop() {
        if !seen.insert(read) {
            continue;
        }
        let is_ephemeral = is_ephemeral(graph, read);
        if is_ephemeral {
            found.insert(read);
        }
        if is_ephemeral || !matches!(graph.node(read).kind, NodeKind::Resource(_)) {
            waiting.extend(&graph.node(read).reads);
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    graph.order.iter().copied().filter(|id| found.contains(id)).collect()
}

/// Whether a configuration has any `ephemeral` block.
pub(crate) fn has_any(graph: &Graph) -> bool {
    graph.modules.iter().any(|node| node.module.resources.iter().any(|one| one.mode == Mode::Ephemeral))
}

/// How whoever opens resources connects to their providers.
pub(crate) trait Connecting {
    /// The connection of an instance of a block; none when there is none yet, or with an error that was reported.
    fn connection<'s>(
        &'s self,
        node: NodeId,
        row: u32,
        repetition: &'s RowRepetition,
    ) -> LocalBoxFuture<'s, Option<Arc<dyn Connection>>>;

    /// Takes a finding.
    fn report(&self, diagnostic: Diagnostic);
}

/// What opening blocks on demand works with.
pub(crate) struct Opener<'x, 'a> {
    pub(crate) graph: &'x Graph,
    pub(crate) evaluator: &'x Evaluator<'a>,
    pub(crate) ephemerals: &'x Ephemerals,
    pub(crate) environment: &'x Environment,
    pub(crate) connections: &'x Connections,
}

impl Opener<'_, '_> {
    /// Opens what a block reads of ephemeral resources, as far as their configurations are known.
    pub(crate) async fn open_for(&self, node: NodeId, connecting: &dyn Connecting) {
        let blocks = blocks_read(self.graph, node);
        if blocks.is_empty() {
            return;
        }
        let _alone = self.ephemerals.opening.lock().await;
        for block in blocks {
            for row in 0..ordinal(self.evaluator.row_count(self.graph.node(block).module)) {
                self.open_block(block, row, connecting).await;
            }
        }
    }

    async fn open_block(&self, node: NodeId, row: u32, connecting: &dyn Connecting) {
        let graph_node = self.graph.node(node);
        let resource = self.graph.resource(node);
        let provider = graph_node.provider.and_then(|id| self.graph.node(id).provider_address.clone());
        let Some(provider) = provider else { return };
        let mode = formwork_state::Mode::Ephemeral;
        let Some(kind) = self.connections.kind(&provider.provider, mode, &resource.type_name) else { return };
        let module = self.evaluator.row(graph_node.module, row).address.clone();
        let block = BlockAddress::new(
            module,
            formwork_state::Mode::Ephemeral,
            resource.type_name.clone(),
            resource.name.clone(),
        );
        let expansion = self.evaluator.expansion(node, row);
        if expansion.undecided.is_some() {
            return;
        }
        let cell = self.cell(node, row);
        for (place, (key, repetition)) in expansion.rows.iter().enumerate() {
            if cell.values.borrow().get(place).is_none_or(Value::is_wholly_known) {
                continue;
            }
            let scope = self.evaluator.scope(graph_node.module, row, repetition.clone());
            let (value, found) = resource.body.decode(&kind.decode, &scope);
            let mut reads = scope.into_reads();
            crate::plan::add_static_reads(self.graph, self.evaluator, node, row, &mut reads);
            if let Some(provider) = graph_node.provider.map(|id| self.graph.node(id)) {
                reads.extend(self.evaluator.blocks_of(provider.module, 0, &provider.reads));
            }
            self.ephemerals.note_reads(node, row, reads);
            let (configuration, marks) = value.unmark_deep();
            if found.has_errors() || !configuration.is_wholly_known() {
                continue;
            }
            let Some(connection) = connecting.connection(node, row, repetition).await else { continue };
            let address = block.instance(key.clone());
            let connection = self.connections.connection_of(&address, &provider, &connection);
            let opening = Opening {
                address: &address,
                kind: &kind,
                connection: &connection,
                configuration: &configuration,
            };
            match self.ephemerals.open(self.environment, self.connections, opening).await {
                Ok(value) => {
                    let value = kind.mark_sensitive(&value.mark_paths(&storable(marks)));
                    cell.set(ordinal(place), value);
                }
                Err(diagnostic) => connecting.report(diagnostic.at(resource.span)),
            }
        }
    }

    /// The instances of a block, each unknown until it is open.
    fn cell(&self, node: NodeId, row: u32) -> Rc<ResourceCell> {
        let cell = self.evaluator.resource(node, row);
        if !cell.is_undecided {
            return cell;
        }
        let expansion = self.evaluator.expansion(node, row);
        let keys: Vec<_> = expansion.rows.iter().map(|(key, _)| key.clone()).collect();
        let values = vec![Value::unknown(formwork_value::Type::Dynamic); keys.len()];
        self.evaluator.set_resource(node, row, ResourceCell::new(expansion.repetition, keys, values))
    }
}

/// Marks without those that say that a value is never stored.
pub(crate) fn storable(marks: Vec<(Path, Marks)>) -> Vec<(Path, Marks)> {
    let stored = marks.into_iter().map(|(path, marks)| (path, marks.without(MarkKind::Ephemeral)));
    stored.filter(|(_, marks)| !marks.is_empty()).collect()
}

/// The value with nulls in place of what is never stored, and without marks.
pub(crate) fn stored_form(value: &Value) -> Value {
    crate::plan_file::without_ephemeral(value).unmark_deep().0
}

/// Where ephemeral values stand in a configuration that is stored: only write-only attributes take them.
pub(crate) fn misplaced(marks: &[(Path, Marks)], kind: &Kind, body: &Body) -> Diagnostics {
    let wrong = marks
        .iter()
        .filter(|(path, marks)| marks.has(MarkKind::Ephemeral) && !is_write_only(&kind.schema.block, path));
    let diagnostic = |(path, _): &(Path, Marks)| {
        let detail = format!(
            "Attribute {:?} is referencing an ephemeral value but ephemeral values can be referenced only by other ephemeral attributes or by write-only ones.",
            path.to_string()
        );
        let mut diagnostic =
            Diagnostic::error("ephemeral-value", "Ephemeral value used in non-ephemeral context", detail);
        diagnostic.subject = body.span_of(path).or(Some(body.header()));
        diagnostic.hint(
            "Use a write-only attribute where the kind has one, a provider's configuration, or a provisioner.",
        )
    };
    wrong.map(diagnostic).collect()
}

/// Says that an output does not take an ephemeral value.
pub(crate) fn refused_output(output: &Output) -> Diagnostic {
    let detail =
        "The value that was generated for the output is ephemeral, but it is not configured to allow one.";
    Diagnostic::error("ephemeral-output", "Output does not allow ephemeral value", detail)
        .at(output.value.span())
        .in_block(format!("output {:?}", output.name.as_str()))
        .hint("Set ephemeral = true, which outputs of child modules may have, or give another value.")
}
