//! Where a state is kept: the few operations that a store asks of a place.
//!
//! Invariant: every write carries the fencing number of the lease it is made under, and a place refuses one that is
//! not the last holder's. A backend keeps bytes; it never decodes a snapshot.

pub mod conformance;
mod file;
mod memory;
pub mod relay;
mod sealed;

pub use file::FileBackend;
pub use memory::MemoryBackend;
pub use sealed::SealedBackend;

use crate::repair::Wreck;
use formwork_diagnostic::Diagnostic;
use std::fmt;
use std::time::Duration;

/// The number of a lease; each lease of a place has a higher one than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub u64);

impl Fence {
    /// No lease: the user asked for none (`-lock=false`), so nothing is checked.
    pub const UNLOCKED: Self = Self(0);
}

/// Who holds a lease, for others to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Holder {
    /// What names this holding of the lease and no other: `force-unlock` takes it.
    pub id: String,
    /// The process.
    pub pid: u32,
    /// The machine that it runs on.
    pub host: String,
    /// Whose process it is.
    pub user: String,
    /// What it does: `apply`.
    pub operation: String,
    /// The command line, without values.
    pub command: String,
    /// RFC 3339.
    pub since: String,
}

impl Holder {
    /// The process, with whose and where it is as far as that is known: `process 7 of ada@host`.
    pub fn who(&self) -> String {
        match (self.user.as_str(), self.host.as_str()) {
            ("", "") => format!("process {}", self.pid),
            ("", host) => format!("process {} on {host}", self.pid),
            (user, "") => format!("process {} of {user}", self.pid),
            (user, host) => format!("process {} of {user}@{host}", self.pid),
        }
    }
}

/// A lease that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Who has it.
    pub holder: Holder,
    /// Whether its heartbeat is overdue: whoever asks for the lease next gets it.
    pub is_overdue: bool,
}

/// What a place holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The snapshot; none where nothing was ever written.
    pub snapshot: Option<Vec<u8>>,
    /// The journal's entries in their order; one that a crash cut off is left out.
    pub journal: Vec<u8>,
    /// The number that the next entry has.
    pub next_sequence: u64,
}

/// Why a place did not do what it was asked.
#[derive(Debug, Clone)]
pub enum BackendError {
    /// Another process holds the lease, and did for as long as was waited.
    Held(Option<Box<Holder>>),
    /// The lease is over: somebody else has one.
    Fenced,
    /// The lease that was named is not the one that stands.
    NotHeld(Option<Box<Holder>>),
    /// The entry is not the next one: somebody else wrote.
    OutOfSequence {
        /// The number that the next entry has.
        expected: u64,
        /// The number that was given.
        given: u64,
    },
    /// The snapshot is not the one that was expected: somebody else wrote.
    Moved,
    /// What is kept cannot be understood.
    Damaged(Diagnostic),
    /// The place answered with an error.
    Failed(String),
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Some(holder)) => {
                write!(f, "{} holds the lock for {} since {}", holder.who(), holder.operation, holder.since)
            }
            Self::Held(None) => f.write_str("another process holds the lock"),
            Self::NotHeld(Some(holder)) => write!(f, "the lock that stands has the ID {:?}", holder.id),
            Self::NotHeld(None) => f.write_str("nobody holds the lock"),
            Self::Fenced => f.write_str("the lock was lost to another process"),
            Self::OutOfSequence { expected, given } => {
                write!(f, "another process wrote to the journal: entry {expected} comes next, not {given}")
            }
            Self::Moved => f.write_str("another process replaced the snapshot"),
            Self::Damaged(diagnostic) => f.write_str(&diagnostic.detail),
            Self::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for BackendError {}

impl From<std::io::Error> for BackendError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// One place that keeps one state. Calls block; a store makes those of the journal from a thread of its own.
pub trait Backend: Send + Sync {
    /// What people call it: a path, a URL.
    fn name(&self) -> String;

    /// Whether the lock is the operating system's own: of this machine alone, and gone with its process.
    fn is_on_this_machine(&self) -> bool {
        false
    }

    /// Whether what it is handed is encrypted before it is kept.
    fn seals(&self) -> bool {
        false
    }

    /// Whether the snapshot that was loaded is kept otherwise than it would be written today.
    fn is_outdated(&self) -> bool {
        false
    }

    /// How long a lease lives without a heartbeat; none where it lives until it is given back.
    fn lease_duration(&self) -> Option<Duration>;

    /// Takes the lease, waiting for it at most so long. One whose heartbeat is overdue is taken over: from then on the
    /// place refuses its holder.
    fn lease(&self, holder: &Holder, timeout_ms: u64) -> Result<Fence, BackendError>;

    /// The heartbeat: the lease lives for another [`Backend::lease_duration`]. [`BackendError::Fenced`] when somebody
    /// else has one.
    fn renew(&self, fence: Fence) -> Result<(), BackendError>;

    /// Gives a lease back; nothing happens when it is over already.
    fn release(&self, fence: Fence);

    /// The lease that stands, whose-ever it is.
    fn holding(&self) -> Result<Option<Holding>, BackendError>;

    /// Ends the lease with this id, whose-ever it is: its holder is refused from then on.
    fn break_lease(&self, id: &str) -> Result<(), BackendError>;

    /// What is there.
    fn load(&self) -> Result<Loaded, BackendError>;

    /// What is there, whatever its condition: for repair.
    fn wreck(&self) -> Result<Wreck, BackendError> {
        let Loaded { snapshot, journal, .. } = self.load()?;
        Ok(Wreck::in_clear(snapshot, journal))
    }

    /// Adds one entry to the journal: durable when this returns, and not there at all when it fails.
    fn append(&self, fence: Fence, sequence: u64, bytes: &[u8]) -> Result<(), BackendError>;

    /// Ends the journal, whose entries are in the snapshot; the next entry has number 0.
    fn seal(&self, fence: Fence) -> Result<(), BackendError>;

    /// Replaces the snapshot whose [`digest`](crate::digest) is `expected` (empty: there is none), whole or not at all.
    fn snapshot(&self, fence: Fence, expected: &str, bytes: &[u8]) -> Result<(), BackendError>;

    /// Numbers of the entries of the [history](crate::history) that are kept, in order; nothing where the place keeps
    /// no history.
    fn history(&self) -> Result<Option<Vec<u64>>, BackendError> {
        Ok(None)
    }

    /// An entry of the history.
    fn history_entry(&self, _number: u64) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    /// Adds an entry to the history: whole and durable when this returns, and not there at all when it fails.
    /// [`BackendError::OutOfSequence`] where the number is taken.
    fn append_history(&self, _fence: Fence, _number: u64, _bytes: &[u8]) -> Result<(), BackendError> {
        Err(keeps_no_history())
    }

    /// Removes the entries of the history below a number.
    fn prune_history(&self, _fence: Fence, _below: u64) -> Result<(), BackendError> {
        Err(keeps_no_history())
    }
}

fn keeps_no_history() -> BackendError {
    BackendError::Failed("this place keeps no history".to_owned())
}
