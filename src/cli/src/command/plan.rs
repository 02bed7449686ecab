//! `plan`: what apply would do, shown and perhaps saved. Changes neither objects nor state.

use super::approval;
use crate::ambient;
use crate::arguments::{Plan as Arguments, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::plan_text::summary;
use crate::render::{attention, event_json, metrics, overview};
use crate::session::Session;
use crate::terminal::Terminal;
use formwork_diagnostic::Diagnostic;
use formwork_engine::generate::generate;
use formwork_engine::plan::Planning;
use formwork_engine::run::{self, Configuration, PlanOptions};
use formwork_engine::{Plan, RunMode, plan_file};
use formwork_state::encryption::Label;
use formwork_state::{Appender, Files, RealFiles, State, Store};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) fn run(
    arguments: &Arguments,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let planning = &arguments.planning;
    let session = Session::telling(terminal, &planning.telling, planning.parallelism)?;
    let configuration = session.configuration(variables)?;
    let store = session.store("plan", &planning.lock)?;
    let options = session.plan_options(planning, arguments.destroy)?;
    let manner = Manner { show_sensitive: planning.telling.show_sensitive, summary: arguments.summary };
    let refused = &planning.refuse;
    let (configuration, planning) = match &arguments.generate_config_out {
        None => {
            let planning = attempt(&session, &configuration, &store, &options)?;
            (configuration, planning)
        }
        Some(path) => generated_plan(&session, configuration, &store, &options, path)?,
    };
    let presented = present(&session, &configuration, &planning, manner);
    let plan = planning.plan;
    if let Some(path) = &arguments.metrics_file {
        keep_metrics(&session, &plan, path)?;
    }
    if let Err(failure) = presented {
        // What was planned until then can be looked at, though nobody can apply it.
        if is_sound(&session, &configuration, &plan) {
            let _ = arguments.out.as_ref().map(|path| save(&session, &plan, &store.folded().state, path));
        }
        return Err(failure);
    }
    let has_changes = is_to_be_applied(&plan);
    let says_what_next = has_changes && !ambient::is_automated();
    if let Some(path) = &arguments.out {
        save(&session, &plan, &store.folded().state, path)?;
    }
    match &arguments.out {
        Some(path) if says_what_next => say_saved(&session, path),
        None if says_what_next => say_unsaved(&session),
        _ => {}
    }
    approval::refuse(&session, &plan, refused)?;
    Ok(if arguments.detailed_exitcode && has_changes { Success::ChangesPresent } else { Success::Done })
}

