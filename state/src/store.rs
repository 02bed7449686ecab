//! The store: one state, its journal folded in, open for a run.
//!
//! Invariants: the lease is taken before anything is read; a record is folded in memory before its bytes are handed
//! on and is durable when its [`Ticket`] says so; the journal is ended only when the snapshot holds what it says.

use crate::backend::{Backend, BackendError, Fence, FileBackend, Holder, Loaded};
use crate::encryption;
use crate::files::Files;
use crate::format_v4;
use crate::heartbeat::Heartbeat;
use crate::history::{
    self, About, Chronicle, Document, Edit, Frame, Obstacle, Origin, StateRecord, Trail, Version,
};
use crate::journal::{Folded, IllegalTransition, Record, fold};
use crate::line::{self, Header};
use crate::model::State;
use crate::writer::{Task, Ticket, Writer, unwritable};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use sha2::{Digest, Sha256};
use std::cell::{Cell, Ref, RefCell};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

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

/// How to open a store in files.
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

/// How to open a store on any backend.
#[derive(Clone)]
pub struct Opening {
    /// Whether to take the lease.
    pub lock: bool,
    /// How long to wait for the lease.
    pub lock_timeout_ms: u64,
    /// Who asks for it, for others to read.
    pub holder: Holder,
    /// Our own version, written beside the language's.
    pub version: String,
    /// The lineage of a state that does not exist yet.
    pub new_lineage: String,
    /// For tests.
    pub faults: Option<FaultHook>,
}

/// A lease, kept alive until it is given back when dropped.
struct Lease {
    backend: Arc<dyn Backend>,
    fence: Fence,
    heartbeat: Option<Heartbeat>,
}

impl Lease {
    fn take(backend: Arc<dyn Backend>, opening: &Opening) -> Result<Self, Diagnostic> {
        if !opening.lock {
            return Ok(Self { backend, fence: Fence::UNLOCKED, heartbeat: None });
        }
        let fence = backend.lease(&opening.holder, opening.lock_timeout_ms);
        let fence = fence.map_err(|error| not_leased(&*backend, &error))?;
        let heartbeat =
            backend.lease_duration().map(|duration| Heartbeat::start(backend.clone(), fence, duration));
        Ok(Self { backend, fence, heartbeat })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat = None;
        if self.fence != Fence::UNLOCKED {
            self.backend.release(self.fence);
        }
    }
}

/// Entries of a history that another place lacks: see [`Store::missing_history`].
pub struct MissingHistory(history::Entries);

impl MissingHistory {
    /// The entries.
    pub fn documents(&self) -> impl Iterator<Item = Document> {
        self.0.iter().filter_map(|(_, bytes)| history::decode(bytes).ok())
    }
}

/// What stands in the journal when the store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Journal {
    /// Nothing.
    Empty,
    /// Records that the snapshot lacks, this many entries.
    Live(u64),
    /// Records that the snapshot holds already: the crash came before the journal's end.
    Stale,
}

/// An open store.
pub struct Store {
    lease: Lease,
    version: String,
    faults: Option<FaultHook>,
    folded: RefCell<Folded>,
    base: Header,
    has_snapshot: bool,
    journal: Cell<Journal>,
    writer: RefCell<Option<Writer>>,
    is_gathering: Cell<bool>,
    chronicle: Option<Chronicle>,
    trail: RefCell<Trail>,
    /// The snapshot that a stale journal follows.
    stale_base: Option<Header>,
}

impl Drop for Store {
    fn drop(&mut self) {
        // What was handed on is written before the lease goes; whoever cared for the outcome has a ticket.
        let _ = self.stop_writer();
    }
}

impl Store {
    /// Opens a state in files: takes the lock, reads snapshot and journal, and folds them.
    pub fn open(options: StoreOptions) -> Result<Self, Diagnostics> {
        let StoreOptions {
            path,
            lock,
            lock_timeout_ms,
            operation,
            time,
            version,
            new_lineage,
            files,
            faults,
            skip_flush,
        } = options;
        let backend = FileBackend::new(path, files).with_faults(faults.clone()).without_flush(skip_flush);
        let holder = Holder { pid: std::process::id(), operation, since: time, ..Holder::default() };
        let opening = Opening { lock, lock_timeout_ms, holder, version, new_lineage, faults };
        Self::open_on(Arc::new(backend), opening)
    }

