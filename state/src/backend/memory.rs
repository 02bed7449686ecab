//! A place in memory: what the store's tests run on, and the contract's shortest wording.

use super::{Backend, BackendError, Fence, Holder, Loaded};
use crate::store::digest;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a taken lease is tried again.
const RETRY: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Place {
    last_fence: u64,
    holder: Option<Holder>,
    snapshot: Option<Vec<u8>>,
    journal: Vec<Vec<u8>>,
}

impl Place {
    fn check(&self, fence: Fence) -> Result<(), BackendError> {
        let is_held = self.holder.is_some() && fence == Fence(self.last_fence);
        if is_held || fence == Fence::UNLOCKED { Ok(()) } else { Err(BackendError::Fenced) }
    }
}

/// A state kept in memory.
#[derive(Default)]
pub struct MemoryBackend(Mutex<Place>);

impl MemoryBackend {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            let mut place = self.place();
            if place.holder.is_none() {
                place.holder = Some(holder.clone());
                place.last_fence += 1;
                return Ok(Fence(place.last_fence));
            }
            if Instant::now() >= deadline {
                return Err(BackendError::Held(place.holder.clone()));
            }
            drop(place);
            std::thread::sleep(RETRY);
        }
    }

    fn release(&self, fence: Fence) {
        let mut place = self.place();
        if fence == Fence(place.last_fence) {
            place.holder = None;
        }
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let place = self.place();
        Ok(Loaded {
            snapshot: place.snapshot.clone(),
            journal: place.journal.concat(),
            next_sequence: place.journal.len() as u64,
        })
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        let expected = place.journal.len() as u64;
        if sequence != expected {
            return Err(BackendError::OutOfSequence { expected, given: sequence });
        }
        place.journal.push(bytes.to_vec());
        Ok(())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        place.journal.clear();
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        if place.snapshot.as_deref().map(digest).unwrap_or_default() != expected {
            return Err(BackendError::Moved);
        }
        place.snapshot = Some(bytes.to_vec());
        Ok(())
    }
}
