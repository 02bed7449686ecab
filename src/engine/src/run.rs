//! Whole runs: configuration in, plan out; plan in, state out; stages and crashes in between.
//!
//! This is the engine's door: the command line calls these functions and renders what they give back.

use crate::apply::{self, ApplyInput};
use crate::connections::Connections;
use crate::environment::Environment;
use crate::event::Event;
use crate::focus::Focus;
use crate::model::{Action, Plan, RunMode};
use crate::objects::StoredParts;
use crate::plan::{PlanInput, Planning};
use crate::variables::GivenVariable;
use crate::{envelope, plan_file};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_lang::{MemorySource, Module, RecordingSource, Source};
use formwork_state::history::About;
use formwork_state::{Address, Folded, ObjectKey, OpenRun, Record, Store};
use formwork_value::Value;
use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A configuration with its variables decided.
pub struct Configuration {
    /// The module tree.
    pub root: Arc<Module>,
    /// The texts, for diagnostics.
    pub sources: Sources,
    /// Root variables.
    pub variables: IndexMap<ArcStr, Value>,
    /// What was given for them, before defaults and conversions.
    pub given: IndexMap<ArcStr, Value>,
    /// Names of variables that took their default.
    pub defaulted: FxHashSet<ArcStr>,
    /// Every file that was read.
    pub recorded: BTreeMap<String, Vec<u8>>,
    /// Where file functions read.
    pub files: Arc<dyn Source>,
}

/// How to plan.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// What kind of run.
    pub mode: RunMode,
    /// Whether to read what is live first.
    pub refresh: bool,
    /// RFC 3339.
    pub timestamp: String,
    /// What `terraform.workspace` answers.
    pub workspace: String,
    /// Provider configurations, or provider names, whose target may differ from the state's.
    pub accepted_targets: Vec<String>,
    /// Whether all has to be known in one stage: what would open a later one is an error, as in OpenTofu.
    pub one_stage: bool,
    /// Whether a destroying run gives up the objects behind a provider that cannot be reached.
    pub forget_unreachable: bool,
    /// What it is about.
    pub focus: Focus,
    /// Instances that are replaced though nothing asks for it.
    pub replace: Vec<Address>,
    /// Objects to import beside those of `import` blocks.
    pub imports: Vec<(Address, String)>,
}

/// Loads a module tree. `variables` stay undecided: see [`decide_variables`].
pub fn load(files: &Arc<dyn Source>) -> (Configuration, Diagnostics) {
    load_with(files, None)
}

/// Loads a module tree whose shape may depend on variables that are decided: see [`Module::uses_variables`].
pub fn load_with(
    files: &Arc<dyn Source>,
    variables: Option<&IndexMap<ArcStr, Value>>,
) -> (Configuration, Diagnostics) {
    let recording = RecordingSource::new(files.as_ref());
    let mut sources = Sources::new();
    let (root, diagnostics) = formwork_lang::load_with(&recording, &mut sources, variables);
    let recorded = recording.recorded().0;
    let configuration = Configuration {
        root,
        sources,
        variables: IndexMap::new(),
        given: IndexMap::new(),
        defaulted: FxHashSet::default(),
        recorded,
        files: files.clone(),
    };
    (configuration, diagnostics)
}

/// Decides the root variables from what was given.
pub fn decide_variables(
    configuration: &mut Configuration,
    given: &IndexMap<ArcStr, GivenVariable>,
) -> Diagnostics {
    let (variables, diagnostics) =
        crate::variables::decide(&configuration.root, given, &mut configuration.sources);
    configuration.defaulted =
        configuration.root.variables.keys().filter(|name| !given.contains_key(*name)).cloned().collect();
    configuration.given = crate::variables::as_given(&configuration.root, given);
    configuration.variables = variables;
    diagnostics
}

/// Checks a configuration without a target or variables.
pub fn validate(environment: &Environment, configuration: &Configuration) -> Diagnostics {
    crate::plan::validate_configuration(environment, &configuration.root, configuration.files.as_ref())
}

