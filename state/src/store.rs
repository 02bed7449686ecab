//! The store: lock, snapshot and journal of one state, in files.
//!
//! Invariants: the operating system's lock is taken before anything is read; a record is folded in memory before its
//! bytes are handed on and is durable when its [`Ticket`] says so; the snapshot is written whole under another name,
//! flushed, and renamed; the journal is removed only after that.

use crate::files::{Appender, Files};
use crate::format_v4;
use crate::journal::{Folded, IllegalTransition, Record, fold};
use crate::line;
use crate::lock::Lock;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use futures::channel::oneshot;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

/// Moments at which a test may end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// A record was handed on and is not durable.
    BeforeFlush,
    /// A record is durable.
    AfterFlush,
    /// The new snapshot is written under its other name.
    SnapshotWritten,
    /// The new snapshot has its name.
    SnapshotRenamed,
    /// The journal is about to be removed.
    BeforeJournalRemoval,
}

/// Called at each [`FaultPoint`] with the kind of record; does nothing in normal use.
pub type FaultHook = Arc<dyn Fn(FaultPoint, &str) + Send + Sync>;

/// How to open a store.
#[derive(Clone)]
pub struct StoreOptions {
    /// The snapshot's path; journal, backup and lock stand beside it.
    pub path: PathBuf,
    /// Whether to take the lock.
    pub lock: bool,
    /// How long to wait for the lock.
    pub lock_timeout_ms: u64,
    /// What the holder does, for others to read: `apply`.
    pub operation: String,
    /// RFC 3339, for the lock's text.
    pub time: String,
    /// Our own version, written beside the language's.
    pub version: String,
    /// The lineage of a state that does not exist yet.
    pub new_lineage: String,
    /// The disk.
    pub files: Arc<dyn Files>,
    /// For tests.
    pub faults: Option<FaultHook>,
    /// For tests alone: acknowledge records without flushing them.
    pub skip_flush: bool,
}

/// An open store.
pub struct Store {
    options: StoreOptions,
    folded: RefCell<Folded>,
    base_serial: u64,
    base_digest: String,
    has_snapshot: bool,
    journal: RefCell<Option<Writer>>,
    good_length: u64,
    _lock: Option<Lock>,
}

/// Resolves when a record is durable.
pub struct Ticket(Result<oneshot::Receiver<Result<(), String>>, Option<Diagnostic>>);

impl Future for Ticket {
    type Output = Result<(), Diagnostic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Err(diagnostic) => Poll::Ready(diagnostic.take().map_or(Ok(()), Err)),
            Ok(receiver) => Pin::new(receiver).poll(context).map(answer),
        }
    }
}

impl Ticket {
    /// Waits in this thread.
    pub fn wait(self) -> Result<(), Diagnostic> {
        match self.0 {
            Err(diagnostic) => diagnostic.map_or(Ok(()), Err),
            Ok(receiver) => answer(futures::executor::block_on(receiver)),
        }
    }
}

fn answer(received: Result<Result<(), String>, oneshot::Canceled>) -> Result<(), Diagnostic> {
    match received {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(unwritable(&reason)),
        Err(_) => Err(unwritable("the writer ended")),
    }
}

fn unwritable(reason: &str) -> Diagnostic {
    Diagnostic::error("journal-unwritable", "Journal cannot be written", format!("What was about to be done could not be recorded, so nothing more was started: {reason}."))
        .hint("Make room or repair the disk, then run apply again: it goes on where this run stopped.")
}

impl Store {
    /// Takes the lock, reads snapshot and journal, and folds them.
    pub fn open(options: StoreOptions) -> Result<Self, Diagnostics> {
        let lock = if options.lock { Some(Lock::take(&options)?) } else { None };
        let name = options.path.display().to_string();
        let bytes = options.files.read(&options.path).map_err(|error| unreadable(&name, &error))?.filter(|bytes| !bytes.is_empty());
        let mut base_digest = String::new();
        let mut folded = Folded::default();
        let mut run = String::new();
        let has_snapshot = bytes.is_some();
        match &bytes {
            Some(bytes) => {
                base_digest = digest(bytes);
                let snapshot = format_v4::read(&name, bytes)?;
                run = snapshot.run;
                folded.state = snapshot.state;
            }
            None => folded.state = crate::model::State::new(options.new_lineage.clone()),
        }
        let base_serial = folded.state.serial;
        let mut store = Self { options, folded: RefCell::new(folded), base_serial, base_digest, has_snapshot, journal: RefCell::new(None), good_length: 0, _lock: lock };
        store.read_journal(&run)?;
        Ok(store)
    }

    fn journal_path(&self) -> PathBuf {
        beside(&self.options.path, ".journal")
    }

