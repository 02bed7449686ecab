//! `why`: what a plan would do to an object, and the chain of places in the configuration that lead to it.

use crate::arguments::{VariableArgument, Why};
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_engine::why::{Explanation, explain, past};
use formwork_engine::{Silent, run};
use formwork_state::Selector;
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) fn run(
    arguments: &Why,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let planning = &arguments.planning;
    let mut session = Session::new(terminal);
    session.environment.parallelism = planning.parallelism;
    // The answer is all there is to see.
    session.environment.observer = Arc::new(Silent);
    let selector = selector(&session, &arguments.address)?;
    let (configuration, origins) = session.configuration_with_origins(variables)?;
    let store = session.store("why", &planning.lock)?;
    let options = session.plan_options(planning, arguments.destroy);
    let planning =
        session.block_on(run::plan(&session.environment, &configuration, &store.folded(), &options))?;
    session.settle(&planning.diagnostics, &configuration.sources)?;
    let explanations = explain(&configuration, &planning.plan, &selector, &origins);
    let is_known = planning.plan.changes.iter().any(|change| selector.contains(&change.address))
        || store.folded().state.objects().any(|(key, _)| selector.contains(&key.address));
    if explanations.is_empty() {
        let words =
            if is_known { "stays as it is." } else { "is neither in the configuration nor in the state." };
        print(&format!("{selector} {words}\n"));
        return if is_known { Ok(Success::Done) } else { Err(Failure::default()) };
    }
    let texts: Vec<String> = explanations.iter().map(text).collect();
    print(&texts.join("\n"));
    Ok(Success::Done)
}

fn selector(session: &Session, text: &String) -> Result<Selector, Failure> {
    let mut found = super::state_edit::selectors(session, std::slice::from_ref(text))?;
    found.pop().ok_or_else(Failure::default)
}

fn text(explanation: &Explanation) -> String {
    let mut text = match &explanation.deposed {
        Some(deposed) => format!("{} (deposed object {deposed})", explanation.address),
        None => explanation.address.clone(),
    };
    let _ = write!(text, " is to be {}", past(explanation.action));
    if let Some(reason) = explanation.reason {
        let _ = write!(text, " ({})", crate::render::event_json::reason(reason).replace('_', " "));
    }
    text.push('\n');
    for link in &explanation.links {
        let indent = 2 * (link.depth + 1);
        let place = if link.place.is_empty() { String::new() } else { format!(" ({})", link.place) };
        let _ = writeln!(text, "{:indent$}{}{place}", "", link.words);
    }
    text
}
