//! `state`: what stands in it. The verbs that change it are in [`state_edit`].

use super::show::UNLOCKED;
use super::state_edit;
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
        StateVerb::Show(show) => Some(&show.view),
        _ => None,
    }
}

/// Whether the command may ask something.
pub(super) fn may_ask(arguments: &State) -> bool {
    matches!(&arguments.verb, StateVerb::ReplaceProvider(replace) if replace.input.input)
}

pub(super) fn run(arguments: &State, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    match &arguments.verb {
        StateVerb::List(list) => run_list(&session, list),
        StateVerb::Show(show) => run_show(&session, show),
        StateVerb::Mv(arguments) => state_edit::run_move(&session, arguments),
        StateVerb::Rm(arguments) => state_edit::run_remove(&session, arguments),
        StateVerb::Pull => state_edit::run_pull(&session),
        StateVerb::Push(arguments) => state_edit::run_push(&session, arguments),
        StateVerb::ReplaceProvider(arguments) => state_edit::run_replace_provider(&session, arguments),
    }
}

fn run_list(session: &Session, arguments: &StateList) -> Result<Success, Failure> {
    let wanted = state_edit::selectors(session, &arguments.addresses)?;
    let store = session.store("state list", &UNLOCKED)?;
    let folded = store.folded();
    let mut addresses: Vec<(usize, &Address)> = folded
        .state
        .objects()
        .map(|(key, _)| (key.address.module().steps().len(), &key.address))
        .filter(|(_, address)| wanted.is_empty() || wanted.iter().any(|wanted| wanted.contains(address)))
        .collect();
    addresses.sort();
    addresses.dedup();
    let mut text = String::new();
    for (_, address) in addresses {
        let _ = writeln!(text, "{address}");
    }
    print(&text);
    Ok(Success::Done)
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
