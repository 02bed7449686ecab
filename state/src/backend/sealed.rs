//! A place that is handed nothing in clear: what is written is sealed before, what is read is opened after.
//!
//! Invariant: every byte that a store hands on passes here; each entry of a journal says which one it is, so that none
//! can be left out, doubled or put elsewhere unseen.

use super::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use crate::encryption::{Encryption, Label, is_sealed};
use crate::line;
use crate::repair::Wreck;
use crate::store::digest;
use formwork_diagnostic::Diagnostic;
use serde::Deserialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of an entry's number before the entry.
const NUMBER_BYTES: usize = 8;

/// A place behind an encryption.
pub struct SealedBackend {
    inner: Arc<dyn Backend>,
    encryption: Arc<Encryption>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Digests of the snapshot as it stands: in clear, and as the place has it.
    snapshot: Option<(String, String)>,
    is_outdated: bool,
    /// How many entries of the journal were found or made durable by this handle.
    durable: u64,
}

impl SealedBackend {
    /// A place that is handed what the encryption makes of it.
    pub fn new(inner: Arc<dyn Backend>, encryption: Arc<Encryption>) -> Self {
        Self { inner, encryption, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_snapshot(&self, bytes: &[u8]) -> Result<Vec<u8>, BackendError> {
        let opened = self.encryption.open(&self.inner.name(), bytes).map_err(BackendError::Damaged)?;
        let mut known = self.known();
        known.is_outdated |= !opened.is_current;
        known.snapshot = Some((digest(&opened.bytes), digest(bytes)));
        drop(known);
        Ok(opened.bytes.into_owned())
    }

    fn open_journal(&self, bytes: &[u8]) -> Result<Vec<u8>, BackendError> {
        let name = format!("{}.journal", self.inner.name());
        let lines = line::split(&name, bytes).map_err(BackendError::Damaged)?;
        let mut out = Vec::with_capacity(bytes.len());
        // Where entries of before the encryption come first, it is not known how many they were.
        let mut expected = Some(0);
        for (at, text) in lines.texts.iter().enumerate() {
            let opened = self.encryption.open(&name, text).map_err(BackendError::Damaged)?;
            if !is_sealed(text) {
                line::write(&mut out, 0, text);
                expected = None;
                continue;
            }
            let split = opened.bytes.split_first_chunk::<NUMBER_BYTES>();
            let (number, entry) = split.ok_or_else(|| displaced(&name, at))?;
            let number = u64::from_le_bytes(*number);
            if expected.is_some_and(|expected| expected != number) {
                return Err(displaced(&name, at));
            }
            expected = Some(number + 1);
            out.extend_from_slice(entry);
        }
        Ok(out)
    }
}

fn displaced(name: &str, at: usize) -> BackendError {
    let detail = format!("{name}: entry {} is not the one that was written there.", at + 1);
    BackendError::Damaged(
        Diagnostic::error("journal-displaced", "Journal entries are not in their places", detail)
            .hint("Keep it and find out who changed it; a copy of the state's place may have it whole."),
    )
}

/// What stands in clear beside a sealed state.
fn label(bytes: &[u8]) -> Label {
    #[derive(Deserialize)]
    struct Probe {
        serial: Option<u64>,
        lineage: Option<String>,
    }
    let probe = serde_json::from_slice::<Probe>(bytes).ok();
    probe.map_or_else(Label::default, |Probe { serial, lineage }| Label { serial, lineage })
}

impl Backend for SealedBackend {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn is_on_this_machine(&self) -> bool {
        self.inner.is_on_this_machine()
    }

    fn seals(&self) -> bool {
        self.encryption.seals()
    }

    fn is_outdated(&self) -> bool {
        self.known().is_outdated
    }

    fn lease_duration(&self) -> Option<Duration> {
        self.inner.lease_duration()
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        self.inner.lease(holder, timeout_ms)
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.inner.renew(fence)
    }

    fn release(&self, fence: Fence) {
        self.inner.release(fence);
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        self.inner.holding()
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        self.inner.break_lease(id)
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let Loaded { snapshot, journal, next_sequence } = self.inner.load()?;
        *self.known() = Known::default();
        let snapshot = snapshot.map(|bytes| self.open_snapshot(&bytes)).transpose()?;
        let journal = self.open_journal(&journal)?;
        Ok(Loaded { snapshot, journal, next_sequence })
    }

    fn wreck(&self) -> Result<Wreck, BackendError> {
        let name = self.inner.name();
        let mut wreck = self.inner.wreck()?;
        wreck.snapshot = None;
        if let Some(bytes) = &wreck.kept_snapshot {
            match self.encryption.open(&name, bytes) {
                Ok(opened) => wreck.snapshot = Some(opened.bytes.into_owned()),
                Err(diagnostic) => wreck.unopened.push(diagnostic.detail.clone()),
            }
        }
        wreck.journal = Vec::new();
        for (at, text) in line::whole(&wreck.kept_journal) {
            match self.encryption.open(&format!("line {at} of its journal"), text) {
                Ok(_) if !is_sealed(text) => line::write(&mut wreck.journal, 0, text),
                Ok(opened) => {
                    wreck.journal.extend_from_slice(opened.bytes.get(NUMBER_BYTES..).unwrap_or_default());
                }
                Err(diagnostic) => wreck.unopened.push(diagnostic.detail.clone()),
            }
        }
        Ok(wreck)
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        if !self.encryption.seals() {
            return self.inner.append(fence, sequence, bytes);
        }
        let numbered = [sequence.to_le_bytes().as_slice(), bytes].concat();
        let sealed = self.encryption.seal(&numbered, Label::default()).map_err(BackendError::Damaged)?;
        let mut entry = Vec::with_capacity(sealed.len() + 64);
        line::write(&mut entry, self.known().durable, &sealed);
        self.inner.append(fence, sequence, &entry)?;
        self.known().durable = sequence + 1;
        Ok(())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        self.inner.seal(fence)?;
        self.known().durable = 0;
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        let expected = match self.known().snapshot.clone() {
            _ if expected.is_empty() => String::new(),
            Some((clear, kept)) if clear == expected => kept,
            // Nothing has this digest: the place says what is wrong.
            _ => expected.to_owned(),
        };
        let sealed = self.encryption.seal(bytes, label(bytes)).map_err(BackendError::Damaged)?;
        self.inner.snapshot(fence, &expected, &sealed)?;
        let mut known = self.known();
        known.snapshot = Some((digest(bytes), digest(&sealed)));
        known.is_outdated = false;
        Ok(())
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        self.inner.history()
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        let Some(bytes) = self.inner.history_entry(number)? else { return Ok(None) };
        let name = format!("entry {number} of the history of {}", self.inner.name());
        let opened = self.encryption.open(&name, &bytes).map_err(BackendError::Damaged)?;
        Ok(Some(opened.bytes.into_owned()))
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        // Which entry it is stands in it, and in the chain of their digests.
        let sealed = self.encryption.seal(bytes, Label::default()).map_err(BackendError::Damaged)?;
        self.inner.append_history(fence, number, &sealed)
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        self.inner.prune_history(fence, below)
    }
}

#[cfg(test)]
mod tests;