/// What else can be said of a configuration that did not load: what schemas say of its blocks. Nothing where its text
/// could not be read, since whatever follows a missing brace may stand in the wrong block.
pub fn further_faults(
    environment: &Environment,
    configuration: &Configuration,
    found: &Diagnostics,
) -> Diagnostics {
    const OF_THE_TEXT: [&str; 3] = ["syntax", "invalid-token", "incompatible-module"];
    if !found.has_errors() || found.iter().any(|one| OF_THE_TEXT.contains(&one.code.as_str())) {
        return Diagnostics::new();
    }
    crate::plan::check_bodies(environment, &configuration.root)
}

/// Plans.
pub async fn plan(
    environment: &Environment,
    configuration: &Configuration,
    folded: &Folded,
    options: &PlanOptions,
) -> Planning {
    let connections = Connections::new(environment.clone());
    plan_with(environment, configuration, folded, options, &connections).await
}

pub(crate) async fn plan_with(
    environment: &Environment,
    configuration: &Configuration,
    folded: &Folded,
    options: &PlanOptions,
    connections: &Connections,
) -> Planning {
    let recording = RecordingSource::new(configuration.files.as_ref());
    let input = PlanInput {
        root: configuration.root.clone(),
        sources: &configuration.sources,
        files: &recording,
        recorded: BTreeMap::new(),
        variables: configuration.variables.clone(),
        given: configuration.given.clone(),
        defaulted: configuration.defaulted.clone(),
        state: &folded.state,
        open_run: folded.run.as_ref(),
        mode: options.mode,
        refresh: options.refresh,
        timestamp: options.timestamp.clone(),
        workspace: options.workspace.clone(),
        owner: owner(&folded.state.lineage),
        accepted_targets: options.accepted_targets.clone(),
        one_stage: options.one_stage,
        forget_unreachable: options.forget_unreachable && options.mode == RunMode::Destroy,
        focus: options.focus.clone(),
        replace: options.replace.clone(),
        imports: options.imports.clone(),
    };
    let mut planning = crate::plan::plan(environment, &input, connections).await;
    planning.plan.files = configuration.recorded.clone();
    planning.plan.files.extend(recording.recorded().0);
    planning
}

/// Of a plan only what it imports: objects are taken into the state as they stand.
pub fn only_imports(mut plan: Plan) -> Plan {
    plan.changes.retain(|change| change.importing.is_some());
    for change in &mut plan.changes {
        change.action = Action::NoOp;
        change.after = change.before.clone();
        change.replace_paths.clear();
    }
    let imported: FxHashSet<_> = plan.changes.iter().map(|change| change.address.clone()).collect();
    plan.readings.retain(|reading| imported.contains(&reading.key.address));
    plan.moves.clear();
    plan.rewrites.clear();
    plan.steps.clear();
    plan.stages.clear();
    plan.outputs.clear();
    plan.data.clear();
    plan
}

/// Who owns objects that a state's runs make: written on them as their owner mark.
pub fn owner(lineage: &str) -> String {
    format!("formwork/{lineage}")
}

/// What an apply came to.
pub struct Outcome {
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// Objects made, changed, removed, forgotten.
    pub counts: Counts,
    /// The texts that the diagnostics point into.
    pub sources: Sources,
    /// A later stage's plan that the envelope does not allow, to be written to a file and approved.
    pub unapproved: Option<Box<Plan>>,
}

impl Outcome {
    fn new(configuration: &Configuration) -> Self {
        Self {
            diagnostics: Diagnostics::new(),
            counts: Counts::default(),
            sources: configuration.sources.clone(),
            unapproved: None,
        }
    }
}

/// What becomes of a run that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// What it did stays.
    #[default]
    Keep,
    /// What it did is undone.
    Undo,
}

/// How many objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Made.
    pub added: usize,
    /// Changed in place.
    pub changed: usize,
    /// Removed.
    pub destroyed: usize,
    /// Forgotten.
    pub forgotten: usize,
    /// Taken into the state as they stood.
    pub imported: usize,
}

/// The plan of a run that was cut off, where there is one.
pub fn open_plan(folded: &Folded) -> Result<Option<Plan>, Diagnostic> {
    folded.run.as_ref().map(|run| plan_file::from_raw(&run.plan)).transpose()
}

