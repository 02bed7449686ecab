//! The history of a state: one entry for each run that ended and each edit by hand, beside the state.
//!
//! Invariants: an entry is whole or not there; it is written once and never changed; it names the digest of the one
//! before it, so that a changed, missing or reordered one is found ([`verify`]). An entry is written after the snapshot
//! and before the end of the journal, which still has all that it says: whoever finds such a journal completes it.

mod chain;
mod document;
mod entry;
mod files;
mod passage;
mod trail;

pub use chain::{Fault, verify};
pub use document::{Document, decode};
pub use entry::{
    About, Checkout, Counts, Edit, Entry, Origin, Pipeline, PlanRecord, StateRecord, Step, StoredFile,
    Version,
};
pub use files::{pack, unpack};
pub(crate) use passage::{Entries, Obstacle, missing};
pub(crate) use trail::{Part, Trail};

use crate::backend::{Backend, BackendError, Fence};
use std::cell::LazyCell;

/// How a store keeps its history.
pub struct Chronicle {
    /// Who works on the state, and from where: asked for when there is something to tell, since version control takes
    /// its time to answer.
    pub origin: LazyOrigin,
    /// Names what is done by hand, which has no run.
    pub id: String,
    /// The time, RFC 3339.
    pub now: fn() -> String,
    /// So many entries are kept at most; all where nothing is said.
    pub keep: Option<u64>,
}

/// An origin that is found out once, when it is needed.
pub type LazyOrigin = LazyCell<Origin, Box<dyn FnOnce() -> Origin>>;

/// What entries say of the state beside what was done.
pub(crate) struct Frame<'a> {
    pub(crate) chronicle: &'a Chronicle,
    pub(crate) lineage: &'a str,
    pub(crate) state: StateRecord,
}

/// Adds an entry for each part that has none yet.
pub(crate) fn append(
    backend: &dyn Backend,
    fence: Fence,
    parts: Vec<Part>,
    frame: &Frame<'_>,
) -> Result<(), BackendError> {
    let Some(numbers) = backend.history()? else { return Ok(()) };
    let (mut last, known) = last_entries(backend, &numbers, parts.len())?;
    let is_known = |part: &Part| known.iter().any(|run| run == part.run());
    for part in parts.into_iter().filter(|part| !is_known(part)) {
        let (number, previous) = last;
        let entry = part.into_entry(number + 1, previous, frame);
        let (bytes, digest) = document::encode(&entry)?;
        backend.append_history(fence, number + 1, &bytes)?;
        last = (number + 1, digest);
    }
    if let Some(keep) = frame.chronicle.keep.filter(|keep| last.0 > *keep) {
        let below = last.0 - keep.max(1) + 1;
        if numbers.first().is_some_and(|first| *first < below) {
            backend.prune_history(fence, below)?;
        }
    }
    Ok(())
}

/// All entries that a place keeps, in order; nothing where it keeps no history.
pub(crate) fn entries(backend: &dyn Backend) -> Result<Option<Entries>, BackendError> {
    let Some(numbers) = backend.history()? else { return Ok(None) };
    let read = |number: u64| Ok((number, backend.history_entry(number)?.unwrap_or_default()));
    numbers.into_iter().map(read).collect::<Result<_, _>>().map(Some)
}

/// Number and digest of the last entry, and the runs of the last few.
fn last_entries(
    backend: &dyn Backend,
    numbers: &[u64],
    count: usize,
) -> Result<((u64, String), Vec<String>), BackendError> {
    let Some(last) = numbers.last() else { return Ok(((0, String::new()), Vec::new())) };
    let mut runs = Vec::new();
    let mut digest = String::new();
    for number in numbers.iter().rev().take(count) {
        let bytes = backend.history_entry(*number)?.unwrap_or_default();
        let document = decode(&bytes).map_err(|reason| {
            BackendError::Failed(format!("entry {number} of the history cannot be read: {reason}"))
        })?;
        if number == last {
            digest = document.digest;
        }
        runs.push(document.entry.run);
    }
    Ok(((*last, digest), runs))
}
