//! The runs of one test file, in order, and the removal of what they made.

use super::assertion::{self, Ground, Held};
use super::double::Doubles;
use super::rewrite::rewrite;
use super::scope::{FileScope, RunOutputs, Values};
use super::{FileResult, RunDetails, RunResult, Suite, TestOptions, TestStatus, expect, is_apply};
use crate::environment::Environment;
use crate::event::Silent;
use crate::focus::Focus;
use crate::model::{Action, Plan, RunMode};
use crate::objects::decode_output;
use crate::run::{self, Configuration, PlanOptions};
use crate::variables::{self, Given, GivenVariable};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_lang::{Expression, Module, Target, TestFile, TestRun, check_assertions};
use formwork_state::backend::{Holder, MemoryBackend};
use formwork_state::{
    Address, BlockAddress, Folded, Key, Mode, ModuleInstance, ObjectKey, Opening, Selector, State, Store,
};
use formwork_value::Value;
use indexmap::IndexMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The state of the module that the tests stand beside.
const MAIN: &str = "";

/// One state of a file, and the run that changed it last.
struct FileState {
    store: Store,
    last_run: Option<usize>,
}

/// Performs the runs of one file.
pub struct FileRunner<'a> {
    environment: Environment,
    suite: &'a Suite,
    file: &'a TestFile,
    options: &'a TestOptions,
    states: IndexMap<ArcStr, FileState>,
    outputs: RunOutputs,
    sources: Sources,
}

/// What the removal of a run's objects came to.
pub struct Cleanup {
    /// The run that changed the state last.
    pub run: ArcStr,
    /// What went wrong.
    pub diagnostics: Diagnostics,
    /// The texts that findings point into.
    pub sources: Sources,
    /// Managed objects that still stand.
    pub left: Vec<ObjectKey>,
    /// The state as a state file, where something stands.
    pub snapshot: Option<Vec<u8>>,
}

/// A run with everything decided before it is planned.
struct Prepared {
    environment: Environment,
    configuration: Configuration,
    /// All variables that the test has, the module's or not.
    variables: Values,
}

impl<'a> FileRunner<'a> {
    /// Nothing performed yet.
    pub fn new(
        environment: &Environment,
        suite: &'a Suite,
        file: &'a TestFile,
        options: &'a TestOptions,
    ) -> Self {
        Self {
            environment: Environment { observer: Arc::new(Silent), ..environment.clone() },
            suite,
            file,
            options,
            states: IndexMap::new(),
            outputs: RunOutputs::new(),
            sources: suite.configuration.sources.clone(),
        }
    }

    /// Performs all runs, up to one that cannot be performed.
    pub async fn execute(&mut self) -> FileResult {
        let mut result =
            FileResult { path: self.file.path.clone(), status: TestStatus::Pass, ..FileResult::default() };
        for (place, run) in self.file.runs.iter().enumerate() {
            let mut one = RunResult { name: run.name.clone(), ..RunResult::default() };
            if result.status == TestStatus::Error || self.environment.is_interrupted() {
                one.status = TestStatus::Skip;
            } else {
                one.started = self.environment.clock.now();
                let started_ms = self.environment.clock.monotonic_ms();
                one.status = self.perform(place, run, &mut one).await;
                one.elapsed_ms = self.environment.clock.monotonic_ms().saturating_sub(started_ms);
            }
            result.status = result.status.max(one.status);
            result.runs.push(one);
        }
        result.sources = self.sources.clone();
        result
    }

    fn module_of(&self, run: &TestRun) -> Arc<Module> {
        let own = run.module.as_ref().map(|module| module.module.clone());
        own.unwrap_or_else(|| self.suite.configuration.root.clone())
    }