/// Whether a saved plan is the one that an open run performs.
pub fn is_open_plan(folded: &Folded, plan: &Plan) -> bool {
    let raw = plan_file::to_raw(plan).ok();
    folded.run.as_ref().zip(raw).is_some_and(|(run, raw)| run.plan.get() == raw.get())
}

/// Whether configuration and variables are still those of a plan.
pub fn is_unchanged(configuration: &Configuration, plan: &Plan) -> bool {
    let are_files_same =
        configuration.recorded.iter().all(|(path, bytes)| plan.files.get(path) == Some(bytes));
    let are_none_missing =
        plan.files.iter().all(|(path, bytes)| configuration.files.read(path).ok().as_ref() == Some(bytes));
    let are_variables_same = plan.variables.len() == configuration.variables.len()
        && plan.variables.iter().all(|(name, planned)| {
            // What is never stored is not in a plan that was read, and need not be the same.
            let is_ephemeral =
                configuration.root.variables.get(name).is_some_and(|variable| variable.ephemeral);
            is_ephemeral || configuration.variables.get(name) == Some(&planned.value)
        });
    are_files_same && are_none_missing && are_variables_same
}

/// Gives a plan that was read the values that are never stored, as a configuration has them by now.
pub fn take_ephemeral(plan: &mut Plan, configuration: &Configuration) {
    plan.ephemeral_variables.retain(|name| {
        let value = configuration.variables.get(name);
        if let (Some(planned), Some(value)) = (plan.variables.get_mut(name), value) {
            planned.value = value.clone();
        }
        value.is_none()
    });
}

/// The configuration that a plan carries, for whoever gathers what is given for its variables.
pub fn configuration_of(plan: &Plan) -> Configuration {
    recorded_configuration(plan).0
}

/// Gives a plan that was read the values that are never stored: what was given for them, else their defaults.
pub fn give_ephemeral(plan: &mut Plan, given: &IndexMap<ArcStr, GivenVariable>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    if plan.ephemeral_variables.is_empty() {
        return diagnostics;
    }
    let (mut configuration, _) = recorded_configuration(plan);
    for name in std::mem::take(&mut plan.ephemeral_variables) {
        let Some(variable) = configuration.root.variables.get(&name) else { continue };
        let sources = &mut configuration.sources;
        match crate::variables::decide_one(variable, given.get(&name), sources, &mut diagnostics) {
            Some(value) => {
                if let Some(planned) = plan.variables.get_mut(&name) {
                    planned.value = value;
                }
            }
            None => plan.ephemeral_variables.push(name),
        }
    }
    for diagnostic in diagnostics.iter_mut().filter(|one| one.code == crate::variables::MISSING_VARIABLE) {
        let words = "It is configured as ephemeral. This type of variables need to be given a value during plan and also during apply.";
        words.clone_into(&mut diagnostic.detail);
    }
    diagnostics
}

/// Refuses a saved plan that was made from another state.
pub fn check_stale(folded: &Folded, plan: &Plan) -> Result<(), Diagnostic> {
    let state = &folded.state;
    let is_new = plan.base_serial == 0 && state.serial == 0 && state.is_empty();
    if is_new || (state.lineage == plan.lineage && state.serial == plan.base_serial) {
        return Ok(());
    }
    Err(Diagnostic::error(
        "stale-plan",
        "Saved plan is stale",
        format!("The given plan file can no longer be applied because the state was changed by another operation after the plan was created: it was made from serial {} of lineage {}, and the state is at serial {} of lineage {}.", plan.base_serial, plan.lineage, state.serial, state.lineage),
    )
    .hint("Plan again and apply the new plan."))
}

/// Performs an approved plan, through all its stages. An open run of the same plan goes on where it was cut off.
pub async fn apply(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    run: &str,
    workspace: &str,
) -> Outcome {
    apply_with(environment, store, plan, run, workspace, OnFailure::Keep).await
}

/// The same, with what becomes of a run that fails. One that goes on keeps what it was begun with.
pub async fn apply_with(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    run: &str,
    workspace: &str,
    on_failure: OnFailure,
) -> Outcome {
    let (configuration, diagnostics) = recorded_configuration(plan);
    if diagnostics.has_errors() {
        return Outcome { diagnostics, ..Outcome::new(&configuration) };
    }
    let mut outcome = perform(environment, store, plan, &configuration, (run, workspace, on_failure)).await;
    let found = std::mem::replace(&mut outcome.diagnostics, diagnostics);
    outcome.diagnostics.append(found);
    outcome
}

