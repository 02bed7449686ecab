//! The one state of an address.

use crate::{Journal, Place};
use formwork_state::backend::{Backend, BackendError, Fence, FileBackend, Holder, Holding, Loaded};
use formwork_state::network::http::Answer;
use formwork_state::{RealFiles, digest};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a taken lock is asked for again.
const RETRY: Duration = Duration::from_millis(500);

/// Numbers of leases of this process: the protocol has none.
static LEASES: AtomicU64 = AtomicU64::new(0);

/// What OpenTofu writes into a lock.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct LockInfo {
    #[serde(rename = "ID")]
    id: String,
    operation: String,
    info: String,
    who: String,
    version: String,
    created: String,
    path: String,
}

impl LockInfo {
    fn of(holder: &Holder) -> Self {
        Self {
            id: holder.id.clone(),
            operation: holder.operation.clone(),
            info: format!("{} {}", holder.pid, holder.command).trim_end().to_owned(),
            who: format!("{}@{}", holder.user, holder.host),
            created: holder.since.clone(),
            ..Self::default()
        }
    }

    fn holder(&self) -> Holder {
        let (user, host) = self.who.split_once('@').unwrap_or((&self.who, ""));
        let (pid, command) = self.info.split_once(' ').unwrap_or((&self.info, ""));
        let is_ours = pid.parse::<u32>().is_ok();
        Holder {
            id: self.id.clone(),
            pid: pid.parse().unwrap_or_default(),
            host: host.to_owned(),
            user: user.to_owned(),
            operation: self.operation.clone(),
            command: if is_ours { command.to_owned() } else { self.info.clone() },
            since: self.created.clone(),
        }
    }
}

/// A lease of this handle.
#[derive(Clone)]
struct Held {
    fence: Fence,
    info: LockInfo,
}

pub(crate) struct HttpBackend {
    place: Arc<Place>,
    held: Mutex<Option<Held>>,
    local_journal: Option<FileBackend>,
    /// The history is kept on this machine.
    local: FileBackend,
    /// Number of the next entry of a journal behind HTTP, once it was read.
    next_sequence: Mutex<Option<u64>>,
}

fn unexpected(what: &str, answer: &Answer) -> BackendError {
    BackendError::Failed(match answer.status {
        401 => format!("{what}: the endpoint requires authentication"),
        403 => format!("{what}: the endpoint refuses these credentials"),
        status => format!("{what}: unexpected HTTP response code {status}"),
    })
}

