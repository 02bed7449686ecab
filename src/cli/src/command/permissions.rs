//! `permissions`: the rights that a configuration needs, ready to paste.

use crate::arguments::{Permissions, VariableArgument};
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_engine::Silent;
use formwork_engine::permissions::permissions;
use formwork_engine::run::PlanOptions;
use std::fmt::Write as _;
use std::sync::Arc;

pub(super) fn run(
    arguments: &Permissions,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let mut session = Session::new(terminal);
    session.environment.observer = Arc::new(Silent);
    let configuration = session.configuration(variables)?;
    let options = PlanOptions {
        timestamp: session.environment.clock.now(),
        workspace: session.workspace.clone(),
        ..PlanOptions::default()
    };
    let work = permissions(&session.environment, &configuration, &options, arguments.read_only);
    let (needed, found) = session.block_on(work)?;
    session.settle(&found, &configuration.sources)?;
    let mut out = String::new();
    for one in &needed {
        // A comment in YAML, and in most else that rights are written in.
        let _ = writeln!(out, "# {}\n{}", one.provider, one.text);
    }
    if needed.is_empty() {
        out.push_str("# Nothing here needs rights.\n");
    }
    print(&out);
    Ok(Success::Done)
}
