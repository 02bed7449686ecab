//! `get`: installs the modules that the configuration calls. Local ones are used where they stand.

use crate::arguments::Get;
use crate::failure::{Failure, Success};
use crate::installation;
use crate::terminal::{Terminal, print};
use formwork_lang::Module;
use std::sync::PoisonError;

pub(super) fn run(arguments: &Get, terminal: Terminal) -> Result<Success, Failure> {
    let (session, modules) = installation::installing(terminal, arguments.update)?;
    let configuration = session.load()?;
    installation::keep_modules(&session, &configuration, &modules)?;
    if let Some(folder) = &arguments.mirror {
        let modules = modules.modules.lock().unwrap_or_else(PoisonError::into_inner);
        modules.mirror(folder).map_err(|diagnostic| session.refused(diagnostic))?;
    }
    list(&configuration.root);
    Ok(Success::Done)
}

fn list(module: &Module) {
    for call in module.calls.values() {
        print(&format!("- {} in {}\n", call.module.path.join("."), call.module.directory));
        list(&call.module);
    }
}
