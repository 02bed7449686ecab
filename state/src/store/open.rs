//! Opening: lock, load, check that the journal belongs to the snapshot, fold.

use super::{Base, Store, Writer};
use crate::address::ObjectKey;
use crate::backend::{Backend, FaultHook, Fence, LeaseError, Loaded, LockHolder, digest};
use crate::format_v4;
use crate::journal::{Begin, Folded, Record, Scan, Tail, fold, scan};
use crate::model::State;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use indexmap::IndexSet;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Instant;

/// How to open a store.
#[derive(Clone)]
pub struct OpenOptions {
    /// Who takes the lock.
    pub holder: LockHolder,
    /// Whether to take it at all (`-lock`).
    pub lock: bool,
    /// Until when to try (`-lock-timeout`); none for one try.
    pub deadline: Option<Instant>,
    /// The language version that a snapshot says it was written by.
    pub language_version: String,
    /// This program's version.
    pub program_version: String,
    /// Called at the fault points of the journal; none in normal use.
    pub fault_hook: Option<FaultHook>,
}

impl OpenOptions {
    /// With the lock, one try, and no hook.
    pub fn new(
        holder: LockHolder,
        language_version: impl Into<String>,
        program_version: impl Into<String>,
    ) -> Self {
        Self {
            holder,
            lock: true,
            deadline: None,
            language_version: language_version.into(),
            program_version: program_version.into(),
            fault_hook: None,
        }
    }
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
    options: OpenOptions,
    is_writable: bool,
) -> Result<Store, Diagnostics> {
    let fence = if options.lock { Some(lease(&*backend, &options)?) } else { None };
    let mut guard = LeaseGuard { backend: &*backend, fence };
    let write_fence = fence.unwrap_or(Fence::NONE);
    if is_writable {
        backend.seal(write_fence).map_err(|error| error.diagnostic("State could not be opened"))?;
    }
    let loaded = backend.load().map_err(|error| error.diagnostic("State could not be read"))?;
    let (folded, scanned) = fold_all(&*backend, &loaded)?;
    let mut notices = Diagnostics::new();
    if let Tail::Torn(bytes) = scanned.tail {
        notices.push(torn(&*backend, bytes, is_writable));
        if is_writable {
            let repaired = backend.repair(write_fence, scanned.good_length);
            repaired.map_err(|error| error.diagnostic("The journal could not be repaired"))?;
        }
    }
    let writer = if is_writable {
        let hook = options.fault_hook.clone();
        let started = Writer::start(backend.clone(), write_fence, scanned.next_sequence, hook);
        Some(started.map_err(|error| {
            Diagnostic::error("state.thread", "State could not be opened", format!("{error}."))
        })?)
    } else {
        None
    };
    let fence = guard.fence.take();
    drop(guard);
    let base = Base { bytes: loaded.snapshot.filter(|bytes| !bytes.is_empty()), digest: OnceLock::new() };
    let (folded, base) = (RwLock::new(folded), Mutex::new(base));
    let store = Store { backend, folded, base, fence, writer, options, notices };
    if !scanned.records.is_empty() {
        store.close_journal()?;
    }
    Ok(store)
}

fn lease(backend: &dyn Backend, options: &OpenOptions) -> Result<Fence, Diagnostic> {
    const SUMMARY: &str = "Error acquiring the state lock";
    backend.lease(&options.holder, options.deadline).map_err(|error| match error {
        LeaseError::Failed(error) => error.diagnostic(SUMMARY),
        LeaseError::Held(holder) => {
            let who = holder.map_or_else(String::new, |holder| format!("\n\nLock Info:\n{holder}"));
            let what = format!("Another process holds the lock on {}.{who}", backend.describe());
            Diagnostic::error("state.locked", SUMMARY, what)
                .hint("wait for it to end, or give it time with -lock-timeout=DURATION")
        }
    })
}

fn torn(backend: &dyn Backend, bytes: usize, is_writable: bool) -> Diagnostic {
    let done = if is_writable { "were cut off" } else { "are passed over" };
    let detail = format!(
        "The last write to the journal of {} did not end. It was never reported as stored, so its {bytes} bytes {done}.",
        backend.describe()
    );
    Diagnostic::warning("state.torn", "The journal has a torn tail", detail)
}

fn fold_all(backend: &dyn Backend, loaded: &Loaded) -> Result<(Folded, Scan), Diagnostics> {
    let bytes = loaded.snapshot.as_deref().filter(|bytes| !bytes.is_empty());
    let state =
        bytes.map_or_else(|| Ok(State::new()), |bytes| format_v4::read(bytes, &backend.describe()))?;
    let scanned = scan(&loaded.journal).map_err(|error| damaged(backend, &error.to_string()))?;
    if let Some(first) = scanned.records.first() {
        let Record::Begin(begin) = first else {
            return Err(damaged(backend, "line 1: the first record is not the beginning of a run").into());
        };
        check_base(backend, begin, &state, bytes, &scanned.records)?;
    }
    let mut folded = Folded::new(state);
    for (record, number) in scanned.records.iter().zip(1..) {
        fold(&mut folded, record)
            .map_err(|illegal| damaged(backend, &format!("line {number}: {illegal}")))?;
    }
    // The snapshot holds a run only when that run was over.
    if folded.run.as_ref().is_some_and(|run| run.is_in_snapshot) {
        folded.run = None;
    }
    Ok((folded, scanned))
}

fn damaged(backend: &dyn Backend, what: &str) -> Diagnostic {
    let detail = format!("The journal of {} cannot be read: {what}.", backend.describe());
    Diagnostic::error("state.journal-damaged", "The journal is damaged", detail)
        .hint("nothing was changed; restore the journal from a copy, or move it away to go on from the snapshot alone")
}

/// Whether the journal was written over this snapshot, or the snapshot holds the journal's run already.
fn check_base(
    backend: &dyn Backend,
    begin: &Begin,
    state: &State,
    snapshot: Option<&[u8]>,
    records: &[Record],
) -> Result<(), Diagnostic> {
    let found = snapshot.map(digest).unwrap_or_default();
    let is_same = found == begin.base_digest && (snapshot.is_none() || state.lineage == begin.lineage);
    if is_same || state.last_run.as_deref() == Some(&begin.run) {
        return Ok(());
    }
    let open = open_keys(records);
    let steps = if open.is_empty() {
        "No step of that run was open.".to_owned()
    } else {
        let list: Vec<String> = open.iter().map(|key| format!("  - {key}")).collect();
        format!("What became of these is known only to that run:\n{}", list.join("\n"))
    };
    let detail = format!(
        "The journal of {} belongs to run {}, which began over serial {} of lineage {}. The snapshot has serial {} of \
         lineage {}, so another program wrote it since.\n\n{steps}",
        backend.describe(),
        begin.run,
        begin.base_serial,
        begin.lineage,
        state.serial,
        if state.lineage.is_empty() { "(none)" } else { &state.lineage },
    );
    Err(Diagnostic::error("state.advanced", "The state was written by another program during a run", detail)
        .hint("put the snapshot of the run back (terraform.tfstate.backup), or import what the run made and move the journal away"))
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
