//! What most commands begin with: the configuration with its variables, the open state, the engine's surroundings.

use crate::arguments::{Lock, Planning, Telling, VariableArgument};
use crate::clear_secrets;
use crate::clock::{SystemClock, timestamp, timestamp_to_the_second};
use crate::disk::Disk;
use crate::encryption::{self, Encryptions};
use crate::failure::{self, Failure};
use crate::focus;
use crate::origin;
use crate::place::{self, Place, Written};
use crate::processes::{self, LocalProcesses};
use crate::registry::Registry;
use crate::render::plan_text::PlanText;
use crate::render::schemas::Schemas;
use crate::render::state_json::{ShownObject, ShownOutput, ShownState};
use crate::screen::{Screen, Watcher};
use crate::terminal::{self, Consolidated, Terminal};
use crate::variables;
use crate::workspaces;
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use formwork_engine::connections::Connections;
use formwork_engine::objects::{decode_object, decode_output, refreshed};
use formwork_engine::run::{self, Configuration, PlanOptions};
use formwork_engine::testing::{self, Suite};
use formwork_engine::variables::MISSING_VARIABLE;
use formwork_engine::why::Origins;
use formwork_engine::{Action, Environment, OutputChange, Plan, RunMode};
use formwork_lang::{Source, normalise_path};
use formwork_state::backend::{Backend, Holder, SealedBackend};
use formwork_state::encryption::{is_sealed, unconfigured};
use formwork_state::format_v4::Dependencies;
use formwork_state::history::{Chronicle, LazyOrigin};
use formwork_state::{Opening, Record, State, Status, Store};
use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

/// Operations that may be cut off in the middle and then have to be gone on with.
const MAKE_A_JOURNAL: [&str; 2] = ["apply", "rollback"];

/// Operations that write the state, and so leave an entry in its history.
const LEAVE_AN_ENTRY: [&str; 13] = [
    "apply",
    "rollback",
    "recover",
    "init",
    "workspace new",
    "import",
    "state mv",
    "state rm",
    "state push",
    "state replace-provider",
    "taint",
    "untaint",
    "history prune",
];

fn contradicting(options: &str) -> Diagnostic {
    let detail = format!("{options} cannot be used together.");
    Diagnostic::error("contradicting-options", "Incompatible plan mode options", detail)
        .hint("Leave one of them out.")
}

/// What the configuration says of the place of its state, and of how that is sealed.
#[derive(Clone)]
struct Said {
    /// Nothing where it has no `backend` block.
    place: Option<Written>,
    encryptions: Encryptions,
}

fn said(configuration: &Configuration) -> Result<Said, Diagnostics> {
    let place = place::written(configuration)?;
    Ok(Said { place, encryptions: encryption::of(configuration)? })
}

/// One command's surroundings.
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    pub(crate) screen: Arc<Screen>,
    pub(crate) environment: Environment,
    pub(crate) schemas: Schemas,
    /// Decided once: whoever chooses another while this runs does not move the state under it.
    pub(crate) workspace: String,
    files: Arc<dyn Source>,
    watching: Once,
    /// What the configuration says of its state, once that was read and is wholly known.
    said: RefCell<Option<Said>>,
    place: OnceCell<Place>,
}

