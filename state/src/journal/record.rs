//! The records, as data. Each is one line of JSON in the journal.
//!
//! Invariant: no debug form shows a plan, a recipe, a cursor or an object's attributes.

use crate::address::{Address, DeposedKey, Edge, ObjectKey};
use crate::model::{Object, OutputValue, Target};
use arcstr::ArcStr;
use indexmap::IndexMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The idempotency key of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Token(pub ArcStr);

/// What a step does to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Removes it.
    Delete,
    /// Reads a data source.
    Read,
}

/// An act that is about to begin: enough to repeat the call.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Intent {
    /// The object.
    pub key: ObjectKey,
    /// The idempotency key.
    pub token: Token,
    /// What is done.
    pub operation: Operation,
    /// The step of the recorded plan.
    pub step: u32,
    /// Rises only after a definite failure.
    pub attempt: u32,
    /// The stage of the plan.
    pub stage: u32,
    /// RFC 3339.
    pub time: String,
    /// What the engine needs to take it up again; opaque here.
    pub recipe: Arc<RawValue>,
}

/// One record.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// A run opens.
    Begin {
        /// The run's id.
        run: String,
        /// The state it works on.
        lineage: String,
        /// The snapshot it works on.
        base_serial: u64,
        /// Digest of the snapshot's bytes; empty when there is none.
        base_digest: String,
        /// RFC 3339.
        time: String,
        /// The whole plan.
        plan: Arc<RawValue>,
    },
    /// An act is about to begin.
    Intent(Box<Intent>),
    /// The target answered with an id.
    Accepted {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// The remote id.
        id: String,
    },
    /// The target works on it.
    Progress {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// The remote id.
        id: String,
        /// What the next poll needs.
        cursor: Arc<RawValue>,
    },
    /// It is finished.
    Done {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// What stands; none when it was removed.
        object: Option<Arc<Object>>,
    },
    /// It failed.
    Failed {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// What stands all the same.
        object: Option<Arc<Object>>,
    },
    /// The current object is set aside and its successor is about to be made: one append.
    Deposed {
        /// The name of the object set aside.
        deposed: DeposedKey,
        /// The successor's intent.
        intent: Box<Intent>,
    },
    /// A deposed object is the current one again.
    Restored {
        /// The instance.
        address: Address,
        /// The name of the object that was set aside.
        deposed: DeposedKey,
    },
    /// An object changed its address.
    Moved {
        /// From here.
        from: Address,
        /// To here.
        to: Address,
    },
    /// An object was adopted.
    Imported {
        /// The object.
        key: ObjectKey,
        /// What stands.
        object: Arc<Object>,
    },
    /// An object leaves the state and stays where it is.
    Forgotten {
        /// The object.
        key: ObjectKey,
        /// The step of the recorded plan, when one did it.
        step: Option<u32>,
    },
    /// An object must be replaced.
    Tainted {
        /// The object.
        key: ObjectKey,
    },
    /// An object need not be replaced after all.
    Untainted {
        /// The object.
        key: ObjectKey,
    },
    /// Readings that differ from what is stored; none where the object is gone.
    Refreshed {
        /// The objects.
        objects: Vec<(ObjectKey, Option<Arc<Object>>)>,
    },
    /// Root outputs; none where one is gone.
    Outputs {
        /// By name.
        outputs: Vec<(ArcStr, Option<OutputValue>)>,
    },
    /// What values in between read.
    NodeEdges {
        /// By name.
        edges: BTreeMap<ArcStr, Vec<Edge>>,
    },
    /// Where provider configurations point, and their configurations.
    Providers {
        /// By address.
        targets: IndexMap<String, Target>,
        /// By address.
        configurations: BTreeMap<String, Arc<RawValue>>,
    },
    /// Results of checks.
    Checks {
        /// As the v4 format has them.
        results: Arc<RawValue>,
    },
    /// All steps of a stage are finished.
    StageFinished {
        /// From 0.
        stage: u32,
    },
    /// The run is over.
    Finished {
        /// Whether anything failed.
        errored: bool,
    },
}

impl Record {
    /// Its kind's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin { .. } => "begin",
            Self::Intent(_) => "intent",
            Self::Accepted { .. } => "accepted",
            Self::Progress { .. } => "progress",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Deposed { .. } => "deposed",
            Self::Restored { .. } => "restored",
            Self::Moved { .. } => "moved",
            Self::Imported { .. } => "imported",
            Self::Forgotten { .. } => "forgotten",
            Self::Tainted { .. } => "tainted",
            Self::Untainted { .. } => "untainted",
            Self::Refreshed { .. } => "refreshed",
            Self::Outputs { .. } => "outputs",
            Self::NodeEdges { .. } => "node-edges",
            Self::Providers { .. } => "providers",
            Self::Checks { .. } => "checks",
            Self::StageFinished { .. } => "stage-finished",
            Self::Finished { .. } => "finished",
        }
    }

    /// The intent in it, where it opens a step.
    pub const fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Intent(intent) | Self::Deposed { intent, .. } => Some(intent),
            _ => None,
        }
    }

    /// The objects it speaks of, in the order of the record. Those of a refresh are many, and are not among them.
    pub fn subjects(&self) -> Vec<ObjectKey> {
        match self {
            Self::Intent(intent) => vec![intent.key.clone()],
            Self::Accepted { key, .. }
            | Self::Progress { key, .. }
            | Self::Done { key, .. }
            | Self::Failed { key, .. }
            | Self::Imported { key, .. }
            | Self::Forgotten { key, .. }
            | Self::Tainted { key }
            | Self::Untainted { key } => vec![key.clone()],
            Self::Moved { from, to } => {
                vec![ObjectKey::current(from.clone()), ObjectKey::current(to.clone())]
            }
            Self::Deposed { deposed, intent } => {
                vec![intent.key.clone(), ObjectKey::deposed(intent.key.address.clone(), deposed.clone())]
            }
            Self::Restored { address, deposed } => {
                vec![
                    ObjectKey::current(address.clone()),
                    ObjectKey::deposed(address.clone(), deposed.clone()),
                ]
            }
            _ => Vec::new(),
        }
    }

    /// The token of the open step that it speaks of.
    pub const fn token(&self) -> Option<&Token> {
        match self {
            Self::Accepted { token, .. }
            | Self::Progress { token, .. }
            | Self::Done { token, .. }
            | Self::Failed { token, .. } => Some(token),
            _ => None,
        }
    }
}

impl fmt::Debug for Intent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Intent")
            .field("key", &self.key)
            .field("operation", &self.operation)
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple(self.name()).field(&self.subjects()).finish()
    }
}
