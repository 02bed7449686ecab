//! What can be taken of a state that does not open: the records of its journal that still fold, onto the snapshot that
//! still reads.
//!
//! Invariant: nothing here writes; whoever does keeps a copy of all that stood first.

use crate::address::ObjectKey;
use crate::backend::{Backend, BackendError};
use crate::format_v4;
use crate::journal::{Folded, Record, fold};
use crate::line::{self, Header};
use crate::model::State;
use crate::store::{Opening, digest};
use formwork_diagnostic::Diagnostic;

/// A place as it stands, whatever its condition.
#[derive(Debug, Clone, Default)]
pub struct Wreck {
    /// The snapshot as it is kept, byte for byte.
    pub kept_snapshot: Option<Vec<u8>>,
    /// The journal as it is kept, byte for byte.
    pub kept_journal: Vec<u8>,
    /// The snapshot in clear; none where it could not be opened.
    pub snapshot: Option<Vec<u8>>,
    /// The lines of the journal in clear, as many as are whole.
    pub journal: Vec<u8>,
    /// What could not be opened, in words.
    pub unopened: Vec<String>,
}

impl Wreck {
    /// One whose bytes are in clear.
    pub fn in_clear(snapshot: Option<Vec<u8>>, journal: Vec<u8>) -> Self {
        Self {
            kept_snapshot: snapshot.clone(),
            kept_journal: journal.clone(),
            snapshot,
            journal,
            unopened: Vec::new(),
        }
    }
}

/// What was taken.
#[derive(Debug)]
pub struct Salvage {
    /// The state with the records that fold.
    pub state: State,
    /// The serial of the snapshot that it was taken from.
    pub serial: u64,
    /// The digest of the snapshot that the journal follows.
    follows: Option<String>,
    /// How many records were taken.
    pub taken: usize,
    /// Records that were left, and why, in words.
    pub left: Vec<String>,
    /// Objects whose making or removal was in flight: whether it was done is not known.
    pub in_flight: Vec<ObjectKey>,
}

/// Takes what can be taken. A snapshot in hand goes before the one that stands.
///
/// # Errors
/// When there is a snapshot and it cannot be read, and none is in hand.
pub fn salvage(name: &str, wreck: &Wreck, in_hand: Option<&[u8]>) -> Result<Salvage, Diagnostic> {
    let bytes = in_hand.or(wreck.snapshot.as_deref());
    if bytes.is_none() && wreck.kept_snapshot.is_some() {
        let reasons = wreck.unopened.join("\n");
        return Err(unreadable(name, &format!("The snapshot cannot be opened: {reasons}")));
    }
    let (state, serial, follows, found) = match bytes {
        None => (State::default(), 0, None, String::new()),
        Some(bytes) => {
            let snapshot = format_v4::read(name, bytes).map_err(|error| {
                unreadable(name, &format!("The snapshot cannot be read: {}", error.detail))
            })?;
            let serial = snapshot.state.serial;
            (snapshot.state, serial, snapshot.follows, digest(bytes))
        }
    };
    let mut folded = Folded { state, run: None, is_changed: false };
    let mut salvage = Salvage {
        state: State::default(),
        serial,
        follows: None,
        taken: 0,
        left: wreck.unopened.clone(),
        in_flight: Vec::new(),
    };
    take_journal(&wreck.journal, &found, follows.as_deref(), &mut folded, &mut salvage);
    if let Some(run) = &folded.run {
        salvage.in_flight.extend(run.in_flight().cloned());
    }
    salvage.in_flight.sort();
    salvage.in_flight.dedup();
    salvage.state = folded.state;
    Ok(salvage)
}

fn unreadable(name: &str, detail: &str) -> Diagnostic {
    Diagnostic::error("state-unreadable", "State cannot be read", format!("{name}: {detail}"))
        .hint("Give a snapshot to begin from, with -from=FILE: the .backup beside a state in a file, or a copy of yours.")
}

fn take_journal(
    journal: &[u8],
    found: &str,
    follows: Option<&str>,
    folded: &mut Folded,
    salvage: &mut Salvage,
) {
    let lines = line::whole(journal);
    let Some(((at, first), mut rest)) = lines.split_first() else { return };
    let header = line::decode::<Header>("", *at, first);
    salvage.follows = header.as_ref().ok().map(|header| header.digest.clone());
    match header {
        Ok(header) if follows == Some(header.digest.as_str()) => {
            salvage
                .left
                .push("the journal is of the snapshot before this one, which holds it already".to_owned());
            return;
        }
        Ok(header) => {
            if header.digest != found {
                salvage.left.push(format!(
                    "the journal follows the snapshot with serial {}, and is folded onto another",
                    header.serial
                ));
            }
            if folded.state.lineage.is_empty() {
                folded.state.lineage = header.lineage;
            }
        }
        Err(_) => {
            salvage
                .left
                .push("the journal's first line, which says what it follows, is not there".to_owned());
            rest = &lines;
        }
    }
    for (at, text) in rest {
        match line::decode::<Record>("", *at, text) {
            Ok(record) => match fold(folded, &record) {
                Ok(()) => salvage.taken += 1,
                Err(error) => {
                    salvage.left.push(format!("line {at}: {error}"));
                    if let Record::Intent(intent) = &record {
                        salvage.in_flight.push(intent.key.clone());
                    }
                }
            },
            Err(_) => salvage.left.push(format!("line {at} cannot be understood")),
        }
    }
}

/// Puts what was taken in the place of what stands, and ends the journal.
///
/// # Errors
/// When somebody else holds the lease, or wrote meanwhile, or the place does not do what it is asked.
pub fn restore(
    backend: &dyn Backend,
    opening: &Opening,
    wreck: &Wreck,
    salvage: &Salvage,
) -> Result<(), Diagnostic> {
    let failed = |error: BackendError| {
        Diagnostic::error(
            "state-unwritable",
            "State cannot be written",
            format!("{}: {error}.", backend.name()),
        )
        .hint("Nothing was lost: the copies stand, and so does what is in the place. Run the command again.")
    };
    let mut state = salvage.state.clone();
    if state.lineage.is_empty() {
        state.lineage.clone_from(&opening.new_lineage);
    }
    // Should this end before the journal does, it is known for one of before.
    let follows = salvage.follows.as_deref();
    let bytes = format_v4::write(&state, salvage.serial + 1, follows, &opening.version)?;
    let fence = backend.lease(&opening.holder, opening.lock_timeout_ms).map_err(failed)?;
    let expected = wreck.kept_snapshot.as_deref().map(digest).unwrap_or_default();
    let written = backend.snapshot(fence, &expected, &bytes).and_then(|()| backend.seal(fence));
    backend.release(fence);
    written.map_err(failed)
}

#[cfg(test)]
mod tests;