    /// Opens a state on any backend.
    pub fn open_on(backend: Arc<dyn Backend>, opening: Opening) -> Result<Self, Diagnostics> {
        let lease = Lease::take(backend, &opening)?;
        let name = lease.backend.name();
        let loaded = lease.backend.load().map_err(|error| unreadable(&name, error))?;
        let base = read_base(&name, &loaded, opening.new_lineage)?;
        let mut folded = Folded { state: base.state, run: None, is_changed: false };
        let mut trail = Trail::default();
        let read =
            read_journal(&name, &loaded, &base.header, base.follows.as_deref(), &mut folded, &mut trail)?;
        Ok(Self {
            lease,
            version: opening.version,
            faults: opening.faults,
            folded: RefCell::new(folded),
            base: base.header,
            has_snapshot: loaded.snapshot.is_some(),
            journal: Cell::new(read.journal),
            writer: RefCell::new(None),
            is_gathering: Cell::new(false),
            chronicle: None,
            trail: RefCell::new(trail),
            stale_base: read.stale_base,
        })
    }

    /// Keeps a history: of what this process does, and of what a journal says that was left to it.
    #[must_use]
    pub fn with_chronicle(mut self, chronicle: Chronicle) -> Self {
        self.chronicle = Some(chronicle);
        self
    }

    /// Whether the state is kept where no other machine reads it.
    pub fn is_on_this_machine(&self) -> bool {
        self.lease.backend.is_on_this_machine()
    }

    /// Whether sensitive values may be kept: what is written is encrypted.
    pub fn seals(&self) -> bool {
        self.lease.backend.seals()
    }

    /// What the history is to be told of what follows; nothing where none is kept.
    pub fn about(&self, run: Option<&str>) -> Option<About> {
        let chronicle = self.chronicle.as_ref()?;
        let run = run.unwrap_or(&chronicle.id).to_owned();
        Some(About { run, time: (chronicle.now)(), origin: Origin::clone(&chronicle.origin), plan: None })
    }

    /// Removes entries of the history but the last ones, and says so in an entry. What was removed, or nothing where
    /// there was nothing to remove.
    pub fn prune_history(self, keep: u64) -> Result<Option<(u64, u64)>, Diagnostics> {
        if self.journal.get() != Journal::Empty {
            return Err(run_unfinished("Then prune again.").into());
        }
        let name = self.name();
        let failed = |error: BackendError| history_unwritable(&name, &error);
        let numbers = self.lease.backend.history().map_err(failed)?.unwrap_or_default();
        let (Some(first), Some(last)) = (numbers.first().copied(), numbers.last().copied()) else {
            return Ok(None);
        };
        let below = (last + 1).saturating_sub(keep.max(1));
        if first >= below {
            return Ok(None);
        }
        if let Some(about) = self.about(None) {
            let address = format!("entries {first} to {}", below - 1);
            let edit = Edit { action: "prune".to_owned(), address, to: None };
            self.trail.borrow_mut().push(about, vec![edit]);
        }
        let stands = Version { serial: self.base.serial, digest: self.base.digest.clone() };
        self.keep_history(stands.clone(), stands)?;
        self.lease.backend.prune_history(self.lease.fence, below).map_err(failed)?;
        Ok(Some((first, below - 1)))
    }

    /// What of another store's history this one lacks. That store's journal must be at its end.
    ///
    /// # Errors
    /// When a place does not answer, the other history is damaged, or this one is of another.
    pub fn missing_history(&self, from: &Self) -> Result<MissingHistory, Diagnostics> {
        let read = |store: &Self| {
            let entries = history::entries(&*store.lease.backend);
            entries.map_err(|error| unreadable(&store.name(), error))
        };
        let (Some(theirs), Some(ours)) = (read(from)?, read(self)?) else {
            return Ok(MissingHistory(Vec::new()));
        };
        let missing = history::missing(theirs, &ours);
        let entries = missing.map_err(|obstacle| history_stays(&from.name(), &self.name(), &obstacle))?;
        Ok(MissingHistory(entries))
    }

