//! The file backend: a snapshot, a journal beside it, and a lock.
//!
//! | file | holds |
//! | --- | --- |
//! | `terraform.tfstate` | the snapshot; replaced by write-new, flush, rename, flush of the folder |
//! | `terraform.tfstate.backup` | the snapshot before |
//! | `terraform.tfstate.journal` | the records since; there only while a run is open or was cut off |
//! | `.terraform.tfstate.lock.info` | who holds the lock, which is the operating system's lock on this very file |
//!
//! Invariant: nothing is read before the lock is held, all files are their owner's alone, and an append that failed
//! leaves the journal as long as it was.

mod files;
#[cfg(test)]
mod power_loss;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

pub use files::{Appender, Files, HeldLock, RealFiles, Stamp};
#[cfg(test)]
pub(crate) use simulated::{Loss, SimulatedFiles};

use crate::backend::{
    Backend, BackendError, Durability, FailureKind, FaultHook, FaultPoint, Fence, LeaseError, Loaded,
    LockHolder, digest,
};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long to wait between two tries for the lock.
const POLL: Duration = Duration::from_millis(25);

#[derive(Default)]
struct Held {
    lock: Option<Box<dyn HeldLock>>,
    fence: u64,
    journal: Option<Box<dyn Appender>>,
    /// The length up to which the journal is good.
    journal_length: u64,
    /// Whether the file may be longer than that, after a failed append.
    is_torn: bool,
    /// The lowest sequence number that the next append may have.
    next_sequence: u64,
    /// The snapshot as it was loaded or written last: its stamp and, once it was asked for, its digest.
    stamp: Option<Stamp>,
    digest: Option<String>,
}

/// A state in files.
pub struct FileBackend {
    path: PathBuf,
    folder: PathBuf,
    files: Arc<dyn Files>,
    hook: Option<FaultHook>,
    skips_flush: bool,
    held: Mutex<Held>,
}

impl FileBackend {
    /// A state at a path. A link is followed, so that it stays a link.
    pub fn new(path: impl Into<PathBuf>, files: Arc<dyn Files>) -> Self {
        let path = files.resolve(path.into());
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { path, folder, files, hook: None, skips_flush: false, held: Mutex::default() }
    }

    /// With a hook that is called at the fault points of the snapshot.
    #[must_use]
    pub fn with_fault_hook(mut self, hook: Option<FaultHook>) -> Self {
        self.hook = hook;
        self
    }

    /// For tests alone: says that an append is flushed when it is not.
    #[must_use]
    pub const fn without_flush(mut self, skips_flush: bool) -> Self {
        self.skips_flush = skips_flush;
        self
    }

    /// Where the snapshot is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the journal is.
    pub fn journal_path(&self) -> PathBuf {
        self.beside("", ".journal")
    }

    fn backup_path(&self) -> PathBuf {
        self.beside("", ".backup")
    }

    fn lock_path(&self) -> PathBuf {
        self.beside(".", ".lock.info")
    }

    fn beside(&self, before: &str, after: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{before}{name}{after}"))
    }

