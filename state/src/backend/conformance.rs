//! What every backend must do, as cases that run against any of them.

use super::{Backend, Durability, FailureKind, LeaseError, LockHolder, digest};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One case that failed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The case.
    pub case: &'static str,
    /// What differed.
    pub message: String,
}

type Outcome = Result<(), String>;
/// Opens the same store once more, as another process would. The number tells stores apart.
pub type Open<'a> = &'a dyn Fn(u32) -> Arc<dyn Backend>;
type Case = fn(&dyn Fn() -> Arc<dyn Backend>) -> Outcome;

const CASES: &[(&str, Case)] = &[
    ("an empty store loads as nothing", empty),
    ("appends come back in order, over several leases", appends),
    ("an ordered append comes before a flushed one", ordered),
    ("a snapshot replaces the one that is expected, and no other", snapshots),
    ("a journal goes when it is discarded", discards),
    ("a repair cuts the tail", repairs),
    ("a second lease is refused and names the first", second_lease),
    ("a lease is waited for until the deadline", waiting),
    ("fencing numbers rise, and a stale one is refused", fencing),
];

/// How many cases there are.
pub const COUNT: usize = CASES.len();

/// Runs every case, each on a store of its own.
pub fn run(open: Open<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for ((case, check), number) in CASES.iter().zip(0..) {
        if let Err(message) = check(&|| open(number)) {
            failures.push(Failure { case, message });
        }
    }
    failures
}

fn ensure(condition: bool, message: impl Into<String>) -> Outcome {
    if condition { Ok(()) } else { Err(message.into()) }
}

fn said(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

fn holder(operation: &str) -> LockHolder {
    LockHolder { operation: operation.into(), pid: 1, ..LockHolder::default() }
}

fn lease(backend: &dyn Backend) -> Result<super::Fence, String> {
    let fence = backend.lease(&holder("apply"), None).map_err(|error| said(&error))?;
    backend.seal(fence).map_err(|error| said(&error))?;
    Ok(fence)
}

fn empty(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let backend = open();
    let fence = lease(&*backend)?;
    let loaded = backend.load().map_err(|error| said(&error))?;
    ensure(loaded.snapshot.is_none() && loaded.journal.is_empty(), said(&loaded))?;
    backend.release(fence).map_err(|error| said(&error))
}

fn appends(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    for (sequence, text) in [(1, "one\n"), (2, "two\n"), (3, "three\n")] {
        let backend = open();
        let fence = lease(&*backend)?;
        let flushed = Durability::Flushed;
        backend.append(fence, sequence, text.as_bytes(), flushed).map_err(|error| said(&error))?;
        backend.release(fence).map_err(|error| said(&error))?;
    }
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.journal == b"one\ntwo\nthree\n", said(&loaded))
}

fn ordered(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let backend = open();
    let fence = lease(&*backend)?;
    backend.append(fence, 1, b"one\n", Durability::Ordered).map_err(|error| said(&error))?;
    backend.append(fence, 2, b"two\n", Durability::Flushed).map_err(|error| said(&error))?;
    let again = backend.append(fence, 2, b"two\n", Durability::Flushed);
    ensure(
        again.as_ref().is_err_and(|error| error.kind == FailureKind::Moved),
        format!("an entry was written twice: {again:?}"),
    )?;
    backend.release(fence).map_err(|error| said(&error))?;
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.journal == b"one\ntwo\n", said(&loaded))
}

fn snapshots(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let backend = open();
    let fence = lease(&*backend)?;
    backend.load().map_err(|error| said(&error))?;
    backend.snapshot(fence, None, b"first").map_err(|error| said(&error))?;
    backend.snapshot(fence, Some(&digest(b"first")), b"second").map_err(|error| said(&error))?;
    let wrong = backend.snapshot(fence, Some(&digest(b"other")), b"third");
    ensure(wrong.as_ref().is_err_and(|error| error.kind == FailureKind::Moved), said(&wrong))?;
    backend.release(fence).map_err(|error| said(&error))?;
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.snapshot.as_deref() == Some(b"second"), said(&loaded))
}