    /// Takes entries along that [`Store::missing_history`] found missing, and looks at what stands then.
    ///
    /// # Errors
    /// When the place does not take them, or gives back others.
    pub fn take_history(&self, missing: MissingHistory) -> Result<(), Diagnostics> {
        let (backend, fence) = (&self.lease.backend, self.lease.fence);
        let failed = |error: BackendError| history_unwritable(&backend.name(), &error);
        let MissingHistory(missing) = missing;
        let Some((first, _)) = missing.first() else { return Ok(()) };
        for (number, bytes) in &missing {
            backend.append_history(fence, *number, bytes).map_err(failed)?;
        }
        let mut stands = history::entries(&**backend).map_err(failed)?.unwrap_or_default();
        let faults = history::verify(stands.iter().map(|(number, bytes)| (*number, bytes.as_slice())));
        stands.retain(|(number, _)| number >= first);
        if !faults.is_empty() || stands != missing {
            let reason = "what was written there is not what stands there".to_owned();
            return Err(failed(BackendError::Failed(reason)).into());
        }
        Ok(())
    }

    /// Whether the journal has something that is not in the snapshot or in the history yet.
    pub fn has_journal(&self) -> bool {
        self.journal.get() != Journal::Empty
    }

    /// The state with the journal folded in, and the run that is not over.
    pub fn folded(&self) -> Ref<'_, Folded> {
        self.folded.borrow()
    }

    /// What people call the place.
    pub fn name(&self) -> String {
        self.lease.backend.name()
    }

    /// Serial of the snapshot as it was read.
    pub fn base_serial(&self) -> u64 {
        self.base.serial
    }

    /// Digest of the snapshot as it was read; empty when there was none.
    pub fn base_digest(&self) -> &str {
        &self.base.digest
    }

    /// Folds a record and hands its bytes on. What is illegal is refused and changes nothing.
    pub fn append(&self, record: &Record) -> Ticket {
        self.hand_on(record).unwrap_or_else(Ticket::refused)
    }

    /// Lets everything that is appended meanwhile share one flush, which begins when the work has returned; so the
    /// work must not block on a [`Ticket`].
    pub fn gather<T>(&self, work: impl FnOnce() -> T) -> T {
        self.is_gathering.set(true);
        let outcome = work();
        self.is_gathering.set(false);
        if let Some(writer) = self.writer.borrow().as_ref() {
            writer.hand_on();
        }
        outcome
    }

    fn hand_on(&self, record: &Record) -> Result<Ticket, Diagnostic> {
        let bytes = line::encode(record)?;
        self.start_writer()?;
        let folding = fold(&mut self.folded.borrow_mut(), record);
        folding.map_err(|error| {
            let detail = format!("{error}. This is a fault of Formwork; nothing was done.");
            Diagnostic::error("illegal-transition", "Illegal journal record", detail)
        })?;
        self.trail.borrow_mut().note(record);
        match self.writer.borrow().as_ref() {
            Some(writer) => {
                let ticket = writer.hold(bytes, record.name());
                if !self.is_gathering.get() {
                    writer.hand_on();
                }
                Ok(ticket)
            }
            None => Err(unwritable(&BackendError::Failed("the store is closed".to_owned()))),
        }
    }

    fn start_writer(&self) -> Result<(), Diagnostic> {
        let mut writer = self.writer.borrow_mut();
        if writer.is_none() {
            if self.journal.get() == Journal::Stale {
                self.complete_history()?;
                self.lease.backend.seal(self.lease.fence).map_err(|error| unwritable(&error))?;
                self.journal.set(Journal::Empty);
            }
            let (sequence, header) = match self.journal.get() {
                Journal::Live(sequence) => (sequence, None),
                _ => (0, Some(line::encode(&self.base)?)),
            };
            let (backend, fence) = (self.lease.backend.clone(), self.lease.fence);
            *writer = Some(Writer::start(Task {
                backend,
                fence,
                sequence,
                header,
                lines: sequence,
                // What a process that was killed wrote last may not be flushed yet.
                durable: 0,
                faults: self.faults.clone(),
            }));
        }
        Ok(())
    }

    /// Writes what a journal that the snapshot holds already says of the history.
    fn complete_history(&self) -> Result<(), Diagnostic> {
        let Some(before) = &self.stale_base else { return Ok(()) };
        self.keep_history(version(before), version(&self.base))
    }

    /// Adds what is over to the history. Doing it again adds nothing.
    fn keep_history(&self, before: Version, after: Version) -> Result<(), Diagnostic> {
        let Some(chronicle) = &self.chronicle else { return Ok(()) };
        let parts = self.trail.borrow_mut().take_ended();
        if parts.is_empty() {
            return Ok(());
        }
        let folded = self.folded.borrow();
        let frame = Frame { chronicle, lineage: &folded.state.lineage, state: StateRecord { before, after } };
        let (backend, fence) = (&self.lease.backend, self.lease.fence);
        history::append(&**backend, fence, parts, &frame)
            .map_err(|error| history_unwritable(&backend.name(), &error))
    }

    fn stop_writer(&self) -> Result<bool, BackendError> {
        let writer = self.writer.borrow_mut().take();
        let was_started = writer.is_some();
        writer.map_or(Ok(()), Writer::stop).map(|()| was_started)
    }

    /// The serial of the next snapshot: each run that is over counted one further.
    fn next_serial(&self, state: &State) -> u64 {
        let next = if self.has_snapshot { self.base.serial + 1 } else { self.base.serial.max(1) };
        next.max(state.serial)
    }

    /// The state as a snapshot's bytes, the journal folded in.
    pub fn export(&self) -> Result<Vec<u8>, Diagnostics> {
        let folded = self.folded.borrow();
        let serial = if folded.is_changed { self.next_serial(&folded.state) } else { self.base.serial };
        let follows = (!self.base.digest.is_empty()).then_some(self.base.digest.as_str());
        Ok(format_v4::write(&folded.state, serial, follows, &self.version)?)
    }

    /// Puts another state in place of this one. Unless forced, it must be of the same lineage and newer.
    pub fn replace(self, state: &State, is_forced: bool) -> Result<(), Diagnostics> {
        if self.folded.borrow().run.is_some() {
            return Err(run_unfinished("Then push again.").into());
        }
        if self.has_snapshot && !is_forced {
            check_succession(&self.base, state)?;
        }
        self.stop_writer().map_err(|error| unwritable(&error))?;
        if self.journal.get() == Journal::Stale {
            self.complete_history()?;
        }
        let serial =
            if self.has_snapshot { state.serial.max(self.base.serial + 1) } else { state.serial.max(1) };
        let bytes = format_v4::write(state, serial, Some(&self.base.digest), &self.version)?;
        let (backend, fence) = (&self.lease.backend, self.lease.fence);
        let written = backend.snapshot(fence, &self.base.digest, &bytes);
        written.map_err(|error| snapshot_unwritable(&backend.name(), &error))?;
        if let Some(about) = self.about(None) {
            let address = format!("serial {} of lineage {}", state.serial, state.lineage);
            let edit = Edit { action: "push".to_owned(), address, to: None };
            self.trail.borrow_mut().push(about, vec![edit]);
        }
        self.keep_history(version(&self.base), Version { serial, digest: digest(&bytes) })?;
        backend.seal(fence).map_err(|error| snapshot_unwritable(&backend.name(), &error))?;
        Ok(())
    }

    /// Writes the snapshot where the state differs and ends the journal. While a run is open, or where a record could
    /// not be made durable, both stay as they are.
    pub fn finish(self) -> Result<(), Diagnostics> {
        let has_written = self.stop_writer().map_err(|error| unwritable(&error))?;
        let folded = self.folded.borrow();
        if folded.run.is_some() {
            return Ok(());
        }
        let (backend, fence) = (&self.lease.backend, self.lease.fence);
        let mut after = version(&self.base);
        if folded.is_changed || self.has_snapshot && backend.is_outdated() {
            let serial = self.next_serial(&folded.state);
            let bytes = format_v4::write(&folded.state, serial, Some(&self.base.digest), &self.version)?;
            let written = backend.snapshot(fence, &self.base.digest, &bytes);
            written.map_err(|error| snapshot_unwritable(&backend.name(), &error))?;
            after = Version { serial, digest: digest(&bytes) };
        }
        if has_written || self.journal.get() != Journal::Empty {
            self.keep_history(version(self.stale_base.as_ref().unwrap_or(&self.base)), after)?;
            if let Some(hook) = &self.faults {
                hook(FaultPoint::BeforeJournalRemoval, "");
            }
            backend.seal(fence).map_err(|error| snapshot_unwritable(&backend.name(), &error))?;
        }
        Ok(())
    }
}

