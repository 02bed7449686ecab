//! From configuration, variables, state and fresh readings to a plan.
//!
//! A resource's life passes through here in this order: [`kinds`] finds its schema, [`convert`] brings what is stored
//! to it, [`refresh`] reads what is live,
//! [`instances`] evaluates each instance and asks its provider for the planned value, [`data`] reads data sources,
//! [`deferral`] puts off what a later stage plans, [`orphans`] finds what is no longer in the configuration,
//! [`crate::order`] turns all changes into steps.
//!
//! Invariant: nothing is changed, neither in a target nor in the state.

mod convert;
mod data;
mod deferral;
mod ephemeral;
mod ignored;
mod imports;
mod instances;
mod kinds;
mod moves;
mod orphans;
mod provider;
mod provisioners;
mod reach;
mod refresh;
mod removed;
mod triggers;
mod unreachable;

pub(crate) use ignored::ignore_changes;
pub use instances::PlannedRow;
pub(crate) use instances::add_static_reads;
pub(crate) use kinds::language_mode;
pub use kinds::{check_bodies, mode_of, validate_configuration};
pub use provider::ProviderNode;
pub(crate) use provider::{
    address_of_instance, evaluate_configuration, instance_repetition, node_of_configuration,
};
pub(crate) use provisioners::repetition_of;
pub(crate) use reach::{Reach, node_of as block_of};
pub(crate) use removed::is_removed_by;

use crate::connections::Connections;
use crate::environment::Environment;
use crate::ephemeral::Ephemerals;
use crate::evaluate::{Evaluator, EvaluatorOptions, Expansion, ResourceCell, RootVariables};
use crate::focus::Focus;
use crate::graph::{Graph, ModuleId, NodeId, NodeKind};
use crate::model::{
    Action, Change, DataResult, EnvelopeEntry, Importing, OutputChange, Plan, PlannedVariable,
    RelevantAttribute, Rewrites, RunMode, StoredReading,
};
use crate::objects::PriorObject;
use crate::order;
use crate::ordinal::ordinal;
use crate::relevant;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_lang::{Module, Source};
use formwork_sdk::Connection;
use formwork_state::{Address, Key, ModuleInstance, ObjectKey, OpenRun, ProviderConfigAddress, State};
use formwork_value::{Type, Value};
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// What stands, by address: as stored, or as a fresh reading found it.
pub(crate) type Priors = Rc<RefCell<FxHashMap<Address, Rc<PriorObject>>>>;

/// The rows of each block in each row of its module.
type PlannedRows = FxHashMap<(NodeId, u32), Rc<[PlannedRow]>>;

/// What to plan.
pub struct PlanInput<'a> {
    /// The module tree.
    pub root: Arc<Module>,
    /// Texts of the configuration, for causes.
    pub sources: &'a Sources,
    /// Files for file functions.
    pub files: &'a dyn Source,
    /// The files the configuration was read from, kept in the plan.
    pub recorded: BTreeMap<String, Vec<u8>>,
    /// Root variables, decided.
    pub variables: RootVariables,
    /// What was given for them, before defaults and conversions.
    pub given: RootVariables,
    /// Names of variables that took their default.
    pub defaulted: FxHashSet<ArcStr>,
    /// The state as it stands, the journal folded in.
    pub state: &'a State,
    /// A run that was cut off, if there is one: its open objects are not planned.
    pub open_run: Option<&'a OpenRun>,
    /// What kind of run.
    pub mode: RunMode,
    /// Whether to read what is live first.
    pub refresh: bool,
    /// What `plantimestamp()` answers.
    pub timestamp: String,
    /// What `terraform.workspace` answers.
    pub workspace: String,
    /// Says who owns objects: written on them.
    pub owner: String,
    /// What it is about.
    pub focus: Focus,
    /// Instances that are replaced though nothing asks for it.
    pub replace: Vec<Address>,
    /// Objects to import beside those of `import` blocks.
    pub imports: Vec<(Address, String)>,
    /// Whether what would open a later stage is an error.
    pub one_stage: bool,
    /// Whether objects behind a provider that cannot be reached are given up.
    pub forget_unreachable: bool,
    /// Targets whose id may differ from the one in state, by provider configuration.
    pub accepted_targets: Vec<String>,
}