    fn read_journal(&mut self, snapshot_run: &str) -> Result<(), Diagnostics> {
        let path = self.journal_path();
        let name = path.display().to_string();
        let Some(bytes) = self.options.files.read(&path).map_err(|error| unreadable(&name, &error))? else { return Ok(()) };
        let lines = line::split(&name, &bytes)?;
        let mut records = Vec::with_capacity(lines.texts.len());
        for (at, text) in lines.texts.iter().enumerate() {
            records.push(line::decode(&name, at + 1, text)?);
        }
        if let Some(Record::Begin { run, lineage, base_digest, .. }) = records.first() {
            if run == snapshot_run {
                // The snapshot of this very run is written already: the crash came before the journal's removal.
                return Ok(());
            }
            let is_first = !self.has_snapshot && base_digest.is_empty();
            if !is_first && *base_digest != self.base_digest {
                return Err(moved_on(&name, &records).into());
            }
            if is_first {
                self.folded.borrow_mut().state.lineage.clone_from(lineage);
            }
        }
        self.good_length = lines.good_length;
        for (at, record) in records.iter().enumerate() {
            fold(&mut self.folded.borrow_mut(), record).map_err(|error| illegal(&name, at + 1, &error))?;
        }
        Ok(())
    }

    /// The state with the journal folded in, and the run that is not over.
    pub fn folded(&self) -> std::cell::Ref<'_, Folded> {
        self.folded.borrow()
    }

    /// Serial of the snapshot as it was read.
    pub fn base_serial(&self) -> u64 {
        self.base_serial
    }

    /// Digest of the snapshot as it was read; empty when there was none.
    pub fn base_digest(&self) -> &str {
        &self.base_digest
    }

    /// Folds a record and hands its bytes on. What is illegal is refused and changes nothing.
    pub fn append(&self, record: &Record) -> Ticket {
        match self.hand_on(record) {
            Ok(receiver) => Ticket(Ok(receiver)),
            Err(diagnostic) => Ticket(Err(Some(diagnostic))),
        }
    }

    fn hand_on(&self, record: &Record) -> Result<oneshot::Receiver<Result<(), String>>, Diagnostic> {
        let bytes = line::encode(record)?;
        self.start_writer()?;
        fold(&mut self.folded.borrow_mut(), record).map_err(|error| Diagnostic::error("illegal-transition", "Illegal journal record", format!("{error}. This is a fault of Formwork; nothing was done.")))?;
        let (sender, receiver) = oneshot::channel();
        let entry = Entry { bytes, kind: record.name(), sender };
        let journal = self.journal.borrow();
        let is_sent = journal.as_ref().is_some_and(|writer| writer.send(entry));
        if is_sent { Ok(receiver) } else { Err(unwritable("the writer ended")) }
    }

    fn start_writer(&self) -> Result<(), Diagnostic> {
        let mut journal = self.journal.borrow_mut();
        if journal.is_none() {
            let failed = |error: io::Error| unwritable(&error.to_string());
            let path = self.journal_path();
            let mut appender = if self.good_length == 0 { self.options.files.create(&path) } else { self.options.files.open(&path) }.map_err(failed)?;
            appender.truncate(self.good_length).map_err(failed)?;
            self.options.files.flush_folder(folder(&path)).map_err(failed)?;
            *journal = Some(Writer::start(appender, self.good_length, &self.options));
        }
        Ok(())
    }

    /// Writes the snapshot where the state differs and removes the journal: the end of a run.
    pub fn finish(self) -> Result<(), Diagnostics> {
        if let Some(writer) = self.journal.borrow_mut().take() {
            writer.stop();
        }
        let folded = self.folded.borrow();
        if folded.run.is_some() {
            return Ok(());
        }
        let journal = self.journal_path();
        let is_journal_there = self.options.files.read(&journal).map_err(|error| unreadable(&journal.display().to_string(), &error))?.is_some();
        if !folded.is_changed && !is_journal_there {
            return Ok(());
        }
        if folded.is_changed {
            let run = self.last_run(&journal);
            self.write_snapshot(&folded, &run).map_err(|error| snapshot_unwritable(&self.options.path, &error))?;
        }
        self.fault(FaultPoint::BeforeJournalRemoval, "");
        let removed = self.options.files.remove(&journal).and_then(|()| self.options.files.flush_folder(folder(&journal)));
        removed.map_err(|error| snapshot_unwritable(&journal, &error).into())
    }

    fn last_run(&self, journal: &Path) -> String {
        let bytes = self.options.files.read(journal).ok().flatten().unwrap_or_default();
        let lines = line::split("journal", &bytes).map(|lines| lines.texts).unwrap_or_default();
        let first = lines.first().and_then(|text| line::decode("journal", 1, text).ok());
        match first {
            Some(Record::Begin { run, .. }) => run,
            _ => String::new(),
        }
    }

    fn write_snapshot(&self, folded: &Folded, run: &str) -> io::Result<()> {
        let path = &self.options.path;
        let serial = if self.has_snapshot { self.base_serial + 1 } else { self.base_serial.max(1) };
        let bytes = format_v4::write(&folded.state, serial, run, &self.options.version).map_err(|diagnostic| io::Error::other(diagnostic.into_finding().detail))?;
        let files = &self.options.files;
        if let Some(before) = files.read(path)?.filter(|bytes| !bytes.is_empty()) {
            write_whole(files.as_ref(), &beside(path, ".backup"), &before)?;
        }
        let new = beside(path, ".new");
        let mut appender = files.create(&new)?;
        appender.append(&bytes)?;
        appender.flush()?;
        self.fault(FaultPoint::SnapshotWritten, "");
        files.rename(&new, path)?;
        self.fault(FaultPoint::SnapshotRenamed, "");
        files.flush_folder(folder(path))
    }

    fn fault(&self, point: FaultPoint, kind: &str) {
        if let Some(hook) = &self.options.faults {
            hook(point, kind);
        }
    }
}

