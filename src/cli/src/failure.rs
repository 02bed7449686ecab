//! How a command ends: the one place that turns findings into exit codes, and the one that ends the process.

use crate::terminal::{self, Terminal};
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources};
use std::process::ExitCode;

/// How a command that did what it was asked ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Success {
    /// Done.
    Done,
    /// Done, and `-detailed-exitcode` asks to say that there are changes.
    ChangesPresent,
    /// Done, and `fmt -check` found files that are not in the canonical style.
    Unformatted,
}

/// Why a command did not do what it was asked; shown, or to be shown.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    /// What to show; empty when it was shown already.
    pub(crate) diagnostics: Diagnostics,
    /// Texts that the findings point into.
    pub(crate) sources: Sources,
    /// The exit code, where it is another than that of all errors.
    pub(crate) code: Option<u8>,
}

impl Failure {
    /// Findings that point into texts.
    pub(crate) fn new(diagnostics: Diagnostics, sources: Sources) -> Self {
        Self { diagnostics, sources, code: None }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic.into(), Sources::new())
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::new(diagnostics, Sources::new())
    }
}

/// Exit code for errors, of arguments too.
const FAILED: u8 = 1;
/// Exit code of `-detailed-exitcode` when there are changes.
const CHANGES_PRESENT: u8 = 2;
/// Exit code of `fmt -check` for files that are not in the canonical style.
const UNFORMATTED: u8 = 3;
/// Exit code when the user stops the process: 128 and the number of the interrupt signal.
const STOPPED: i32 = 130;

/// Shows what is left to show and gives the exit code.
pub(crate) fn conclude(ended: Result<Success, Failure>, terminal: &Terminal) -> ExitCode {
    match ended {
        Ok(Success::Done) => ExitCode::SUCCESS,
        Ok(Success::ChangesPresent) => ExitCode::from(CHANGES_PRESENT),
        Ok(Success::Unformatted) => ExitCode::from(UNFORMATTED),
        Err(failure) => {
            terminal.show(&failure.diagnostics, &failure.sources);
            ExitCode::from(failure.code.unwrap_or(FAILED))
        }
    }
}

/// Help is shown where it was asked for; wrong arguments are an error like any other.
pub(crate) fn conclude_usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS }
}

/// Ends the process now, as the user asked twice. It is as safe as a crash: what is in flight is in the journal.
pub(crate) fn stop_at_once() -> ! {
    terminal::print_held();
    std::process::exit(STOPPED)
}

/// Ends the process as a crash does: nothing is flushed, nothing is dropped.
#[cfg(feature = "fault-injection")]
pub(crate) fn kill() -> ! {
    let own = std::process::id().to_string();
    let _ = std::process::Command::new("kill").args(["-9", &own]).status();
    std::process::abort()
}
