//! `state list` and `state show`.

use super::show::UNLOCKED;
use crate::arguments::{State, StateList, StateShow, StateVerb, View};
use crate::failure::{Failure, Success};
use crate::render::state_text;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_state::{Address, AddressError};
use std::fmt::Write as _;

/// How the command wants things shown.
pub(super) fn view(arguments: &State) -> Option<&View> {
    match &arguments.verb {
        StateVerb::List(_) => None,
        StateVerb::Show(show) => Some(&show.view),
    }
}

pub(super) fn run(arguments: &State, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    match &arguments.verb {
        StateVerb::List(list) => run_list(&session, list),
        StateVerb::Show(show) => run_show(&session, show),
    }
}

fn run_list(session: &Session, arguments: &StateList) -> Result<Success, Failure> {
    let store = session.store("state list", &UNLOCKED)?;
    let folded = store.folded();
    let mut addresses: Vec<(usize, &Address)> =
        folded.state.objects().map(|(key, _)| (key.address.module().steps().len(), &key.address)).collect();
    addresses.sort();
    addresses.dedup();
    let mut text = String::new();
    for (_, address) in addresses {
        let name = address.to_string();
        if arguments.addresses.is_empty()
            || arguments.addresses.iter().any(|wanted| is_at_or_below(&name, wanted))
        {
            let _ = writeln!(text, "{name}");
        }
    }
    print(&text);
    Ok(Success::Done)
}

/// Whether an instance is the wanted one, or one of its block or module.
fn is_at_or_below(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn run_show(session: &Session, arguments: &StateShow) -> Result<Success, Failure> {
    let listed = "Run state list to see the addresses there are. Quote those with keys for your shell.";
    let address: Address = arguments.address.parse().map_err(|error: AddressError| {
        let detail = format!("{:?} is no address of an instance: {error}.", arguments.address);
        session.refused(Diagnostic::error("invalid-address", "Invalid resource address", detail).hint(listed))
    })?;
    let store = session.store("state show", &UNLOCKED)?;
    let shown = session.shown_state(&store.folded().state);
    let found = shown.objects.iter().find(|object| object.address == address && object.deposed.is_none());
    let object = found.ok_or_else(|| {
        let detail = "This command requires that the address references one specific instance.";
        session.refused(
            Diagnostic::error("no-instance", "No instance found for the given address", detail).hint(listed),
        )
    })?;
    print(&state_text::object(object, &session.schemas, session.terminal.layout.palette));
    Ok(Success::Done)
}

#[cfg(test)]
mod tests {
    use super::is_at_or_below;

    #[test]
    fn a_block_names_its_instances_and_no_other() {
        for (name, wanted, expected) in [
            ("a.b[0]", "a.b", true),
            ("a.b[0]", "a.b[0]", true),
            ("a.bc", "a.b", false),
            ("module.m[0].a.b", "module.m", true),
            ("module.mm.a.b", "module.m", false),
        ] {
            assert_eq!(is_at_or_below(name, wanted), expected, "{name} {wanted}");
        }
    }
}
