//! `state verify` and `state repair`: whether a state is whole, and what can be made of one that is not.

use super::approval;
use super::show::UNLOCKED;
use crate::arguments::StateRepair;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use formwork_engine::connections::Connections;
use formwork_engine::objects::decode_object;
use formwork_state::backend::Backend;
use formwork_state::repair::{Salvage, Wreck, restore, salvage};
use formwork_state::{Files, Object, ObjectKey, RealFiles, State, Store};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const QUESTION: &str = "\nDo you want to put this in place of the state that stands?\n  A copy of that is kept. Only 'yes' will be accepted.\n\n  Enter a value: ";

/// Checks everything that can be checked without asking a target: bytes, digests, serials, the fold of the journal, the
/// chain of the history, and every object against its schema.
pub(super) fn verify(session: &Session) -> Result<Success, Failure> {
    let store = session.store("state verify", &UNLOCKED)?;
    let folded = store.folded();
    let mut text = format!("State:      {}\nWorkspace:  {}\n", store.name(), session.workspace);
    if store.base_digest().is_empty() {
        text.push_str("Snapshot:   none\n");
    } else {
        let _ = writeln!(text, "Snapshot:   serial {}, sha256 {}", store.base_serial(), store.base_digest());
    }
    let _ = writeln!(text, "Lineage:    {}", folded.state.lineage);
    let _ = writeln!(text, "Objects:    {}", folded.state.len());
    match &folded.run {
        Some(run) => {
            let open = run.in_flight().count();
            let _ = writeln!(text, "Journal:    run {} is open, {open} in flight", run.run);
        }
        None => text.push_str("Journal:    no run is open\n"),
    }
    print(&text);
    let history = super::history::verified_beside(session)?;
    print(&format!("History:    {history}\n"));
    let found = misfits(session, &folded.state);
    if !found.is_empty() {
        let detail = format!("These objects are not as their schemas say:\n  {}", found.join("\n  "));
        let diagnostic = Diagnostic::error("state-misfit", "Objects do not fit their schemas", detail);
        return Err(session.refused(diagnostic.hint(
            "An object of a newer version of its provider needs that version; one that was edited by hand can be removed with state rm and imported again.",
        )));
    }
    print("\nThe state is whole.\n");
    Ok(Success::Done)
}

fn misfits(session: &Session, state: &State) -> Vec<String> {
    let connections = Connections::new(session.environment.clone());
    let misfit = |(key, object): (&ObjectKey, &Arc<Object>)| {
        let address = &key.address;
        let kind = connections.kind(&object.provider.provider, address.mode(), address.type_name())?;
        // One of before is brought up to date by its provider when it is needed.
        let is_of_today = object.schema_version == kind.schema.version;
        let error = decode_object(object, &kind).err().filter(|_| is_of_today)?;
        Some(format!("{key}: {error}"))
    };
    let mut found: Vec<String> = state.objects().filter_map(|(key, object)| misfit((key, object))).collect();
    found.sort();
    found
}

/// Keeps a copy of all that stands, takes what can be taken, and puts that in its place.
pub(super) fn repair(session: &Session, arguments: &StateRepair) -> Result<Success, Failure> {
    let backend = session.backend(&session.workspace)?;
    let wreck =
        backend.wreck().map_err(|error| session.refused(unreadable(&*backend, &error.to_string())))?;
    if wreck.kept_snapshot.is_none() && wreck.kept_journal.is_empty() {
        print("There is no state here, so there is nothing to repair.\n");
        return Ok(Success::Done);
    }
    let in_hand = arguments.from.as_deref().map(|path| super::show::bytes(session, path)).transpose()?;
    match Store::open_on(backend.clone(), session.opening("state repair", &UNLOCKED)) {
        Ok(_) if in_hand.is_none() => {
            print(
                "The state opens as it stands: nothing was changed. Run apply to go on with a run that was cut off.\n",
            );
            return Ok(Success::Done);
        }
        Ok(_) => {}
        Err(found) => found.iter().for_each(|one| print(&format!("Found:      {}\n", one.detail))),
    }
    let name = backend.name();
    let found = salvage(&name, &wreck, in_hand.as_deref()).map_err(|error| session.refused(error))?;
    print(&told(&found));
    if arguments.dry_run {
        return Ok(Success::Done);
    }
    if !arguments.auto_approve {
        let hint = "Answer yes, or use -auto-approve where nobody can be asked.";
        approval::agree(session, QUESTION, "Repair cancelled", hint)?;
    }
    let copies = keep(session, &wreck)?;
    let opening = session.opening("state repair", &arguments.lock);
    restore(&*backend, &opening, &wreck, &found).map_err(|error| session.refused(error))?;
    print(&format!("\nThe state was repaired; what stood before is in {}.\n", copies.join(" and ")));
    if !found.in_flight.is_empty() {
        print(
            "Look for the objects that were in flight where they would be, and import those that are there.\n",
        );
    }
    Ok(Success::Done)
}

fn unreadable(backend: &dyn Backend, error: &str) -> Diagnostic {
    Diagnostic::error("state-unreadable", "State cannot be read", format!("{}: {error}.", backend.name()))
        .hint("Check that the place can be reached and read.")
}

fn told(found: &Salvage) -> String {
    let mut text = format!(
        "Objects:    {}, from the snapshot with serial {} and {} records of the journal\n",
        found.state.len(),
        found.serial,
        found.taken
    );
    for (title, lines) in [
        ("Left out:", found.left.clone()),
        ("In flight:", found.in_flight.iter().map(ToString::to_string).collect()),
    ] {
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title}");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// Copies of what stands, as it is kept, that only their owner may read.
fn keep(session: &Session, wreck: &Wreck) -> Result<Vec<String>, Failure> {
    let stem = format!("damaged-{}", crate::clock::compact());
    let mut names = Vec::new();
    let snapshot = wreck.kept_snapshot.as_ref().map(|bytes| ("tfstate", bytes));
    let journal = Some(&wreck.kept_journal).filter(|bytes| !bytes.is_empty()).map(|bytes| ("journal", bytes));
    for (ending, bytes) in snapshot.into_iter().chain(journal) {
        let name = format!("{stem}.{ending}");
        copy(&PathBuf::from(&name), bytes).map_err(|error| {
            let detail = format!("{name}: {error}.");
            session.refused(
                Diagnostic::error("copy-unwritable", "No copy could be kept", detail)
                    .hint("Nothing was changed. Make room in this folder, or run the command in another."),
            )
        })?;
        names.push(name);
    }
    Ok(names)
}

fn copy(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = RealFiles.create(path)?;
    file.append(bytes)?;
    file.flush()
}
