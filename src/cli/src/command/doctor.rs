//! `doctor`: one line each for what a run stands on, with the cure where something is wrong.

use crate::arguments::{Doctor, VariableArgument};
use crate::failure::{Failure, Success};
use crate::render::palette::{Look, Palette};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Diagnostics, Severity};
use formwork_engine::run::{self, Configuration, PlanOptions};
use formwork_engine::{Plan, Silent};
use formwork_state::{LANGUAGE_VERSION, Store};
use std::sync::Arc;

/// The lines, and whether one of them is bad.
struct Report {
    palette: Palette,
    has_failed: bool,
}

impl Report {
    fn line(&mut self, severity: Option<Severity>, subject: &str, words: &str) {
        let (sign, look) = match severity {
            None => ("ok  ", Look::BoldGreen),
            Some(Severity::Warning) => ("warn", Look::BoldYellow),
            Some(Severity::Error) => ("fail", Look::BoldRed),
        };
        self.has_failed |= severity == Some(Severity::Error);
        print(&format!("{} {subject:<14} {words}\n", self.palette.paint(look, sign)));
    }

    fn good(&mut self, subject: &str, words: &str) {
        self.line(None, subject, words);
    }

    fn found(&mut self, subject: &str, diagnostics: &Diagnostics) {
        for one in diagnostics {
            self.line(Some(one.severity), subject, &sentence(one));
        }
    }
}

/// A finding in one line: what is wrong, and the cure.
fn sentence(diagnostic: &Diagnostic) -> String {
    let about = diagnostic.address.as_deref().map(|address| format!("{address}: ")).unwrap_or_default();
    let hint = diagnostic.hint.as_deref().map(|hint| format!(" {hint}")).unwrap_or_default();
    let words = format!("{about}{}: {}{hint}", diagnostic.summary, diagnostic.detail);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn run(
    arguments: &Doctor,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let mut session = Session::new(terminal);
    session.environment.observer = Arc::new(Silent);
    let mut report = Report { palette: terminal.layout.palette, has_failed: false };
    let own = env!("CARGO_PKG_VERSION");
    report.good("versions", &format!("Formwork {own}, language of OpenTofu {LANGUAGE_VERSION}"));
    report.good("clock", &session.environment.clock.now());
    // What is wrong in the configuration is shown with its places, as every command shows it.
    let configuration = session.configuration(variables)?;
    let (mut modules, mut blocks, mut waiting) = (0, 0, vec![&configuration.root]);
    while let Some(module) = waiting.pop() {
        modules += 1;
        blocks += module.resources.len();
        waiting.extend(module.calls.values().map(|call| &call.module));
    }
    report.good("configuration", &format!("resource and data blocks: {blocks}, modules: {modules}"));
    let store = session.store("doctor", &arguments.lock)?;
    state(&session, &store, &mut report);
    let plan = targets(&session, &configuration, &store, &mut report)?;
    if plan.is_some_and(|plan| plan.targets.is_empty()) {
        report.good("providers", "none that points anywhere");
    }
    if report.has_failed { Err(Failure::default()) } else { Ok(Success::Done) }
}

/// The state, its lock, which was just held, and what an earlier run left.
fn state(session: &Session, store: &Store, report: &mut Report) {
    let folded = store.folded();
    let count = folded.state.objects().count();
    let place = store.name();
    let words = if folded.state.serial == 0 && count == 0 {
        format!("{place}: none yet")
    } else {
        format!("{place}: serial {}, {count} objects", folded.state.serial)
    };
    report.good("state", &format!("workspace {}, {words}", session.workspace));
    report.good("lock", "free: it was taken and is given back");
    match &folded.run {
        None => report.good("journal", "no run was cut off"),
        Some(_) => report.line(
            Some(Severity::Warning),
            "journal",
            "a run was cut off; `formwork apply` goes on with it, and nothing is lost",
        ),
    }
}

/// Every provider's configuration, tried.
fn targets(
    session: &Session,
    configuration: &Configuration,
    store: &Store,
    report: &mut Report,
) -> Result<Option<Plan>, Failure> {
    let options = PlanOptions {
        timestamp: session.environment.clock.now(),
        workspace: session.workspace.clone(),
        ..PlanOptions::default()
    };
    let planning =
        session.block_on(run::plan(&session.environment, configuration, &store.folded(), &options))?;
    for (name, target) in &planning.plan.targets {
        let words = if target.words.is_empty() { target.id.as_str() } else { target.words.as_str() };
        report.good("provider", &format!("{name}: {words}"));
    }
    for stage in &planning.plan.stages {
        report.line(Some(Severity::Warning), "provider", &format!("known only later: {}", stage.awaits));
    }
    report.found("plan", &planning.diagnostics);
    Ok((!planning.plan.errored).then_some(planning.plan))
}
