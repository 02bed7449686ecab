//! `apply`: performs a saved plan, goes on with a run that was cut off, or plans, asks and performs.

use super::{approval, plan as planning};
use crate::arguments::{Apply as Arguments, OnFailure, VariableArgument};
use crate::clear_secrets;
use crate::failure::{Failure, Success};
use crate::render::palette::Look;
use crate::render::state_json::ShownOutput;
use crate::render::{event_json, rollback, state_text};
use crate::session::{Session, run_id, shown_outputs};
use crate::terminal::Terminal;
use formwork_diagnostic::Diagnostic;
use formwork_engine::run::{self, Configuration, Counts};
use formwork_engine::{Plan, RunMode, Summary, plan_file};
use formwork_state::{Folded, OpenRun, Store};
use std::path::{Path, PathBuf};

/// Where the plan of a later stage is written that was not approved.
const NEXT_PLAN: &str = "next.tfplan";

pub(super) fn run(
    arguments: &Arguments,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let options = &arguments.planning;
    let session = Session::telling(terminal, &options.telling, options.parallelism)?;
    if let Some(path) = &arguments.plan {
        // The command line may hold what the state is opened with.
        session.encryptions(variables)?;
        let store = session.store("apply", &options.lock)?;
        return match saved(&session, &store, path, variables) {
            Ok(plan) => {
                approval::refuse(&session, &plan, &options.refuse)?;
                clear_secrets::check(&session, &plan, &store)?;
                for message in event_json::saved_plan(&plan) {
                    session.screen.message(&message);
                }
                foresee_rollback(&session, arguments, &plan, &store)?;
                perform(&session, &plan, store, arguments.on_failure)
            }
            Err(failure) => {
                // A run that ended just before its state was written is written now, though its plan is spent.
                store.finish().map_err(|diagnostics| session.refused(diagnostics))?;
                Err(failure)
            }
        };
    }
    if options.telling.json && !arguments.auto_approve {
        return Err(session.refused(
            Diagnostic::error(
                "approval-needed",
                "Plan file or auto-approve required",
                "Nobody can be asked for approval when the output is JSON.",
            )
            .hint("Use -auto-approve, or give a plan file."),
        ));
    }
    let configuration = session.configuration(variables)?;
    let store = session.store("apply", &options.lock)?;
    match fresh(&session, arguments, &configuration, store)? {
        Ready::Perform(plan, store) => perform(&session, &plan, store, arguments.on_failure),
        Ready::Nothing(mode, store) => nothing_to_do(&session, mode, store),
    }
}

enum Ready {
    Perform(Box<Plan>, Store),
    Nothing(RunMode, Store),
}

/// A plan file that fits the state as it stands, or that an open run performs.
fn saved(
    session: &Session,
    store: &Store,
    path: &Path,
    variables: &[VariableArgument],
) -> Result<Plan, Failure> {
    let mut plan = read_plan(session, path, variables)?;
    if plan.errored {
        let diagnostic = Diagnostic::error(
            "plan-errored",
            "Cannot apply incomplete plan",
            "Errors came up while this plan was made, so it is not all of what has to be done.",
        );
        return Err(session.refused(diagnostic.hint("Correct them and plan again.")));
    }
    session.give_ephemeral(&mut plan, variables)?;
    let folded = store.folded();
    if run::is_open_plan(&folded, &plan) {
        session.screen.text(continued(
            &store.folded(),
            "The run of this plan was cut off and goes on where it ended.\n\n",
        ));
        return Ok(plan);
    }
    if folded.run.is_some() {
        return Err(session.refused(planning::unfinished()));
    }
    run::check_stale(&folded, &plan).map_err(|diagnostic| session.refused(diagnostic))?;
    Ok(plan)
}

/// What is said of a run that goes on: one that failed goes on being undone.
pub(super) fn continued<'a>(folded: &Folded, words: &'a str) -> &'a str {
    if folded.run.as_ref().is_some_and(OpenRun::is_rolling_back) {
        "The last run failed and was cut off while it was undone. That goes on where it ended.\n\n"
    } else {
        words
    }
}

fn read_plan(session: &Session, path: &Path, variables: &[VariableArgument]) -> Result<Plan, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let detail = format!("{} could not be read: {error}.", path.display());
        let diagnostic = Diagnostic::error("plan-unreadable", "Failed to read plan file", detail);
        session.refused(diagnostic.hint("Give a file that plan -out=FILE wrote."))
    })?;
    let bytes = session.opened(path, bytes, variables)?;
    plan_file::read(&bytes).map_err(|diagnostic| session.refused(diagnostic))
}

/// The plan of a run that was cut off when nothing changed since; else a new one, shown and approved.
fn fresh(
    session: &Session,
    arguments: &Arguments,
    configuration: &Configuration,
    mut store: Store,
) -> Result<Ready, Failure> {
    let options = session.plan_options(&arguments.planning, arguments.destroy)?;
    let open = run::open_plan(&store.folded()).map_err(|diagnostic| session.refused(diagnostic))?;
    if let Some(mut open) = open {
        run::take_ephemeral(&mut open, configuration);
        let is_asked_alike =
            open.mode == options.mode && open.focus == options.focus && options.replace.is_empty();
        if is_asked_alike && run::is_unchanged(configuration, &open) {
            let words = "The last run was cut off. Nothing changed since, so the approved plan goes on where it ended.\n\n";
            session.screen.text(continued(&store.folded(), words));
            return Ok(Ready::Perform(Box::new(open), store));
        }
        session.screen.text("The last run was cut off. What it left in flight is taken up first.\n\n");
        store = take_up(session, arguments, &open, store)?;
    }
    let show_sensitive = arguments.planning.telling.show_sensitive;
    let manner = planning::Manner { show_sensitive, summary: false };
    let plan = planning::make(session, configuration, &store, &options, manner)?;
    if !planning::has_work(&plan, &store) {
        return Ok(Ready::Nothing(plan.mode, store));
    }
    foresee_rollback(session, arguments, &plan, &store)?;
    approval::refuse(session, &plan, &arguments.planning.refuse)?;
    clear_secrets::check(session, &plan, &store)?;
    let is_asked = planning::is_to_be_applied(&plan);
    approval::require(session, plan.mode, arguments.auto_approve || !is_asked)?;
    Ok(Ready::Perform(Box::new(plan), store))
}