/// Plans with blocks written for imports that have none, and keeps those blocks.
fn generated_plan(
    session: &Session,
    configuration: Configuration,
    store: &Store,
    options: &PlanOptions,
    path: &Path,
) -> Result<(Configuration, Planning), Failure> {
    if path.exists() {
        let detail = format!("{} is there already, and nothing in it is to be lost.", path.display());
        let diagnostic =
            Diagnostic::error("generated-file-exists", "Target generated file already exists", detail);
        return Err(session.refused(diagnostic.hint("Name a file that does not exist yet.")));
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Whatever the file is called, it is read as a file of the configuration.
    let name = if path.extension().is_some_and(|one| one == "tf") { name } else { format!("{name}.tf") };
    let environment = &session.environment;
    let folded = store.folded();
    let (generated, found) =
        session.block_on(generate(environment, configuration, &name, &folded, options))?;
    drop(folded);
    session.settle(&found, &generated.configuration.sources)?;
    let mut planning = attempt(session, &generated.configuration, store, options)?;
    generated.mark(&mut planning.plan);
    if !generated.text.is_empty() {
        std::fs::write(path, &generated.text).map_err(|error| {
            let detail = format!(
                "{}, which -generate-config-out names, could not be written: {error}.",
                path.display()
            );
            let diagnostic =
                Diagnostic::error("generated-file", "Failed to write generated configuration", detail);
            session.refused(diagnostic.hint("Name a file in a folder that exists and has room."))
        })?;
        let words = format!(
            "Configuration for imported objects was written to {}. Look at it before you apply.\n",
            path.display()
        );
        session.screen.text(&words);
    }
    Ok((generated.configuration, planning))
}

/// Writes figures for a collector, who may look at any moment.
fn keep_metrics(session: &Session, plan: &Plan, path: &Path) -> Result<(), Failure> {
    let made = plan.timestamp.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    let text = metrics::of_plan(plan, made);
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let written = std::fs::write(&name, text).and_then(|()| std::fs::rename(&name, path));
    written.map_err(|error| {
        let detail = format!("{}, which -metrics-file names, could not be written: {error}.", path.display());
        let diagnostic = Diagnostic::error("metrics-unwritable", "Failed to write metrics", detail);
        session.refused(diagnostic.hint("Name a file in a folder that exists and has room."))
    })
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Manner {
    pub(super) show_sensitive: bool,
    pub(super) summary: bool,
}

/// Whether there is something to apply, as far as whoever reads the plan is concerned.
pub(super) fn is_to_be_applied(plan: &Plan) -> bool {
    plan.has_changes() || (plan.mode == RunMode::RefreshOnly && !plan.readings.is_empty())
}

/// Whether applying would do anything: that an object moved, has another form or was found otherwise than it is stored,
/// and a data source that is not stored, are written to the state too, though nobody is asked.
pub(super) fn has_work(plan: &Plan, store: &Store) -> bool {
    let is_only_moved = plan.mode == RunMode::RefreshOnly && !plan.moves.is_empty();
    let state = &store.folded().state;
    let mut data = plan.data.iter().filter(|data| state.current(&data.address).is_none());
    is_to_be_applied(plan)
        || is_only_moved
        || !(plan.rewrites.is_empty() && plan.readings.is_empty())
        || (plan.mode == RunMode::Normal && data.next().is_some())
}

/// Plans and shows the plan and everything found; errors end it.
pub(super) fn make(
    session: &Session,
    configuration: &Configuration,
    store: &Store,
    options: &PlanOptions,
    manner: Manner,
) -> Result<Plan, Failure> {
    let planning = attempt(session, configuration, store, options)?;
    present(session, configuration, &planning, manner)?;
    Ok(planning.plan)
}

fn attempt(
    session: &Session,
    configuration: &Configuration,
    store: &Store,
    options: &PlanOptions,
) -> Result<Planning, Failure> {
    session.block_on(run::plan(&session.environment, configuration, &store.folded(), options))
}

/// Whether a plan failed, if it did, for another reason than that its configuration is wrong in itself.
fn is_sound(session: &Session, configuration: &Configuration, plan: &Plan) -> bool {
    !plan.errored || !run::validate(&session.environment, configuration).has_errors()
}

/// Shows a plan and what was found. Of a configuration that is wrong in itself there is no plan to show.
fn present(
    session: &Session,
    configuration: &Configuration,
    planning: &Planning,
    manner: Manner,
) -> Result<(), Failure> {
    if is_sound(session, configuration, &planning.plan) {
        show(session, &planning.plan, manner);
    }
    session.settle(&planning.diagnostics, &configuration.sources)
}

/// The plan, for whoever reads.
pub(super) fn show(session: &Session, plan: &Plan, manner: Manner) {
    session.screen.text(&if manner.summary {
        short(session, plan)
    } else {
        session.plan_text(manner.show_sensitive).render(plan)
    });
    if session.screen.is_telling_tools() {
        for message in event_json::plan(plan) {
            session.screen.message(&message);
        }
    }
}

/// A table, what deserves attention, and the sentence.
pub(super) fn short(session: &Session, plan: &Plan) -> String {
    let palette = session.terminal.layout.palette;
    let attention = attention::text(&attention::of_plan(plan, &session.schemas), palette);
    format!("{}{attention}\n{}\n", overview::table(plan), summary(plan, palette))
}

/// Writes a plan file that only its owner may read, whole or not at all, sealed where plans are.
pub(super) fn save(session: &Session, plan: &Plan, state: &State, path: &Path) -> Result<(), Failure> {
    let encryption = session.encryptions(&[])?.plan;
    let written = match encryption.filter(|encryption| encryption.seals()) {
        None => write(path, |out| plan_file::write_with_state(plan, state, out)),
        Some(encryption) => {
            let mut bytes = Vec::new();
            let gathered = plan_file::write_with_state(plan, state, &mut bytes);
            gathered.map_err(|error| session.refused(unwritable(path, &error)))?;
            let sealed = encryption.seal(&bytes, Label::default());
            let sealed = sealed.map_err(|diagnostic| session.refused(diagnostic))?;
            write(path, |out| out.write_all(&sealed))
        }
    };
    written.map_err(|error| session.refused(unwritable(path, &error)))
}

fn write(path: &Path, fill: impl FnOnce(&mut io::BufWriter<Appending>) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut out = io::BufWriter::new(Appending(RealFiles.create(&new)?));
    fill(&mut out)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.0.flush()?;
    RealFiles.rename(&new, path)
}

struct Appending(Box<dyn Appender>);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(
        "plan-unwritable",
        "Failed to write plan file",
        format!("The plan file {} could not be written: {error}.", path.display()),
    )
    .hint("Name a file in a folder that exists and has room.")
}

/// Says that a run that was cut off comes first.
pub(super) fn unfinished() -> Diagnostic {
    Diagnostic::error(
        "unfinished-run",
        "Another run was cut off",
        "A run of another plan ended before it was finished, and what it left in flight comes first.",
    )
    .hint("Run apply without a plan file: it goes on with that run. Then plan again.")
}

fn say_saved(session: &Session, path: &Path) {
    let path = path.display();
    let rule = session.terminal.layout.rule();
    session.screen.text(&format!("{rule}\nSaved the plan to: {path}\n\nTo perform exactly these actions, run the following command to apply:\n    formwork apply \"{path}\"\n"));
}

fn say_unsaved(session: &Session) {
    let layout = session.terminal.layout;
    let words = "Note: You didn't use the -out option to save this plan, so Formwork can't guarantee to take exactly these actions if you run \"formwork apply\" now.";
    session.screen.text(&format!("{}\n{}\n", layout.rule(), layout.wrapped(words)));
}
