//! The records, as data. Each is one line of JSON in the journal.

use crate::Name;
use crate::address::{Address, DeposedKey, ObjectKey};
use crate::model::{NodeEdges, Object, Outputs, RawJson, Targets, base64_text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// The idempotency key of one attempt, written in its intent and never derived again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(Name);

/// What a token is made of.
#[derive(Debug, Clone, Copy)]
pub struct TokenParts<'a> {
    /// The deployment.
    pub lineage: &'a str,
    /// The run's id.
    pub run: &'a str,
    /// The object acted on.
    pub key: &'a ObjectKey,
    /// What is done to it.
    pub operation: Operation,
    /// The stage of the plan.
    pub stage: u32,
    /// The attempt, which rises only after a definite failure.
    pub attempt: u32,
}

impl Token {
    /// The token of an attempt: 32 hexadecimal digits, which every target's labels and tags can hold.
    pub fn new(parts: &TokenParts<'_>) -> Self {
        const BYTES: usize = 16;
        let text = format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            parts.lineage, parts.run, parts.key, parts.operation, parts.stage, parts.attempt
        );
        let mut digits = String::with_capacity(BYTES * 2);
        for byte in Sha256::digest(text.as_bytes()).iter().take(BYTES) {
            let _ = write!(digits, "{byte:02x}");
        }
        Self(digits.into())
    }

    /// The text.
    pub const fn as_str(&self) -> &Name {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a step does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Deletes it.
    Delete,
    /// Reads a data source during apply.
    Read,
    /// Runs one of its provisioners, by place in the block.
    Provision(u32),
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => out.write_str("create"),
            Self::Update => out.write_str("update"),
            Self::Delete => out.write_str("delete"),
            Self::Read => out.write_str("read"),
            Self::Provision(place) => write!(out, "provisioner {place}"),
        }
    }
}

/// How a run began: over which snapshot, with which plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The run's id.
    pub run: String,
    /// The deployment.
    pub lineage: String,
    /// The serial of the snapshot underneath.
    pub base_serial: u64,
    /// The digest of the snapshot underneath; empty where there is none.
    pub base_digest: String,
    /// When, as the engine's clock says.
    pub time: String,
    /// The whole plan, opaque here.
    pub plan: RawJson,
}

/// What is about to be done to one object: enough to repeat the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The object.
    pub key: ObjectKey,
    /// The idempotency key.
    pub token: Token,
    /// What is done.
    pub operation: Operation,
    /// The step's number in its stage.
    pub step: u32,
    /// The attempt at the step.
    pub attempt: u32,
    /// The stage of the plan.
    pub stage: u32,
    /// When.
    pub time: String,
    /// The object before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Arc<Object>>,
    /// The complete planned value; none for a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<RawJson>,
    /// The bytes that the provider planned.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_text")]
    pub private: Option<Vec<u8>>,
    /// How to find out what became of it, opaque here.
    pub recovery: RawJson,
}

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A run begins.
    Begin(Arc<Begin>),
    /// A step is about to act.
    Intent(Arc<Intent>),
    /// The target took the request and named the object.
    Accepted {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// The target's own id.
        id: String,
    },
    /// The target is still at it.
    Progress {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// Where the provider takes up again.
        cursor: RawJson,
        /// When to ask again.
        ask_again_after_ms: u64,
    },
    /// A step ended as intended.
    Done {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// The object after; none when it was deleted, or when a provisioner left it as it is.
        object: Option<Arc<Object>>,
        /// The step's number.
        step: u32,
    },
    /// A step ended otherwise.
    Failed {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// What stands there in part; none when nothing was done.
        object: Option<Arc<Object>>,
        /// What the target said, without secrets.
        message: String,
    },
    /// An object has another address.
    Moved {
        /// The address before.
        from: Address,
        /// The address after.
        to: Address,
    },
    /// An object that stood in the target is taken over.
    Imported {
        /// The object.
        key: ObjectKey,
        /// As it was read.
        object: Arc<Object>,
    },
    /// An object is no longer looked after, and stays where it is.
    Forgotten {
        /// The object.
        key: ObjectKey,
    },
    /// An object is marked for replacement.
    Tainted {
        /// The object.
        key: ObjectKey,
    },
    /// The mark is taken back.
    Untainted {
        /// The object.
        key: ObjectKey,
    },
    /// Objects were found to differ from state; none for an object that is gone.
    Refreshed {
        /// Those that changed, and no others.
        objects: Vec<(ObjectKey, Option<Arc<Object>>)>,
    },
    /// The current object is set aside and its successor is about to be created: one record, so one append.
    Deposed {
        /// The instance.
        address: Address,
        /// The name that the object set aside has from here on.
        deposed: DeposedKey,
        /// The creation of the successor.
        intent: Arc<Intent>,
    },
    /// The object set aside is the current one again, since no successor came to be.
    Restored {
        /// The instance.
        address: Address,
        /// The object set aside.
        deposed: DeposedKey,
    },
    /// The root outputs, all of them.
    Outputs {
        /// The outputs.
        outputs: Outputs,
    },
    /// The edges of locals, variables and outputs, all of them.
    NodeEdges {
        /// The edges.
        edges: NodeEdges,
    },
    /// Where provider configurations point: these, besides those known.
    Targets {
        /// The targets.
        targets: Targets,
    },
    /// The results of checks, all of them.
    Checks {
        /// In the form of a state file; none when there are no checks.
        results: Option<RawJson>,
    },
    /// A stage has no more steps to start.
    StageFinished {
        /// The stage.
        stage: u32,
    },
    /// The run is over. Steps still open are carried into the next.
    Finished {
        /// Whether something failed.
        errored: bool,
    },
}

impl Record {
    /// The record's name in messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin(_) => "Begin",
            Self::Intent(_) => "Intent",
            Self::Accepted { .. } => "Accepted",
            Self::Progress { .. } => "Progress",
            Self::Done { .. } => "Done",
            Self::Failed { .. } => "Failed",
            Self::Moved { .. } => "Moved",
            Self::Imported { .. } => "Imported",
            Self::Forgotten { .. } => "Forgotten",
            Self::Tainted { .. } => "Tainted",
            Self::Untainted { .. } => "Untainted",
            Self::Refreshed { .. } => "Refreshed",
            Self::Deposed { .. } => "Deposed",
            Self::Restored { .. } => "Restored",
            Self::Outputs { .. } => "Outputs",
            Self::NodeEdges { .. } => "NodeEdges",
            Self::Targets { .. } => "Targets",
            Self::Checks { .. } => "Checks",
            Self::StageFinished { .. } => "StageFinished",
            Self::Finished { .. } => "Finished",
        }
    }

    /// The intent in it, where it opens a step.
    pub const fn intent(&self) -> Option<&Arc<Intent>> {
        match self {
            Self::Intent(intent) | Self::Deposed { intent, .. } => Some(intent),
            _ => None,
        }
    }
}
