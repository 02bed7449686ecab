//! `taint` and `untaint`: whether the next plan replaces an object.

use crate::arguments::Taint as Arguments;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_state::{Address, ObjectKey, Record, State, Status, edit};

/// What is to be made of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// It is replaced.
    Taint,
    /// It is kept.
    Untaint,
}

pub(super) fn run(verb: Verb, arguments: &Arguments, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let address = &arguments.address;
    let name = if verb == Verb::Taint { "taint" } else { "untaint" };
    let store = session.store(name, &arguments.lock)?;
    let is_missing = store.folded().state.current(address).is_none();
    if is_missing && arguments.allow_missing {
        session.screen.show(&Diagnostics::from(Diagnostic::warning(
            "no-instance",
            "No such resource instance",
            format!("{address} is not in the state, and nothing was done, as -allow-missing asks."),
        )));
        return Ok(Success::Done);
    }
    let key = ObjectKey::current(address.clone());
    // Of a provisioner that was running when a run was cut off, this says how it ended.
    let answer = edit::end_provisioner(&store.folded(), &key, verb == Verb::Untaint);
    let fault = fault(verb, &store.folded().state, address).filter(|_| answer.is_none());
    if let Some(diagnostic) = fault {
        return Err(session.refused(diagnostic));
    }
    let (record, words) = match (verb, answer) {
        (Verb::Taint, answer) => (answer.unwrap_or(Record::Tainted { key }), "has been marked as tainted"),
        (Verb::Untaint, Some(answer)) => (answer, "has been marked as provisioned"),
        (Verb::Untaint, None) => (Record::Untainted { key }, "has been successfully untainted"),
    };
    session.record(store, &[record])?;
    print(&format!("Resource instance {address} {words}.\n"));
    Ok(Success::Done)
}

fn fault(verb: Verb, state: &State, address: &Address) -> Option<Diagnostic> {
    let error = |summary: &str, detail: String, hint: &str| {
        Some(Diagnostic::error("invalid-taint", summary, detail).hint(hint.to_owned()))
    };
    let Some(object) = state.current(address) else {
        let standing = state.block_instances(&address.block());
        let hint = if standing.is_empty() || !address.key().is_none() {
            "Run state list to see the addresses there are. Quote those with keys for your shell."
        } else {
            "It has several instances: name one of them, with its key."
        };
        return error("No such resource instance", format!("{address} is not in the state."), hint);
    };
    match (verb, object.status) {
        (Verb::Untaint, Status::Ready) => {
            let detail = format!("{address} is not tainted, so there is nothing to take back.");
            error("Resource instance is not tainted", detail, "Nothing was changed.")
        }
        _ => None,
    }
}
