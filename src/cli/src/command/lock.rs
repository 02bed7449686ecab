//! `lock show`: who holds the state, since when, and what of a run is in flight.

use super::show::UNLOCKED;
use crate::arguments::{Locking, LockingVerb};
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_state::backend::Holding;
use formwork_state::{ObjectKey, OpenRun};
use std::fmt::Write as _;

pub(super) fn run(arguments: &Locking, terminal: Terminal) -> Result<Success, Failure> {
    let LockingVerb::Show = arguments.verb;
    let session = Session::new(terminal);
    let backend = session.backend(&session.workspace)?;
    let holding = backend.holding().map_err(|error| {
        let place = session.place().map(|place| place.storage.clone());
        place.map_or_else(
            |failure| failure,
            |storage| session.refused(crate::place::unanswered(&*storage, &error.to_string())),
        )
    })?;
    // Read without the lease: a journal that grows meanwhile is read as far as it was whole.
    let store = session.store("lock show", &UNLOCKED)?;
    let mut text = format!("State:      {}\nWorkspace:  {}\n", store.name(), session.workspace);
    text.push_str(&held(holding.as_ref()));
    text.push_str(&in_flight(store.folded().run.as_ref()));
    print(&text);
    Ok(Success::Done)
}

fn held(holding: Option<&Holding>) -> String {
    let Some(Holding { holder, is_overdue }) = holding else {
        return "Lock:       nobody holds it\n".to_owned();
    };
    let state =
        if *is_overdue { "held, its heartbeat overdue: whoever asks next takes it over" } else { "held" };
    let mut text = format!("Lock:       {state}\n");
    for (name, value) in [
        ("ID:", holder.id.as_str()),
        ("Holder:", &holder.who()),
        ("Operation:", &holder.operation),
        ("Command:", &holder.command),
        ("Since:", &holder.since),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "  {name:<10} {value}");
        }
    }
    text
}

pub(super) fn in_flight(run: Option<&OpenRun>) -> String {
    let Some(run) = run else { return "Run:        none is open\n".to_owned() };
    let mut text = format!("Run:        {}, since {}\n", run.run, run.time);
    let mut keys: Vec<&ObjectKey> = run.in_flight().collect();
    keys.sort();
    if keys.is_empty() {
        text.push_str("In flight:  nothing\n");
        return text;
    }
    text.push_str("In flight:\n");
    for key in keys {
        let _ = match run.open.get(key) {
            Some(step) => writeln!(
                text,
                "  {key}: {}, since {}{}",
                step.intent.operation.word(),
                step.intent.time,
                step.accepted.as_ref().map_or_else(String::new, |id| format!(", accepted as {id}"))
            ),
            None => writeln!(text, "  {key}: made, its provisioners are still to run"),
        };
    }
    text
}