/// Recovers what is in flight and stores it, so that the new plan is made from what stands.
fn take_up(session: &Session, arguments: &Arguments, open: &Plan, store: Store) -> Result<Store, Failure> {
    let outcome = session.block_on(run::recover(&session.environment, &store, open, &session.workspace))?;
    session.settle(&outcome.diagnostics, &outcome.sources)?;
    if store.folded().run.is_some() {
        return Ok(store);
    }
    store.finish().map_err(|diagnostics| session.refused(diagnostics))?;
    session.store("apply", &arguments.planning.lock)
}

/// Shows what would be undone, should the run fail, where that is asked for, and refuses what must not be. A run that
/// goes on was approved with it, or without.
fn foresee_rollback(
    session: &Session,
    arguments: &Arguments,
    plan: &Plan,
    store: &Store,
) -> Result<(), Failure> {
    if arguments.on_failure == OnFailure::Keep || store.folded().run.is_some() {
        return Ok(());
    }
    session.screen.text(&rollback::outlook(plan, session.terminal.layout.palette));
    approval::refuse_data_undone(session, plan, &arguments.rollback_data)
}

pub(super) fn perform(
    session: &Session,
    plan: &Plan,
    store: Store,
    on_failure: OnFailure,
) -> Result<Success, Failure> {
    let on_failure = match on_failure {
        OnFailure::Keep => run::OnFailure::Keep,
        OnFailure::Rollback => run::OnFailure::Undo,
    };
    let (run_id, workspace) = (run_id(), &session.workspace);
    let applying = run::apply_with(&session.environment, &store, plan, &run_id, workspace, on_failure);
    let mut outcome = session.block_on(applying)?;
    let outputs = shown_outputs(&store.folded().state);
    if let Err(diagnostics) = store.finish() {
        outcome.diagnostics.append(diagnostics);
    }
    let kept = outcome.unapproved.take().map_or(Ok(()), |next| keep_next(session, *next));
    let is_whole = !outcome.diagnostics.has_errors();
    session.settle(&outcome.diagnostics, &outcome.sources)?;
    kept?;
    if is_whole {
        conclude(session, plan.mode, outcome.counts, &outputs);
    }
    Ok(Success::Done)
}

/// The sentence of what was done, then the outputs.
fn conclude(session: &Session, mode: RunMode, counts: Counts, outputs: &[ShownOutput]) {
    let palette = session.terminal.layout.palette;
    let (text, operation) = sentence(mode, counts);
    let summary = Summary {
        add: counts.added,
        change: counts.changed,
        destroy: counts.destroyed,
        import: counts.imported,
        forget: counts.forgotten,
    };
    session.screen.text(&format!("\n{}\n", palette.paint(Look::BoldGreen, &text)));
    session.screen.message(&event_json::summary(&text, &summary, operation));
    if mode == RunMode::Destroy {
        return;
    }
    if !outputs.is_empty() {
        session.screen.text(&format!(
            "\n{}\n\n{}",
            palette.paint(Look::BoldGreen, "Outputs:"),
            state_text::outputs(outputs)
        ));
    }
    session.screen.message(&event_json::outputs(outputs));
}

/// Its words and order are OpenTofu's: other tools read it.
fn sentence(mode: RunMode, counts: Counts) -> (String, &'static str) {
    if mode == RunMode::Destroy {
        return (format!("Destroy complete! Resources: {} destroyed.", counts.destroyed), "destroy");
    }
    let forgotten =
        if counts.forgotten > 0 { format!(", {} forgotten", counts.forgotten) } else { String::new() };
    let imported =
        if counts.imported > 0 { format!("{} imported, ", counts.imported) } else { String::new() };
    let text = format!(
        "Apply complete! Resources: {imported}{} added, {} changed, {} destroyed{forgotten}.",
        counts.added, counts.changed, counts.destroyed
    );
    (text, "apply")
}

pub(super) fn nothing_to_do(session: &Session, mode: RunMode, store: Store) -> Result<Success, Failure> {
    let outputs = shown_outputs(&store.folded().state);
    store.finish().map_err(|diagnostics| session.refused(diagnostics))?;
    conclude(session, mode, Counts::default(), &outputs);
    Ok(Success::Done)
}

/// Writes the plan of the stage that was not started, made to fit the state as it was stored.
fn keep_next(session: &Session, mut next: Plan) -> Result<(), Failure> {
    let path = PathBuf::from(NEXT_PLAN);
    let stored = session.stored_state().unwrap_or_default();
    if !stored.lineage.is_empty() {
        (next.base_serial, next.lineage) = (stored.serial, stored.lineage.clone());
    }
    planning::save(session, &next, &stored, &path)?;
    planning::show(session, &next, planning::Manner::default());
    session.screen.text(&format!("\nThe plan of the stage that was not started is in {NEXT_PLAN}. To perform it:\n    formwork apply {NEXT_PLAN}\n"));
    Ok(())
}