    fn fault(&self, point: FaultPoint) {
        if let Some(hook) = &self.hook {
            hook(point, "");
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under(&self, fence: Fence) -> Result<MutexGuard<'_, Held>, BackendError> {
        let held = self.held();
        let is_unlocked = fence == Fence::NONE && held.lock.is_none();
        if !is_unlocked && (held.lock.is_none() || held.fence != fence.0) {
            return Err(BackendError::new(
                FailureKind::Fenced,
                format!("The lock on {} was lost", self.describe()),
            ));
        }
        Ok(held)
    }

    fn try_lease(&self, holder: &LockHolder) -> io::Result<Option<Fence>> {
        let Some(mut lock) = self.files.try_lock(&self.lock_path())? else { return Ok(None) };
        // The clock makes the number rise although the file that held the last one is gone; the sum below makes it
        // rise although the clock was set back while a dead holder's file still stands.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let before = self.holder().map_or(0, |holder| holder.fence);
        let mut held = self.held();
        let fence = u64::try_from(now).unwrap_or(u64::MAX).max(before + 1).max(held.fence + 1);
        let described = LockHolder { fence, path: self.describe(), ..holder.clone() };
        lock.describe(&serde_json::to_vec(&described)?)?;
        *held = Held { lock: Some(lock), fence, ..Held::default() };
        Ok(Some(Fence(fence)))
    }

    fn holder(&self) -> Option<LockHolder> {
        let bytes = self.files.read(&self.lock_path()).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    fn open_journal(&self, held: &mut Held) -> io::Result<()> {
        if held.journal.is_none() {
            let journal = self.files.open(&self.journal_path())?;
            // Also where the file stands already: whoever made it may have been cut off before this.
            self.files.flush_folder(&self.folder)?;
            held.journal = Some(journal);
        }
        let (length, is_torn) = (held.journal_length, held.is_torn);
        if let Some(journal) = held.journal.as_mut().filter(|_| is_torn) {
            journal.truncate(length)?;
            held.is_torn = false;
        }
        Ok(())
    }

    fn try_append(&self, held: &mut Held, bytes: &[u8], durability: Durability) -> io::Result<()> {
        self.open_journal(held)?;
        let Some(journal) = held.journal.as_mut() else { return Ok(()) };
        held.is_torn = true;
        journal.append(bytes)?;
        if durability == Durability::Flushed && !self.skips_flush {
            journal.flush()?;
        }
        held.is_torn = false;
        held.journal_length += bytes.len() as u64;
        Ok(())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let (fresh, spare) = (self.beside(".", ".new"), self.beside(".", ".backup.new"));
        let written = self.write_fresh(&fresh, bytes);
        if written.is_err() {
            // What could not be written whole is of no use, and the disk may be full.
            let _ = self.files.remove(&fresh);
            return written;
        }
        if self.files.stamp(&self.path)?.is_some_and(|stamp| stamp.length > 0) {
            self.files.duplicate(&self.path, &spare)?;
            self.files.rename(&spare, &self.backup_path())?;
        }
        self.fault(FaultPoint::SnapshotWritten);
        self.files.rename(&fresh, &self.path)?;
        self.fault(FaultPoint::SnapshotRenamed);
        self.files.flush_folder(&self.folder)
    }

    fn write_fresh(&self, fresh: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.files.create(fresh)?;
        file.append(bytes)?;
        file.flush()
    }

    /// Whether the snapshot is still the one expected. It is read again only when its stamp has changed.
    fn is_expected(&self, held: &mut Held, expected: Option<&str>) -> io::Result<bool> {
        let stamp = self.files.stamp(&self.path)?.filter(|stamp| stamp.length > 0);
        if stamp.is_some() && (stamp != held.stamp || held.digest.is_none()) {
            held.digest = self.files.read(&self.path)?.map(|bytes| digest(&bytes));
            held.stamp = stamp;
        }
        Ok(stamp.and(held.digest.as_deref()) == expected)
    }

    fn failed(&self, what: &str, path: &Path) -> impl Fn(io::Error) -> BackendError + use<> {
        let what = format!("{what} {}", path.display());
        move |error| BackendError::io(&what, &error)
    }
}

impl Backend for FileBackend {
    fn describe(&self) -> String {
        self.path.display().to_string()
    }

    fn lease(&self, holder: &LockHolder, deadline: Option<Instant>) -> Result<Fence, LeaseError> {
        loop {
            let leased = self.try_lease(holder);
            let leased =
                leased.map_err(self.failed("Locking", &self.lock_path())).map_err(LeaseError::Failed)?;
            if let Some(fence) = leased {
                return Ok(fence);
            }
            let left = deadline.and_then(|deadline| deadline.checked_duration_since(Instant::now()));
            let Some(left) = left.filter(|left| !left.is_zero()) else {
                return Err(LeaseError::Held(self.holder().map(Box::new)));
            };
            std::thread::sleep(left.min(POLL));
        }
    }

    fn release(&self, fence: Fence) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        // The name goes before the lock, so that nobody locks a file that is about to go.
        let removed = self.files.remove(&self.lock_path());
        held.lock = None;
        held.journal = None;
        removed.map_err(self.failed("Removing", &self.lock_path()))
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let stamp = self.files.stamp(&self.path).map_err(self.failed("Reading", &self.path))?;
        let snapshot = self.files.read(&self.path).map_err(self.failed("Reading", &self.path))?;
        // An empty file is what a disk that was full leaves of other engines' states, and what nobody has written yet.
        let snapshot = snapshot.filter(|bytes| !bytes.is_empty());
        let journal_path = self.journal_path();
        let journal = self.files.read(&journal_path).map_err(self.failed("Reading", &journal_path))?;
        let journal = journal.unwrap_or_default();
        let mut held = self.held();
        held.journal_length = journal.len() as u64;
        held.stamp = stamp;
        held.digest = None;
        Ok(Loaded { snapshot, journal })
    }

    /// The operating system's lock ends with its holder, so nobody is left to fence off.
    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        let path = self.journal_path();
        let stamp = self.files.stamp(&path).map_err(self.failed("Reading", &path))?;
        held.journal_length = stamp.map_or(0, |stamp| stamp.length);
        Ok(())
    }

    fn append(
        &self,
        fence: Fence,
        sequence: u64,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        if sequence < held.next_sequence {
            let message = format!("Record {sequence} is in {} already", self.journal_path().display());
            return Err(BackendError::new(FailureKind::Moved, message));
        }
        let appended = self.try_append(&mut held, bytes, durability);
        if appended.is_err() && self.open_journal(&mut held).is_err() {
            // The file may still be too long; the next append cuts it first, and so does the next start.
            held.journal = None;
        }
        appended.map_err(self.failed("Writing", &self.journal_path()))?;
        held.next_sequence = sequence + 1;
        Ok(())
    }

    fn repair(&self, fence: Fence, good_length: usize) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        held.journal_length = good_length as u64;
        held.is_torn = true;
        self.open_journal(&mut held).map_err(self.failed("Repairing", &self.journal_path()))
    }

    fn snapshot(&self, fence: Fence, expected: Option<&str>, bytes: &[u8]) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        let failed = self.failed("Writing", &self.path);
        if !self.is_expected(&mut held, expected).map_err(&failed)? {
            let message = format!("{} was written by another program meanwhile", self.describe());
            return Err(BackendError::new(FailureKind::Moved, message));
        }
        self.replace(bytes).map_err(&failed)?;
        held.stamp = self.files.stamp(&self.path).map_err(&failed)?;
        held.digest = Some(digest(bytes));
        Ok(())
    }

    fn discard(&self, fence: Fence) -> Result<(), BackendError> {
        let mut held = self.under(fence)?;
        self.fault(FaultPoint::BeforeJournalRemoval);
        held.journal = None;
        let path = self.journal_path();
        let failed = self.failed("Removing", &path);
        if self.files.stamp(&path).map_err(&failed)?.is_some() {
            self.files.remove(&path).map_err(&failed)?;
            self.files.flush_folder(&self.folder).map_err(&failed)?;
        }
        held.journal_length = 0;
        held.is_torn = false;
        held.next_sequence = 0;
        Ok(())
    }
}

impl std::fmt::Debug for FileBackend {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("FileBackend").field("path", &self.path).finish_non_exhaustive()
    }
}