impl Session {
    /// Surroundings in the working directory.
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self::with_screen(terminal, Screen::plain(terminal), 1)
    }

    /// The same for a run, told as the arguments say.
    pub(crate) fn telling(
        terminal: Terminal,
        telling: &Telling,
        parallelism: usize,
    ) -> Result<Self, Failure> {
        let consolidated =
            Consolidated { warnings: telling.consolidate_warnings, errors: telling.consolidate_errors };
        let terminal =
            terminal.with_compact_warnings(telling.compact_warnings).with_consolidated(consolidated);
        let screen = Screen::new(terminal, telling).map_err(|error| {
            let name = telling.json_into.as_deref().unwrap_or(Path::new("")).display();
            let detail = format!("{name}, which -json-into names, could not be written: {error}.");
            Diagnostic::error("json-into-unwritable", "Failed to write the JSON output", detail)
                .hint("Name a file in a folder that exists.")
        })?;
        Ok(Self::with_screen(terminal, screen, parallelism))
    }

    fn with_screen(terminal: Terminal, screen: Arc<Screen>, parallelism: usize) -> Self {
        let environment = Environment {
            providers: Arc::new(Registry),
            clock: Arc::new(SystemClock::new()),
            processes: Arc::new(LocalProcesses),
            observer: Arc::new(Watcher(screen.clone())),
            parallelism,
            interrupt: Arc::new(AtomicBool::new(false)),
        };
        Self {
            terminal,
            screen,
            environment,
            schemas: Schemas::new(Arc::new(Registry)),
            workspace: workspaces::current(),
            files: Arc::new(Disk::here()),
            watching: Once::new(),
            said: RefCell::new(None),
            place: OnceCell::new(),
        }
    }

    /// The same, with files from elsewhere.
    pub(crate) fn with_files(mut self, files: Arc<dyn Source>) -> Self {
        self.files = files;
        self
    }

    /// The working directory's files.
    pub(crate) fn files(&self) -> &dyn Source {
        self.files.as_ref()
    }

    /// The module tree of the working directory, checked; warnings are shown.
    pub(crate) fn load(&self) -> Result<Configuration, Failure> {
        let (configuration, found) = run::load(&self.files);
        self.settle_loaded(&configuration, found)?;
        Ok(configuration)
    }

    fn settle_loaded(&self, configuration: &Configuration, mut found: Diagnostics) -> Result<(), Failure> {
        found.append(run::further_faults(&self.environment, configuration, &found));
        found.append(place::faults(configuration));
        found.append(encryption::faults(configuration));
        found.sort_by_place();
        // It is wanted until the process ends, which takes it away whole and at once.
        std::mem::forget(configuration.root.clone());
        self.settle(&found, &configuration.sources)?;
        self.know_place(configuration);
        Ok(())
    }

    /// Remembers what a configuration says of its state, unless part of it is not known yet.
    fn know_place(&self, configuration: &Configuration) {
        if let Ok(said) = said(configuration) {
            self.remember(said);
        }
    }

    fn remember(&self, said: Said) -> Said {
        crate::remote_state::are_opened_by(said.encryptions.remote.clone());
        self.said.borrow_mut().insert(said).clone()
    }

    /// What the configuration says of its state. It is read for that alone where no command did: what is wrong
    /// elsewhere in it says nothing about the state.
    fn said(&self) -> Result<Said, Failure> {
        let known = self.said.borrow().clone();
        known.map_or_else(|| self.read_said(&[]), Ok)
    }

    /// What the configuration says of the place of its state, with these values for its variables.
    pub(crate) fn asked_for(&self, arguments: &[VariableArgument]) -> Result<Option<Written>, Failure> {
        Ok(self.read_said(arguments)?.place)
    }

    /// How things are sealed, with these values for variables where the configuration was not read before.
    pub(crate) fn encryptions(&self, arguments: &[VariableArgument]) -> Result<Encryptions, Failure> {
        let known = self.said.borrow().clone();
        Ok(known.map_or_else(|| self.read_said(arguments), Ok)?.encryptions)
    }

    fn read_said(&self, arguments: &[VariableArgument]) -> Result<Said, Failure> {
        let (mut configuration, _) = run::load(&self.files);
        let settings = &configuration.root.settings;
        let is_of_interest = settings.backend.is_some() || settings.encryption.is_some();
        if configuration.root.uses_variables && is_of_interest {
            let (given, _) = variables::gather(&mut configuration, std::env::vars(), arguments)?;
            run::decide_variables(&mut configuration, &given);
            configuration = run::load_with(&self.files, Some(&configuration.variables)).0;
        }
        let mut found = place::faults(&configuration);
        found.append(encryption::faults(&configuration));
        self.settle(&found, &configuration.sources)?;
        let said = said(&configuration).map_err(|found| {
            self.screen.know_sources(&configuration.sources);
            self.refused(found)
        })?;
        Ok(self.remember(said))
    }

    /// The place of the state.
    pub(crate) fn place(&self) -> Result<&Place, Failure> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let said = self.said()?;
        let place = place::current(said.place.as_ref()).map_err(|found| self.refused(found))?;
        Ok(self.place.get_or_init(|| place))
    }

    /// All workspaces, the default one first.
    pub(crate) fn workspaces(&self) -> Result<Vec<String>, Failure> {
        let place = self.place()?;
        place::workspaces_of(&*place.storage).map_err(|diagnostic| self.refused(diagnostic))
    }

    /// Where the state of a workspace is.
    pub(crate) fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, Failure> {
        self.backend_on(self.place()?, workspace)
    }

    /// Where the state of a workspace is in a place.
    pub(crate) fn backend_on(&self, place: &Place, workspace: &str) -> Result<Arc<dyn Backend>, Failure> {
        if !workspaces::is_valid(workspace) {
            return Err(self.refused(crate::command::workspace::invalid(workspace)));
        }
        let backend = place
            .storage
            .backend(workspace)
            .map_err(|error| self.refused(place::unanswered(&*place.storage, &error.to_string())))?;
        Ok(match self.said()?.encryptions.state {
            Some(encryption) => Arc::new(SealedBackend::new(backend, encryption)),
            None => backend,
        })
    }

    /// The bytes of a plan file, or of a state that the command line names.
    pub(crate) fn opened(
        &self,
        path: &Path,
        bytes: Vec<u8>,
        arguments: &[VariableArgument],
    ) -> Result<Vec<u8>, Failure> {
        let is_sealed = is_sealed(&bytes);
        let encryptions = self.encryptions(arguments)?;
        let name = path.display().to_string();
        let mut unopened = None;
        for encryption in encryptions.plan.iter().chain(encryptions.state.iter().filter(|_| is_sealed)) {
            match encryption.open(&name, &bytes) {
                Ok(opened) => return Ok(opened.bytes.into_owned()),
                Err(diagnostic) => drop(unopened.get_or_insert(diagnostic)),
            }
        }
        match unopened {
            Some(diagnostic) => Err(self.refused(diagnostic)),
            None if is_sealed => Err(self.refused(unconfigured(&name))),
            None => Ok(bytes),
        }
    }

    /// The configuration with its variables decided.
    pub(crate) fn configuration(&self, arguments: &[VariableArgument]) -> Result<Configuration, Failure> {
        Ok(self.configuration_with_origins(arguments)?.0)
    }

    /// The same, and where each variable that was given came from.
    pub(crate) fn configuration_with_origins(
        &self,
        arguments: &[VariableArgument],
    ) -> Result<(Configuration, Origins), Failure> {
        let (mut configuration, found) = run::load(&self.files);
        // Which modules there are may depend on variables: then what was found is preliminary.
        let is_preliminary = configuration.root.uses_variables;
        if !is_preliminary {
            self.settle_loaded(&configuration, found)?;
        }
        let (mut given, mut diagnostics) =
            variables::gather(&mut configuration, std::env::vars(), arguments)?;
        if !diagnostics.has_errors() {
            variables::ask(&configuration, &mut given, &self.terminal);
            diagnostics.append(run::decide_variables(&mut configuration, &given));
        }
        self.settle(&diagnostics, &configuration.sources)?;
        let origins = variables::origins(&given, &configuration.sources);
        if is_preliminary {
            let (again, found) = run::load_with(&self.files, Some(&configuration.variables));
            self.settle_loaded(&again, found)?;
            let (variables, defaulted) = (configuration.variables, configuration.defaulted);
            configuration = Configuration { variables, defaulted, ..again };
        }
        Ok((configuration, origins))
    }

    /// Gives a plan that was read what is never stored: from the environment, from files, from the command line.
    pub(crate) fn give_ephemeral(
        &self,
        plan: &mut Plan,
        arguments: &[VariableArgument],
    ) -> Result<(), Failure> {
        if plan.ephemeral_variables.is_empty() {
            return Ok(());
        }
        let mut configuration = run::configuration_of(plan);
        configuration.files = self.files.clone();
        let (given, mut diagnostics) = variables::gather(&mut configuration, std::env::vars(), arguments)?;
        diagnostics.append(run::give_ephemeral(plan, &given));
        self.settle(&diagnostics, &configuration.sources)
    }

    /// The configuration with the variables decided that have a value; nobody is asked for the others.
    pub(crate) fn configuration_with_gaps(
        &self,
        arguments: &[VariableArgument],
    ) -> Result<Configuration, Failure> {
        let mut configuration = self.load()?;
        let (given, mut diagnostics) = variables::gather(&mut configuration, std::env::vars(), arguments)?;
        let decided = run::decide_variables(&mut configuration, &given);
        diagnostics.extend(decided.into_iter().filter(|one| one.code != MISSING_VARIABLE));
        self.settle(&diagnostics, &configuration.sources)?;
        Ok(configuration)
    }

    /// The configuration with its tests, and what was given for its variables; nobody is asked for the others.
    pub(crate) fn suite(
        &self,
        arguments: &[VariableArgument],
        directory: Option<&str>,
    ) -> Result<Suite, Failure> {
        let (mut configuration, mut found) = run::load(&self.files);
        if configuration.root.uses_variables {
            // Which modules there are is known in each run, and what is wrong with them is said there.
            found = Diagnostics::new();
        }
        let (files, more) = testing::load_tests(&mut configuration, directory);
        found.append(more);
        self.settle(&found, &configuration.sources)?;
        let folder = directory.unwrap_or(testing::DIRECTORY);
        let folder = Some(folder).filter(|folder| normalise_path(folder) != ".");
        let (given, found) =
            variables::gather_beside(&mut configuration, folder, std::env::vars(), arguments)?;
        self.settle(&found, &configuration.sources)?;
        Ok(Suite { configuration, files, given })
    }

    /// Shows warnings; gives errors back, with the warnings before them.
    pub(crate) fn settle(&self, diagnostics: &Diagnostics, sources: &Sources) -> Result<(), Failure> {
        self.screen.know_sources(sources);
        self.screen.show(diagnostics);
        if diagnostics.has_errors() { Err(Failure::default()) } else { Ok(()) }
    }

    /// Opens the state of the current workspace.
    pub(crate) fn store(&self, operation: &str, lock: &Lock) -> Result<Store, Failure> {
        self.store_of(&self.workspace, operation, lock)
    }

    /// Opens the state of a workspace.
    pub(crate) fn store_of(&self, workspace: &str, operation: &str, lock: &Lock) -> Result<Store, Failure> {
        self.store_on(self.place()?, workspace, operation, lock)
    }

    /// Opens the state of a workspace in a place.
    pub(crate) fn store_on(
        &self,
        place: &Place,
        workspace: &str,
        operation: &str,
        lock: &Lock,
    ) -> Result<Store, Failure> {
        let backend = self.backend_on(place, workspace)?;
        if MAKE_A_JOURNAL.contains(&operation) {
            self.screen.show(&place.storage.warnings());
        }
        let opening = self.opening(operation, lock);
        let store = Store::open_on(backend, opening).map_err(|diagnostics| self.refused(diagnostics))?;
        if !LEAVE_AN_ENTRY.contains(&operation) {
            return Ok(store);
        }
        let keep = origin::kept_entries().map_err(|diagnostic| self.refused(diagnostic))?;
        let (operation, workspace) = (operation.to_owned(), workspace.to_owned());
        Ok(store.with_chronicle(Chronicle {
            origin: LazyOrigin::new(Box::new(move || origin::of(&operation, &workspace))),
            id: run_id(),
            now: timestamp_to_the_second,
            keep,
        }))
    }

    /// How this process opens a state.
    pub(crate) fn opening(&self, operation: &str, lock: &Lock) -> Opening {
        Opening {
            lock: lock.lock,
            lock_timeout_ms: lock.lock_timeout,
            holder: self.holder(operation),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            new_lineage: uuid::Uuid::new_v4().to_string(),
            faults: crate::fault::hook(),
        }
    }

    /// This process as whoever finds the state locked is told of it.
    fn holder(&self, operation: &str) -> Holder {
        Holder {
            id: uuid::Uuid::new_v4().to_string(),
            pid: std::process::id(),
            host: processes::host(),
            user: processes::user(),
            operation: operation.to_owned(),
            command: crate::arguments::without_values(std::env::args()),
            since: self.environment.clock.now(),
        }
    }

    /// The snapshot of the current workspace, when there is one that can be read.
    pub(crate) fn stored_state(&self) -> Option<State> {
        let backend = self.backend(&self.workspace).ok()?;
        let bytes = backend.load().ok()?.snapshot?;
        Some(formwork_state::format_v4::read(&backend.name(), &bytes).ok()?.state)
    }

    /// Appends records that change the state alone, each durable before the next, and writes the state.
    pub(crate) fn record(&self, store: Store, records: &[Record]) -> Result<(), Failure> {
        clear_secrets::check_records(self, records, &store)?;
        // What is said while a run is open is that run's.
        let about = store.about(None).filter(|_| store.folded().run.is_none() && !records.is_empty());
        if let Some(about) = about {
            drop(store.append(&Record::About(Box::new(about))));
        }
        for record in records {
            store.append(record).wait().map_err(|diagnostic| self.refused(diagnostic))?;
        }
        store.finish().map_err(|diagnostics| self.refused(diagnostics))
    }

    /// Findings shown as whoever reads expects them.
    pub(crate) fn refused(&self, diagnostics: impl Into<Diagnostics>) -> Failure {
        self.screen.show(&diagnostics.into());
        Failure::default()
    }

    /// How to plan, by the command line.
    pub(crate) fn plan_options(&self, planning: &Planning, destroy: bool) -> Result<PlanOptions, Failure> {
        let mode = match (destroy, planning.refresh_only) {
            (true, true) => return Err(self.refused(contradicting("-destroy and -refresh-only"))),
            (true, false) => RunMode::Destroy,
            (false, true) => RunMode::RefreshOnly,
            (false, false) => RunMode::Normal,
        };
        if mode == RunMode::RefreshOnly && !planning.refresh {
            return Err(self.refused(contradicting("-refresh-only and -refresh=false")));
        }
        if mode != RunMode::Normal && !planning.replace.is_empty() {
            let options = "-replace and a run that only destroys or only refreshes";
            return Err(self.refused(contradicting(options)));
        }
        if mode != RunMode::Destroy && planning.forget_unreachable {
            let options = "-forget-unreachable and a run that does not destroy";
            return Err(self.refused(contradicting(options)));
        }
        let focus = focus::read(&planning.focus).map_err(|diagnostic| self.refused(diagnostic))?;
        Ok(PlanOptions {
            mode,
            refresh: planning.refresh,
            timestamp: self.environment.clock.now(),
            workspace: self.workspace.clone(),
            accepted_targets: planning.accept_new_target.clone(),
            one_stage: !planning.stages,
            forget_unreachable: planning.forget_unreachable,
            focus,
            replace: planning.replace.clone(),
            imports: Vec::new(),
        })
    }

    /// A state with its objects decoded by today's schemas, or as they stand where there is none.
    pub(crate) fn shown_state(&self, state: &State) -> ShownState {
        let connections = Connections::new(self.environment.clone());
        let mut dependencies = Dependencies::of(state);
        let objects = state.objects().map(|(key, object)| {
            let address = &key.address;
            let kind = connections.kind(&object.provider.provider, address.mode(), address.type_name());
            let decoded = kind.and_then(|kind| Some((decode_object(object, &kind).ok()?, kind)));
            let value = match &decoded {
                Some((prior, kind)) => kind.mark_sensitive(&prior.marked()),
                None => plain_value(object),
            };
            ShownObject {
                address: address.clone(),
                deposed: key.deposed.clone(),
                is_tainted: object.status == Status::Tainted,
                schema_version: object.schema_version,
                provider: object.provider.provider.clone(),
                identity: object.identity.as_ref().and_then(|identity| {
                    let version = object.identity_schema_version.unwrap_or_default();
                    Some((serde_json::from_str(identity.get()).ok()?, version))
                }),
                value,
                depends_on: dependencies.of_block(&address.block()).to_vec(),
            }
        });
        let checks = state.check_results.as_ref().map(|raw| serde_json::from_str(raw.get()));
        ShownState {
            objects: objects.collect(),
            outputs: shown_outputs(state),
            checks: checks.and_then(Result::ok).unwrap_or_default(),
        }
    }

    /// What writes plans for people.
    pub(crate) fn plan_text(&self, show_sensitive: bool) -> PlanText<'_> {
        PlanText { schemas: &self.schemas, layout: self.terminal.layout, show_sensitive }
    }

    /// The state that a plan was made from, as its readings found it, with the data that was read for it.
    pub(crate) fn shown_prior(&self, plan: &Plan, state: State) -> ShownState {
        let connections = Connections::new(self.environment.clone());
        let mut shown = self.shown_state(&refreshed(plan, state, &connections));
        shown.objects.retain(|object| plan.data.iter().all(|data| data.address != object.address));
        shown.objects.extend(plan.data.iter().map(|data| {
            ShownObject {
                address: data.address.clone(),
                deposed: None,
                is_tainted: false,
                schema_version: self
                    .schemas
                    .with(&data.provider.provider, &data.address, |kind| kind.map_or(0, |kind| kind.version)),
                provider: data.provider.provider.clone(),
                value: data.value.clone(),
                depends_on: Vec::new(),
                identity: None,
            }
        }));
        shown.checks.clear();
        // What an output will be is known as soon as it is planned.
        let known =
            |output: &&OutputChange| output.action != Action::Delete && output.after.is_wholly_known();
        for output in plan.outputs.iter().filter(known) {
            shown.outputs.retain(|one| one.name != output.name.as_str());
            if !output.after.is_null() {
                let (name, value) = (output.name.to_string(), output.after.clone());
                shown.outputs.push(ShownOutput { name, value, sensitive: output.sensitive });
            }
        }
        shown
    }

    /// Runs the engine's work. The first interrupt asks it to stop, the second ends the process.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        // Events are told in one piece, before the thread waits for something.
        let runtime = builder.enable_all().on_thread_park(terminal::print_held).build().map_err(|error| {
            self.refused(Diagnostic::error("no-runtime", "Runtime could not be started", error.to_string()))
        })?;
        self.watching.call_once(|| watch_interrupts(self.environment.interrupt.clone(), self.screen.clone()));
        let outcome = runtime.block_on(work);
        terminal::print_held();
        Ok(outcome)
    }
}

