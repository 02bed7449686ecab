//! A state in files: the snapshot, and beside it `.journal`, `.backup`, `.lock` and the folder `.history`.
//!
//! Invariants: the operating system's lock is taken before anything is read; the snapshot is written whole under
//! another name, flushed, renamed, and its folder flushed; a journal entry is flushed before it counts, and what was
//! written of one that failed is cut off before the next.

use super::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use crate::files::{Appender, Files};
use crate::line;
use crate::lock::Lock;
use crate::repair::Wreck;
use crate::store::{FaultHook, FaultPoint, digest};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A state in files.
pub struct FileBackend {
    path: PathBuf,
    files: Arc<dyn Files>,
    faults: Option<FaultHook>,
    skip_flush: bool,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    lock: Option<Lock>,
    /// None until the journal was looked at.
    journal: Option<Journal>,
}

/// The journal as far as it is good.
struct Journal {
    length: u64,
    next_sequence: u64,
    /// None until something is appended, and after a failure.
    appender: Option<Box<dyn Appender>>,
}

impl FileBackend {
    /// The state at a path.
    pub fn new(path: impl Into<PathBuf>, files: Arc<dyn Files>) -> Self {
        Self { path: path.into(), files, faults: None, skip_flush: false, open: Mutex::default() }
    }

    /// Calls a hook at each moment that a test may end the process at.
    #[must_use]
    pub fn with_faults(self, faults: Option<FaultHook>) -> Self {
        Self { faults, ..self }
    }

    /// For tests alone: acknowledges entries of the journal without flushing them.
    #[must_use]
    pub fn without_flush(self, skip_flush: bool) -> Self {
        Self { skip_flush, ..self }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checked(&self, fence: Fence) -> Result<MutexGuard<'_, Open>, BackendError> {
        let open = self.open();
        let is_ours = fence == Fence::UNLOCKED || open.lock.as_ref().is_some_and(|lock| lock.is_held(fence));
        if is_ours { Ok(open) } else { Err(BackendError::Fenced) }
    }

    fn read_snapshot(&self) -> io::Result<Option<Vec<u8>>> {
        // An empty file is what a lock or a shell made: no state.
        Ok(self.files.read(&self.path)?.filter(|bytes| !bytes.is_empty()))
    }

    fn read_journal(&self) -> Result<(Vec<u8>, Journal), BackendError> {
        let path = self.beside(".journal");
        let mut bytes = self.files.read(&path)?.unwrap_or_default();
        let name = path.display().to_string();
        let lines = line::split(&name, &bytes).map_err(BackendError::Damaged)?;
        let (length, next_sequence) = (lines.good_length, lines.texts.len() as u64);
        // The good part was a part of what was read, so it fits.
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok((bytes, Journal { length, next_sequence, appender: None }))
    }

    fn appender(&self, length: u64) -> io::Result<Box<dyn Appender>> {
        let mut appender = self.files.open(&self.beside(".journal"))?;
        appender.truncate(length)?;
        self.files.flush_folder(self.folder())?;
        Ok(appender)
    }

    fn append_to(&self, journal: &mut Journal, bytes: &[u8]) -> io::Result<()> {
        let mut appender = match journal.appender.take() {
            Some(appender) => appender,
            None => self.appender(journal.length)?,
        };
        let written =
            appender.append(bytes).and_then(|()| if self.skip_flush { Ok(()) } else { appender.flush() });
        if let Err(error) = written {
            // Should this fail too, the next reader drops the tail and the next writer cuts it off.
            let _ = appender.truncate(journal.length);
            return Err(error);
        }
        journal.length += bytes.len() as u64;
        journal.next_sequence += 1;
        journal.appender = Some(appender);
        Ok(())
    }

    /// Writes a file whole under another name and gives it its own; what was begun goes when it fails.
    fn replace(&self, path: &Path, new: &Path, bytes: &[u8], written: impl FnOnce()) -> io::Result<()> {
        let write = || {
            let mut appender = self.files.create(new)?;
            appender.append(bytes)?;
            appender.flush()
        };
        let outcome = write().and_then(|()| {
            written();
            self.files.rename(new, path)
        });
        outcome.inspect_err(|_| {
            // The room it takes may be the last there is; one that stays is emptied by the next.
            let _ = self.files.remove(new);
        })
    }

    fn history_file(&self, number: u64) -> PathBuf {
        self.beside(".history").join(format!("{number:08}.json"))
    }

