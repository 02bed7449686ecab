//! Opening: lock, load, check that the journal belongs to the snapshot, fold.

use super::{Base, Store, Writer};
use crate::address::ObjectKey;
use crate::backend::{Backend, FaultHook, Fence, LeaseError, Loaded, LockHolder, digest};
use crate::file::{FileBackend, Files};
use crate::format_v4::{self, Snapshot};
use crate::journal::{Folded, Record, Scan, Tail, fold, scan};
use crate::model::State;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use indexmap::IndexSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

/// How to open a store.
#[derive(Clone)]
pub struct StoreOptions {
    /// The snapshot's path; journal, backup and lock stand beside it.
    pub path: PathBuf,
    /// Whether to take the lock (`-lock`).
    pub lock: bool,
    /// How long to wait for the lock (`-lock-timeout`).
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

pub(super) fn file_backend(options: &StoreOptions) -> Arc<dyn Backend> {
    let backend = FileBackend::new(options.path.clone(), options.files.clone());
    Arc::new(backend.with_fault_hook(options.faults.clone()).without_flush(options.skip_flush))
}

/// Gives the lease back when opening fails half-way.
struct LeaseGuard<'a> {
    backend: &'a dyn Backend,
    fence: Option<Fence>,
}

impl Drop for LeaseGuard<'_> {
    fn drop(&mut self) {
        if let Some(fence) = self.fence.take() {
            // The failure that ended the opening is the one to tell.
            let _ = self.backend.release(fence);
        }
    }
}

pub(super) fn open(
    backend: Arc<dyn Backend>,
    options: StoreOptions,
    is_writable: bool,
) -> Result<Store, Diagnostics> {
    let fence = if options.lock { Some(lease(&*backend, &options)?) } else { None };
    let mut guard = LeaseGuard { backend: &*backend, fence };
    let write_fence = fence.unwrap_or(Fence::NONE);
    if is_writable {
        backend.seal(write_fence).map_err(|error| error.diagnostic("State cannot be opened"))?;
    }
    let loaded = backend.load().map_err(|error| error.diagnostic("State cannot be read"))?;
    let Opened { folded, base, run, scanned } = fold_all(&*backend, loaded, &options.new_lineage)?;
    let mut notices = Diagnostics::new();
    if let Tail::Torn(bytes) = scanned.tail {
        notices.push(torn(&*backend, bytes, is_writable));
        if is_writable {
            let repaired = backend.repair(write_fence, scanned.good_length);
            repaired.map_err(|error| error.diagnostic("The journal cannot be repaired"))?;
        }
    }
    let writer = if is_writable {
        let started = Writer::start(backend.clone(), write_fence, scanned.next_sequence, options.faults);
        let failed = |error: std::io::Error| {
            Diagnostic::error("no-thread", "State cannot be opened", format!("{error}."))
        };
        Some(started.map_err(failed)?)
    } else {
        None
    };
    let fence = guard.fence.take();
    drop(guard);
    let has_journal = run.get().is_some();
    let folded = RwLock::new(folded);
    let mut store = Store { backend, folded, base, fence, writer, run, version: options.version, notices };
    if has_journal {
        // A run that is over left its journal: the crash came while it closed.
        store.close_journal()?;
    }
    Ok(store)
}

fn lease(backend: &dyn Backend, options: &StoreOptions) -> Result<Fence, Diagnostic> {
    let holder = LockHolder {
        operation: options.operation.clone(),
        pid: std::process::id(),
        created: options.time.clone(),
        version: options.version.clone(),
        path: backend.describe(),
        fence: 0,
    };
    let wait = Duration::from_millis(options.lock_timeout_ms);
    let deadline = (!wait.is_zero()).then(|| Instant::now() + wait);
    backend.lease(&holder, deadline).map_err(|error| match error {
        LeaseError::Failed(error) => error.diagnostic("State lock cannot be taken"),
        LeaseError::Held(holder) => {
            let what = match holder {
                Some(holder) => holder.to_string(),
                None => format!("Another process holds the lock on {}.", backend.describe()),
            };
            Diagnostic::error("state-locked", "Error acquiring the state lock", what)
                .hint("Wait for it to end, or use -lock-timeout=60s to wait here.")
        }
    })
}

