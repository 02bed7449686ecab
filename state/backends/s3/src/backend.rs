//! The state of one key.

use crate::store::{Condition, Object, Store, Written};
use formwork_state::backend::{Backend, BackendError, Fence, Holder, Holding, Loaded};
use formwork_state::digest;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a taken lease is asked for again.
const RETRY: Duration = Duration::from_millis(500);

/// How often a write may meet another before it is given up.
const MEETINGS: usize = 20;

/// The body of an entry that says: nothing more comes under this lease.
const CLOSED: &[u8] = b"closed\n";

/// What the lease's object says.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Lease {
    /// The number of the last lease.
    fence: u64,
    /// Who has it; nobody where it was given back.
    holder: Option<Holder>,
    /// Changes with each heartbeat, so that each is a version of its own.
    beat: u64,
    /// Leases that ended without their holder: whoever holds the lease shuts these out before it reads.
    #[serde(default)]
    unclosed: Vec<u64>,
}

/// A lease of this handle.
#[derive(Debug, Clone)]
struct Held {
    fence: Fence,
    lease: Lease,
    etag: String,
    /// The number that the next entry has below the lease's.
    position: u64,
}

/// What this handle knows.
#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// How many entries the journal has, once it was read.
    next_sequence: Option<u64>,
    /// The state's version and the digest of what it holds.
    state: Option<(String, String)>,
}

pub(crate) struct S3Backend {
    store: Arc<Store>,
    path: String,
    lease_duration: Duration,
    use_lockfile: bool,
    known: Mutex<Known>,
}

/// What the keys of a state's journal begin with.
pub(crate) fn journal_prefix(path: &str) -> String {
    format!("{path}.formwork/journal/")
}

/// What the keys of a state's history begin with.
pub(crate) fn history_prefix(path: &str) -> String {
    format!("{path}.formwork/history/")
}

/// A state without the blanks that tell its versions apart; nothing where there is no state.
fn without_blanks(body: &[u8]) -> Option<&[u8]> {
    let length = body.iter().rposition(|byte| *byte != b' ').map_or(0, |at| at + 1);
    Some(&body[..length]).filter(|bytes| !bytes.is_empty())
}

fn contended() -> BackendError {
    BackendError::Failed("others wrote at the same time, again and again".to_owned())
}

