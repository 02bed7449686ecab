//! A whole engine in a temporary folder: configuration as text, builtin and sim providers, a clock that jumps.

use crate::quickstart::copy;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, Style, render_text};
use formwork_engine::run::{self, Configuration, Outcome, PlanOptions};
use formwork_engine::variables::{Given, GivenVariable};
use formwork_engine::{
    Action, Clock, Environment, Event, Lines, LocalCommand, Observer, Plan, Processes, ProviderSource,
    RunMode,
};
use formwork_lang::{MemorySource, Source};
use formwork_provider_builtin::BuiltinProvider;
use formwork_provider_sim::{Faults, SimProvider};
use formwork_sdk::{Connection, ErrorKind, Progress, Provider, ProviderError, Reading, Request, Response};
use formwork_state::{FaultHook, FaultPoint, Folded, ProviderAddress, RealFiles, Store, StoreOptions};
use formwork_value::Value;
use futures::future::BoxFuture;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A clock whose sleeps take no time.
#[derive(Default)]
pub(crate) struct JumpingClock(AtomicU64);

impl Clock for JumpingClock {
    fn now(&self) -> String {
        "2026-01-02T03:04:05Z".to_owned()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn sleep(&self, milliseconds: u64) -> BoxFuture<'static, ()> {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
        Box::pin(async {})
    }
}

/// Runs commands to their end in a folder, and gives what they said then.
pub(crate) struct Shell(PathBuf);

impl Processes for Shell {
    fn run(&self, command: LocalCommand, lines: Lines) -> BoxFuture<'static, Result<(), String>> {
        let folder = self.0.clone();
        Box::pin(async move {
            let folder = command.working_directory.map_or(folder, PathBuf::from);
            let mut process = tokio::process::Command::new(&command.arguments[0]);
            process.args(&command.arguments[1..]).envs(command.environment).current_dir(folder);
            let output = process.output().await.map_err(|error| error.to_string())?;
            String::from_utf8_lossy(&output.stdout).lines().for_each(|line| lines(line.to_owned()));
            if output.status.success() { Ok(()) } else { Err(output.status.to_string()) }
        })
    }
}

/// Sends every call on, with another token than the engine's where there is a salt, and counts what is refused for now.
struct Salted {
    inner: Arc<dyn Provider>,
    salt: &'static str,
    throttled: Arc<AtomicU64>,
    refuses_reads: Arc<AtomicBool>,
    line: Option<Line>,
}

struct SaltedConnection {
    inner: Arc<dyn Connection>,
    salt: &'static str,
    throttled: Arc<AtomicU64>,
    refuses_reads: Arc<AtomicBool>,
    line: Option<Line>,
}

/// A line that what is waited for stands in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line {
    /// Behind another one each time.
    Moves,
    /// Behind the same one.
    Stands,
}

impl Provider for Salted {
    fn schema(&self) -> Arc<formwork_sdk::ProviderSchema> {
        self.inner.schema()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        self.inner.validate_configuration(configuration)
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        self.inner.validate_resource(kind, configuration)
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        Box::pin(async move {
            let inner = self.inner.configure(configuration).await?;
            let (throttled, refuses_reads) = (self.throttled.clone(), self.refuses_reads.clone());
            let connection =
                SaltedConnection { inner, salt: self.salt, throttled, refuses_reads, line: self.line };
            Ok(Arc::new(connection) as Arc<dyn Connection>)
        })
    }
}

impl Connection for SaltedConnection {
    fn target(&self) -> formwork_sdk::Target {
        self.inner.target()
    }

    fn call(&self, mut request: Request) -> BoxFuture<'_, Response> {
        match &mut request {
            Request::Apply(apply) | Request::Find(apply) => apply.token.0.push_str(self.salt),
            Request::Poll(wait) => wait.apply.token.0.push_str(self.salt),
            Request::Read { kind, objects }
                if kind == "sim_machine" && self.refuses_reads.load(Ordering::SeqCst) =>
            {
                let refusal = || ProviderError::new(ErrorKind::Transient, "nobody answers");
                let readings = (0..objects.len()).map(move |at| (at, Reading::Failed(refusal())));
                return Box::pin(async move { Response::Read(Box::pin(futures::stream::iter(readings))) });
            }
            _ => {}
        }
        Box::pin(async move {
            let mut response = self.inner.call(request).await;
            if let (Response::Progress(Ok(Progress::Waiting { words, is_in_line, .. })), Some(line)) =
                (&mut response, self.line)
            {
                *is_in_line = true;
                if matches!(line, Line::Stands) {
                    "another".clone_into(words);
                }
            }
            if let Response::Progress(Err(error)) = &response
                && error.kind == ErrorKind::Throttled
            {
                self.throttled.fetch_add(1, Ordering::SeqCst);
            }
            response
        })
    }
}

struct Providers {
    builtin: Arc<dyn Provider>,
    sim: Arc<dyn Provider>,
}

