//! A promise that a record becomes durable.

use formwork_diagnostic::Diagnostic;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

type Outcome = Result<(), Diagnostic>;

#[derive(Debug, Default)]
struct Pending {
    outcome: Option<Outcome>,
    is_settled: bool,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    settled: Condvar,
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Done when the record that it stands for is durable, or when that failed. Dropping it changes nothing.
#[derive(Debug)]
pub struct Ticket(Arc<Shared>);

/// The other end of a ticket.
#[derive(Debug)]
pub(super) struct Settler(Arc<Shared>);

impl Ticket {
    pub(super) fn pair() -> (Self, Settler) {
        let shared = Arc::new(Shared::default());
        (Self(shared.clone()), Settler(shared))
    }

    pub(super) fn failed(diagnostic: Diagnostic) -> Self {
        let (ticket, settler) = Self::pair();
        settler.settle(Err(diagnostic));
        ticket
    }

    /// Blocks until it is done.
    pub fn wait(self) -> Outcome {
        let mut pending = self.0.pending();
        loop {
            if let Some(outcome) = pending.outcome.take() {
                return outcome;
            }
            pending = self.0.settled.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Settler {
    pub(super) fn settle(self, outcome: Outcome) {
        self.put(outcome);
    }

    fn put(&self, outcome: Outcome) {
        let waker = {
            let mut pending = self.0.pending();
            if pending.is_settled {
                return;
            }
            pending.is_settled = true;
            pending.outcome = Some(outcome);
            pending.waker.take()
        };
        self.0.settled.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Settler {
    /// Nobody waits for ever, whatever ended the writer.
    fn drop(&mut self) {
        self.put(Err(Diagnostic::error(
            "journal-unwritable",
            "Journal cannot be written",
            "The writer ended.",
        )));
    }
}

impl Future for Ticket {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut pending = self.0.pending();
        if let Some(outcome) = pending.outcome.take() {
            return Poll::Ready(outcome);
        }
        pending.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