fn discards(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let backend = open();
    let fence = lease(&*backend)?;
    backend.append(fence, 1, b"one\n", Durability::Flushed).map_err(|error| said(&error))?;
    backend.discard(fence).map_err(|error| said(&error))?;
    backend.discard(fence).map_err(|error| said(&error))?;
    backend.append(fence, 1, b"again\n", Durability::Flushed).map_err(|error| said(&error))?;
    backend.release(fence).map_err(|error| said(&error))?;
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.journal == b"again\n", said(&loaded))
}

fn repairs(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let backend = open();
    let fence = lease(&*backend)?;
    backend.append(fence, 1, b"one\ntor", Durability::Flushed).map_err(|error| said(&error))?;
    backend.repair(fence, 4).map_err(|error| said(&error))?;
    backend.append(fence, 2, b"two\n", Durability::Flushed).map_err(|error| said(&error))?;
    backend.release(fence).map_err(|error| said(&error))?;
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.journal == b"one\ntwo\n", said(&loaded))
}

fn second_lease(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let (first, second) = (open(), open());
    let fence = lease(&*first)?;
    match second.lease(&holder("plan"), None) {
        Err(LeaseError::Held(Some(found))) => {
            ensure(found.operation == "apply" && found.pid == 1 && found.fence == fence.0, said(&found))?;
        }
        other => return Err(format!("the second lease gave {other:?}")),
    }
    first.release(fence).map_err(|error| said(&error))?;
    let fence = second.lease(&holder("plan"), None).map_err(|error| said(&error))?;
    second.release(fence).map_err(|error| said(&error))
}

fn waiting(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let (first, second) = (open(), open());
    let fence = lease(&*first)?;
    let started = Instant::now();
    let refused = second.lease(&holder("plan"), Some(started + Duration::from_millis(50)));
    ensure(refused.is_err() && started.elapsed() >= Duration::from_millis(50), said(&refused))?;
    std::thread::scope(|scope| {
        let waiter =
            scope.spawn(|| second.lease(&holder("plan"), Some(Instant::now() + Duration::from_secs(20))));
        std::thread::sleep(Duration::from_millis(20));
        first.release(fence).map_err(|error| said(&error))?;
        let leased = waiter.join().map_err(|_| "the waiter panicked".to_owned())?;
        let fence = leased.map_err(|error| said(&error))?;
        second.release(fence).map_err(|error| said(&error))
    })
}

fn fencing(open: &dyn Fn() -> Arc<dyn Backend>) -> Outcome {
    let (first, second) = (open(), open());
    let stale = lease(&*first)?;
    first.release(stale).map_err(|error| said(&error))?;
    let fence = lease(&*second)?;
    ensure(fence > stale, format!("{fence:?} follows {stale:?}"))?;
    for refused in [
        first.append(stale, 1, b"late\n", Durability::Flushed),
        first.snapshot(stale, None, b"late"),
        first.discard(stale),
        second.append(stale, 1, b"late\n", Durability::Flushed),
    ] {
        ensure(refused.as_ref().is_err_and(|error| error.kind == FailureKind::Fenced), said(&refused))?;
    }
    second.release(fence).map_err(|error| said(&error))?;
    let loaded = open().load().map_err(|error| said(&error))?;
    ensure(loaded.snapshot.is_none() && loaded.journal.is_empty(), said(&loaded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::memory::MemoryBackend;

    #[test]
    fn memory_conforms() {
        let stores: Vec<Arc<dyn Backend>> =
            (0..COUNT).map(|_| Arc::new(MemoryBackend::new()) as Arc<dyn Backend>).collect();
        assert_eq!(run(&|number| stores[number as usize].clone()), vec![]);
    }

    #[test]
    fn a_backend_that_forgets_does_not_conform() {
        let failures = run(&|_| Arc::new(MemoryBackend::new()));
        assert!(failures.iter().any(|failure| failure.case.starts_with("appends come back")), "{failures:?}");
    }
}
