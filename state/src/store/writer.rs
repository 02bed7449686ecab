//! The thread that writes the journal: one write and one flush for all records that wait.
//!
//! Invariant: bytes go out in the order in which they were queued. What could not be written stays at the head of the
//! queue and is tried again with the next record, so the journal never has a gap.

use super::ticket::{Settler, Ticket};
use crate::backend::{Backend, Durability, FaultHook, FaultPoint, Fence};
use crate::journal::write_frame;
use formwork_diagnostic::Diagnostic;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How much may wait to be written before further records are refused.
const QUEUE_LIMIT_BYTES: usize = 1 << 30;
const FAILED: &str = "Journal cannot be written";

struct Entry {
    sequence: u64,
    body: Vec<u8>,
    durability: Durability,
    settler: Option<Settler>,
    /// The kind of record, for the fault hook.
    kind: &'static str,
}

#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    bytes: usize,
    next_sequence: u64,
    /// The highest sequence number that is known to be durable.
    durable: u64,
    is_writing: bool,
    /// Entries are left that could not be written; they wait for a reason to try again.
    is_stalled: bool,
    is_closed: bool,
    /// The thread has ended: after a close, or by a panic.
    is_dead: bool,
    failure: Option<Diagnostic>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer of one journal. Dropping it writes what waits.
pub(super) struct Writer {
    shared: Arc<Shared>,
    fence: Fence,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `next_sequence` is the number of the next record; all before it are durable.
    pub(super) fn start(
        backend: Arc<dyn Backend>,
        fence: Fence,
        next_sequence: u64,
        hook: Option<FaultHook>,
    ) -> std::io::Result<Self> {
        let queue = Queue { next_sequence, durable: next_sequence - 1, ..Queue::default() };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), changed: Condvar::new() });
        let mut worker = Worker { shared: shared.clone(), backend, fence, hook, bytes: Vec::new() };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || worker.run())?;
        Ok(Self { shared, fence, thread: Some(thread) })
    }

    pub(super) const fn fence(&self) -> Fence {
        self.fence
    }

    /// Whether the journal holds no record.
    pub(super) fn is_fresh(&self) -> bool {
        self.shared.queue().next_sequence == 1
    }

    /// Whether another record may be queued.
    pub(super) fn admit(&self) -> Result<(), Diagnostic> {
        let queue = self.shared.queue();
        if queue.bytes < QUEUE_LIMIT_BYTES {
            return Ok(());
        }
        let detail = format!("{} bytes wait to be written, and no more are taken.", queue.bytes);
        Err(queue.failure.clone().unwrap_or_else(|| Diagnostic::error("state-full", FAILED, detail)))
    }

    pub(super) fn push(&self, kind: &'static str, body: Vec<u8>, durability: Durability) -> Ticket {
        let (ticket, settler) = Ticket::pair();
        let mut queue = self.shared.queue();
        let sequence = queue.next_sequence;
        queue.next_sequence += 1;
        queue.bytes += body.len();
        queue.entries.push(Entry { sequence, body, durability, settler: Some(settler), kind });
        queue.is_stalled = false;
        drop(queue);
        self.shared.changed.notify_all();
        ticket
    }

    /// Waits until everything queued is written and durable, trying once more what failed before.
    pub(super) fn drain(&self) -> Result<(), Diagnostic> {
        let mut queue = self.shared.queue();
        queue.is_stalled = false;
        self.shared.changed.notify_all();
        while !queue.is_dead && (queue.is_writing || (!queue.entries.is_empty() && !queue.is_stalled)) {
            queue = self.shared.wait(queue);
        }
        if queue.entries.is_empty() && !queue.is_dead {
            Ok(())
        } else {
            Err(queue.failure.clone().unwrap_or_else(unwritten))
        }
    }

    /// Numbers records from the start again, after the journal was removed. Nothing waits at that time.
    pub(super) fn restart(&self) {
        let mut queue = self.shared.queue();
        queue.next_sequence = 1;
        queue.durable = 0;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        {
            let mut queue = self.shared.queue();
            queue.is_closed = true;
            queue.is_stalled = false;
        }
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been seen by whoever waited for a ticket.
            let _ = thread.join();
        }
    }
}

fn unwritten() -> Diagnostic {
    Diagnostic::error("journal-unwritable", FAILED, "Records are left that could not be written.")
}

struct Worker {
    shared: Arc<Shared>,
    backend: Arc<dyn Backend>,
    fence: Fence,
    hook: Option<FaultHook>,
    bytes: Vec<u8>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.is_dead = true;
        queue.entries.clear();
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl Worker {
    fn run(&mut self) {
        while let Some((batch, durable)) = self.next_batch() {
            self.write(batch, durable);
        }
    }

    fn next_batch(&self) -> Option<(Vec<Entry>, u64)> {
        let mut queue = self.shared.queue();
        while queue.entries.is_empty() || queue.is_stalled {
            if queue.is_closed {
                return None;
            }
            queue = self.shared.wait(queue);
        }
        queue.is_writing = true;
        let durable = queue.durable;
        Some((std::mem::take(&mut queue.entries), durable))
    }

    fn write(&mut self, mut batch: Vec<Entry>, durable: u64) {
        self.observe(&batch, FaultPoint::BeforeFlush);
        self.bytes.clear();
        for entry in &batch {
            write_frame(&mut self.bytes, entry.sequence, durable, &entry.body);
        }
        let (first, last) =
            (batch.first().map_or(0, |entry| entry.sequence), batch.last().map_or(0, |entry| entry.sequence));
        let is_flushed = batch.iter().any(|entry| entry.durability == Durability::Flushed);
        let durability = if is_flushed { Durability::Flushed } else { Durability::Ordered };
        let outcome = self.backend.append(self.fence, first, &self.bytes, durability);
        let outcome = outcome.map_err(|error| error.diagnostic(FAILED));
        if outcome.is_ok() {
            self.observe(&batch, FaultPoint::AfterFlush);
        }
        let settlers: Vec<Settler> = batch.iter_mut().filter_map(|entry| entry.settler.take()).collect();
        let mut queue = self.shared.queue();
        queue.is_writing = false;
        match &outcome {
            Ok(()) => {
                queue.bytes -= batch.iter().map(|entry| entry.body.len()).sum::<usize>();
                queue.failure = None;
                if is_flushed {
                    queue.durable = last;
                }
            }
            Err(failure) => {
                queue.failure = Some(failure.clone());
                // Records that came in meanwhile wait behind those that failed, and are a reason to try again.
                queue.is_stalled = queue.entries.is_empty();
                batch.append(&mut queue.entries);
                queue.entries = batch;
            }
        }
        drop(queue);
        self.shared.changed.notify_all();
        for settler in settlers {
            settler.settle(outcome.clone());
        }
    }

    fn observe(&self, batch: &[Entry], point: FaultPoint) {
        let Some(hook) = &self.hook else { return };
        for entry in batch {
            hook(point, entry.kind);
        }
    }
}