fn torn(backend: &dyn Backend, bytes: usize, is_writable: bool) -> Diagnostic {
    let done = if is_writable { "were cut off" } else { "are passed over" };
    let detail = format!(
        "The last write to the journal of {} did not end. It was never reported as stored, so its {bytes} bytes {done}.",
        backend.describe()
    );
    Diagnostic::warning("journal-torn", "Journal has a torn tail", detail)
}

struct Opened {
    folded: Folded,
    base: Base,
    run: OnceLock<String>,
    scanned: Scan,
}

fn fold_all(backend: &dyn Backend, loaded: Loaded, new_lineage: &str) -> Result<Opened, Diagnostics> {
    let bytes = loaded.snapshot;
    let snapshot = match &bytes {
        Some(bytes) => format_v4::read(&backend.describe(), bytes)?,
        None => Snapshot { state: State::new(""), run: String::new() },
    };
    let base = Base { serial: snapshot.state.serial, digest: bytes.as_deref().map(digest) };
    drop(bytes);
    let mut scanned = scan(&loaded.journal).map_err(|error| damaged(backend, &error.to_string()))?;
    let records = std::mem::take(&mut scanned.records);
    let mut folded = Folded::new(snapshot.state);
    let run = OnceLock::new();
    match records.first() {
        None => {}
        Some(Record::Begin { run: begun, lineage, .. }) => {
            // Nothing was set before.
            let _ = run.set(begun.clone());
            if *begun == snapshot.run {
                // The snapshot of this very run is written already: the crash came before the journal's removal.
                return Ok(Opened { folded, base, run, scanned });
            }
            check_base(backend, &folded.state, &base, &records)?;
            if folded.state.lineage.is_empty() {
                folded.state.lineage.clone_from(lineage);
            }
        }
        Some(_) => return Err(damaged(backend, "line 1: the first record does not begin a run").into()),
    }
    if folded.state.lineage.is_empty() {
        new_lineage.clone_into(&mut folded.state.lineage);
    }
    for (record, number) in records.iter().zip(1..) {
        fold(&mut folded, record)
            .map_err(|illegal| damaged(backend, &format!("line {number}: {illegal}")))?;
    }
    Ok(Opened { folded, base, run, scanned })
}

fn damaged(backend: &dyn Backend, what: &str) -> Diagnostic {
    let detail = format!("The journal of {} cannot be read: {what}.", backend.describe());
    Diagnostic::error("journal-damaged", "Journal is damaged", detail).hint(
        "Nothing was changed. Keep the file; restore it from a copy, or move it away and import what the last run made.",
    )
}

/// Whether the journal was written over this snapshot.
fn check_base(
    backend: &dyn Backend,
    state: &State,
    base: &Base,
    records: &[Record],
) -> Result<(), Diagnostic> {
    let Some(Record::Begin { run, lineage, base_serial, base_digest, .. }) = records.first() else {
        return Ok(());
    };
    if base.digest.as_deref().unwrap_or_default() == base_digest {
        return Ok(());
    }
    let open = open_keys(records);
    let steps = if open.is_empty() {
        "No act of it is in flight.".to_owned()
    } else {
        let list: Vec<String> = open.iter().map(|key| format!("  {key}")).collect();
        format!("In flight were:\n{}", list.join("\n"))
    };
    let detail = format!(
        "The journal of {} belongs to run {run}, which began on serial {base_serial} of lineage {lineage}; serial {} of \
         lineage {} stands here. {steps}",
        backend.describe(),
        state.serial,
        if state.lineage.is_empty() { "(none)" } else { &state.lineage },
    );
    Err(Diagnostic::error("state-moved-on", "State was changed by another program", detail).hint(
        "Put back the snapshot that the run began with (see the .backup beside it), or, when its objects are accounted \
         for, move the journal away.",
    ))
}

fn open_keys(records: &[Record]) -> IndexSet<ObjectKey> {
    let mut open = IndexSet::new();
    for record in records {
        match record {
            Record::Done { key, .. } | Record::Failed { key, .. } => drop(open.shift_remove(key)),
            _ => {
                if let Some(intent) = record.intent() {
                    open.insert(intent.key.clone());
                }
            }
        }
    }
    open
}