    fn history_numbers(&self) -> io::Result<Vec<u64>> {
        let names = self.files.list(&self.beside(".history"))?;
        let mut numbers: Vec<u64> =
            names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn fault(&self, point: FaultPoint) {
        if let Some(hook) = &self.faults {
            hook(point, "");
        }
    }
}

impl Backend for FileBackend {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn is_on_this_machine(&self) -> bool {
        true
    }

    fn lease_duration(&self) -> Option<Duration> {
        None
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        // Where this fails, the lock says why.
        let _ = std::fs::create_dir_all(self.folder());
        let lock = Lock::take(&self.beside(".lock"), &self.beside(".lock.info"), holder, timeout_ms)?;
        let fence = lock.fence();
        let mut open = self.open();
        open.lock = Some(lock);
        open.journal = None;
        Ok(fence)
    }

    fn release(&self, fence: Fence) {
        let mut open = self.open();
        if open.lock.as_ref().is_some_and(|lock| lock.fence() == fence) {
            *open = Open::default();
        }
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.checked(fence).map(drop)
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        let holder = crate::lock::holder(&self.beside(".lock"), &self.beside(".lock.info"))?;
        Ok(holder.map(|holder| Holding { holder, is_overdue: false }))
    }

    fn break_lease(&self, _: &str) -> Result<(), BackendError> {
        let reason =
            "the lock on a state in a file is its holder's own, and goes with that process however it ends";
        Err(BackendError::Failed(reason.to_owned()))
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let mut open = self.open();
        let snapshot = self.read_snapshot()?;
        let (bytes, journal) = self.read_journal()?;
        let next_sequence = journal.next_sequence;
        open.journal = Some(journal);
        Ok(Loaded { snapshot, journal: bytes, next_sequence })
    }

    fn wreck(&self) -> Result<Wreck, BackendError> {
        let journal = self.files.read(&self.beside(".journal"))?.unwrap_or_default();
        Ok(Wreck::in_clear(self.read_snapshot()?, journal))
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let mut open = self.checked(fence)?;
        let mut journal = match open.journal.take() {
            Some(journal) => journal,
            None => self.read_journal()?.1,
        };
        let expected = journal.next_sequence;
        let outcome = if sequence == expected {
            self.append_to(&mut journal, bytes).map_err(BackendError::from)
        } else {
            Err(BackendError::OutOfSequence { expected, given: sequence })
        };
        open.journal = Some(journal);
        outcome
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        let mut open = self.checked(fence)?;
        open.journal = None;
        self.files.remove(&self.beside(".journal"))?;
        self.files.flush_folder(self.folder())?;
        open.journal = Some(Journal { length: 0, next_sequence: 0, appender: None });
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let _open = self.checked(fence)?;
        let before = self.read_snapshot()?;
        if before.as_deref().map(digest).unwrap_or_default() != expected {
            return Err(BackendError::Moved);
        }
        if let Some(before) = before {
            self.replace(&self.beside(".backup"), &self.beside(".backup.new"), &before, || ())?;
            // Else the snapshot's new name could be kept and the backup's lost.
            self.files.flush_folder(self.folder())?;
        }
        self.replace(&self.path, &self.beside(".new"), bytes, || self.fault(FaultPoint::SnapshotWritten))?;
        self.fault(FaultPoint::SnapshotRenamed);
        Ok(self.files.flush_folder(self.folder())?)
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        Ok(Some(self.history_numbers()?))
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.files.read(&self.history_file(number))?)
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let _open = self.checked(fence)?;
        let numbers = self.history_numbers()?;
        if numbers.binary_search(&number).is_ok() {
            let expected = numbers.last().map_or(1, |last| last + 1);
            return Err(BackendError::OutOfSequence { expected, given: number });
        }
        let folder = self.beside(".history");
        self.replace(&self.history_file(number), &folder.join("next"), bytes, || ())?;
        self.files.flush_folder(&folder)?;
        if numbers.is_empty() {
            // The folder itself may be new.
            self.files.flush_folder(self.folder())?;
        }
        Ok(())
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        let _open = self.checked(fence)?;
        for number in self.history_numbers()?.into_iter().filter(|number| *number < below) {
            self.files.remove(&self.history_file(number))?;
        }
        Ok(self.files.flush_folder(&self.beside(".history"))?)
    }
}