fn run_unfinished(then: &str) -> Diagnostic {
    let detail = "A run of this state was cut off and has not been taken up again.";
    Diagnostic::error("run-unfinished", "State has an unfinished run", detail)
        .hint(format!("Run apply: it goes on where the run ended. {then}"))
}

/// Whether a state may follow the one that stands.
fn check_succession(base: &Header, next: &State) -> Result<(), Diagnostic> {
    let detail = if base.lineage != next.lineage {
        format!(
            "The state that stands is of lineage {:?}, the new one of {:?}: they have nothing to do with each other.",
            base.lineage, next.lineage
        )
    } else if next.serial < base.serial {
        format!("The state that stands has serial {}, the new one {}: it is older.", base.serial, next.serial)
    } else {
        return Ok(());
    };
    Err(Diagnostic::error("state-not-newer", "State does not follow the one that stands", detail)
        .hint("Pull, edit and push the state that stands; -force overwrites it all the same."))
}

/// The snapshot as it was read.
struct Base {
    header: Header,
    state: State,
    follows: Option<String>,
}

fn read_base(name: &str, loaded: &Loaded, new_lineage: String) -> Result<Base, Diagnostic> {
    let (state, follows, digest) = match &loaded.snapshot {
        Some(bytes) => {
            let snapshot = format_v4::read(name, bytes).map_err(|error| {
                if encryption::is_sealed(bytes) { encryption::unconfigured(name) } else { error }
            })?;
            (snapshot.state, snapshot.follows, digest(bytes))
        }
        None => (State::new(new_lineage), None, String::new()),
    };
    Ok(Base {
        header: Header { lineage: state.lineage.clone(), serial: state.serial, digest },
        state,
        follows,
    })
}