impl HttpBackend {
    pub(crate) fn new(place: Arc<Place>) -> Self {
        let local_journal = match &place.journal {
            Journal::Local(path) => Some(FileBackend::new(path, Arc::new(RealFiles))),
            Journal::Remote(_) => None,
        };
        let local = FileBackend::new(&place.local, Arc::new(RealFiles));
        Self { place, held: Mutex::default(), local_journal, local, next_sequence: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sequence(&self) -> MutexGuard<'_, Option<u64>> {
        self.next_sequence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this handle knows of its lease; the server is not asked.
    fn check(&self, fence: Fence) -> Result<(), BackendError> {
        let is_held = self.held().as_ref().is_some_and(|held| held.fence == fence);
        if is_held || fence == Fence::UNLOCKED { Ok(()) } else { Err(BackendError::Fenced) }
    }

    /// Asks for the lock: who has it, where it is not given.
    fn lock(&self, info: &LockInfo) -> Result<Result<(), LockInfo>, BackendError> {
        let Some((address, method)) = &self.place.lock else { return Ok(Ok(())) };
        let text = serde_json::to_vec(info).map_err(|error| BackendError::Failed(error.to_string()))?;
        let answer = self.place.endpoint.ask(method, address, &text)?;
        match answer.status {
            200..300 => Ok(Ok(())),
            409 | 423 => {
                let other: LockInfo = serde_json::from_slice(&answer.body).unwrap_or_default();
                // An answer that was lost: the lock is this one already.
                Ok(if other.id == info.id && !info.id.is_empty() { Ok(()) } else { Err(other) })
            }
            _ => Err(unexpected("lock", &answer)),
        }
    }

    fn unlock(&self, info: &LockInfo) -> Result<(), BackendError> {
        let Some((address, method)) = &self.place.unlock else { return Ok(()) };
        let text = serde_json::to_vec(info).map_err(|error| BackendError::Failed(error.to_string()))?;
        let answer = self.place.endpoint.ask(method, address, &text)?;
        if answer.is_good() { Ok(()) } else { Err(unexpected("unlock", &answer)) }
    }

    fn get(&self, address: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let answer = self.place.endpoint.ask("GET", address, b"")?;
        match answer.status {
            200 => Ok(Some(answer.body).filter(|body| !body.is_empty())),
            204 | 404 => Ok(None),
            _ => Err(unexpected("get", &answer)),
        }
    }

    fn entry(&self, sequence: u64) -> String {
        match &self.place.journal {
            Journal::Remote(address) => format!("{address}/{sequence}"),
            Journal::Local(_) => String::new(),
        }
    }

    fn remote_journal(&self) -> Result<(Vec<u8>, u64), BackendError> {
        let (mut bytes, mut sequence) = (Vec::new(), 0);
        while let Some(entry) = self.get(&self.entry(sequence))? {
            bytes.extend(entry);
            sequence += 1;
        }
        *self.sequence() = Some(sequence);
        Ok((bytes, sequence))
    }

    fn next(&self) -> Result<u64, BackendError> {
        let known = *self.sequence();
        known.map_or_else(|| self.remote_journal().map(|(_, next)| next), Ok)
    }
}

impl Backend for HttpBackend {
    fn name(&self) -> String {
        self.place.name()
    }

    fn lease_duration(&self) -> Option<Duration> {
        None
    }

    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError> {
        let info = LockInfo::of(holder);
        let deadline = Instant::now() + Duration::from_millis(timeout_ms);
        while let Err(other) = self.lock(&info)? {
            if !self.place.endpoint.pause_until(deadline, RETRY)? {
                return Err(BackendError::Held(Some(Box::new(other.holder()))));
            }
        }
        if let Some(local) = &self.local_journal {
            // Another holder may have ended the journal since this handle looked at it.
            local.load()?;
        }
        let fence = Fence(LEASES.fetch_add(1, Ordering::SeqCst) + 1);
        *self.held() = Some(Held { fence, info });
        *self.sequence() = None;
        Ok(fence)
    }

    fn renew(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)
    }

    fn release(&self, fence: Fence) {
        let held = self.held().take_if(|held| held.fence == fence);
        // A lock that could not be given back is told to the next who asks for it.
        let _ = held.map(|held| self.unlock(&held.info));
    }

    fn holding(&self) -> Result<Option<Holding>, BackendError> {
        // The protocol has no question for it but the lock itself.
        let probe =
            LockInfo { operation: "lock show".to_owned(), id: "lock-show".to_owned(), ..LockInfo::default() };
        match self.lock(&probe)? {
            Ok(()) => self.unlock(&probe).map(|()| None),
            Err(other) => Ok(Some(Holding { holder: other.holder(), is_overdue: false })),
        }
    }

    fn break_lease(&self, id: &str) -> Result<(), BackendError> {
        match self.holding()? {
            Some(holding) if holding.holder.id == id => {
                self.unlock(&LockInfo { id: id.to_owned(), ..LockInfo::of(&holding.holder) })
            }
            other => Err(BackendError::NotHeld(other.map(|holding| Box::new(holding.holder)))),
        }
    }

    fn load(&self) -> Result<Loaded, BackendError> {
        let (journal, next_sequence) = match &self.local_journal {
            Some(local) => local.load().map(|loaded| (loaded.journal, loaded.next_sequence))?,
            None => self.remote_journal()?,
        };
        // Read after the journal: a run that ends meanwhile leaves one that the snapshot holds already.
        let snapshot = self.get(&self.place.address)?;
        Ok(Loaded { snapshot, journal, next_sequence })
    }

    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        if let Some(local) = &self.local_journal {
            return local.append(Fence::UNLOCKED, sequence, bytes);
        }
        let expected = self.next()?;
        if expected != sequence {
            return Err(BackendError::OutOfSequence { expected, given: sequence });
        }
        let answer = self.place.endpoint.ask(&self.place.update_method, &self.entry(sequence), bytes)?;
        if !answer.is_good() {
            return Err(unexpected("append to the journal", &answer));
        }
        *self.sequence() = Some(sequence + 1);
        Ok(())
    }

    fn seal(&self, fence: Fence) -> Result<(), BackendError> {
        self.check(fence)?;
        if let Some(local) = &self.local_journal {
            return local.seal(Fence::UNLOCKED);
        }
        // From the end: what a crash leaves is the beginning, which the snapshot holds already.
        for sequence in (0..self.next()?).rev() {
            let answer = self.place.endpoint.ask("DELETE", &self.entry(sequence), b"")?;
            if !answer.is_good() && answer.status != 404 {
                return Err(unexpected("end the journal", &answer));
            }
        }
        *self.sequence() = Some(0);
        Ok(())
    }

    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        let before = self.get(&self.place.address)?;
        if before.as_deref().map(digest).unwrap_or_default() != expected {
            return Err(BackendError::Moved);
        }
        let id = self.held().as_ref().map(|held| held.info.id.clone()).filter(|_| self.place.lock.is_some());
        let mut address = self.place.address.clone();
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            address.push_str(if address.contains('?') { "&ID=" } else { "?ID=" });
            address.push_str(&id);
        }
        let answer = self.place.endpoint.ask(&self.place.update_method, &address, bytes)?;
        if answer.is_good() { Ok(()) } else { Err(unexpected("write the state", &answer)) }
    }

    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        self.local.history()
    }

    fn history_entry(&self, number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        self.local.history_entry(number)
    }

    fn append_history(&self, fence: Fence, number: u64, bytes: &[u8]) -> Result<(), BackendError> {
        self.check(fence)?;
        self.local.append_history(Fence::UNLOCKED, number, bytes)
    }

    fn prune_history(&self, fence: Fence, below: u64) -> Result<(), BackendError> {
        self.check(fence)?;
        self.local.prune_history(Fence::UNLOCKED, below)
    }
}
