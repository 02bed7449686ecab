//! What the engine uses: a state opened under its lock, with the journal folded in, to which records are appended.
//!
//! Invariant: a record is folded in memory before its bytes are handed over, and in the same order; so what is durable
//! is always a prefix of what was folded. The snapshot is written once, at the end.

mod open;
mod ticket;
mod writer;

pub use open::OpenOptions;
pub use ticket::Ticket;

use crate::address::ObjectKey;
use crate::backend::{Backend, BackendError, Durability, Fence, digest};
use crate::format_v4;
use crate::journal::{Folded, Record, encode, fold};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use writer::Writer;

/// A state that is open: read-only, or for one run after another.
pub struct Store {
    backend: Arc<dyn Backend>,
    folded: RwLock<Folded>,
    /// The bytes of the snapshot underneath until their digest is asked for.
    base: Mutex<Base>,
    fence: Option<Fence>,
    /// None when read-only.
    writer: Option<Writer>,
    options: OpenOptions,
    notices: Diagnostics,
}

#[derive(Default)]
struct Base {
    bytes: Option<Vec<u8>>,
    digest: OnceLock<String>,
}

impl Base {
    fn digest(&self) -> Option<&str> {
        let bytes = self.bytes.as_ref()?;
        Some(self.digest.get_or_init(|| digest(bytes)))
    }
}

impl Store {
    /// Takes the lock, reads snapshot and journal, and folds them. A torn tail of the journal is cut, and a run that
    /// was cut off while it closed is closed.
    pub fn open(backend: Arc<dyn Backend>, options: OpenOptions) -> Result<Self, Diagnostics> {
        open::open(backend, options, true)
    }

    /// The same for somebody who only looks: nothing is repaired, and an append is refused.
    pub fn open_read_only(backend: Arc<dyn Backend>, options: OpenOptions) -> Result<Self, Diagnostics> {
        open::open(backend, options, false)
    }

    /// State and open run as they are at this moment. The guard is not to be held over an append.
    pub fn folded(&self) -> RwLockReadGuard<'_, Folded> {
        self.folded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn folded_mut(&self) -> RwLockWriteGuard<'_, Folded> {
        self.folded.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was noticed at opening: a torn tail that was dropped, a run that was closed.
    pub const fn notices(&self) -> &Diagnostics {
        &self.notices
    }

    /// What the store is called in messages.
    pub fn describe(&self) -> String {
        self.backend.describe()
    }

    /// The digest of the snapshot underneath; empty where there is none. A run's Begin names it.
    pub fn base_digest(&self) -> String {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        base.digest().unwrap_or_default().to_owned()
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
            let what = format!("The state {} is open for reading only.", self.describe());
            return Ticket::failed(Diagnostic::error("state.read-only", "State cannot be changed", what));
        };
        let body = match encode(record) {
            Ok(body) => body,
            Err(error) => {
                let what = format!("The record {} cannot be written: {error}.", record.name());
                return Ticket::failed(Diagnostic::error("state.record", "State cannot be changed", what));
            }
        };
        if matches!(record, Record::Begin(_)) && !writer.is_fresh() {
            // A snapshot names one run, so a journal may hold one run.
            let what = "The journal of the run before is still there, since its snapshot was not written.";
            return Ticket::failed(Diagnostic::error("state.transition", "A run cannot begin", what));
        }
        // The bytes are queued while the fold is locked: that is what keeps the two in one order.
        let mut folded = self.folded_mut();
        if let Err(refused) = writer.admit() {
            return Ticket::failed(refused);
        }
        if let Err(illegal) = fold(&mut folded, record) {
            let diagnostic =
                Diagnostic::error("state.transition", "Step out of order", format!("{illegal}."));
            return Ticket::failed(about(diagnostic, illegal.subject.as_deref()));
        }
        writer.push(record, body, durability)
    }

    /// Ends the open run: Finished, then the snapshot with the next serial if anything changed, then the journal goes.
    /// Without an open run only what is left to do is done. On failure the journal stays, and nothing is lost.
    pub fn finish(&self, errored: bool) -> Result<(), Diagnostics> {
        let is_open = self.folded().run.is_some();
        if is_open {
            self.append(&Record::Finished { errored }).wait()?;
        }
        self.close_journal()
    }

    /// Writes what is left to write and closes without a snapshot: the journal stays, and the next run goes on.
    pub fn abandon(self) -> Result<(), Diagnostics> {
        let drained = self.writer.as_ref().map_or(Ok(()), Writer::drain);
        self.close().map_err(|error| error.diagnostic("State could not be unlocked"))?;
        drained.map_err(Diagnostics::from)
    }

    /// Gives the lock back and closes. What `finish` did not write stays in the journal.
    pub fn close(mut self) -> Result<(), BackendError> {
        self.writer = None;
        self.fence.take().map_or(Ok(()), |fence| self.backend.release(fence))
    }

    /// The snapshot with all that is folded in, and the end of the journal.
    fn close_journal(&self) -> Result<(), Diagnostics> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let fence = writer.fence();
        writer.drain()?;
        let mut folded = self.folded_mut();
        if folded.run.is_some() {
            return Ok(());
        }
        if folded.is_changed {
            self.write_snapshot(fence, &mut folded)?;
        }
        self.backend.discard(fence).map_err(|error| error.diagnostic("The journal could not be removed"))?;
        writer.restart();
        Ok(())
    }

    fn write_snapshot(&self, fence: Fence, folded: &mut Folded) -> Result<(), Diagnostics> {
        let before = (
            folded.state.serial,
            folded.state.terraform_version.clone(),
            folded.state.formwork_version.clone(),
        );
        folded.state.serial += 1;
        folded.state.terraform_version.clone_from(&self.options.language_version);
        folded.state.formwork_version = Some(self.options.program_version.clone());
        let bytes = format_v4::write(&folded.state);
        let mut base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.backend.snapshot(fence, base.digest(), &bytes) {
            (folded.state.serial, folded.state.terraform_version, folded.state.formwork_version) = before;
            let diagnostic = error.diagnostic("The state snapshot could not be written");
            let detail = format!("{} Nothing is lost: every change is in the journal.", diagnostic.detail);
            return Err(Diagnostic { detail, ..diagnostic }.into());
        }
        *base = Base { bytes: Some(bytes), digest: OnceLock::new() };
        folded.is_changed = false;
        Ok(())
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

fn about(diagnostic: Diagnostic, key: Option<&ObjectKey>) -> Diagnostic {
    match key {
        Some(key) => diagnostic.about(key.to_string()),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests;