/// A plan, perhaps errored, with everything found on the way.
pub struct Planning {
    /// The plan; errored where the diagnostics hold errors.
    pub plan: Plan,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

/// Everything one planning works with.
pub(crate) struct Planner<'a> {
    pub(crate) environment: Environment,
    pub(crate) input: &'a PlanInput<'a>,
    pub(crate) graph: &'a Graph,
    pub(crate) evaluator: Evaluator<'a>,
    pub(crate) connections: &'a Connections,
    pub(crate) ephemerals: Ephemerals,
    pub(crate) has_ephemerals: bool,
    pub(crate) state: &'a State,
    pub(crate) origins: FxHashMap<Address, Address>,
    pub(crate) removed: Vec<removed::Removed>,
    pub(crate) imported: RefCell<FxHashMap<Address, Importing>>,
    pub(crate) priors: Priors,
    pub(crate) reach: Reach,
    pub(crate) deposed: RefCell<Vec<(ObjectKey, Rc<PriorObject>)>>,
    pub(crate) readings: RefCell<Vec<StoredReading>>,
    pub(crate) prior_configurations: RefCell<Vec<(ProviderConfigAddress, Value)>>,
    pub(crate) ended: RefCell<FxHashSet<ObjectKey>>,
    pub(crate) rewrites: RefCell<Rewrites>,
    pub(crate) data_results: RefCell<Vec<DataResult>>,
    pub(crate) prior_connections: RefCell<IndexMap<ProviderConfigAddress, Arc<dyn Connection>>>,
    pub(crate) unreachable: RefCell<FxHashSet<ProviderConfigAddress>>,
    pub(crate) refused_targets: RefCell<FxHashSet<String>>,
    pub(crate) providers: RefCell<FxHashMap<(NodeId, Key), Rc<ProviderNode>>>,
    pub(crate) deferred_nodes: RefCell<FxHashSet<NodeId>>,
    pub(crate) rows: RefCell<PlannedRows>,
    pub(crate) changes: RefCell<Vec<Change>>,
    pub(crate) drift: RefCell<Vec<Change>>,
    pub(crate) envelope: RefCell<Vec<EnvelopeEntry>>,
    standing: RefCell<Option<deferral::Standing>>,
    pub(crate) awaits: RefCell<Vec<String>>,
    pub(crate) diagnostics: RefCell<Diagnostics>,
    pub(crate) create_before_destroy: FxHashSet<NodeId>,
}

/// What every evaluator of one plan looks at.
fn evaluator_options<'a>(input: &'a PlanInput<'_>, environment: &Environment) -> EvaluatorOptions<'a> {
    EvaluatorOptions {
        files: input.files,
        timestamp: input.timestamp.clone(),
        workspace: input.workspace.clone(),
        variables: &input.variables,
        providers: environment.providers.clone(),
    }
}

/// Plans.
pub async fn plan(environment: &Environment, input: &PlanInput<'_>, connections: &Connections) -> Planning {
    let (graph, mut diagnostics) = Graph::build(&input.root);
    if diagnostics.has_errors() {
        return Planning { plan: empty_plan(input, true), diagnostics };
    }
    diagnostics.append(kinds::check_kinds(&graph, connections, environment));
    if diagnostics.has_errors() {
        return Planning { plan: empty_plan(input, true), diagnostics };
    }
    let (moved, found) = moves::moved(&graph, input.state, input.open_run);
    diagnostics.append(found);
    if diagnostics.has_errors() {
        return Planning { plan: empty_plan(input, true), diagnostics };
    }
    let origins = moved.as_ref().map(|moved| moved.origins.clone()).unwrap_or_default();
    let state = moved.as_ref().map_or(input.state, |moved| &moved.state);
    let ground = Ground { environment, input, graph: &graph, connections, origins };
    let (converted, found) = convert::converted(&ground, state).await;
    diagnostics.append(found);
    if diagnostics.has_errors() {
        return Planning { plan: empty_plan(input, true), diagnostics };
    }
    let state = converted.as_ref().unwrap_or(state);
    let planner = ground.planner(state, diagnostics);
    let mut planning = planner.run().await;
    planning.plan.moves = moved.as_ref().map_or_else(Vec::new, |moved| moved.moves.clone());
    let is_moved_with_notes = moved.is_some() && !planning.plan.rewrites.is_empty();
    if converted.is_some() || is_moved_with_notes {
        let noted = std::mem::take(&mut planning.plan.rewrites);
        planning.plan.rewrites = convert::difference(input.state, state, noted);
    }
    planning
}

