//! `import`: takes one object into the state as it stands. Nothing is changed where it stands.

use super::plan as planning;
use crate::arguments::{Import as Arguments, VariableArgument};
use crate::clear_secrets;
use crate::failure::{Failure, Success};
use crate::session::{Session, run_id};
use crate::terminal::Terminal;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_engine::focus::Focus;
use formwork_engine::run::{self, PlanOptions};
use formwork_state::Selector;

pub(super) fn run(
    arguments: &Arguments,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let mut session = Session::new(terminal);
    session.environment.parallelism = arguments.parallelism;
    let configuration = session.configuration(variables)?;
    let store = session.store("import", &arguments.lock)?;
    let address = &arguments.address;
    if store.folded().run.is_some() {
        return Err(session.refused(planning::unfinished()));
    }
    if store.folded().state.current(address).is_some() {
        let detail = format!("The state has {address} already, and one address is one object.");
        return Err(session.refused(
            Diagnostic::error("already-managed", "Resource already managed by Formwork", detail)
                .hint("Name another address, or take the object out with state rm first."),
        ));
    }
    let target = if address.key().is_none() {
        Selector::Block(address.block())
    } else {
        Selector::Instance(address.clone())
    };
    let options = PlanOptions {
        refresh: false,
        timestamp: session.environment.clock.now(),
        workspace: session.workspace.clone(),
        focus: Focus { targets: vec![target], excludes: Vec::new() },
        imports: vec![(address.clone(), arguments.id.clone())],
        ..PlanOptions::default()
    };
    session.screen.text(&format!("{address}: Importing from ID {:?}...\n", arguments.id));
    let planned =
        session.block_on(run::plan(&session.environment, &configuration, &store.folded(), &options))?;
    if planned.diagnostics.has_errors() {
        session.settle(&planned.diagnostics, &configuration.sources)?;
    }
    let plan = run::only_imports(planned.plan);
    if plan.changes.is_empty() {
        let detail = format!("The configuration has no instance {address}.");
        return Err(session.refused(
            Diagnostic::error(
                "import-without-block",
                "Configuration for import target does not exist",
                detail,
            )
            .hint("Look at the key, and at count or for_each of the block."),
        ));
    }
    clear_secrets::check(&session, &plan, &store)?;
    let mut outcome =
        session.block_on(run::apply(&session.environment, &store, &plan, &run_id(), &session.workspace))?;
    if let Err(diagnostics) = store.finish() {
        outcome.diagnostics.append(diagnostics);
    }
    // That nothing else was done is what was asked for.
    let found: Diagnostics =
        outcome.diagnostics.into_iter().filter(|one| one.code != run::PARTLY_APPLIED).collect();
    session.settle(&found, &outcome.sources)?;
    session.screen.text(&format!("\nImport successful!\n\n{address} is in the state as it stands. Run plan to see whether the configuration says the same.\n"));
    Ok(Success::Done)
}
