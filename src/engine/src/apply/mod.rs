//! Performing a plan: each act recorded before it begins and after it ended.
//!
//! The life of a step: [`step`] evaluates its inputs again and makes its recipe, [`drive`] records the intent, calls,
//! waits, and records the outcome; [`provision`] runs provisioners;
//! [`recover`] takes up what an earlier run left open; [`rollback`] undoes what a failed run did; [`prepare`] puts planned and
//! stored values where expressions find them.
//!
//! Invariant: apply decides nothing about order or actions; what it does is a step of the plan.

mod drive;
mod ephemeral;
mod prepare;
mod provision;
mod recover;
mod rollback;
mod step;

use crate::connections::Connections;
use crate::environment::Environment;
use crate::ephemeral::Ephemerals;
use crate::evaluate::Evaluator;
use crate::graph::{Graph, NodeId};
use crate::model::{Plan, Step, Work};
use crate::ordinal::ordinal;
use crate::plan::Reach;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Module, Source};
use formwork_state::{Address, DeposedKey, Record, Store};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

/// So many times as many acts as may run at once are begun at most, those counted that wait for their target.
const PARKED_AT_MOST: usize = 8;

/// What to apply.
pub struct ApplyInput<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The module tree, loaded from the plan's own files.
    pub root: Arc<Module>,
    /// Files for file functions.
    pub files: &'a dyn Source,
    /// The open store.
    pub store: &'a Store,
    /// The run's id.
    pub run: String,
    /// Says who owns objects.
    pub owner: String,
    /// What `terraform.workspace` answers.
    pub workspace: String,
    /// The stage, from 0.
    pub stage: u32,
    /// Steps that an earlier part of the run finished.
    pub finished: BTreeSet<u32>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Applied {
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// Objects made.
    pub added: usize,
    /// Objects changed.
    pub changed: usize,
    /// Objects removed.
    pub destroyed: usize,
    /// Objects forgotten.
    pub forgotten: usize,
    /// Whether somebody asked to stop, so that steps are left.
    pub is_interrupted: bool,
}

/// Everything one apply works with.
pub(crate) struct Applier<'a> {
    pub(crate) environment: Environment,
    pub(crate) input: &'a ApplyInput<'a>,
    pub(crate) graph: &'a Graph,
    pub(crate) reach: Reach,
    pub(crate) evaluator: Evaluator<'a>,
    pub(crate) connections: &'a Connections,
    pub(crate) ephemerals: Ephemerals,
    pub(crate) has_ephemerals: bool,
    pub(crate) diagnostics: RefCell<Diagnostics>,
    pub(crate) applied: RefCell<Applied>,
    pub(crate) deposed: RefCell<FxHashMap<Address, DeposedKey>>,
    pub(crate) configurations: RefCell<BTreeMap<String, Arc<serde_json::value::RawValue>>>,
    pub(crate) is_broken: Cell<bool>,
    /// How many acts ended at their target and wait to be recorded.
    pub(crate) ending: Cell<usize>,
    pub(crate) create_before_destroy: rustc_hash::FxHashSet<NodeId>,
    pub(crate) planned_connections:
        RefCell<FxHashMap<formwork_state::ProviderConfigAddress, PlannedConnection>>,
}

