//! The door to a place that keeps bytes, the errors it gives, and the kit that every implementation must pass.
//!
//! Invariant: a backend knows snapshots and journal bytes, never what they say. Every write carries the fencing number
//! of the lease it is made under, and a stale one is refused.

pub mod conformance;
pub mod memory;

use formwork_diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// The number that makes a stale holder harmless: it rises with every lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

impl Fence {
    /// No lease, because the user asked for none: writes go through as long as this backend holds no lease.
    pub const NONE: Self = Self(0);
}

/// Who holds a lock, for messages. The keys are those of the lock file that users know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LockHolder {
    /// What it is held for: `apply`.
    pub operation: String,
    /// The holder's process.
    pub pid: u32,
    /// Since when.
    pub created: String,
    /// The holder's version.
    pub version: String,
    /// What is locked.
    pub path: String,
    /// The fencing number.
    pub fence: u64,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Process {} holds the lock on {} for {} since {}.",
            self.pid, self.path, self.operation, self.created
        )
    }
}

/// What kind of thing went wrong in a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No room.
    Full,
    /// No right.
    Denied,
    /// Another holder has the lease.
    Fenced,
    /// The snapshot is not the one that was to be replaced, or a journal entry stands there already.
    Moved,
    /// Anything else.
    Other,
}

/// A failure of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendError {
    /// The kind.
    pub kind: FailureKind,
    /// What was tried, and what the store said.
    pub message: String,
}

impl BackendError {
    /// A failure of a kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A failure of the operating system.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => FailureKind::Full,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                FailureKind::Denied
            }
            _ => FailureKind::Other,
        };
        Self::new(kind, format!("{what}: {error}"))
    }

    /// As a diagnostic with a summary of what could not be done.
    pub fn diagnostic(&self, summary: &str) -> Diagnostic {
        let (code, hint) = match self.kind {
            FailureKind::Full => {
                ("state-full", Some("make room on the disk, then run the same command again"))
            }
            FailureKind::Denied => {
                ("state-denied", Some("check the owner and mode of the file and its folder"))
            }
            FailureKind::Fenced => {
                ("state-fenced", Some("another run took the lock over; run `plan` to see where it stands"))
            }
            FailureKind::Moved => ("state-moved-on", Some("another program wrote the state meanwhile")),
            FailureKind::Other => ("state-backend", None),
        };
        let diagnostic = Diagnostic::error(code, summary, format!("{}.", self.message));
        match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for BackendError {}

/// Why there is no lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseError {
    /// Somebody else holds it; who, if that can be read.
    Held(Option<Box<LockHolder>>),
    /// It could not be asked for.
    Failed(BackendError),
}

/// How far an append must have come before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives the loss of power.
    Flushed,
    /// It comes before every later append; a crash may lose it.
    Ordered,
}

/// What a backend keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The snapshot; none where there never was one.
    pub snapshot: Option<Vec<u8>>,
    /// The journal, all appends in order.
    pub journal: Vec<u8>,
}

/// A place that keeps one state: a snapshot, a journal after it, and a lease.
pub trait Backend: Send + Sync + 'static {
    /// What it is called in messages.
    fn describe(&self) -> String;

    /// Takes the lease, or tries again until `deadline`; no deadline means one try. The holder's fencing number is
    /// filled in by the backend.
    fn lease(&self, holder: &LockHolder, deadline: Option<Instant>) -> Result<Fence, LeaseError>;

    /// Gives the lease back.
    fn release(&self, fence: Fence) -> Result<(), BackendError>;

    /// Reads everything.
    fn load(&self) -> Result<Loaded, BackendError>;

    /// Makes every append under an earlier fence fail from here on. Called after the lease, before the load.
    fn seal(&self, fence: Fence) -> Result<(), BackendError>;

    /// Appends to the journal. `sequence` is the number of the first record in `bytes`; a number that stands there
    /// already is refused. On failure nothing is appended.
    fn append(
        &self,
        fence: Fence,
        sequence: u64,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<(), BackendError>;

    /// Cuts what follows the last whole record of the journal.
    fn repair(&self, fence: Fence, good_length: usize) -> Result<(), BackendError>;

    /// Replaces the snapshot, wholly or not at all, durably. `expected` is the digest of the one to be replaced.
    fn snapshot(&self, fence: Fence, expected: Option<&str>, bytes: &[u8]) -> Result<(), BackendError>;

    /// Removes the journal, which the snapshot holds in full.
    fn discard(&self, fence: Fence) -> Result<(), BackendError>;
}

/// The digest by which a snapshot is told from another: SHA-256 as hexadecimal text.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Moments at which a test may end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// A record was handed on, and nothing of it is written.
    BeforeFlush,
    /// A record is durable.
    AfterFlush,
    /// The new snapshot is written under its other name.
    SnapshotWritten,
    /// The new snapshot has its name.
    SnapshotRenamed,
    /// The journal is about to be removed.
    BeforeJournalRemoval,
}

/// Called at each [`FaultPoint`] with the kind of record; none is set in normal use.
pub type FaultHook = Arc<dyn Fn(FaultPoint, &str) + Send + Sync>;