/// The outputs of a state, without a look at its objects.
pub(crate) fn shown_outputs(state: &State) -> Vec<ShownOutput> {
    let outputs = state.outputs.iter().map(|(name, output)| ShownOutput {
        name: name.to_string(),
        value: decode_output(output),
        sensitive: output.sensitive,
    });
    outputs.collect()
}

fn plain_value(object: &formwork_state::Object) -> formwork_value::Value {
    let value = formwork_value::decode_implied(object.attributes.get())
        .unwrap_or_else(|_| formwork_value::Value::null(formwork_value::Type::Dynamic));
    let marks: Vec<_> = object
        .sensitive_paths
        .iter()
        .map(|path| (path.clone(), formwork_value::Marks::sensitive()))
        .collect();
    value.mark_paths(&marks)
}

/// Waits for interrupts in a thread of its own, so that a busy engine cannot hold the second one up.
fn watch_interrupts(interrupt: Arc<AtomicBool>, screen: Arc<Screen>) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            stop_signal().await;
            interrupt.store(true, Ordering::SeqCst);
            screen.text("\nInterrupt received. Nothing more is started; what runs is finished, or left in a recorded wait.\nInterrupt again to stop at once.\n\n");
            stop_signal().await;
            processes::end_all().await;
            failure::stop_at_once();
        });
    });
}

async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// A moment for names of runs: sortable and unique enough beside a random part.
pub(crate) fn run_id() -> String {
    format!("{}-{}", timestamp().replace([':', '.'], ""), &uuid::Uuid::new_v4().simple().to_string()[..8])
}