/// The same with the configuration that the plan was made from at hand: it need not be what the plan's files say.
pub async fn apply_loaded(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    configuration: &Configuration,
    run: &str,
    workspace: &str,
) -> Outcome {
    perform(environment, store, plan, configuration, (run, workspace, OnFailure::Keep)).await
}

async fn perform(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    configuration: &Configuration,
    (run, workspace, on_failure): (&str, &str, OnFailure),
) -> Outcome {
    let mut outcome = Outcome::new(configuration);
    let is_continuing = store.folded().run.is_some();
    let connections = Connections::new(environment.clone());
    let begun = if is_continuing {
        begin_again(store, plan, on_failure, &connections).await
    } else {
        begin(environment, store, plan, (run, on_failure), (&connections, &configuration.root)).await
    };
    if let Err(diagnostic) = begun {
        outcome.diagnostics.push(diagnostic);
        return outcome;
    }
    outcome.counts.imported = plan.summary().import;
    let mut performer =
        Performer { environment, store, configuration, workspace, connections, outcome: &mut outcome };
    let is_rolling_back = store.folded().run.as_ref().is_some_and(OpenRun::is_rolling_back);
    let is_whole = !is_rolling_back && performer.stages(plan, is_continuing).await;
    if (!is_whole || performer.outcome.diagnostics.has_errors()) && !environment.is_interrupted() {
        performer.roll_back(plan).await;
    }
    if is_rolling_back && !outcome.diagnostics.has_errors() {
        outcome.diagnostics.push(failed_before());
    }
    if is_whole && !plan.focus.is_everything() {
        outcome.diagnostics.push(partly_applied());
    }
    close(store, !is_whole || outcome.diagnostics.has_errors(), &mut outcome.diagnostics).await;
    outcome
}

/// A run that was cut off while it was undone failed, whoever finds the end of that.
fn failed_before() -> Diagnostic {
    let detail = "The run that was cut off had failed, and why was said then. It is undone by now.";
    Diagnostic::error("run-failed", "Run failed", detail).hint("Correct what failed, and apply again.")
}

/// Takes up what an open run left in flight, from its own plan, and closes the run; performs no further step.
pub async fn recover(environment: &Environment, store: &Store, plan: &Plan, workspace: &str) -> Outcome {
    let (configuration, diagnostics) = recorded_configuration(plan);
    if diagnostics.has_errors() {
        return Outcome { diagnostics, ..Outcome::new(&configuration) };
    }
    let mut outcome = recover_loaded(environment, store, plan, &configuration, workspace).await;
    let found = std::mem::replace(&mut outcome.diagnostics, diagnostics);
    outcome.diagnostics.append(found);
    outcome
}

/// The same with the configuration that the plan was made from at hand.
pub async fn recover_loaded(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    configuration: &Configuration,
    workspace: &str,
) -> Outcome {
    let mut outcome = Outcome::new(configuration);
    let connections = Connections::new(environment.clone());
    let (run, mut stage) =
        store.folded().run.as_ref().map(|run| (run.run.clone(), run.stage)).unwrap_or_default();
    // One that failed is undone to the end: what is left of it otherwise is neither before nor after.
    let is_rolling_back = store.folded().run.as_ref().is_some_and(OpenRun::is_rolling_back);
    if is_rolling_back {
        stage = formwork_state::ROLLBACK_STAGE;
    }
    let input =
        apply_input(plan, configuration, store, run, workspace, stage, recorded_finished(store, plan));
    let applied = if is_rolling_back {
        apply::roll_back(environment, &input, &connections).await
    } else {
        apply::recover(environment, &input, &connections).await
    };
    outcome.diagnostics.append(applied.diagnostics);
    close(store, true, &mut outcome.diagnostics).await;
    outcome
}

