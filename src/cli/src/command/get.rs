//! `get`: installs the modules that the configuration calls. Local ones are used where they stand.

use crate::arguments::Get;
use crate::failure::{Failure, Success};
use crate::installation;
use crate::terminal::{Terminal, print};
use formwork_lang::Module;

pub(super) fn run(arguments: &Get, terminal: Terminal) -> Result<Success, Failure> {
    let (session, modules) = installation::installing(terminal, arguments.update)?;
    let configuration = session.load()?;
    installation::keep_modules(&session, &configuration, &modules)?;
    list(&configuration.root);
    Ok(Success::Done)
}

fn list(module: &Module) {
    for call in module.calls.values() {
        print(&format!("- {} in {}\n", call.module.path.join("."), call.module.directory));
        list(&call.module);
    }
}
