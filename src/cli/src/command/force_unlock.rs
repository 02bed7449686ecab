//! `force-unlock`: ends the lease that a process left behind.

use super::approval;
use crate::arguments::ForceUnlock;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::BackendError;

const QUESTION: &str = "Do you really want to force-unlock?\n  Formwork will remove the lock on the remote state.\n  This will allow local Formwork commands to modify this state, even though it\n  may still be in use. Only 'yes' will be accepted to confirm.\n\n  Enter a value: ";

pub(super) fn run(arguments: &ForceUnlock, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let backend = session.backend(&session.workspace)?;
    if backend.is_on_this_machine() {
        let detail = format!(
            "The lock {:?} on a state in a local file is held by a living process and goes with it, however it ends.",
            arguments.id
        );
        return Err(session.refused(
            Diagnostic::error("local-lock", "Local state cannot be unlocked by another process", detail)
                .hint("Wait for that process or end it; `lock show` says which one it is."),
        ));
    }
    if !arguments.force {
        let hint = "Answer yes, or use -force where nobody can be asked.";
        approval::agree(&session, QUESTION, "Force-unlock cancelled", hint)?;
    }
    backend.break_lease(&arguments.id).map_err(|error| session.refused(not_unlocked(&error)))?;
    print(
        "Formwork state has been successfully unlocked!\n\nThe state has been unlocked, and Formwork commands should now be able to\nobtain a new lock on the remote state. Whoever held it writes nothing more.\n",
    );
    Ok(Success::Done)
}

fn not_unlocked(error: &BackendError) -> Diagnostic {
    let diagnostic = Diagnostic::error("unlock-failed", "Failed to unlock state", format!("{error}."));
    diagnostic.hint("`lock show` says who holds the lock and by which ID.")
}