/// Steps of the recorded plan, which is the first stage's, that are finished: all of them once that stage is.
fn recorded_finished(store: &Store, plan: &Plan) -> BTreeSet<u32> {
    let is_past = store.folded().run.as_ref().is_some_and(|run| run.stage > 0);
    if is_past { plan.steps.iter().map(|step| step.id).collect() } else { finished_steps(store) }
}

fn finished_steps(store: &Store) -> BTreeSet<u32> {
    store
        .folded()
        .run
        .as_ref()
        .filter(|run| run.stage == 0)
        .map_or_else(BTreeSet::new, |run| run.finished_steps.clone())
}

/// Loads the configuration that a plan carries.
fn recorded_configuration(plan: &Plan) -> (Configuration, Diagnostics) {
    let files: Arc<dyn Source> = Arc::new(MemorySource(plan.files.clone()));
    let variables =
        plan.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect();
    let (mut configuration, diagnostics) = load_with(&files, Some(&variables));
    configuration.variables = variables;
    configuration.defaulted = plan
        .variables
        .iter()
        .filter(|(_, variable)| variable.is_default)
        .map(|(name, _)| name.clone())
        .collect();
    configuration.given.clone_from(&plan.given);
    configuration.recorded.clone_from(&plan.files);
    (configuration, diagnostics)
}

async fn begin(
    environment: &Environment,
    store: &Store,
    plan: &Plan,
    (run, on_failure): (&str, OnFailure),
    (connections, root): (&Connections, &Module),
) -> Result<(), Diagnostic> {
    let raw = plan_file::to_raw(plan).map_err(|error| {
        Diagnostic::error("plan-unwritable", "Plan cannot be recorded", error.to_string())
    })?;
    if let Some(about) = store.about(Some(run)) {
        let kept = crate::history::plan_record(plan, raw.get(), root, store.seals());
        // Durable with what follows it.
        drop(store.append(&Record::About(Box::new(About { plan: Some(Box::new(kept)), ..about }))));
    }
    let record = Record::Begin {
        run: run.to_owned(),
        lineage: store.folded().state.lineage.clone(),
        base_serial: store.base_serial(),
        base_digest: store.base_digest().to_owned(),
        time: environment.clock.now(),
        plan: Arc::from(raw),
    };
    store.append(&record).await?;
    make_ready(store, plan, on_failure, connections).await
}

/// What is recorded between the beginning of a run and its first act. Doing it again before that act changes nothing.
async fn make_ready(
    store: &Store,
    plan: &Plan,
    on_failure: OnFailure,
    connections: &Connections,
) -> Result<(), Diagnostic> {
    settle(store, plan, connections).await?;
    let is_undone = store.folded().run.as_ref().is_some_and(|run| run.undo.is_some());
    if on_failure == OnFailure::Undo && !is_undone {
        store.append(&Record::UndoOnFailure).await?;
    }
    let configurations = crate::objects::encode_configurations(&plan.prior_configurations, connections);
    if !configurations.is_empty() {
        store.append(&Record::Providers { targets: IndexMap::new(), configurations }).await?;
    }
    Ok(())
}

/// Makes the state what the plan was made from. Doing it again before the first act changes nothing.
async fn settle(store: &Store, plan: &Plan, connections: &Connections) -> Result<(), Diagnostic> {
    move_objects(store, plan).await?;
    import_objects(store, plan, connections).await?;
    let readings = crate::objects::readings_record(plan, &store.folded().state, connections);
    if let Some(record) = readings {
        store.append(&record).await?;
    }
    Ok(())
}

/// Gives objects the addresses and the form that the plan has them under. Objects that take another form are written
/// in one record with all that move: half of it would be a state that nobody can read.
async fn move_objects(store: &Store, plan: &Plan) -> Result<(), Diagnostic> {
    let moves: Vec<_> = plan.moves.iter().map(|one| (one.from.clone(), one.to.clone())).collect();
    let mut records = formwork_state::edit::move_instances(&store.folded().state, &moves);
    if !plan.rewrites.is_empty() {
        records.retain(|record| matches!(record, Record::NodeEdges { .. }));
        records.insert(0, Record::Refreshed { objects: plan.rewrites.clone() });
    }
    for record in records {
        store.append(&record).await?;
    }
    Ok(())
}