    async fn perform(&mut self, place: usize, run: &TestRun, result: &mut RunResult) -> TestStatus {
        let (prepared, found) = self.prepare(run);
        result.diagnostics.append(found);
        let Some(prepared) = prepared else { return TestStatus::Error };
        let root = prepared.configuration.root.clone();
        let found = check_assertions(run, &root, self.file, &self.sources);
        let is_sound = !found.has_errors();
        result.diagnostics.append(found);
        if !is_sound {
            return TestStatus::Error;
        }
        let options = match self.plan_options(run) {
            Ok(options) => options,
            Err(diagnostic) => {
                result.diagnostics.push(diagnostic);
                return TestStatus::Error;
            }
        };
        let folded = match self.state_of(run) {
            Ok(held) => held.store.folded().clone(),
            Err(diagnostics) => {
                result.diagnostics.append(diagnostics);
                return TestStatus::Error;
            }
        };
        let planning = run::plan(&prepared.environment, &prepared.configuration, &folded, &options).await;
        if is_apply(run.command) {
            let found = expect::without_checks(&root, planning.diagnostics);
            result.diagnostics.append(expect::too_early(run, &root, &found));
            let is_sound = !found.has_errors();
            result.diagnostics.append(found);
            if !is_sound {
                return TestStatus::Error;
            }
            self.apply(place, run, &prepared, planning.plan, folded, result).await
        } else {
            let found = expect::settle(run, &root, planning.diagnostics);
            let is_sound = !found.has_errors();
            result.diagnostics.append(found);
            if !is_sound {
                return TestStatus::Error;
            }
            let outputs = planning.plan.outputs.iter().filter(|output| output.action != Action::Delete);
            let outputs = outputs.map(|output| (output.name.clone(), output.after.clone())).collect();
            self.outputs.insert(run.name.clone(), Value::object(outputs));
            let status = self.assess(run, &prepared, &planning.plan, &folded.state, false, result);
            self.keep(result, &prepared, planning.plan, folded, None);
            status
        }
    }

    async fn apply(
        &mut self,
        place: usize,
        run: &TestRun,
        prepared: &Prepared,
        plan: Plan,
        folded: Folded,
        result: &mut RunResult,
    ) -> TestStatus {
        let id = format!("{}-{place}", self.options.identity);
        let workspace = self.options.workspace.clone();
        let held = match self.state_of(run) {
            Ok(held) => held,
            Err(diagnostics) => {
                result.diagnostics.append(diagnostics);
                return TestStatus::Error;
            }
        };
        held.last_run = Some(place);
        let configuration = &prepared.configuration;
        let outcome =
            run::apply_loaded(&prepared.environment, &held.store, &plan, configuration, &id, &workspace)
                .await;
        let state = held.store.folded().state.clone();
        let found = expect::settle(run, &configuration.root, outcome.diagnostics);
        let is_sound = !found.has_errors();
        result.diagnostics.append(found);
        let status = if is_sound {
            let outputs =
                state.outputs.iter().map(|(name, output)| (name.clone(), decode_output(output))).collect();
            self.outputs.insert(run.name.clone(), Value::object(outputs));
            self.assess(run, prepared, &plan, &state, true, result)
        } else {
            TestStatus::Error
        };
        self.keep(result, prepared, plan, folded, Some(state));
        status
    }

    fn keep(
        &self,
        result: &mut RunResult,
        prepared: &Prepared,
        plan: Plan,
        folded: Folded,
        state: Option<State>,
    ) {
        if self.options.keeps_details {
            let root = prepared.configuration.root.clone();
            result.details = Some(Box::new(RunDetails { plan, prior: folded.state, state, root }));
        }
    }

    fn assess(
        &self,
        run: &TestRun,
        prepared: &Prepared,
        plan: &Plan,
        state: &State,
        is_applied: bool,
        result: &mut RunResult,
    ) -> TestStatus {
        let ground = Ground {
            environment: &prepared.environment,
            configuration: &prepared.configuration,
            plan,
            state,
            is_applied,
            workspace: &self.options.workspace,
            variables: &prepared.variables,
            runs: &self.outputs,
        };
        match assertion::check(&run.asserts, &ground, &mut result.diagnostics) {
            Held::Yes => TestStatus::Pass,
            Held::No => TestStatus::Fail,
            Held::Error => TestStatus::Error,
        }
    }