impl ProviderSource for Providers {
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        match address {
            address if *address == ProviderAddress::builtin() => Some(self.builtin.clone()),
            address if *address == ProviderAddress::formwork("sim") => Some(self.sim.clone()),
            _ => None,
        }
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        vec![ProviderAddress::builtin(), ProviderAddress::formwork("sim")]
    }
}

/// Keeps what the engine tells of provisioners and of what was taken up again.
#[derive(Default)]
pub(crate) struct Told(std::sync::Mutex<Vec<String>>);

impl Told {
    /// What was told since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Observer for Told {
    fn observe(&self, event: Event) {
        let line = match event {
            Event::ApplyStart { key, action, .. } => format!("{key} {action:?} start"),
            Event::ApplyComplete { key, action, .. } => format!("{key} {action:?} complete"),
            Event::ApplyErrored { key, action, .. } => format!("{key} {action:?} errored"),
            Event::ProvisionStart { key, .. } => format!("{key} provision start"),
            Event::ProvisionOutput { key, line, .. } => format!("{key}: {line}"),
            Event::ProvisionComplete { key, .. } => format!("{key} provision complete"),
            Event::ProvisionErrored { key, .. } => format!("{key} provision errored"),
            Event::Recovering { key, words } => format!("{key} {words}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A folder as a crash at some moment would have left it.
pub(crate) struct Image {
    pub(crate) point: FaultPoint,
    /// Of the record.
    pub(crate) kind: String,
    pub(crate) folder: tempfile::TempDir,
}

/// One working folder.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) given: IndexMap<ArcStr, GivenVariable>,
    pub(crate) hook: Option<FaultHook>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How often a target said that it was too many.
    pub(crate) throttled: Arc<AtomicU64>,
    /// Whether each read of a machine fails with what may well pass.
    pub(crate) refuses_reads: Arc<AtomicBool>,
    pub(crate) line: Option<Line>,
    pub(crate) token_salt: Option<&'static str>,
    pub(crate) told: Arc<Told>,
    runs: u32,
}

impl World {
    pub(crate) fn new(main: &str) -> Self {
        let files = BTreeMap::from([("main.tf".to_owned(), main.as_bytes().to_vec())]);
        Self {
            folder: tempfile::tempdir().unwrap(),
            files,
            given: IndexMap::new(),
            hook: None,
            clock: Arc::new(JumpingClock::default()),
            throttled: Arc::default(),
            refuses_reads: Arc::default(),
            line: None,
            token_salt: None,
            told: Arc::default(),
            runs: 0,
        }
    }

    /// What a crash would have left of the folder at each moment of an act that counts.
    pub(crate) fn images<T>(
        &mut self,
        counts: impl Fn(FaultPoint, &str) -> bool + Send + Sync + 'static,
        act: impl FnOnce(&mut Self) -> T,
    ) -> Vec<Image> {
        let images: Arc<Mutex<Vec<Image>>> = Arc::default();
        let (kept, from) = (images.clone(), self.folder.path().to_owned());
        self.hook = Some(Arc::new(move |point: FaultPoint, kind: &str| {
            if counts(point, kind) {
                let folder = tempfile::tempdir().unwrap();
                copy(&from, folder.path());
                kept.lock().unwrap().push(Image { point, kind: kind.to_owned(), folder });
            }
        }));
        act(self);
        self.hook = None;
        std::mem::take(&mut *images.lock().unwrap())
    }

    pub(crate) fn main(&mut self, text: &str) -> &mut Self {
        self.files.insert("main.tf".to_owned(), text.as_bytes().to_vec());
        self
    }

    pub(crate) fn var(&mut self, name: &str, text: &str) -> &mut Self {
        let given = GivenVariable { given: Given::Text(text.to_owned()), origin: "-var".to_owned() };
        self.given.insert(name.into(), given);
        self
    }

    pub(crate) fn environment(&self) -> Environment {
        let sim: Arc<dyn Provider> =
            Arc::new(SimProvider::new(self.folder.path()).with_faults(Faults::default()));
        let salt = self.token_salt.unwrap_or_default();
        let (throttled, refuses_reads) = (self.throttled.clone(), self.refuses_reads.clone());
        let sim = Arc::new(Salted { inner: sim, salt, throttled, refuses_reads, line: self.line });
        Environment {
            providers: Arc::new(Providers { builtin: Arc::new(BuiltinProvider::new()), sim }),
            clock: self.clock.clone(),
            processes: Arc::new(Shell(self.folder.path().to_owned())),
            observer: self.told.clone(),
            parallelism: 10,
            interrupt: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(crate) fn configuration(&self) -> Configuration {
        let source: Arc<dyn Source> = Arc::new(MemorySource(self.files.clone()));
        let (mut configuration, diagnostics) = run::load(&source);
        assert!(!diagnostics.has_errors(), "{}", text(&diagnostics, &configuration.sources));
        let diagnostics = run::decide_variables(&mut configuration, &self.given);
        assert!(!diagnostics.has_errors(), "{}", text(&diagnostics, &configuration.sources));
        configuration
    }

    pub(crate) fn store(&self) -> Store {
        let path: PathBuf = self.folder.path().join("terraform.tfstate");
        Store::open(StoreOptions {
            path,
            lock: true,
            // A process that another test starts holds every lock until it is another program.
            lock_timeout_ms: 10_000,
            operation: "test".to_owned(),
            time: "2026-01-02T03:04:05Z".to_owned(),
            version: "0.1.0".to_owned(),
            new_lineage: "11111111-2222-3333-4444-555555555555".to_owned(),
            files: Arc::new(RealFiles),
            faults: self.hook.clone(),
            skip_flush: false,
        })
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
    }

    pub(crate) fn options(mode: RunMode) -> PlanOptions {
        PlanOptions {
            mode,
            refresh: true,
            timestamp: "2026-01-02T03:04:05Z".to_owned(),
            workspace: "default".to_owned(),
            ..PlanOptions::default()
        }
    }

    pub(crate) fn plan_mode(&self, mode: RunMode) -> Result<Plan, String> {
        let configuration = self.configuration();
        let store = self.store();
        let planning =
            block(run::plan(&self.environment(), &configuration, &store.folded(), &Self::options(mode)));
        if planning.diagnostics.has_errors() {
            return Err(text(&planning.diagnostics, &configuration.sources));
        }
        Ok(planning.plan)
    }

    pub(crate) fn plan(&self) -> Plan {
        self.plan_mode(RunMode::Normal).unwrap_or_else(|text| panic!("{text}"))
    }

    pub(crate) fn apply_plan(&mut self, plan: &Plan) -> Outcome {
        self.runs += 1;
        let store = self.store();
        let outcome =
            block(run::apply(&self.environment(), &store, plan, &format!("run-{}", self.runs), "default"));
        store.finish().unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
        outcome
    }

    pub(crate) fn recover(&mut self, plan: &Plan) -> Outcome {
        let store = self.store();
        let outcome = block(run::recover(&self.environment(), &store, plan, "default"));
        store.finish().unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
        outcome
    }

    pub(crate) fn apply(&mut self) -> Outcome {
        let plan = self.plan();
        let outcome = self.apply_plan(&plan);
        assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
        outcome
    }

    pub(crate) fn destroy(&mut self) -> Outcome {
        let plan = self.plan_mode(RunMode::Destroy).unwrap_or_else(|text| panic!("{text}"));
        let outcome = self.apply_plan(&plan);
        assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
        outcome
    }

    pub(crate) fn folded(&self) -> Folded {
        self.store().folded().clone()
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<String> =
            self.folded().state.objects().map(|(key, _)| key.to_string()).collect();
        addresses.sort();
        addresses
    }
}

/// What stands after a plan, by the plan alone.
pub(crate) fn expected_objects(before: &BTreeSet<String>, plan: &Plan) -> BTreeSet<String> {
    let mut objects = before.clone();
    for change in plan.changes.iter().filter_map(|change| change.previous_address.as_ref()) {
        objects.remove(&change.to_string());
    }
    for change in &plan.changes {
        match change.action {
            Action::Delete | Action::Forget => objects.remove(&change.address.to_string()),
            _ => objects.insert(change.address.to_string()),
        };
    }
    objects
}

/// `address action` for each change, sorted.
pub(crate) fn actions(plan: &Plan) -> Vec<String> {
    let mut actions: Vec<String> =
        plan.changes.iter().map(|change| format!("{} {:?}", change.address, change.action)).collect();
    actions.sort();
    actions
}

/// What a step does: `create a`, `delete b`; nothing for one that only joins others.
fn named(plan: &Plan, step: &formwork_engine::Step) -> Option<String> {
    use formwork_engine::Work;
    let change = &plan.changes[step.work.change()? as usize];
    let word = match step.work {
        Work::Create { .. } => "create",
        Work::Update { .. } => "update",
        Work::Delete { .. } => "delete",
        Work::Read { .. } => "read",
        Work::Forget { .. } => "forget",
        Work::Barrier => return None,
    };
    Some(format!("{word} {}", change.address))
}

/// Changes in the order of their steps: `create a`, `delete b`.
pub(crate) fn order(plan: &Plan) -> Vec<String> {
    plan.steps.iter().filter_map(|step| named(plan, step)).collect()
}

/// Whether one step has to wait for another, through whatever lies between.
pub(crate) fn is_before(plan: &Plan, first: &str, second: &str) -> bool {
    let find = |name: &str| {
        let found = plan.steps.iter().find(|step| named(plan, step).as_deref() == Some(name));
        found.unwrap_or_else(|| panic!("{name} is not in {:?}", order(plan))).id
    };
    let (first, mut waiting, mut seen) = (find(first), vec![find(second)], BTreeSet::new());
    while let Some(id) = waiting.pop() {
        if id == first {
            return true;
        }
        if seen.insert(id) {
            waiting.extend(&plan.steps[id as usize].after);
        }
    }
    false
}

pub(crate) fn text(diagnostics: &Diagnostics, sources: &formwork_diagnostic::Sources) -> String {
    diagnostics.iter().map(|diagnostic| render_text(diagnostic, sources, Style::PLAIN)).collect()
}

pub(crate) fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