/// Takes imported objects into the state; what is planned for them follows in its steps.
async fn import_objects(store: &Store, plan: &Plan, connections: &Connections) -> Result<(), Diagnostic> {
    for change in plan.changes.iter().filter(|change| change.importing.is_some()) {
        let key = ObjectKey::current(change.address.clone());
        if store.folded().state.object(&key).is_some() {
            continue;
        }
        let (mode, type_name) = (change.address.mode(), change.address.type_name());
        let Some(kind) = connections.kind(&change.provider.provider, mode, type_name) else { continue };
        let parts = StoredParts::of_data(change.provider.clone());
        let object = crate::objects::encode_object(&change.before, &kind, parts).map_err(|message| {
            Diagnostic::error("object-unstorable", "Object cannot be stored", message).about(key.to_string())
        })?;
        store.append(&Record::Imported { key, object: Arc::new(object) }).await?;
    }
    Ok(())
}

/// A run that was cut off before its first act may not have recorded everything yet that comes before.
async fn begin_again(
    store: &Store,
    plan: &Plan,
    on_failure: OnFailure,
    connections: &Connections,
) -> Result<(), Diagnostic> {
    let has_begun = store.folded().run.as_ref().is_none_or(|run| {
        run.stage > 0 || !run.open.is_empty() || !run.partial.is_empty() || !run.finished_steps.is_empty()
    });
    if has_begun {
        return Ok(());
    }
    make_ready(store, plan, on_failure, connections).await
}

/// Ends the run, unless acts are still in flight: those wait for the next one.
async fn close(store: &Store, errored: bool, diagnostics: &mut Diagnostics) {
    let may_close = store.folded().run.as_ref().is_some_and(OpenRun::is_settled);
    if may_close && let Err(diagnostic) = store.append(&Record::Finished { errored }).await {
        let is_known = diagnostics.iter().any(|known| known.code == diagnostic.code);
        if !is_known {
            diagnostics.push(diagnostic);
        }
    }
}

fn apply_input<'a>(
    plan: &'a Plan,
    configuration: &'a Configuration,
    store: &'a Store,
    run: String,
    workspace: &str,
    stage: u32,
    finished: BTreeSet<u32>,
) -> ApplyInput<'a> {
    ApplyInput {
        plan,
        root: configuration.root.clone(),
        files: configuration.files.as_ref(),
        store,
        run,
        owner: owner(&store.folded().state.lineage),
        workspace: workspace.to_owned(),
        stage,
        finished,
    }
}

struct Performer<'a> {
    environment: &'a Environment,
    store: &'a Store,
    configuration: &'a Configuration,
    workspace: &'a str,
    connections: Connections,
    outcome: &'a mut Outcome,
}