impl S3Backend {
    pub(crate) fn new(store: Arc<Store>, path: String, lease_duration: Duration, use_lockfile: bool) -> Self {
        Self { store, path, lease_duration, use_lockfile, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_key(&self) -> String {
        format!("{}.formwork/lease", self.path)
    }

    fn lock_key(&self) -> String {
        format!("{}.tflock", self.path)
    }

    fn entry_key(&self, fence: u64, position: u64) -> String {
        format!("{}{fence:010}/{position:010}", journal_prefix(&self.path))
    }

    fn history_key(&self, number: u64) -> String {
        format!("{}{number:010}", history_prefix(&self.path))
    }

    /// The lease as it stands, with its object.
    fn read_lease(&self) -> Result<Option<(Lease, Object)>, BackendError> {
        let Some(object) = self.store.get(&self.lease_key())? else { return Ok(None) };
        let lease = serde_json::from_slice(&object.body)
            .map_err(|error| BackendError::Failed(format!("{}: {error}", self.lease_key())))?;
        Ok(Some((lease, object)))
    }

    fn write_lease(&self, lease: &Lease, before: Option<&str>) -> Result<Written, BackendError> {
        let text = serde_json::to_vec(lease).map_err(|error| BackendError::Failed(error.to_string()))?;
        self.store.put(&self.lease_key(), &text, before.map_or(Condition::Absent, Condition::Is))
    }

    fn is_overdue(&self, object: &Object) -> bool {
        object.age.is_some_and(|age| age > self.lease_duration)
    }

    /// Tries once: the lease, or who has it.
    fn try_lease(&self, holder: &Holder) -> Result<Result<Held, Option<Holder>>, BackendError> {
        let stands = self.read_lease()?;
        let (before, etag) = match &stands {
            Some((lease, object)) => (lease.clone(), Some(object.etag.as_str())),
            None => (Lease::default(), None),
        };
        let is_taken_over = match (&before.holder, &stands) {
            (Some(other), Some((_, object))) if !self.is_overdue(object) => {
                return Ok(Err(Some(other.clone())));
            }
            (other, _) => other.is_some(),
        };
        let mut unclosed = before.unclosed;
        unclosed.extend(is_taken_over.then_some(before.fence));
        let mut lease = Lease { fence: before.fence + 1, holder: Some(holder.clone()), beat: 0, unclosed };
        let etag = match self.write_lease(&lease, etag)? {
            Written::Done(etag) => etag,
            Written::Refused { was_tried } => match self.read_lease()? {
                // The first answer was lost: the lease is this one already.
                Some((now, object)) if was_tried && now == lease => object.etag,
                now => return Ok(Err(now.and_then(|(lease, _)| lease.holder))),
            },
        };
        for fence in std::mem::take(&mut lease.unclosed) {
            self.shut_out(fence)?;
        }
        Ok(Ok(Held { fence: Fence(lease.fence), lease, etag, position: 0 }))
    }

    /// Makes the store refuse what the holder of a lease might still write: its next entry, and its snapshot.
    fn shut_out(&self, fence: u64) -> Result<(), BackendError> {
        let prefix = format!("{}{fence:010}/", journal_prefix(&self.path));
        for _ in 0..MEETINGS {
            let keys = self.store.list(&prefix)?;
            let last = keys.last().and_then(|key| key.strip_prefix(&prefix)?.parse::<u64>().ok());
            let next = self.entry_key(fence, last.map_or(0, |last| last + 1));
            if let Written::Done(_) = self.store.put(&next, CLOSED, Condition::Absent)? {
                return self.give_another_version();
            }
        }
        Err(contended())
    }

    /// A blank more or less at the end of the state: the same state, and another version.
    fn give_another_version(&self) -> Result<(), BackendError> {
        for _ in 0..MEETINGS {
            let stands = self.store.get(&self.path)?;
            let (body, condition) = match &stands {
                Some(object) if object.body.last() == Some(&b' ') => {
                    let length = object.body.len() - 1;
                    // A version with nothing in it cannot be told from one that a client left half written.
                    let body = if length == 0 { b"  ".to_vec() } else { object.body[..length].to_vec() };
                    (body, Condition::Is(&object.etag))
                }
                Some(object) => ([object.body.as_slice(), b" "].concat(), Condition::Is(&object.etag)),
                None => (b" ".to_vec(), Condition::Absent),
            };
            if let Written::Done(_) = self.store.put(&self.path, &body, condition)? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// OpenTofu's lock: taken where the block says so, respected in any case.
    fn lock_out_others(&self, holder: &Holder) -> Result<Result<(), Option<Holder>>, BackendError> {
        let text = serde_json::json!({
            "ID": holder.id, "Operation": holder.operation, "Info": "formwork", "Version": "",
            "Who": format!("{}@{}", holder.user, holder.host), "Created": holder.since, "Path": self.path,
        });
        let text = text.to_string().into_bytes();
        for _ in 0..MEETINGS {
            match self.store.get(&self.lock_key())? {
                None if !self.use_lockfile => return Ok(Ok(())),
                None => {
                    if let Written::Done(_) = self.store.put(&self.lock_key(), &text, Condition::Absent)? {
                        return Ok(Ok(()));
                    }
                }
                Some(object) => {
                    let info: serde_json::Value = serde_json::from_slice(&object.body).unwrap_or_default();
                    let word = |name: &str| info[name].as_str().unwrap_or_default().to_owned();
                    if word("ID") == holder.id {
                        return Ok(Ok(()));
                    }
                    if word("Info") != "formwork" {
                        let (id, operation, since) = (word("ID"), word("Operation"), word("Created"));
                        return Ok(Err(Some(Holder {
                            id,
                            operation,
                            since,
                            user: word("Who"),
                            ..Holder::default()
                        })));
                    }
                    // One of ours, whose lease is over: this one holds the lease by now.
                    self.store.delete(&self.lock_key())?;
                }
            }
        }
        Err(contended())
    }

    /// The entries of the journal that count, in order: all but those that close a lease.
    fn entries(&self) -> Result<Vec<(String, Vec<u8>)>, BackendError> {
        let mut found = Vec::new();
        for key in self.store.list(&journal_prefix(&self.path))? {
            let Some(object) = self.store.get(&key)? else { continue };
            if object.body != CLOSED {
                found.push((key, object.body));
            }
        }
        Ok(found)
    }

    fn is_still_held(&self, fence: Fence) -> Result<bool, BackendError> {
        if fence == Fence::UNLOCKED {
            return Ok(true);
        }
        let stands = self.read_lease()?;
        Ok(stands.is_some_and(|(lease, _)| lease.holder.is_some() && lease.fence == fence.0))
    }

    /// Whether a lease still stands, asked of the store.
    fn must_be_held(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)?;
        if self.is_still_held(fence)? { Ok(()) } else { Err(BackendError::Fenced) }
    }

    /// What this handle knows of its lease; the store is not asked.
    fn check(&self, fence: Fence) -> Result<(), BackendError> {
        let is_held = self.known().held.as_ref().is_some_and(|held| held.fence == fence);
        if is_held || fence == Fence::UNLOCKED { Ok(()) } else { Err(BackendError::Fenced) }
    }

    /// The next position below a lease's number.
    fn position(&self, fence: Fence) -> Result<u64, BackendError> {
        if let Some(held) = self.known().held.as_ref().filter(|held| held.fence == fence) {
            return Ok(held.position);
        }
        let prefix = format!("{}{:010}/", journal_prefix(&self.path), fence.0);
        let keys = self.store.list(&prefix)?;
        let last = keys.last().and_then(|key| key.strip_prefix(&prefix)?.parse::<u64>().ok());
        Ok(last.map_or(0, |last| last + 1))
    }

    fn next_sequence(&self) -> Result<u64, BackendError> {
        let known = self.known().next_sequence;
        match known {
            Some(next) => Ok(next),
            None => Ok(self.entries()?.len() as u64),
        }
    }

    /// The state's version, and the digest of what it holds, as they were while the lease was held.
    fn version(&self, fence: Fence) -> Result<(Option<String>, String), BackendError> {
        let known = self.known().state.clone();
        if let Some((etag, digest)) = known {
            return Ok((Some(etag), digest));
        }
        let stands = self.store.get(&self.path)?;
        // Asked after: whoever takes over from here on gives the state another version than this one.
        if !self.is_still_held(fence)? {
            return Err(BackendError::Fenced);
        }
        let digest = stands.as_ref().and_then(|object| without_blanks(&object.body)).map(digest);
        Ok((stands.map(|object| object.etag), digest.unwrap_or_default()))
    }
}

impl Backend for S3Backend {
    fn name(&self) -> String {
        format!("s3://{}/{}", self.store.bucket, self.path)
    }

    fn lease_duration(&self) -> Option<Duration> {
        Some(self.lease_duration)
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        loop {
            let other = match self.try_lease(holder)? {
                Ok(held) => {
                    let fence = held.fence;
                    *self.known() = Known { held: Some(held), ..Known::default() };
                    match self.lock_out_others(holder)? {
                        Ok(()) => return Ok(fence),
                        Err(other) => {
                            self.release(fence);
                            other
                        }
                    }
                }
                Err(other) => other,
            };
            if !self.store.network.pause_until(deadline, RETRY)? {
                return Err(BackendError::Held(other.map(Box::new)));
            }
        }
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)?;
        let Some(held) = self.known().held.clone() else { return Ok(()) };
        let lease = Lease { beat: held.lease.beat + 1, ..held.lease.clone() };
        let etag = match self.write_lease(&lease, Some(&held.etag))? {
            Written::Done(etag) => etag,
            Written::Refused { was_tried } => match self.read_lease()? {
                Some((now, object)) if was_tried && now == lease => object.etag,
                _ => return Err(BackendError::Fenced),
            },
        };
        if let Some(held) = self.known().held.as_mut().filter(|held| held.fence == fence) {
            (held.lease, held.etag) = (lease, etag);
        }
        Ok(())
    }

    fn release(&self, fence: Fence) {
        let held = self.known().held.take_if(|held| held.fence == fence);
        let Some(held) = held else { return };
        if self.use_lockfile {
            // One that stays is known to be ours by its words.
            let _ = self.store.delete(&self.lock_key());
        }
        let lease = Lease { holder: None, ..held.lease };
        // A lease that could not be given back is taken over when it is overdue.
        let _ = self.write_lease(&lease, Some(&held.etag));
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        Ok(self.read_lease()?.and_then(|(lease, object)| {
            Some(Holding { holder: lease.holder?, is_overdue: self.is_overdue(&object) })
        }))
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        for _ in 0..MEETINGS {
            let Some((lease, object)) = self.read_lease()? else { return Err(BackendError::NotHeld(None)) };
            match &lease.holder {
                Some(holder) if holder.id == id => {}
                other => return Err(BackendError::NotHeld(other.clone().map(Box::new))),
            }
            let mut free = Lease { holder: None, ..lease.clone() };
            // Should this end before they are shut out, the next holder does it.
            free.unclosed.push(lease.fence);
            // A heartbeat may have come between.
            if let Written::Done(_) = self.write_lease(&free, Some(&object.etag))? {
                return self.shut_out(lease.fence);
            }
        }
        Err(contended())
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        // The journal first: a run that ends meanwhile leaves one that the state holds already.
        let entries = self.entries()?;
        let stands = self.store.get(&self.path)?;
        let next_sequence = entries.len() as u64;
        let snapshot = stands.as_ref().and_then(|object| without_blanks(&object.body)).map(<[u8]>::to_vec);
        let mut known = self.known();
        known.next_sequence = Some(next_sequence);
        let digest = snapshot.as_deref().map(digest).unwrap_or_default();
        known.state = stands.map(|object| (object.etag, digest));
        let journal = entries.into_iter().flat_map(|(_, body)| body).collect();
        Ok(Loaded { snapshot, journal, next_sequence })
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        let expected = self.next_sequence()?;
        if expected != sequence {
            return Err(if self.is_still_held(fence)? {
                BackendError::OutOfSequence { expected, given: sequence }
            } else {
                BackendError::Fenced
            });
        }
        let position = self.position(fence)?;
        let key = self.entry_key(fence.0, position);
        if let Written::Refused { was_tried } = self.store.put(&key, bytes, Condition::Absent)? {
            let stands = self.store.get(&key)?.map(|object| object.body);
            // The first answer was lost: what is there is this.
            if !(was_tried && stands.as_deref() == Some(bytes)) {
                return Err(BackendError::Fenced);
            }
        }
        let mut known = self.known();
        known.next_sequence = Some(sequence + 1);
        if let Some(held) = known.held.as_mut().filter(|held| held.fence == fence) {
            held.position = position + 1;
        }
        Ok(())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        self.must_be_held(fence)?;
        // From the end: what a crash leaves is the beginning, which the state holds already. Entries of later leases
        // are not this one's to end.
        let mine = self.entry_key(fence.0, u64::MAX);
        for (key, _) in self.entries()?.iter().rev() {
            if fence == Fence::UNLOCKED || *key <= mine {
                self.store.delete(key)?;
            }
        }
        self.known().next_sequence = Some(0);
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        let (etag, stands) = self.version(fence)?;
        let refused = |is_held: bool| if is_held { BackendError::Moved } else { BackendError::Fenced };
        if stands != expected {
            return Err(refused(self.is_still_held(fence)?));
        }
        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Is);
        let etag = match self.store.put(&self.path, bytes, condition)? {
            Written::Done(etag) => etag,
            Written::Refused { was_tried } => match self.store.get(&self.path)? {
                // The first answer was lost: what is there is this.
                Some(object) if was_tried && object.body == bytes => object.etag,
                _ => {
                    self.known().state = None;
                    return Err(refused(self.is_still_held(fence)?));
                }
            },
        };
        self.known().state = Some((etag, digest(bytes)));
        Ok(())
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        let prefix = history_prefix(&self.path);
        let keys = self.store.list(&prefix)?;
        Ok(Some(keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.parse().ok()).collect()))
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.store.get(&self.history_key(number))?.map(|object| object.body))
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        // Whoever takes over from here on finds the same run in the journal and the same number taken.
        self.must_be_held(fence)?;
        let key = self.history_key(number);
        let Written::Refused { was_tried } = self.store.put(&key, bytes, Condition::Absent)? else {
            return Ok(());
        };
        let stands = self.store.get(&key)?.map(|object| object.body);
        // The first answer was lost: what is there is this.
        if was_tried && stands.as_deref() == Some(bytes) {
            return Ok(());
        }
        Err(BackendError::OutOfSequence { expected: number + 1, given: number })
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        self.must_be_held(fence)?;
        let numbers = self.history()?.unwrap_or_default();
        numbers
            .into_iter()
            .filter(|number| *number < below)
            .try_for_each(|number| self.store.delete(&self.history_key(number)))
    }
}
