//! A place in memory: what the store's tests run on, and the contract's shortest wording.

use super::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use crate::store::digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a taken lease is tried again.
const RETRY: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Place {
    last_fence: u64,
    holder: Option<Holder>,
    /// When the lease was taken or renewed last.
    renewed: Option<Instant>,
    snapshot: Option<Vec<u8>>,
    journal: Vec<Vec<u8>>,
    history: BTreeMap<u64, Vec<u8>>,
}

impl Place {
    fn check(&self, fence: Fence) -> Result<(), BackendError> {
        let is_held = self.holder.is_some() && fence == Fence(self.last_fence);
        if is_held || fence == Fence::UNLOCKED { Ok(()) } else { Err(BackendError::Fenced) }
    }

    fn is_overdue(&self, duration: Duration) -> bool {
        self.renewed.is_none_or(|moment| moment.elapsed() > duration)
    }
}

/// A state kept in memory.
pub struct MemoryBackend {
    place: Mutex<Place>,
    lease_duration: Duration,
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self { place: Mutex::default(), lease_duration: Duration::from_secs(30) }
    }
}

impl MemoryBackend {
    /// A place whose leases live so long without a heartbeat.
    pub fn with_lease_duration(lease_duration: Duration) -> Self {
        Self { lease_duration, ..Self::default() }
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for MemoryBackend {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn lease_duration(&self) -> Option<Duration> {
        Some(self.lease_duration)
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            let mut place = self.place();
            if place.holder.is_none() || place.is_overdue(self.lease_duration) {
                place.holder = Some(holder.clone());
                place.renewed = Some(Instant::now());
                place.last_fence += 1;
                return Ok(Fence(place.last_fence));
            }
            if Instant::now() >= deadline {
                return Err(BackendError::Held(place.holder.clone().map(Box::new)));
            }
            drop(place);
            std::thread::sleep(RETRY);
        }
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        place.renewed = Some(Instant::now());
        Ok(())
    }

    fn release(&self, fence: Fence) {
        let mut place = self.place();
        if fence == Fence(place.last_fence) {
            place.holder = None;
        }
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        let place = self.place();
        let is_overdue = place.is_overdue(self.lease_duration);
        Ok(place.holder.clone().map(|holder| Holding { holder, is_overdue }))
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        let mut place = self.place();
        if place.holder.as_ref().is_none_or(|holder| holder.id != id) {
            return Err(BackendError::NotHeld(place.holder.clone().map(Box::new)));
        }
        place.holder = None;
        Ok(())
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

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        Ok(Some(self.place().history.keys().copied().collect()))
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.place().history.get(&number).cloned())
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        if place.history.contains_key(&number) {
            let expected = place.history.last_key_value().map_or(1, |(last, _)| last + 1);
            return Err(BackendError::OutOfSequence { expected, given: number });
        }
        place.history.insert(number, bytes.to_vec());
        Ok(())
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        let mut place = self.place();
        place.check(fence)?;
        place.history.retain(|number, _| *number >= below);
        Ok(())
    }
}
