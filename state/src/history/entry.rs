//! What an entry holds. Its JSON form is documented in `docs/history.md`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Who does something to a state, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// What it does: `apply`, `state mv`.
    pub verb: String,
    /// The command line, without values.
    pub command: String,
    /// The version of this program.
    pub version: String,
    /// The user of the operating system.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The workspace.
    pub workspace: String,
    /// The folder of the configuration.
    pub folder: String,
    /// What version control says of that folder, where there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<Checkout>,
    /// The pipeline that the process runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
}

/// What git says of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkout {
    /// The commit that is checked out; empty where there is none yet.
    pub commit: String,
    /// The branch; empty where none is checked out.
    pub branch: String,
    /// Whether files of the folder differ from the commit; nothing where git did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_dirty: Option<bool>,
}

/// One run of a CI system, by its usual environment variables. What it does not say is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Pipeline {
    /// The system: `github`.
    pub system: String,
    /// The run's number or id.
    pub run: String,
    /// Where it is shown.
    pub url: String,
    /// The commit that it is about.
    pub commit: String,
    /// Who started it.
    pub actor: String,
}

/// What is known when something begins, as the journal keeps it.
#[derive(Clone, Serialize, Deserialize)]
pub struct About {
    /// The run, or what names an edit by hand.
    pub run: String,
    /// RFC 3339.
    pub time: String,
    /// Who, and from where.
    pub origin: Origin,
    /// The plan of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanRecord>>,
}

/// What is kept of a plan.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanRecord {
    /// SHA-256 of the plan's bytes.
    pub digest: String,
    /// `normal`, `destroy` or `refresh-only`.
    pub mode: String,
    /// The addresses that it was confined to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The addresses that it left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<String>,
    /// The files of the configuration.
    pub files: Vec<StoredFile>,
    /// Their texts: a JSON object by path, as gzip in base64. See [`super::unpack`].
    pub texts: String,
    /// Variables as they were given: each with its type and its value.
    pub variables: BTreeMap<String, Box<RawValue>>,
    /// Those among them that are sensitive: never shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// Variables that were given and are not kept: sensitive ones where nothing is encrypted, and ephemeral ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// A file of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// From the folder of the configuration.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Whether its text is kept.
    pub is_kept: bool,
}

/// One entry.
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    /// From 1; each is one more than the one before.
    pub number: u64,
    /// The digest of the entry before; empty for the first.
    pub previous: String,
    /// The state it is about.
    pub lineage: String,
    /// The run, or what names an edit by hand.
    pub run: String,
    /// RFC 3339.
    pub begun: String,
    /// RFC 3339: when the entry was written.
    pub ended: String,
    /// `done`, `failed`, `rolled-back`, `partly-rolled-back`.
    pub result: String,
    /// Who, and from where.
    pub origin: Origin,
    /// Who ended it, where that was another process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Origin>,
    /// The plan of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanRecord>>,
    /// How many objects.
    pub counts: Counts,
    /// Acts on targets, in the order in which they began.
    pub steps: Vec<Step>,
    /// What was done to the state alone.
    pub edits: Vec<Edit>,
    /// The state before and after.
    pub state: StateRecord,
}

/// How many objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Made.
    pub added: u64,
    /// Changed in place.
    pub changed: u64,
    /// Removed.
    pub destroyed: u64,
    /// Taken into the state as they stood.
    pub imported: u64,
    /// Taken out of the state.
    pub forgotten: u64,
    /// Acts that failed.
    pub failed: u64,
}

/// One act on a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The object.
    pub address: String,
    /// `create`, `update`, `delete`, `read`, `provision`.
    pub action: String,
    /// The idempotency key that went with the call.
    pub token: String,
    /// RFC 3339.
    pub begun: String,
    /// The id that the target answered before it was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// What the target calls the requests that were sent for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<String>,
    /// `done`, `failed`, `partial` (failed, and something stands all the same), `open` (nobody can say).
    pub outcome: String,
    /// Whether it undid another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
}

/// One change of the state alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// `move`, `import`, `forget`, `taint`, `untaint`, `restore`, `refresh`, `push`, `prune`.
    pub action: String,
    /// The object, or what it is about.
    pub address: String,
    /// Where it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The state before and after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateRecord {
    /// As it was.
    pub before: Version,
    /// As it was left.
    pub after: Version,
}

/// Which version of a state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Version {
    /// Its serial.
    pub serial: u64,
    /// SHA-256 of the snapshot's bytes; empty where there is none.
    pub digest: String,
}