/// What planning begins with, before it is known what stands.
struct Ground<'a> {
    environment: &'a Environment,
    input: &'a PlanInput<'a>,
    graph: &'a Graph,
    connections: &'a Connections,
    origins: FxHashMap<Address, Address>,
}

impl<'a> Ground<'a> {
    /// A planner over what stands.
    fn planner(&'a self, state: &'a State, diagnostics: Diagnostics) -> Planner<'a> {
        let Self { environment, input, graph, connections, origins } = self;
        let priors = Priors::default();
        let reach = Reach::of(&input.focus, graph, state, input.mode);
        let standing = priors.clone();
        let is_partial = input.mode != RunMode::Normal || !reach.is_everything();
        let source = Box::new(move |node: NodeId, module: &ModuleInstance, _: &dyn Fn() -> Rc<Expansion>| {
            if is_partial {
                provider::standing_cell(graph, connections, state, &standing, node, module)
            } else {
                ResourceCell::undecided()
            }
        });
        Planner {
            environment: (*environment).clone(),
            input,
            graph,
            evaluator: Evaluator::new(graph, evaluator_options(input, environment), source),
            connections,
            ephemerals: Ephemerals::default(),
            has_ephemerals: crate::ephemeral::has_any(self.graph),
            state,
            removed: removed::removed_blocks(graph),
            imported: RefCell::default(),
            origins: origins.clone(),
            priors,
            reach,
            deposed: RefCell::default(),
            readings: RefCell::default(),
            prior_configurations: RefCell::default(),
            ended: RefCell::default(),
            rewrites: RefCell::default(),
            data_results: RefCell::default(),
            prior_connections: RefCell::default(),
            unreachable: RefCell::default(),
            refused_targets: RefCell::default(),
            providers: RefCell::default(),
            deferred_nodes: RefCell::default(),
            rows: RefCell::default(),
            changes: RefCell::default(),
            drift: RefCell::default(),
            envelope: RefCell::default(),
            standing: RefCell::default(),
            awaits: RefCell::default(),
            diagnostics: RefCell::new(diagnostics),
            create_before_destroy: crate::order::spread_create_before_destroy(graph),
        }
    }
}

fn empty_plan(input: &PlanInput<'_>, errored: bool) -> Plan {
    let variables = input.variables.iter().map(|(name, value)| {
        let planned = PlannedVariable { value: value.clone(), is_default: input.defaulted.contains(name) };
        (name.clone(), planned)
    });
    Plan {
        mode: input.mode,
        timestamp: input.timestamp.clone(),
        lineage: input.state.lineage.clone(),
        base_serial: input.state.serial,
        files: input.recorded.clone(),
        variables: variables.collect(),
        ephemeral_variables: Vec::new(),
        given: input.given.clone(),
        changes: Vec::new(),
        drift: Vec::new(),
        relevant: Vec::new(),
        checks: Vec::new(),
        outputs: Vec::new(),
        steps: Vec::new(),
        stages: Vec::new(),
        targets: IndexMap::new(),
        recover: input.open_run.map_or_else(Vec::new, |run| run.in_flight().cloned().collect()),
        warnings: Diagnostics::new(),
        errored,
        readings: Vec::new(),
        data: Vec::new(),
        focus: input.focus.clone(),
        moves: Vec::new(),
        rewrites: Vec::new(),
        prior_configurations: Vec::new(),
    }
}

