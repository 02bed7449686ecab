//! `recover`: takes up what a run that was cut off left in flight, and nothing else.

use super::lock::in_flight;
use super::show::UNLOCKED;
use crate::arguments::{Recover, VariableArgument};
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_engine::run;

pub(super) fn run(
    arguments: &Recover,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    session.encryptions(variables)?;
    let lock = if arguments.dry_run { &UNLOCKED } else { &arguments.lock };
    let store = session.store("recover", lock)?;
    let open = run::open_plan(&store.folded()).map_err(|diagnostic| session.refused(diagnostic))?;
    let Some(mut open) = open else {
        // A run that ended just before its state was written is written now.
        if !arguments.dry_run {
            store.finish().map_err(|found| session.refused(found))?;
        }
        print("No run was cut off: there is nothing to recover.\n");
        return Ok(Success::Done);
    };
    print(&in_flight(store.folded().run.as_ref()));
    if arguments.dry_run {
        return Ok(Success::Done);
    }
    session.give_ephemeral(&mut open, variables)?;
    let outcome = session.block_on(run::recover(&session.environment, &store, &open, &session.workspace))?;
    session.settle(&outcome.diagnostics, &outcome.sources)?;
    if store.folded().run.is_some() {
        let detail = "Part of what was in flight could not be recovered yet; it is still recorded.";
        let diagnostic = Diagnostic::error("recovery-incomplete", "Recovery is not complete", detail);
        return Err(session.refused(diagnostic.hint("Make its target reachable and run recover again.")));
    }
    store.finish().map_err(|found| session.refused(found))?;
    print(
        "\nRecovery complete! What was in flight stands in the state; the rest of that run was not done.\nRun plan to see what is left to do.\n",
    );
    Ok(Success::Done)
}
