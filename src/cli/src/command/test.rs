//! `test`: the runs of test files, told file by file, and what they left.

use crate::arguments::{Test, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::plan_json::PlanJson;
use crate::render::{junit, state_text, test_json, test_text};
use crate::session::Session;
use crate::terminal::Terminal;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_engine::testing::{
    Cleanup, FileResult, FileRunner, RunDetails, RunResult, Suite, TestOptions, TestStatus,
};
use formwork_lang::normalise_path;
use formwork_state::LANGUAGE_VERSION;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

/// Where a state is written whose objects could not be removed.
const LEFT_OVER: &str = "errored_test";
/// How many names are tried for it.
const NAMES_AT_MOST: u32 = 1000;

pub(super) fn run(
    arguments: &Test,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::telling(terminal, &arguments.telling, arguments.parallelism)?;
    let mut suite = session.suite(variables, arguments.directory.as_deref())?;
    let warnings = choose(&mut suite, &arguments.filter);
    session.settle(&warnings, &suite.configuration.sources)?;
    session.screen.message(&test_json::overview(&suite.files));
    let options = TestOptions {
        identity: uuid::Uuid::new_v4().to_string(),
        workspace: session.workspace.clone(),
        keeps_details: arguments.verbose,
    };
    let mut results = Vec::new();
    let mut is_clean = true;
    for file in &suite.files {
        let mut runner = FileRunner::new(&session.environment, &suite, file, &options);
        let mut result = session.block_on(runner.execute())?;
        tell(&session, &mut result, arguments.telling.show_sensitive);
        for cleanup in session.block_on(runner.clean())? {
            is_clean &= cleanup.left.is_empty();
            tell_cleanup(&session, &file.path, &cleanup);
        }
        results.push(result);
    }
    session.screen.text(&test_text::conclusion(&results, terminal.layout.palette));
    session.screen.message(&test_json::summary(&results));
    if let Some(path) = &arguments.junit_xml {
        std::fs::write(path, junit::document(&results))
            .map_err(|error| session.refused(unwritable(path, &error)))?;
    }
    let is_passed = results.iter().all(|result| result.status <= TestStatus::Pass);
    // Whoever leaves something standing should hear of it, also where nobody reads.
    if is_passed && is_clean { Ok(Success::Done) } else { Err(Failure::default()) }
}

/// Leaves out the files that nobody asked for; what was asked for and is not there is said.
fn choose(suite: &mut Suite, filter: &[String]) -> Diagnostics {
    let mut warnings = Diagnostics::new();
    suite.files.sort_by(|left, right| left.path.cmp(&right.path));
    if filter.is_empty() {
        return warnings;
    }
    let wanted: Vec<String> = filter.iter().map(|path| normalise_path(path)).collect();
    for path in wanted.iter().filter(|path| suite.files.iter().all(|file| file.path != **path)) {
        let detail = format!("The specified test file, {path}, could not be found.");
        warnings.push(
            Diagnostic::warning("unknown-test-file", "Unknown test file", detail)
                .hint("Name it by its path from the working directory: tests/main.tftest.hcl."),
        );
    }
    suite.files.retain(|file| wanted.contains(&file.path));
    if suite.files.is_empty() {
        let detail = "-filter is being used but no tests were found. Make sure you're using a relative path to the current working directory.";
        warnings.push(Diagnostic::warning("no-tests", "No tests were found", detail));
    }
    warnings
}

/// A file and its runs.
fn tell(session: &Session, result: &mut FileResult, show_sensitive: bool) {
    let screen = &session.screen;
    screen.know_sources(&result.sources);
    screen.text(&test_text::file(result, session.terminal.layout.palette));
    screen.message(&test_json::file(result));
    for run in &result.runs {
        screen.text(&test_text::run(run, session.terminal.layout.palette));
        screen.message(&test_json::run(&result.path, run));
        if let Some(details) = &run.details {
            tell_details(session, &result.path, run, details, show_sensitive);
        }
        screen.show_about(&run.diagnostics, &test_json::about(&result.path, Some(&run.name)));
    }
    // Plans and states of a file are not needed once they are told, and may be large.
    result.runs.iter_mut().for_each(|run| run.details = None);
}

/// The plan or the state of a run.
fn tell_details(session: &Session, path: &str, run: &RunResult, details: &RunDetails, show_sensitive: bool) {
    let screen = &session.screen;
    if let Some(state) = &details.state {
        let shown = session.shown_state(state);
        screen.message(&test_json::state(path, &run.name, &shown.to_json(LANGUAGE_VERSION)));
        let shown = if show_sensitive { shown.in_clear() } else { shown };
        screen.text(&state_text::state(&shown, &session.schemas, session.terminal.layout.palette));
        return;
    }
    screen.text(&session.plan_text(show_sensitive).render(&details.plan));
    let prior = session.shown_prior(&details.plan, details.prior.clone());
    let document = PlanJson {
        plan: &details.plan,
        prior: &prior,
        module: Some(&details.root),
        schemas: &session.schemas,
        language_version: LANGUAGE_VERSION,
    };
    screen.message(&test_json::plan(path, &run.name, &document.to_json()));
}

/// What the removal of a run's objects left, and where their state is.
fn tell_cleanup(session: &Session, path: &str, cleanup: &Cleanup) {
    let screen = &session.screen;
    screen.know_sources(&cleanup.sources);
    if cleanup.diagnostics.has_errors() {
        screen.complain(&test_text::cleanup_failed(path, &cleanup.run, session.terminal.layout));
    }
    screen.show_about(&cleanup.diagnostics, &test_json::about(path, Some(&cleanup.run)));
    if cleanup.left.is_empty() {
        return;
    }
    let written = cleanup.snapshot.as_deref().map(keep_state);
    let name = match &written {
        Some(Ok(name)) => name.as_str(),
        _ => "",
    };
    screen.complain(&test_text::left_over(path, cleanup, name, session.terminal.layout));
    screen.message(&test_json::left_over(path, cleanup, name));
    if let Some(Err(error)) = written {
        let detail = format!(
            "The state of what is left could not be written to a file: {error}. The objects above are tracked nowhere."
        );
        let diagnostic = Diagnostic::error("left-over-state", "Failed to persist state", detail)
            .hint("Write down what is listed, and remove it by hand.");
        screen.show(&diagnostic.into());
    }
}

/// Writes a state beside the configuration, under a name that no file has, for its owner alone.
fn keep_state(bytes: &[u8]) -> io::Result<String> {
    for place in 1..=NAMES_AT_MOST {
        let name = match place {
            1 => format!("{LEFT_OVER}.tfstate"),
            place => format!("{LEFT_OVER}-{place}.tfstate"),
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&name) {
            Ok(mut file) => {
                file.write_all(bytes)?;
                file.sync_all()?;
                return Ok(name);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are {NAMES_AT_MOST} files named {LEFT_OVER} already")))
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let detail = format!("{}, which -junit-xml names, could not be written: {error}.", path.display());
    Diagnostic::error("junit-unwritable", "Failed to write the JUnit file", detail)
        .hint("Name a file in a folder that exists.")
}
