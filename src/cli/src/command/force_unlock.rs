//! `force-unlock`: what it says where the lock is the operating system's own.

use crate::arguments::ForceUnlock;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Terminal;
use formwork_diagnostic::Diagnostic;

pub(super) fn run(arguments: &ForceUnlock, terminal: Terminal) -> Failure {
    let session = Session::new(terminal);
    let detail = format!(
        "The lock {:?} on a state in a local file is held by a living process and goes with it, however it ends.",
        arguments.id
    );
    session.refused(
        Diagnostic::error("local-lock", "Local state cannot be unlocked by another process", detail)
            .hint("Wait for that process or end it; `plan` says which one it is."),
    )
}
