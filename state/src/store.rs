//! What the engine uses: a state opened under its lock, with the journal folded in, to which records are appended.
//!
//! Invariant: a record is folded in memory before its bytes are handed over, and in the same order; so what is durable
//! is always a prefix of what was folded. The snapshot is written once, at the end.

mod open;
mod ticket;
mod writer;

pub use open::StoreOptions;
pub use ticket::Ticket;

use crate::backend::{Backend, Durability, Fence, digest};
use crate::format_v4;
use crate::journal::{Folded, Record, encode, fold};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use writer::Writer;

/// A state that is open: read-only, or for a run.
pub struct Store {
    backend: Arc<dyn Backend>,
    folded: RwLock<Folded>,
    base: Base,
    /// The lease; none when the user asked for no lock.
    fence: Option<Fence>,
    /// None when read-only.
    writer: Option<Writer>,
    /// The run that the journal belongs to, once it has begun: its first record names it.
    run: OnceLock<String>,
    version: String,
    notices: Diagnostics,
}

/// The snapshot as it was read.
struct Base {
    serial: u64,
    digest: Option<String>,
}

impl Store {
    /// Takes the lock, reads snapshot and journal, and folds them. A torn tail of the journal is cut.
    pub fn open(options: StoreOptions) -> Result<Self, Diagnostics> {
        open::open(open::file_backend(&options), options, true)
    }

    /// The same for somebody who only looks: nothing is repaired, and an append is refused.
    pub fn open_read_only(options: StoreOptions) -> Result<Self, Diagnostics> {
        open::open(open::file_backend(&options), options, false)
    }

    /// The same over any backend; path and files of the options are not used.
    pub fn open_over(backend: Arc<dyn Backend>, options: StoreOptions) -> Result<Self, Diagnostics> {
        open::open(backend, options, true)
    }

    /// State and open run as they are at this moment. The guard is not to be held over an append.
    pub fn folded(&self) -> RwLockReadGuard<'_, Folded> {
        self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn folded_mut(&self) -> RwLockWriteGuard<'_, Folded> {
        self.folded.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noticed at opening: a torn tail that was dropped.
    pub const fn notices(&self) -> &Diagnostics {
        &self.notices
    }

    /// What the store is called in messages.
    pub fn describe(&self) -> String {
        self.backend.describe()
    }

    /// Serial of the snapshot as it was read.
    pub const fn base_serial(&self) -> u64 {
        self.base.serial
    }

    /// Digest of the snapshot as it was read; empty when there was none.
    pub fn base_digest(&self) -> &str {
        self.base.digest.as_deref().unwrap_or_default()
    }

    /// Folds a record and hands it to the journal. The ticket is done when the record survives the loss of power;
    /// all that wait at one time share one flush. A record that is out of order fails at once and changes nothing.
    pub fn append(&self, record: &Record) -> Ticket {
        self.hand_over(record, Durability::Flushed)
    }

    /// The same without a flush: the record comes before all later ones, and a crash may lose it.
    pub fn append_relaxed(&self, record: &Record) -> Ticket {
        self.hand_over(record, Durability::Ordered)
    }

    fn hand_over(&self, record: &Record, durability: Durability) -> Ticket {
        let Some(writer) = &self.writer else {
            let what = format!("{} is open for reading only.", self.describe());
            return Ticket::failed(Diagnostic::error("state-read-only", "State cannot be changed", what));
        };
        let body = match encode(record) {
            Ok(body) => body,
            Err(error) => {
                let what = format!("The record {} cannot be written: {error}.", record.name());
                return Ticket::failed(Diagnostic::error(
                    "journal-unwritable",
                    "Journal record cannot be written",
                    what,
                ));
            }
        };
        // The bytes are queued while the fold is locked: that is what keeps the two in one order.
        let mut folded = self.folded_mut();
        if let Err(refused) = writer.admit() {
            return Ticket::failed(refused);
        }
        if matches!(record, Record::Begin { .. }) && self.run.get().is_some() {
            // A snapshot names one run, by which a journal that stayed behind is known to be folded in.
            let what =
                "The journal holds another run already. This is a fault of Formwork; nothing was done.";
            return Ticket::failed(Diagnostic::error("illegal-transition", "Illegal journal record", what));
        }
        if let Err(illegal) = fold(&mut folded, record) {
            let what = format!("{illegal}. This is a fault of Formwork; nothing was done.");
            let diagnostic = Diagnostic::error("illegal-transition", "Illegal journal record", what);
            return Ticket::failed(match &illegal.subject {
                Some(key) => diagnostic.about(key.to_string()),
                None => diagnostic,
            });
        }
        if let Record::Begin { run, .. } = record {
            // Nothing was set before: a second run was refused above.
            let _ = self.run.set(run.clone());
        }
        writer.push(record.name(), body, durability)
    }

    /// Writes what waits. When no run is open any more, the snapshot follows with the next serial, if anything
    /// changed, and the journal goes; while a run is open the journal stays, and the next run goes on from it. On
    /// failure the journal stays too, and nothing is lost.
    pub fn finish(mut self) -> Result<(), Diagnostics> {
        let finished = self.close_journal();
        finished.and(self.unlock())
    }

    /// Writes what waits and closes without a snapshot: the journal stays, and the next run goes on from it.
    pub fn abandon(self) -> Result<(), Diagnostics> {
        let drained = self.writer.as_ref().map_or(Ok(()), Writer::drain).map_err(Diagnostics::from);
        drained.and(self.unlock())
    }

    fn unlock(mut self) -> Result<(), Diagnostics> {
        self.writer = None;
        let released = self.fence.take().map_or(Ok(()), |fence| self.backend.release(fence));
        released.map_err(|error| error.diagnostic("State could not be unlocked").into())
    }

    /// Where no run is open: the snapshot, if anything changed, and the end of the journal.
    fn close_journal(&mut self) -> Result<(), Diagnostics> {
        let Some(writer) = &self.writer else { return Ok(()) };
        writer.drain()?;
        let mut folded = self.folded.write().unwrap_or_else(PoisonError::into_inner);
        if folded.run.is_some() {
            return Ok(());
        }
        if folded.is_changed {
            self.base = self.write_snapshot(writer.fence(), &folded)?;
            folded.state.serial = self.base.serial;
            folded.is_changed = false;
        }
        if !writer.is_fresh() {
            let discarded = self.backend.discard(writer.fence());
            discarded.map_err(|error| error.diagnostic("The journal cannot be removed"))?;
            writer.restart();
            self.run = OnceLock::new();
        }
        Ok(())
    }

    fn write_snapshot(&self, fence: Fence, folded: &Folded) -> Result<Base, Diagnostics> {
        let serial = self.base.serial + 1;
        let run = self.run.get().map(String::as_str).unwrap_or_default();
        let bytes = format_v4::write(&folded.state, serial, run, &self.version)?;
        let written = self.backend.snapshot(fence, self.base.digest.as_deref(), &bytes);
        written.map_err(|error| {
            let diagnostic = error.diagnostic("State cannot be written");
            let detail = format!("{} Nothing is lost: every change is in the journal.", diagnostic.detail);
            Diagnostic { detail, ..diagnostic }
        })?;
        Ok(Base { serial, digest: Some(digest(&bytes)) })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.writer = None;
        if let Some(fence) = self.fence.take() {
            // Nobody is left to hear of it, and a lock ends with its process at the latest.
            let _ = self.backend.release(fence);
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store").field("backend", &self.describe()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