/// A journal as it was read.
struct ReadJournal {
    journal: Journal,
    stale_base: Option<Header>,
}

impl From<Journal> for ReadJournal {
    fn from(journal: Journal) -> Self {
        Self { journal, stale_base: None }
    }
}

fn version(header: &Header) -> Version {
    Version { serial: header.serial, digest: header.digest.clone() }
}

fn read_journal(
    name: &str,
    loaded: &Loaded,
    base: &Header,
    follows: Option<&str>,
    folded: &mut Folded,
    trail: &mut Trail,
) -> Result<ReadJournal, Diagnostic> {
    let name = format!("{name}.journal");
    let lines = line::split(&name, &loaded.journal)?;
    let Some((first, rest)) = lines.texts.split_first() else { return Ok(Journal::Empty.into()) };
    let header: Header = line::decode(&name, 1, first).map_err(|error| {
        if encryption::is_sealed(first) { encryption::unconfigured(&name) } else { error }
    })?;
    let decode = |(at, text): (usize, &&[u8])| line::decode(&name, at + 2, text);
    if header.digest != base.digest && follows == Some(header.digest.as_str()) {
        // Nothing hangs on its records but the history, which a version that cannot read them leaves incomplete.
        rest.iter().enumerate().map(decode).map_while(Result::ok).for_each(|record| trail.note(&record));
        return Ok(ReadJournal { journal: Journal::Stale, stale_base: Some(header) });
    }
    let records: Vec<Record> = rest.iter().enumerate().map(decode).collect::<Result<_, _>>()?;
    if header.digest != base.digest {
        return Err(moved_on(&name, &header, base, &records));
    }
    folded.state.lineage = header.lineage;
    for (at, record) in records.iter().enumerate() {
        fold(folded, record).map_err(|error| illegal(&name, at + 2, &error))?;
        trail.note(record);
    }
    Ok(Journal::Live(loaded.next_sequence).into())
}

