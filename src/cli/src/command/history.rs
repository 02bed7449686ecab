//! `history`: what was done to the state, by whom and from where.

use crate::arguments::{History as Arguments, HistoryPrune, HistoryVerb};
use crate::failure::{Failure, Success};
use crate::render::history::{as_json, entry_as_json, entry_text, table};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Diagnostic;
use formwork_state::backend::{Backend, BackendError};
use formwork_state::history::{Document, decode, verify};

pub(super) fn run(arguments: &Arguments, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    match &arguments.verb {
        None => list(&session, arguments.json),
        Some(HistoryVerb::Show(show)) => {
            let document = entry(&session, show.number)?;
            print(&if show.json { entry_as_json(&document) } else { entry_text(&document, show.files) });
            Ok(Success::Done)
        }
        Some(HistoryVerb::Verify) => check(&session),
        Some(HistoryVerb::Prune(prune)) => remove(&session, prune),
    }
}

fn failed(session: &Session, backend: &dyn Backend, error: &BackendError) -> Failure {
    let detail = format!("{}: {error}.", backend.name());
    session.refused(
        Diagnostic::error("history-unreadable", "History cannot be read", detail)
            .hint("Check that the place can be reached and read with these settings."),
    )
}

/// The entries as they are kept, the oldest first; nothing where the place keeps none.
fn entries(session: &Session, backend: &dyn Backend) -> Result<Vec<(u64, Vec<u8>)>, Failure> {
    let failed = |error| failed(session, backend, &error);
    let Some(numbers) = backend.history().map_err(failed)? else {
        let detail = format!("{} keeps no history.", backend.name());
        return Err(session.refused(
            Diagnostic::error("no-history", "No history is kept", detail)
                .hint("See docs/backends.md for the places that keep one."),
        ));
    };
    let read = |number: u64| Ok((number, backend.history_entry(number)?.unwrap_or_default()));
    numbers.into_iter().map(read).collect::<Result<_, BackendError>>().map_err(failed)
}

fn list(session: &Session, is_json: bool) -> Result<Success, Failure> {
    let backend = session.backend(&session.workspace)?;
    let entries = entries(session, &*backend)?;
    let documents: Vec<_> = entries.iter().rev().map(|(number, bytes)| (*number, decode(bytes))).collect();
    print(&if is_json { as_json(&documents) } else { table(&documents) });
    Ok(Success::Done)
}

/// One entry, as it stands and with a warning where it was changed.
pub(super) fn entry(session: &Session, number: u64) -> Result<Document, Failure> {
    let backend = session.backend(&session.workspace)?;
    let bytes = backend.history_entry(number).map_err(|error| failed(session, &*backend, &error))?;
    let Some(bytes) = bytes else {
        let detail = format!("The history of {} has no entry {number}.", backend.name());
        return Err(session.refused(
            Diagnostic::error("no-such-entry", "No such entry", detail)
                .hint("Run formwork history to see the entries there are."),
        ));
    };
    let document = decode(&bytes).map_err(|reason| {
        let detail = format!("Entry {number} cannot be read: {reason}.");
        session.refused(
            Diagnostic::error("history-damaged", "History is damaged", detail)
                .hint("Run formwork history verify, and restore the entry from a copy."),
        )
    })?;
    if !document.is_intact {
        let detail = format!("Entry {number} was changed after it was written.");
        session.screen.show(&Diagnostic::warning("history-damaged", "History is damaged", detail).into());
    }
    Ok(document)
}

fn check(session: &Session) -> Result<Success, Failure> {
    let backend = session.backend(&session.workspace)?;
    let entries = entries(session, &*backend)?;
    print(&match verified(session, &*backend, &entries)? {
        Some(Whole { range, digest }) => {
            format!("The history is whole: {range}. The last one's digest is {digest}.\n")
        }
        None => "The history has no entries.\n".to_owned(),
    });
    Ok(Success::Done)
}

/// What `state verify` says of the history, which must be whole as the state must.
pub(super) fn verified_beside(session: &Session) -> Result<String, Failure> {
    let backend = session.backend(&session.workspace)?;
    if backend.history().map_err(|error| failed(session, &*backend, &error))?.is_none() {
        return Ok("none is kept here".to_owned());
    }
    let entries = entries(session, &*backend)?;
    let whole = verified(session, &*backend, &entries)?;
    Ok(whole.map_or_else(|| "no entries".to_owned(), |whole| format!("{}, whole", whole.range)))
}

/// A history in which nothing is wrong.
struct Whole {
    /// Its entries, in words.
    range: String,
    /// That of the last one.
    digest: String,
}

/// Refuses entries that are not what was written, and warns where they do not lead to the state that stands.
fn verified(
    session: &Session,
    backend: &dyn Backend,
    entries: &[(u64, Vec<u8>)],
) -> Result<Option<Whole>, Failure> {
    let faults = verify(entries.iter().map(|(number, bytes)| (*number, bytes.as_slice())));
    if !faults.is_empty() {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        let detail =
            format!("The history of {} is not what was written:\n{}", backend.name(), lines.join("\n"));
        return Err(session.refused(
            Diagnostic::error("history-damaged", "History is damaged", detail)
                .hint("Compare the entries with a copy that was kept elsewhere."),
        ));
    }
    let (Some((first, _)), Some((last, bytes))) = (entries.first(), entries.last()) else { return Ok(None) };
    let document = decode(bytes).map_err(|_| Failure::default())?;
    warn_of_other_state(session, backend, &document)?;
    let follows =
        if *first > 1 { format!(", which follow {} that were pruned", first - 1) } else { String::new() };
    Ok(Some(Whole { range: format!("entries {first} to {last}{follows}"), digest: document.digest }))
}

/// The last entry says which state it left; another one that stands was written by something that leaves no entries, or
/// entries were cut off at the end.
fn warn_of_other_state(session: &Session, backend: &dyn Backend, last: &Document) -> Result<(), Failure> {
    let loaded = backend.load().map_err(|error| failed(session, backend, &error))?;
    let stands = loaded.snapshot.as_deref().map(formwork_state::digest).unwrap_or_default();
    let after = &last.entry.state.after;
    if stands == after.digest || !loaded.journal.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "The last entry, {}, left the state with serial {} and digest {}, and the one that stands is another. It was written by another program, or entries that came later are missing.",
        last.entry.number, after.serial, after.digest
    );
    session.screen.show(
        &Diagnostic::warning("history-behind", "State is not the one that the history ends with", detail)
            .into(),
    );
    Ok(())
}

fn remove(session: &Session, arguments: &HistoryPrune) -> Result<Success, Failure> {
    let store = session.store("history prune", &arguments.lock)?;
    let removed = store.prune_history(arguments.keep).map_err(|found| session.refused(found))?;
    print(&match removed {
        Some((first, last)) if first == last => format!("Removed entry {first}.\n"),
        Some((first, last)) => format!("Removed entries {first} to {last}.\n"),
        None => "There is nothing to remove.\n".to_owned(),
    });
    Ok(Success::Done)
}
