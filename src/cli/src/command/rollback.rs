//! `rollback`: plans the way back to what an earlier entry of the history was made from, and performs it.

use super::{apply, approval, history, plan as planning};
use crate::arguments::{OnFailure, Rollback as Arguments, VariableArgument};
use crate::clear_secrets;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::Terminal;
use crate::variables;
use formwork_diagnostic::Diagnostic;
use formwork_engine::RunMode;
use formwork_engine::history::{Earlier, earlier};
use formwork_engine::run::{self, Configuration, PlanOptions};
use formwork_engine::variables::{Given, GivenVariable};

pub(super) fn run(
    arguments: &Arguments,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::telling(terminal, &arguments.telling, arguments.parallelism)?;
    let document = history::entry(&session, arguments.number)?;
    let mode = match document.entry.plan.as_ref().map(|plan| plan.mode.as_str()) {
        Some("destroy") => RunMode::Destroy,
        _ => RunMode::Normal,
    };
    let (earlier, found) =
        earlier(&document.entry, session.files()).map_err(|diagnostic| session.refused(diagnostic))?;
    session.settle(&found, &earlier.configuration.sources)?;
    let configuration = decided(&session, earlier, variables, arguments.number)?;
    let store = session.store("rollback", &arguments.lock)?;
    let open = run::open_plan(&store.folded()).map_err(|diagnostic| session.refused(diagnostic))?;
    if let Some(mut open) = open {
        run::take_ephemeral(&mut open, &configuration);
        let is_this_way = open.mode == mode && open.focus.is_everything();
        if !is_this_way || !run::is_unchanged(&configuration, &open) {
            return Err(session.refused(planning::unfinished()));
        }
        session.screen.text(apply::continued(
            &store.folded(),
            "The last run was cut off on this very way back, and goes on where it ended.\n\n",
        ));
        return apply::perform(&session, &open, store, OnFailure::Keep);
    }
    let options = PlanOptions {
        mode,
        refresh: arguments.refresh,
        timestamp: session.environment.clock.now(),
        workspace: session.workspace.clone(),
        ..PlanOptions::default()
    };
    let manner = planning::Manner { show_sensitive: arguments.telling.show_sensitive, summary: false };
    let plan = planning::make(&session, &configuration, &store, &options, manner)?;
    if !planning::has_work(&plan, &store) {
        return apply::nothing_to_do(&session, plan.mode, store);
    }
    approval::refuse_data_loss(&session, &plan, &arguments.data)?;
    approval::refuse(&session, &plan, &arguments.refuse)?;
    clear_secrets::check(&session, &plan, &store)?;
    let is_asked = planning::is_to_be_applied(&plan);
    approval::require(&session, plan.mode, arguments.auto_approve || !is_asked)?;
    apply::perform(&session, &plan, store, OnFailure::Keep)
}

/// The configuration with the values of then; those that were not kept are given again, or asked for.
fn decided(
    session: &Session,
    earlier: Earlier,
    arguments: &[VariableArgument],
    number: u64,
) -> Result<Configuration, Failure> {
    let Earlier { mut configuration, mut given, withheld } = earlier;
    let (today, mut diagnostics) = variables::gather(&mut configuration, std::env::vars(), arguments)?;
    // What the environment says of a variable whose value is known is of today, and not of then.
    let counts = |name: &str, one: &GivenVariable| {
        !one.origin.starts_with("TF_VAR_") || withheld.iter().any(|other| other == name)
    };
    given.extend(today.into_iter().filter(|(name, one)| counts(name, one)));
    for name in withheld.iter().filter(|name| configuration.root.variables.contains_key(*name)) {
        if given.contains_key(name) {
            continue;
        }
        let question = format!("var.{name}\n  Entry {number} does not keep its value.\n\n  Enter a value: ");
        match session.terminal.ask(&question) {
            Some(answer) => {
                let origin = "the terminal".to_owned();
                given.insert(name.clone(), GivenVariable { given: Given::Text(answer), origin });
            }
            None => diagnostics.push(not_kept(name, number)),
        }
    }
    diagnostics.append(run::decide_variables(&mut configuration, &given));
    session.settle(&diagnostics, &configuration.sources)?;
    if configuration.root.uses_variables {
        let (again, found) = run::load_with(&configuration.files, Some(&configuration.variables));
        session.settle(&found, &again.sources)?;
        let Configuration { variables, defaulted, given, .. } = configuration;
        return Ok(Configuration { variables, defaulted, given, ..again });
    }
    Ok(configuration)
}

fn not_kept(name: &str, number: u64) -> Diagnostic {
    let detail = format!(
        "Entry {number} does not keep the value of var.{name}, which is sensitive or ephemeral, and nobody is there to be asked."
    );
    Diagnostic::error("variable-not-kept", "Value of a variable is not kept", detail)
        .hint(format!("Use -var '{name}=...', or the environment variable TF_VAR_{name}."))
}
