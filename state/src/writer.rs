//! The thread that appends records, and the tickets of those who wait for them.
//!
//! Invariant: records are appended in the order they were handed on; after the first failure nothing more is.

use crate::backend::{Backend, BackendError, Fence};
use crate::line;
use crate::store::{FaultHook, FaultPoint};
use formwork_diagnostic::Diagnostic;
use futures::channel::oneshot;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

type Answer = Result<(), BackendError>;

/// Resolves when a record is durable.
pub struct Ticket(Result<oneshot::Receiver<Answer>, Option<Diagnostic>>);

impl Future for Ticket {
    type Output = Result<(), Diagnostic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Err(diagnostic) => Poll::Ready(refusal(diagnostic.take())),
            Ok(receiver) => Pin::new(receiver).poll(context).map(answer),
        }
    }
}

impl Ticket {
    /// Waits in this thread.
    pub fn wait(self) -> Result<(), Diagnostic> {
        match self.0 {
            Err(diagnostic) => refusal(diagnostic),
            Ok(receiver) => answer(futures::executor::block_on(receiver)),
        }
    }

    /// Of a record that was not taken.
    pub(crate) fn refused(diagnostic: Diagnostic) -> Self {
        Self(Err(Some(diagnostic)))
    }
}

fn refusal(diagnostic: Option<Diagnostic>) -> Result<(), Diagnostic> {
    diagnostic.map_or(Ok(()), Err)
}

fn answer(received: Result<Answer, oneshot::Canceled>) -> Result<(), Diagnostic> {
    received.unwrap_or_else(|_| Err(writer_ended())).map_err(|error| unwritable(&error))
}

fn writer_ended() -> BackendError {
    BackendError::Failed("the writer ended".to_owned())
}

/// What is said when a record could not be made durable.
pub(crate) fn unwritable(error: &BackendError) -> Diagnostic {
    let hint = match error {
        BackendError::Fenced
        | BackendError::OutOfSequence { .. }
        | BackendError::Moved
        | BackendError::NotHeld(_)
        | BackendError::Held(_) => {
            "Let the other process end, then run apply again: it goes on where the journal stops."
        }
        BackendError::Failed(_) | BackendError::Damaged(_) => {
            "Make room or repair the disk, then run apply again: it goes on where this run stopped."
        }
    };
    let detail =
        format!("What was about to be done could not be recorded, so nothing more was started: {error}.");
    Diagnostic::error("journal-unwritable", "Journal cannot be written", detail).hint(hint)
}

struct Entry {
    bytes: Vec<u8>,
    kind: &'static str,
    sender: oneshot::Sender<Answer>,
}

/// What the thread works on.
pub(crate) struct Task {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) fence: Fence,
    /// The number of the next entry.
    pub(crate) sequence: u64,
    /// What stands before the first record.
    pub(crate) header: Option<Vec<u8>>,
    /// How many lines the journal has.
    pub(crate) lines: u64,
    /// How many of them are known to be durable.
    pub(crate) durable: u64,
    pub(crate) faults: Option<FaultHook>,
}

/// Appends records in a thread of its own; all that wait share one entry, and so one flush.
pub(crate) struct Writer {
    sender: Sender<Vec<Entry>>,
    /// What is handed on together with what still comes.
    held: RefCell<Vec<Entry>>,
    thread: JoinHandle<Answer>,
}

impl Writer {
    pub(crate) fn start(task: Task) -> Self {
        let (sender, receiver) = channel();
        let thread = std::thread::spawn(move || write_all(task, &receiver));
        Self { sender, held: RefCell::default(), thread }
    }

    /// Takes a record, to be handed on by [`Writer::hand_on`].
    pub(crate) fn hold(&self, bytes: Vec<u8>, kind: &'static str) -> Ticket {
        let (sender, receiver) = oneshot::channel();
        self.held.borrow_mut().push(Entry { bytes, kind, sender });
        Ticket(Ok(receiver))
    }

    /// Hands on all that was taken.
    pub(crate) fn hand_on(&self) {
        let held = self.held.take();
        if !held.is_empty() {
            // Where the thread ended, so do the tickets.
            let _ = self.sender.send(held);
        }
    }

    /// Waits for the last record, and says whether all became durable.
    pub(crate) fn stop(self) -> Answer {
        self.hand_on();
        drop(self.sender);
        self.thread.join().unwrap_or_else(|_| Err(writer_ended()))
    }
}

fn write_all(mut task: Task, receiver: &Receiver<Vec<Entry>>) -> Answer {
    let mut outcome = Ok(());
    while let Ok(mut batch) = receiver.recv() {
        batch.extend(receiver.try_iter().flatten());
        if outcome.is_ok() {
            task.pass(FaultPoint::BeforeFlush, &batch);
            outcome = task.append(&batch);
        }
        if outcome.is_ok() {
            task.pass(FaultPoint::AfterFlush, &batch);
        }
        for entry in batch {
            // Nobody waits for a record whose ticket was dropped.
            let _ = entry.sender.send(outcome.clone());
        }
    }
    outcome
}

impl Task {
    fn append(&mut self, batch: &[Entry]) -> Answer {
        let length: usize = batch.iter().map(|entry| entry.bytes.len() + line::GUARD_BYTES).sum();
        let mut bytes = Vec::with_capacity(length + 2 * line::GUARD_BYTES);
        let mut lines = self.lines;
        if let Some(header) = self.header.take() {
            line::write(&mut bytes, self.durable, &header);
            lines += 1;
        }
        for entry in batch {
            line::write(&mut bytes, self.durable, &entry.bytes);
            lines += 1;
        }
        self.backend.append(self.fence, self.sequence, &bytes)?;
        self.sequence += 1;
        (self.lines, self.durable) = (lines, lines);
        Ok(())
    }

    fn pass(&self, point: FaultPoint, batch: &[Entry]) {
        if let Some(hook) = &self.faults {
            for entry in batch {
                hook(point, entry.kind);
            }
        }
    }
}
