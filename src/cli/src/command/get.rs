//! `get`: the modules that the configuration calls. Local ones are used where they stand.

use crate::arguments::Get;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_lang::Module;

pub(super) fn run(_: &Get, terminal: Terminal) -> Result<Success, Failure> {
    let configuration = Session::new(terminal).load()?;
    list(&configuration.root);
    Ok(Success::Done)
}

fn list(module: &Module) {
    for call in module.calls.values() {
        print(&format!("- {} in {}\n", call.module.path.join("."), call.module.directory));
        list(&call.module);
    }
}