fn write_whole(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut appender = files.create(path)?;
    appender.append(bytes)?;
    appender.flush()
}

/// The digest of a snapshot's bytes.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A path beside the snapshot's.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error("state-unreadable", "State cannot be read", format!("{name}: {error}.")).hint("Check that the file is there for this user to read.")
}

fn snapshot_unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error("state-unwritable", "State cannot be written", format!("{}: {error}. The journal beside it holds everything that was done.", path.display()))
        .hint("Make room or repair the disk, then run apply again: it finishes the state from the journal.")
}

fn illegal(name: &str, line: usize, error: &IllegalTransition) -> Diagnostic {
    Diagnostic::error("journal-illegal", "Journal does not follow its own rules", format!("{name}: line {line}: {error}."))
        .hint("Keep the file and report it: this is a fault of Formwork.")
}

fn moved_on(name: &str, records: &[Record]) -> Diagnostic {
    let mut folded = Folded::default();
    for record in records {
        if fold(&mut folded, record).is_err() {
            break;
        }
    }
    let open: Vec<String> = folded.run.iter().flat_map(|run| run.open.keys()).map(|key| format!("  {key}")).collect();
    let open = if open.is_empty() { "No act of it is in flight.".to_owned() } else { format!("In flight were:\n{}", open.join("\n")) };
    Diagnostic::error("state-moved-on", "State was changed by another program", format!("{name} belongs to a run that began on another snapshot than the one that stands here. {open}"))
        .hint("Put back the snapshot that the run began with (see the .backup beside it), or, when its objects are accounted for, move the journal away.")
}

struct Entry {
    bytes: Vec<u8>,
    kind: &'static str,
    sender: oneshot::Sender<Result<(), String>>,
}

/// Writes records in a thread of its own; all that wait share one flush.
struct Writer {
    sender: Option<Sender<Entry>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(appender: Box<dyn Appender>, length: u64, options: &StoreOptions) -> Self {
        let (sender, receiver) = channel();
        let (faults, skip_flush) = (options.faults.clone(), options.skip_flush);
        let thread = std::thread::spawn(move || write_all(appender, length, &receiver, faults.as_ref(), skip_flush));
        Self { sender: Some(sender), thread: Some(thread) }
    }

    fn send(&self, entry: Entry) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(entry).is_ok())
    }

    fn stop(mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer was answered to everyone who waited for it.
            let _ = thread.join();
        }
    }
}

fn write_all(mut appender: Box<dyn Appender>, mut length: u64, receiver: &Receiver<Entry>, faults: Option<&FaultHook>, skip_flush: bool) {
    let mut failed: Option<String> = None;
    while let Ok(first) = receiver.recv() {
        let mut batch = vec![first];
        batch.extend(receiver.try_iter());
        if failed.is_none() {
            let bytes: Vec<u8> = batch.iter().flat_map(|entry| entry.bytes.iter().copied()).collect();
            let mut write = || {
                appender.append(&bytes)?;
                hook(faults, FaultPoint::BeforeFlush, &batch);
                if skip_flush { Ok(()) } else { appender.flush() }
            };
            match write() {
                Ok(()) => length += bytes.len() as u64,
                Err(error) => {
                    failed = Some(error.to_string());
                    // The half-written tail goes; should even that fail, the next reader drops it.
                    let _ = appender.truncate(length);
                }
            }
        }
        if failed.is_none() {
            hook(faults, FaultPoint::AfterFlush, &batch);
        }
        for entry in batch {
            // Nobody waits for a record whose ticket was dropped.
            let _ = entry.sender.send(failed.clone().map_or(Ok(()), Err));
        }
    }
}

fn hook(faults: Option<&FaultHook>, point: FaultPoint, batch: &[Entry]) {
    if let Some(hook) = faults {
        batch.iter().for_each(|entry| hook(point, entry.kind));
    }
}