impl Performer<'_> {
    /// Performs stage after stage; whether all of them were finished.
    async fn stages(&mut self, approved: &Plan, is_continuing: bool) -> bool {
        let mut stage = self.store.folded().run.as_ref().map_or(0, |run| run.stage);
        let mut current = approved.clone();
        if is_continuing && stage > 0 {
            // The recorded plan is the first stage's: what is in flight is taken up by it, the rest planned again.
            let input = apply_input(
                approved,
                self.configuration,
                self.store,
                self.run_id(),
                self.workspace,
                stage,
                recorded_finished(self.store, approved),
            );
            let applied = apply::recover(self.environment, &input, &self.connections).await;
            self.take(applied);
            match self.next_stage(approved, approved, stage).await {
                Some(plan) => current = plan,
                None => return false,
            }
        }
        let mut finished = finished_steps(self.store);
        loop {
            let input = apply_input(
                &current,
                self.configuration,
                self.store,
                self.run_id(),
                self.workspace,
                stage,
                std::mem::take(&mut finished),
            );
            let applied = apply::apply(self.environment, &input, &self.connections).await;
            if !self.take(applied) {
                return false;
            }
            if current.stages.is_empty() {
                return true;
            }
            if let Err(diagnostic) = self.store.append(&Record::StageFinished { stage }).await {
                self.outcome.diagnostics.push(diagnostic);
                return false;
            }
            stage += 1;
            let had_steps = !current.steps.is_empty();
            let awaits = current.stages[0].awaits.clone();
            self.environment.observer.observe(Event::StageStart { stage, awaits });
            match self.next_stage(approved, &current, stage).await {
                Some(plan) if had_steps || !plan.steps.is_empty() => current = plan,
                Some(_) => {
                    self.outcome.diagnostics.push(no_progress(&current));
                    return false;
                }
                None => return false,
            }
        }
    }

    /// Undoes what the run did, where that was approved.
    async fn roll_back(&mut self, plan: &Plan) {
        let is_approved = self.store.folded().run.as_ref().is_some_and(|run| run.undo.is_some());
        if !is_approved {
            return;
        }
        let finished = plan.steps.iter().map(|step| step.id).collect();
        let stage = formwork_state::ROLLBACK_STAGE;
        let (configuration, workspace) = (self.configuration, self.workspace);
        let input = apply_input(plan, configuration, self.store, self.run_id(), workspace, stage, finished);
        let rolled_back = apply::roll_back(self.environment, &input, &self.connections).await;
        self.outcome.diagnostics.append(rolled_back.diagnostics);
    }

    fn run_id(&self) -> String {
        self.store.folded().run.as_ref().map(|run| run.run.clone()).unwrap_or_default()
    }

    fn take(&mut self, applied: apply::Applied) -> bool {
        let counts = &mut self.outcome.counts;
        counts.added += applied.added;
        counts.changed += applied.changed;
        counts.destroyed += applied.destroyed;
        counts.forgotten += applied.forgotten;
        let is_whole = !applied.diagnostics.has_errors() && !applied.is_interrupted;
        self.outcome.diagnostics.append(applied.diagnostics);
        is_whole
    }

    /// Plans the next stage with what is known by now and holds it against the envelope that was approved, which is
    /// for all later stages.
    async fn next_stage(&mut self, approved: &Plan, before: &Plan, stage: u32) -> Option<Plan> {
        let options = PlanOptions {
            mode: before.mode,
            refresh: false,
            timestamp: before.timestamp.clone(),
            workspace: self.workspace.to_owned(),
            focus: before.focus.clone(),
            ..PlanOptions::default()
        };
        let folded = Folded { state: self.store.folded().state.clone(), run: None, is_changed: false };
        let planning =
            plan_with(self.environment, self.configuration, &folded, &options, &self.connections).await;
        let is_errored = planning.diagnostics.has_errors();
        self.outcome.diagnostics.append(planning.diagnostics);
        if is_errored {
            return None;
        }
        let plan = planning.plan;
        let allowed = approved.stages.first();
        let outside =
            allowed.map_or_else(Vec::new, |allowed| envelope::outside(allowed, &plan, &folded.state));
        if outside.is_empty() {
            return match import_objects(self.store, &plan, &self.connections).await {
                Ok(()) => Some(plan),
                Err(diagnostic) => {
                    self.outcome.diagnostics.push(diagnostic);
                    None
                }
            };
        }
        self.outcome.diagnostics.push(
            Diagnostic::error("outside-envelope", "Later stage differs from what was approved", format!("Stage {} would do more than the approved plan allows:\n  {}\nNothing of it was started; finished stages are kept.", stage + 1, outside.join("\n  ")))
                .hint("Look at the new plan, and apply it if it is right."),
        );
        self.outcome.unapproved = Some(Box::new(plan));
        None
    }
}

/// The code of the warning that a plan of a part was applied.
pub const PARTLY_APPLIED: &str = "partly-applied";

/// Says that more may be left to do than the plan had in it.
fn partly_applied() -> Diagnostic {
    Diagnostic::warning(
        PARTLY_APPLIED,
        "Applied changes may be incomplete",
        "The plan was made with -target or -exclude, so some changes that the configuration asks for may be left.",
    )
    .hint("Plan without these options, to see whether anything is left.")
}

fn no_progress(plan: &Plan) -> Diagnostic {
    let awaits = plan.stages.first().map_or("", |stage| stage.awaits.as_str());
    Diagnostic::error(
        "stage-waits",
        "Later stage cannot begin",
        format!("{awaits}, and nothing in this configuration brings it about."),
    )
    .hint("Make what it waits for part of the configuration, or create it first.")
}