    /// The state that a run works on, opened where it is the first.
    fn state_of(&mut self, run: &TestRun) -> Result<&mut FileState, Diagnostics> {
        let by_module = || run.module.as_ref().map_or(arcstr::literal!(MAIN), |module| module.source.clone());
        let key = run.state_key.clone().unwrap_or_else(by_module);
        if !self.states.contains_key(&key) {
            let opening = Opening {
                lock: false,
                lock_timeout_ms: 0,
                holder: Holder::default(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                new_lineage: format!(
                    "{}-{}-{}",
                    self.options.identity,
                    self.file.path.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-"),
                    self.states.len()
                ),
                faults: None,
            };
            let store = Store::open_on(Arc::new(MemoryBackend::default()), opening)?;
            self.states.insert(key.clone(), FileState { store, last_run: None });
        }
        self.states.get_mut(&key).ok_or_else(Diagnostics::new)
    }

    /// Decides a run's variables and rewrites the module under test; nothing where that cannot be done.
    fn prepare(&mut self, run: &TestRun) -> (Option<Prepared>, Diagnostics) {
        let module = self.module_of(run);
        let timestamp = self.environment.clock.now();
        let mut configuration = self.suite.fresh_configuration(module, self.sources.clone());
        let (variables, mut given, mut diagnostics) = self.values(run, &mut configuration, &timestamp);
        if diagnostics.has_errors() {
            self.sources = configuration.sources;
            return (None, diagnostics);
        }
        given.retain(|name, _| configuration.root.variables.contains_key(name));
        diagnostics.append(run::decide_variables(&mut configuration, &given));
        if configuration.root.uses_variables && !diagnostics.has_errors() {
            diagnostics.append(reload(&mut configuration));
        }
        let scope = FileScope {
            variables: &variables,
            runs: &self.outputs,
            files: self.suite.configuration.files.as_ref(),
            timestamp: &timestamp,
        };
        let (rewritten, found) = rewrite(&configuration.root, self.file, run, &scope);
        diagnostics.append(found);
        self.sources = configuration.sources.clone();
        if diagnostics.has_errors() {
            return (None, diagnostics);
        }
        configuration.root = rewritten.root;
        let overrides = [run.overrides.objects.clone(), self.file.overrides.objects.clone()];
        let doubles = Doubles::new(self.environment.providers.clone(), rewritten.mocks, overrides);
        let environment = Environment { providers: Arc::new(doubles), ..self.environment.clone() };
        (Some(Prepared { environment, configuration, variables }), diagnostics)
    }

    /// The values that a test's expressions may name, and what is given to the module: the run's own over the file's
    /// over what comes from outside.
    fn values(
        &self,
        run: &TestRun,
        configuration: &mut Configuration,
        timestamp: &str,
    ) -> (Values, IndexMap<ArcStr, GivenVariable>, Diagnostics) {
        let mut given = self.suite.given.clone();
        let mut outer: IndexMap<ArcStr, GivenVariable> = given.clone();
        outer.retain(|name, _| configuration.root.variables.contains_key(name));
        // What is missing here may come from the file.
        let (mut values, _) = variables::decide(&configuration.root, &outer, &mut configuration.sources);
        for (name, one) in given.iter().filter(|(name, _)| !outer.contains_key(*name)) {
            let value = match &one.given {
                Given::Text(text) => Value::string(text.as_str()),
                Given::Value(value, _) => value.clone(),
            };
            values.insert(name.clone(), value);
        }
        let mut diagnostics = Diagnostics::new();
        for (expressions, origin) in [(&self.file.variables, "the test file"), (&run.variables, "the run")] {
            let files = self.suite.configuration.files.as_ref();
            let scope = FileScope { variables: &values, runs: &self.outputs, files, timestamp };
            let evaluated = evaluate(expressions, &scope, &mut diagnostics);
            for (name, (value, span)) in evaluated {
                let origin = origin.to_owned();
                values.insert(name.clone(), value.clone());
                given.insert(name, GivenVariable { given: Given::Value(value, span), origin });
            }
        }
        (values, given, diagnostics)
    }

    fn plan_options(&self, run: &TestRun) -> Result<PlanOptions, Diagnostic> {
        let mut options = PlanOptions {
            mode: if run.refresh_only { RunMode::RefreshOnly } else { RunMode::Normal },
            refresh: run.refresh,
            timestamp: self.environment.clock.now(),
            workspace: self.options.workspace.clone(),
            ..PlanOptions::default()
        };
        let targets: Result<Vec<Selector>, Diagnostic> = run.targets.iter().map(selector).collect();
        options.focus = Focus { targets: targets?, excludes: Vec::new() };
        for target in &run.replace {
            match selector(target)? {
                Selector::Instance(address) => options.replace.push(address),
                Selector::Block(block) => options.replace.push(block.instance(Key::None)),
                Selector::Module(_) => {}
            }
        }
        Ok(options)
    }

    /// Removes what the runs made, the states changed last first. Somebody who asked to stop has to wait for this: a
    /// second time ends the process.
    pub async fn clean(&mut self) -> Vec<Cleanup> {
        self.environment.interrupt = Arc::new(AtomicBool::new(false));
        let mut order: Vec<(usize, ArcStr)> =
            self.states.iter().filter_map(|(key, held)| Some((held.last_run?, key.clone()))).collect();
        order.sort_by(|left, right| right.cmp(left));
        let mut all = Vec::new();
        for (place, key) in order {
            let Some(run) = self.file.runs.get(place) else { continue };
            let mut diagnostics = Diagnostics::new();
            if self.states.get(&key).is_some_and(|held| !held.store.folded().state.is_empty()) {
                diagnostics = self.destroy(run, &key).await;
            }
            let Some(held) = self.states.get(&key) else { continue };
            let left: Vec<ObjectKey> = standing(&held.store.folded().state);
            let snapshot = if left.is_empty() { None } else { held.store.export().ok() };
            let sources = self.sources.clone();
            all.push(Cleanup { run: run.name.clone(), diagnostics, sources, left, snapshot });
        }
        all
    }

    async fn destroy(&mut self, run: &TestRun, key: &ArcStr) -> Diagnostics {
        let (prepared, mut diagnostics) = self.prepare(run);
        diagnostics = errors(diagnostics);
        let (Some(prepared), Some(held)) = (prepared, self.states.get(key)) else { return diagnostics };
        let (environment, configuration) = (&prepared.environment, &prepared.configuration);
        let workspace = &self.options.workspace;
        let folded = held.store.folded().clone();
        if let Ok(Some(open)) = run::open_plan(&folded) {
            // What a run that was stopped left in flight comes first.
            let recovered =
                run::recover_loaded(environment, &held.store, &open, configuration, workspace).await;
            diagnostics.append(errors(recovered.diagnostics));
        }
        let options = PlanOptions {
            mode: RunMode::Destroy,
            refresh: true,
            timestamp: self.environment.clock.now(),
            workspace: workspace.clone(),
            ..PlanOptions::default()
        };
        let folded = held.store.folded().clone();
        let planning = run::plan(environment, configuration, &folded, &options).await;
        let is_sound = !planning.diagnostics.has_errors();
        diagnostics.append(errors(planning.diagnostics));
        if is_sound {
            let id = format!("{}-clean", self.options.identity);
            let plan = planning.plan;
            let outcome =
                run::apply_loaded(environment, &held.store, &plan, configuration, &id, workspace).await;
            diagnostics.append(errors(outcome.diagnostics));
        }
        diagnostics
    }
}

/// Warnings of a removal were said when the objects were made.
fn errors(found: Diagnostics) -> Diagnostics {
    found.into_iter().filter(Diagnostic::is_error).collect()
}

fn standing(state: &State) -> Vec<ObjectKey> {
    let managed = state.objects().map(|(key, _)| key).filter(|key| key.address.mode() == Mode::Managed);
    managed.cloned().collect()
}

type Evaluated = IndexMap<ArcStr, (Value, formwork_diagnostic::Span)>;

fn evaluate(
    expressions: &IndexMap<ArcStr, Expression>,
    scope: &FileScope<'_>,
    diagnostics: &mut Diagnostics,
) -> Evaluated {
    let mut evaluated = Evaluated::new();
    for (name, expression) in expressions {
        let (value, found) = expression.evaluate(scope);
        diagnostics.append(found);
        evaluated.insert(name.clone(), (value, expression.span()));
    }
    evaluated
}

/// Loads a module tree again whose shape depends on variables, beside the texts that are known.
fn reload(configuration: &mut Configuration) -> Diagnostics {
    let files = configuration.files.clone();
    let variables = configuration.variables.clone();
    let (root, diagnostics) =
        formwork_lang::load_with(files.as_ref(), &mut configuration.sources, Some(&variables));
    configuration.root = root;
    diagnostics
}

/// What a target of a run's options selects.
fn selector(target: &Target) -> Result<Selector, Diagnostic> {
    let mut module = ModuleInstance::root();
    for step in &target.modules {
        module = module.child(step.name.clone(), key(step.key.as_ref())?);
    }
    let Some(resource) = &target.resource else { return Ok(Selector::Module(module)) };
    let mode = crate::plan::mode_of(resource.mode);
    let block = BlockAddress::new(module, mode, resource.type_name.clone(), resource.name.clone());
    Ok(match key(resource.key.as_ref())? {
        Key::None => Selector::Block(block),
        key => Selector::Instance(Address::new(
            block.module().clone(),
            mode,
            resource.type_name.clone(),
            resource.name.clone(),
            key,
        )),
    })
}

fn key(expression: Option<&Expression>) -> Result<Key, Diagnostic> {
    let Some(expression) = expression else { return Ok(Key::None) };
    let found = expression.constant().and_then(crate::evaluate::key_of);
    found.ok_or_else(|| {
        let detail = "A key in this address is a text or a whole number as it stands.";
        Diagnostic::error("target-key", "Invalid address", detail).at(expression.span())
    })
}