/// The digest of a snapshot's bytes.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn not_leased(backend: &dyn Backend, error: &BackendError) -> Diagnostic {
    match error {
        BackendError::Held(holder) => {
            let mut detail = match holder {
                Some(holder) => {
                    // The system's own lock is on this machine alone.
                    let is_here = backend.is_on_this_machine();
                    let who = if is_here { format!("Process {}", holder.pid) } else { capitalised(&holder.who()) };
                    format!("{who} holds the lock on this state for {} since {}.", holder.operation, holder.since)
                }
                None => "Another process holds the lock on this state.".to_owned(),
            };
            let id = holder.as_ref().map(|holder| holder.id.as_str()).filter(|id| !id.is_empty());
            if let Some(id) = id.filter(|_| !backend.is_on_this_machine()) {
                let _ = write!(detail, "\n\nLock Info:\n  ID:   {id}\n  Path: {}", backend.name());
            }
            Diagnostic::error("state-locked", "Error acquiring the state lock", detail)
                .hint("Wait for it to end, or use -lock-timeout=60s to wait here.")
        }
        other => Diagnostic::error("state-lock-failed", "State lock cannot be taken", format!("{other}."))
            .hint(format!("Check that {} may be reached and written, or use -lock=false where nobody else works on this state.", backend.name())),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn unreadable(name: &str, error: BackendError) -> Diagnostic {
    match error {
        BackendError::Damaged(diagnostic) => diagnostic,
        other => Diagnostic::error("state-unreadable", "State cannot be read", format!("{name}: {other}."))
            .hint("Check that the file is there for this user to read."),
    }
}

fn snapshot_unwritable(name: &str, error: &BackendError) -> Diagnostic {
    let detail = format!("{name}: {error}. The journal beside it holds everything that was done.");
    let hint = if matches!(error, BackendError::Failed(_)) {
        "Make room or repair the disk, then run apply again: it finishes the state from the journal."
    } else {
        "Find out who else writes this state before anything more is done to it."
    };
    Diagnostic::error("state-unwritable", "State cannot be written", detail).hint(hint)
}

fn history_unwritable(name: &str, error: &BackendError) -> Diagnostic {
    let detail =
        format!("{name}: {error}. What was done is in the state; only its entry in the history is missing.");
    Diagnostic::error("history-unwritable", "History cannot be written", detail)
        .hint("Make room or repair the place, then run apply again: the entry is written from the journal.")
}

fn history_stays(from: &str, to: &str, obstacle: &Obstacle) -> Diagnostic {
    match obstacle {
        Obstacle::Damaged(faults) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
            let detail = format!("The history of {from} is not what was written:\n{}", lines.join("\n"));
            Diagnostic::error("history-damaged", "History is damaged", detail).hint(
                "Put the backend block back as it was, and restore the entries from a copy, or remove them with history prune. Then move the state.",
            )
        }
        Obstacle::Other(number) => {
            let detail = format!(
                "{to} has a history whose entry {number} is no part of the one in {from}, and two histories cannot be made one."
            );
            Diagnostic::error("history-of-another", "Another history is there", detail).hint(
                "Name a place that has no history, or run init -reconfigure to go on with what is there.",
            )
        }
    }
}

fn illegal(name: &str, line: usize, error: &IllegalTransition) -> Diagnostic {
    let detail = format!("{name}: line {line}: {error}.");
    Diagnostic::error("journal-illegal", "Journal does not follow its own rules", detail)
        .hint("Keep the file and report it: this is a fault of Formwork.")
}

fn moved_on(name: &str, header: &Header, base: &Header, records: &[Record]) -> Diagnostic {
    let mut folded = Folded::default();
    for record in records {
        if fold(&mut folded, record).is_err() {
            break;
        }
    }
    let open: Vec<String> = folded
        .run
        .iter()
        .flat_map(crate::journal::OpenRun::in_flight)
        .map(|key| format!("  {key}"))
        .collect();
    let open = if open.is_empty() {
        "No act of it is in flight.".to_owned()
    } else {
        format!("In flight were:\n{}", open.join("\n"))
    };
    let detail = format!(
        "{name} follows the snapshot of lineage {} with serial {}, and the one that stands here is of lineage {} with serial {}. {open}",
        header.lineage, header.serial, base.lineage, base.serial
    );
    Diagnostic::error("state-moved-on", "State was changed by another program", detail)
        .hint("Put back the snapshot that the journal follows (see the .backup beside it), or, when its objects are accounted for, move the journal away.")
}
