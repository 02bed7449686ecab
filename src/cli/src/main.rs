//! The command line: arguments → options → one engine call → rendering → exit code.
//!
//! Invariant: nothing here decides anything about resources; [`registry`] alone names providers and backends;
//! [`failure`] alone ends the process.

mod ambient;
mod arguments;
mod clear_secrets;
mod clock;
mod command;
mod disk;
mod encryption;
mod failure;
mod fault;
mod focus;
#[cfg(feature = "provider-plugin")]
mod hosted;
mod installation;
mod log;
mod origin;
mod place;
mod processes;
mod registry;
mod remote_state;
mod render;
mod screen;
mod session;
mod terminal;
mod variables;
mod workspaces;

use formwork_diagnostic::Diagnostic;
use std::process::ExitCode;

/// A configuration is many small parts that come and go together: with the system's allocator they take a third of the
/// time. Version 2, since the third keeps 20 MB more in a small run.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "provider-plugin")]
    if let Some(ended) = hosted::launch_if_asked() {
        return ended;
    }
    let arguments = match arguments::parse(std::env::args_os(), |name| std::env::var(name).ok()) {
        Ok(arguments) => arguments,
        Err(error) => return failure::conclude_usage(&error),
    };
    let terminal = command::terminal(&arguments.verb);
    let ended = failure::conclude(run(arguments, terminal), &terminal);
    #[cfg(feature = "provider-plugin")]
    hosted::settle();
    ended
}

fn run(
    arguments: arguments::Arguments,
    terminal: terminal::Terminal,
) -> Result<failure::Success, failure::Failure> {
    ambient::check(|name| std::env::var_os(name).is_some())?;
    log::start()?;
    if let Some(folder) = &arguments.chdir {
        std::env::set_current_dir(folder).map_err(|error| {
            let detail = format!("Cannot go to {}, which -chdir names: {error}.", folder.display());
            Diagnostic::error("invalid-chdir", "Invalid -chdir option", detail)
                .hint("Name a folder that exists.")
        })?;
    }
    command::run(arguments, terminal)
}