impl Planner<'_> {
    async fn run(self) -> Planning {
        self.evaluate_root_variables();
        let mut is_going = !self.has_errors();
        if is_going {
            self.check_focus();
            self.check_imports();
            self.load_priors().await;
            is_going = !self.has_errors();
        }
        if is_going && self.input.mode == RunMode::Normal {
            self.walk().await;
        }
        if is_going && self.input.mode != RunMode::RefreshOnly {
            self.plan_orphans().await;
        }
        self.take_evaluation_diagnostics(None);
        self.read_for_provisioners();
        self.close_ephemerals().await;
        self.finish()
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.borrow().has_errors()
    }

    /// Takes what evaluation found and names the object it was found for.
    pub(crate) fn take_evaluation_diagnostics(&self, address: Option<&str>) {
        let mut found = self.evaluator.take_diagnostics();
        if let Some(address) = address {
            for diagnostic in found.iter_mut().filter(|diagnostic| diagnostic.address.is_none()) {
                diagnostic.address = Some(address.to_owned());
            }
        }
        self.diagnostics.borrow_mut().append(found);
    }

    /// Says what the options of this plan leave open.
    fn check_focus(&self) {
        if !self.reach.is_everything() {
            self.report(partial_plan());
        }
        for address in &self.input.replace {
            let is_standing = self.state.current(address).is_some();
            let keys = self.state.block_instances(&address.block());
            if !is_standing && address.key().is_none() && !keys.is_empty() {
                self.report(triggers::incomplete_replace(address, &keys));
            }
        }
    }

    fn evaluate_root_variables(&self) {
        for (id, node) in (0..).map(NodeId).zip(&self.graph.nodes) {
            if node.module.0 == 0 && matches!(node.kind, NodeKind::Variable(_)) {
                self.evaluator.value(id, 0);
                self.evaluator.validate_variable(id, 0);
            }
        }
        self.take_evaluation_diagnostics(None);
    }

    /// Visits the blocks level by level, so that all resources that wait for nothing among themselves are planned
    /// side by side.
    async fn walk(&self) {
        for level in self.levels() {
            let mut resources = Vec::new();
            for id in level {
                if !self.reach.has_node(id) {
                    continue;
                }
                self.inherit_deferral(id);
                let node = self.graph.node(id);
                match &node.kind {
                    NodeKind::Resource(_) => resources.push(id),
                    NodeKind::Provider(..) => self.plan_provider(id).await,
                    NodeKind::Call(_) => {
                        self.evaluate_rows(id);
                        self.close_at_undecided(id);
                    }
                    _ => self.evaluate_rows(id),
                }
            }
            self.plan_resources(&resources).await;
            if self.environment.is_interrupted() {
                self.report(interrupted());
                return;
            }
        }
    }

    fn levels(&self) -> Vec<Vec<NodeId>> {
        let mut level_of = vec![0usize; self.graph.nodes.len()];
        let mut levels: Vec<Vec<NodeId>> = Vec::new();
        for id in &self.graph.order {
            let level = self
                .graph
                .node(*id)
                .reads
                .iter()
                .map(|read| level_of[read.0 as usize] + 1)
                .max()
                .unwrap_or(0);
            level_of[id.0 as usize] = level;
            if levels.len() <= level {
                levels.resize_with(level + 1, Vec::new);
            }
            levels[level].push(*id);
        }
        levels
    }

    /// A block that reads something deferred is deferred itself; values in between only pass it on.
    fn inherit_deferral(&self, id: NodeId) {
        let node = self.graph.node(id);
        let is_deferred = node.reads.iter().any(|read| {
            self.deferred_nodes.borrow().contains(read)
                && !(matches!(node.kind, NodeKind::Resource(_)) && Some(*read) == node.provider)
        });
        if is_deferred {
            self.deferred_nodes.borrow_mut().insert(id);
        }
    }

    /// Whatever stands in a module whose instances nobody can count yet is planned later.
    fn close_at_undecided(&self, id: NodeId) {
        self.await_instances(id);
        if self.evaluator.has_undecided(id) {
            self.deferred_nodes.borrow_mut().insert(id);
        }
    }

    fn evaluate_rows(&self, id: NodeId) {
        let rows = self.evaluator.row_count(self.graph.node(id).module);
        for row in 0..rows {
            self.evaluator.value(id, ordinal(row));
            if self.graph.node(id).module.0 != 0 {
                self.evaluator.validate_variable(id, ordinal(row));
            }
        }
        self.take_evaluation_diagnostics(None);
    }

    fn finish(self) -> Planning {
        let mut plan = empty_plan(self.input, self.has_errors());
        plan.outputs = self.plan_outputs();
        if !plan.errored && self.input.mode != RunMode::Destroy {
            self.evaluator.check_blocks();
        }
        plan.checks = self.evaluator.check_results();
        plan.relevant = self.relevant(&plan.outputs);
        self.take_evaluation_diagnostics(None);
        plan.targets = self.connections.targets();
        if !plan.errored && self.input.mode != RunMode::RefreshOnly {
            let ordered = order::steps(&self);
            match ordered {
                Ok(steps) => plan.steps = steps,
                Err(diagnostic) => self.report(diagnostic),
            }
        }
        plan.stages = self.later_stages();
        let drift = self.drifted();
        plan.changes = self.changes.into_inner();
        plan.drift = drift;
        plan.readings = self.readings.into_inner();
        plan.data = self.data_results.into_inner();
        plan.rewrites = self.rewrites.into_inner();
        plan.prior_configurations = self.prior_configurations.into_inner();
        let diagnostics = self.diagnostics.into_inner();
        plan.errored = diagnostics.has_errors();
        plan.warnings = diagnostics.iter().filter(|one| !one.is_error()).cloned().collect();
        Planning { plan, diagnostics }
    }

    /// What changes and outputs read: root outputs that change, and all outputs of other modules, whose values no
    /// state keeps.
    fn relevant(&self, outputs: &[OutputChange]) -> Vec<RelevantAttribute> {
        let mut all: Vec<(ModuleInstance, ArcStr)> = Vec::new();
        for output in outputs.iter().filter(|output| output.action != Action::NoOp) {
            all.push((ModuleInstance::root(), output.name.clone()));
        }
        let is_walked = self.input.mode != RunMode::Destroy && self.input.focus.targets.is_empty();
        for (id, node) in (0..).map(ModuleId).zip(&self.graph.modules).skip(1).filter(|_| is_walked) {
            for row in 0..self.evaluator.row_count(id) {
                let address = &self.evaluator.row(id, ordinal(row)).address;
                all.extend(node.module.outputs.keys().map(|name| (address.clone(), name.clone())));
            }
        }
        let changes = self.changes.borrow();
        let blocks = changes.iter().filter(|change| change.action != Action::NoOp);
        relevant::attributes(&self.input.root, blocks.map(|change| change.address.block()), all.into_iter())
    }

    fn plan_outputs(&self) -> Vec<OutputChange> {
        let root = &self.input.root;
        let mut outputs = Vec::new();
        let is_destroy = self.input.mode == RunMode::Destroy;
        for (name, output) in root.outputs.iter().filter(|_| !is_destroy) {
            let Some(id) = self.graph.find(crate::graph::ModuleId(0), NodeKind::Output(name.clone())) else {
                continue;
            };
            if !self.reach.has_value(self.graph, id) {
                continue;
            }
            let after = self.evaluator.value(id, 0);
            if after.has_mark_deep(formwork_value::MarkKind::Sensitive) && !output.sensitive {
                self.report(sensitive_output(name, output));
            }
            let stored = self.state.outputs.get(name);
            let before = stored.map_or_else(|| Value::null(Type::Dynamic), crate::objects::decode_output);
            let action = match stored {
                None if after.is_null() => continue,
                None => Action::Create,
                Some(_) if before.unmark_deep().0 == after.unmark_deep().0 => Action::NoOp,
                Some(_) if after.is_null() => Action::Delete,
                Some(_) => Action::Update,
            };
            outputs.push(OutputChange {
                name: name.clone(),
                action,
                before,
                after,
                sensitive: output.sensitive,
            });
        }
        let is_whole = self.reach.is_everything();
        for (name, stored) in self.state.outputs.iter().filter(|_| is_whole) {
            if is_destroy || !root.outputs.contains_key(name) {
                let before = crate::objects::decode_output(stored);
                outputs.push(OutputChange {
                    name: name.clone(),
                    action: Action::Delete,
                    before,
                    after: Value::null(Type::Dynamic),
                    sensitive: stored.sensitive,
                });
            }
        }
        outputs
    }
}

/// Says that the plan may not show all that the configuration asks for.
fn partial_plan() -> Diagnostic {
    Diagnostic::warning(
        "partial-plan",
        "Resource targeting is in effect",
        "With -target or -exclude only a part of the configuration is planned, so more may be left to do after it.",
    )
    .hint("Plan without these options afterwards, to see whether anything is left.")
}

fn sensitive_output(name: &str, output: &formwork_lang::Output) -> Diagnostic {
    Diagnostic::error("sensitive-output", "Output refers to sensitive values", "To reduce the risk of accidentally exporting sensitive data that was intended to be only internal, any root module output containing sensitive data must be explicitly marked as sensitive, to confirm your intent.")
        .at(output.value.span())
        .in_block(format!("output \"{name}\""))
        .hint("Add sensitive = true to the output, or use nonsensitive(...) if the value may be shown.")
}

/// Says that somebody asked to stop.
pub(crate) fn interrupted() -> Diagnostic {
    Diagnostic::error(
        "interrupted",
        "Execution halted",
        "The run was asked to stop before it was finished; nothing that was done is lost.",
    )
}
