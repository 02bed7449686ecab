//! A backend in memory: for tests, and for states that nobody keeps.

use super::{Backend, BackendError, Durability, FailureKind, Fence, LeaseError, Loaded, LockHolder, digest};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
struct Kept {
    loaded: Loaded,
    next_sequence: u64,
    holder: Option<LockHolder>,
    last_fence: u64,
    sealed: u64,
}

/// A state in memory. Stores opened over one instance, one after another, see what those before have kept.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    kept: Mutex<Kept>,
}

impl MemoryBackend {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that holds bytes already.
    pub fn holding(loaded: Loaded) -> Self {
        let kept = Kept { loaded, ..Kept::default() };
        Self { kept: Mutex::new(kept) }
    }

    /// Drops the lease as if its holder had died.
    pub fn break_lease(&self) {
        self.kept().holder = None;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, fence: Fence) -> Result<MutexGuard<'_, Kept>, BackendError> {
        let kept = self.kept();
        if fence == Fence::NONE && kept.holder.is_none() {
            return Ok(kept);
        }
        if fence.0 < kept.sealed || fence.0 != kept.last_fence || kept.holder.is_none() {
            return Err(BackendError::new(FailureKind::Fenced, "the lease was lost"));
        }
        Ok(kept)
    }
}

impl Backend for MemoryBackend {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn lease(&self, holder: &LockHolder, deadline: Option<Instant>) -> Result<Fence, LeaseError> {
        loop {
            let mut kept = self.kept();
            let Some(other) = &kept.holder else {
                kept.last_fence += 1;
                let fence = kept.last_fence;
                kept.holder = Some(LockHolder { fence, ..holder.clone() });
                return Ok(Fence(fence));
            };
            if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                return Err(LeaseError::Held(Some(Box::new(other.clone()))));
            }
            drop(kept);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn release(&self, fence: Fence) -> Result<(), BackendError> {
        self.held(fence)?.holder = None;
        Ok(())
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        Ok(self.kept().loaded.clone())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        let mut kept = self.held(fence)?;
        kept.sealed = fence.0;
        kept.next_sequence = 0;
        Ok(())
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8], _: Durability) -> Result<(), BackendError> {
        let mut kept = self.held(fence)?;
        if sequence < kept.next_sequence {
            return Err(BackendError::new(
                FailureKind::Moved,
                format!("journal entry {sequence} is there already"),
            ));
        }
        kept.next_sequence = sequence + 1;
        kept.loaded.journal.extend_from_slice(bytes);
        Ok(())
    }

    fn repair(&self, fence: Fence, good_length: usize) -> Result<(), BackendError> {
        self.held(fence)?.loaded.journal.truncate(good_length);
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: Option<&str>, bytes: &[u8]) -> Result<(), BackendError> {
        let mut kept = self.held(fence)?;
        let found = kept.loaded.snapshot.as_deref().map(digest);
        if found.as_deref() != expected {
            return Err(BackendError::new(FailureKind::Moved, "the state was written by somebody else"));
        }
        kept.loaded.snapshot = Some(bytes.to_vec());
        Ok(())
    }

    fn discard(&self, fence: Fence) -> Result<(), BackendError> {
        let mut kept = self.held(fence)?;
        kept.loaded.journal.clear();
        kept.next_sequence = 0;
        Ok(())
    }
}