/// A connection of what is made, with what its configuration read.
#[derive(Clone)]
pub(crate) struct PlannedConnection {
    pub(crate) connection: Arc<dyn formwork_sdk::Connection>,
    pub(crate) edges: Vec<formwork_state::Edge>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepEnd {
    /// What waits for it may begin.
    Done,
    /// What waits for it may not.
    Failed,
    /// It was left in a recorded wait, or not begun, since somebody asked to stop.
    Stopped,
}

/// Performs the steps of a plan that are not finished yet.
pub async fn apply(environment: &Environment, input: &ApplyInput<'_>, connections: &Connections) -> Applied {
    with_applier(environment, input, connections, async |applier| applier.run().await).await
}

/// Prepares an applier and lets it do what is asked.
async fn with_applier(
    environment: &Environment,
    input: &ApplyInput<'_>,
    connections: &Connections,
    work: impl AsyncFnOnce(&Applier<'_>),
) -> Applied {
    let (graph, diagnostics) = Graph::build(&input.root);
    if diagnostics.has_errors() {
        return Applied { diagnostics, ..Applied::default() };
    }
    let variables =
        input.plan.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect();
    let applier = Applier {
        environment: environment.clone(),
        input,
        graph: &graph,
        reach: Reach::of(&input.plan.focus, &graph, &input.store.folded().state, input.plan.mode),
        evaluator: prepare::evaluator(&graph, input, &variables, connections),
        connections,
        ephemerals: Ephemerals::default(),
        has_ephemerals: crate::ephemeral::has_any(&graph),
        diagnostics: RefCell::default(),
        applied: RefCell::default(),
        deposed: RefCell::default(),
        configurations: RefCell::default(),
        is_broken: Cell::new(false),
        ending: Cell::new(0),
        create_before_destroy: crate::order::spread_create_before_destroy(&graph),
        planned_connections: RefCell::default(),
    };
    applier.evaluator.is_applying.set(true);
    applier.remember_deposed();
    work(&applier).await;
    applier.close_ephemerals().await;
    let found = applier.evaluator.take_diagnostics();
    applier.diagnostics.borrow_mut().append(found);
    let mut outcome = applier.applied.into_inner();
    outcome.diagnostics = applier.diagnostics.into_inner();
    outcome
}

impl Applier<'_> {
    async fn run(&self) {
        let blocked = self.take_up_open().await;
        let mut finished = self.input.finished.clone();
        if self.input.stage == 0
            && let Some(run) = &self.input.store.folded().run
        {
            finished.extend(&run.finished_steps);
        }
        self.run_steps(&self.input.plan.steps, &finished, &blocked).await;
        self.open_for_ends().await;
        if self.input.plan.mode != crate::model::RunMode::Destroy && !self.applied.borrow().is_interrupted {
            self.evaluator.check_blocks();
        }
        self.record_ends().await;
    }

    /// Objects that an earlier part of this run set aside.
    fn remember_deposed(&self) {
        for change in self
            .input
            .plan
            .changes
            .iter()
            .filter(|change| change.action == crate::model::Action::CreateThenDelete)
        {
            let own: Vec<_> = self
                .input
                .plan
                .changes
                .iter()
                .filter(|other| other.address == change.address)
                .filter_map(|other| other.deposed.clone())
                .collect();
            let standing = self.input.store.folded().state.deposed(&change.address);
            if let Some(key) = standing.into_iter().find(|key| !own.contains(key)) {
                self.deposed.borrow_mut().insert(change.address.clone(), key);
            }
        }
    }

    /// Starts each step when those it waits for are done, as many at once as allowed.
    ///
    /// What all of them record until nothing can go on shares one flush: the ends of some, the intents of the next.
    async fn run_steps(&self, steps: &[Step], finished: &BTreeSet<u32>, blocked: &BTreeSet<u32>) {
        let mut queue = Queue::of(steps);
        let mut running = FuturesUnordered::new();
        let mut advance = |context: &mut Context<'_>| {
            loop {
                while self.has_room(running.len())
                    && let Some(id) = queue.ready.pop_front()
                {
                    let step = &steps[id as usize];
                    if step.work == Work::Barrier || finished.contains(&id) {
                        queue.release(id);
                    } else if blocked.contains(&id) {
                        continue;
                    } else if self.may_start() {
                        running.push(async move { (id, self.perform(step).await) });
                    } else {
                        self.applied.borrow_mut().is_interrupted = true;
                    }
                }
                match running.poll_next_unpin(context) {
                    Poll::Ready(Some((id, StepEnd::Done))) => queue.release(id),
                    Poll::Ready(Some((_, StepEnd::Failed))) => {}
                    Poll::Ready(Some((_, StepEnd::Stopped))) => {
                        self.applied.borrow_mut().is_interrupted = true;
                    }
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending if self.has_room(running.len()) && !queue.ready.is_empty() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        };
        poll_fn(|context| self.input.store.gather(|| advance(context))).await;
        if self.applied.borrow().is_interrupted && self.environment.is_interrupted() {
            self.report(crate::plan::interrupted());
        }
    }

    /// Whether another step may begin. Acts that wait for a target that has enough to do take no place from those of
    /// others, and neither do those that ended at their target and wait to be recorded.
    fn has_room(&self, running: usize) -> bool {
        let limit = self.environment.parallelism.max(1);
        let idle = self.connections.waiting() + self.ending.get();
        running.saturating_sub(idle) < limit && running < limit * PARKED_AT_MOST
    }

    fn may_start(&self) -> bool {
        !self.environment.is_interrupted() && !self.is_broken.get()
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Appends a record and waits until it is durable; when that fails nothing more is started.
    pub(crate) async fn record(&self, record: &Record) -> Result<(), ()> {
        match self.input.store.append(record).await {
            Ok(()) => Ok(()),
            Err(diagnostic) => {
                if !self.is_broken.replace(true) {
                    self.report(diagnostic);
                }
                Err(())
            }
        }
    }

    /// Outputs, edges of values in between, and provider configurations, once all steps ended.
    async fn record_ends(&self) {
        if self.is_broken.get() {
            return;
        }
        let records = [
            self.outputs_record(),
            self.data_record(),
            self.imported_edges_record(),
            self.node_edges_record(),
            self.providers_record(),
            self.checks_record(),
        ];
        for record in records.into_iter().flatten() {
            if self.record(&record).await.is_err() {
                return;
            }
        }
    }

    /// The block of an instance, also where nobody can say which instances it has.
    pub(crate) fn block_of(&self, address: &Address) -> Option<NodeId> {
        let module = self.graph.find_module_of(address.module())?;
        let mode = crate::plan::language_mode(address.mode());
        self.graph.find_resource(module, mode, address.type_name(), address.name())
    }

    /// The node, module row and place of an instance.
    pub(crate) fn position(&self, address: &Address) -> Option<(NodeId, u32, u32)> {
        let node = self.block_of(address)?;
        let row = self.evaluator.find_row(self.graph.node(node).module, address.module())?;
        let place = self.evaluator.resource(node, row).place(address.key())?;
        Some((node, row, place))
    }
}

/// The steps that may begin, and what the others wait for.
struct Queue {
    ready: VecDeque<u32>,
    waits: Vec<u32>,
    dependents: Vec<Vec<u32>>,
}

impl Queue {
    fn of(steps: &[Step]) -> Self {
        let waits = steps.iter().map(|step| ordinal(step.after.len())).collect();
        let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); steps.len()];
        for step in steps {
            for before in &step.after {
                dependents[*before as usize].push(step.id);
            }
        }
        let ready = steps.iter().filter(|step| step.after.is_empty()).map(|step| step.id).collect();
        Self { ready, waits, dependents }
    }

    /// A step is done: what waited for it alone may begin.
    fn release(&mut self, step: u32) {
        for dependent in &self.dependents[step as usize] {
            let left = &mut self.waits[*dependent as usize];
            *left -= 1;
            if *left == 0 {
                self.ready.push_back(*dependent);
            }
        }
    }
}

pub use recover::{Recovered, recover};
pub use rollback::{RolledBack, roll_back};
