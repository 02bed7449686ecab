//! The plan as a value: what is shown, saved, compared and applied.
//!
//! Invariant: nothing here calls a provider or evaluates anything; order, replacement, forgetting and stages were
//! decided when the plan was made, and apply only performs them.

use crate::checks::CheckResult;
use crate::focus::Focus;
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::Target;
use formwork_state::{Address, BlockAddress, DeposedKey, Object, ObjectKey, ProviderConfigAddress};
use formwork_value::{Path, Value};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What kind of run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// Make it as the configuration says.
    #[default]
    Normal,
    /// Remove everything.
    Destroy,
    /// Take over what is live, change nothing.
    RefreshOnly,
}

/// What is to happen to one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// A data source is read at apply.
    Read,
    /// It is changed in place.
    Update,
    /// It is removed.
    Delete,
    /// It is removed, then made again.
    DeleteThenCreate,
    /// It is made anew, then the old one is removed.
    CreateThenDelete,
    /// It leaves the state and stays where it is.
    Forget,
    /// It leaves the state and stays where it is, then another is made.
    ForgetThenCreate,
}

impl Action {
    /// Whether another object takes the place of the one that stands.
    pub fn is_replace(self) -> bool {
        matches!(self, Self::DeleteThenCreate | Self::CreateThenDelete | Self::ForgetThenCreate)
    }

    /// Whether it removes what stands.
    pub fn is_destroying(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteThenCreate | Self::CreateThenDelete)
    }
}

/// Why the action is what it is, in plan JSON's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionReason {
    /// The object is tainted.
    ReplaceBecauseTainted,
    /// The user asked for it.
    ReplaceByRequest,
    /// The target cannot change it in place.
    ReplaceBecauseCannotUpdate,
    /// `replace_triggered_by`.
    ReplaceByTriggers,
    /// Its container is replaced (a cluster), and it dies with it.
    ReplaceBecauseContainerReplaced,
    /// Its block is gone.
    DeleteBecauseNoResourceConfig,
    /// The block has neither count nor `for_each` and the instance has a key, or the other way round.
    DeleteBecauseWrongRepetition,
    /// The count is lower.
    DeleteBecauseCountIndex,
    /// The key is gone.
    DeleteBecauseEachKey,
    /// The module instance is gone.
    DeleteBecauseNoModule,
    /// The target of a move is not in the configuration.
    DeleteBecauseNoMoveTarget,
    /// `lifecycle.enabled` is false.
    DeleteBecauseEnabledFalse,
    /// `lifecycle.destroy` is false.
    ForgotBecauseLifecycleDestroyInConfig,
    /// `lifecycle.destroy` was false when the object was last planned, and its block is gone.
    ForgotBecauseLifecycleDestroyInState,
    /// The data source's configuration is not known yet.
    ReadBecauseConfigUnknown,
    /// Something the data source depends on changes.
    ReadBecauseDependencyPending,
}

/// One place in the configuration that forced a change.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cause {
    /// The attribute that differs, as text: `.image`.
    pub attribute: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What the expression there reads: `var.image`, `sim_network.main.id`.
    pub reads: Vec<String>,
    /// Whether the difference forces replacement.
    pub forces_replacement: bool,
}

/// How an object that is adopted was found.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importing {
    /// By its id.
    Id(String),
    /// By its identity: an object.
    Identity(serde_json::Value),
}

/// What is to happen to one object, with both values for the screen.
#[derive(Debug, Clone)]
pub struct Change {
    /// The instance.
    pub address: Address,
    /// Set for an object that was replaced but not removed yet.
    pub deposed: Option<DeposedKey>,
    /// Where the instance was before a move.
    pub previous_address: Option<Address>,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// What is to happen.
    pub action: Action,
    /// Why, in plan JSON's words.
    pub reason: Option<ActionReason>,
    /// The object as it is, marks on; null for a create.
    pub before: Value,
    /// The object after it, unknowns and marks on; null for a delete.
    pub after: Value,
    /// Paths that force replacement.
    pub replace_paths: Vec<Path>,
    /// The places in the configuration behind it.
    pub causes: Vec<Cause>,
    /// The stage it belongs to, from 0.
    pub stage: u32,
    /// The provider's private bytes for the apply.
    pub private: Vec<u8>,
    /// How it was found, when the object is adopted in this plan.
    pub importing: Option<Importing>,
    /// The block that was written for it, where the configuration had none.
    pub generated: Option<String>,
}

impl Change {
    /// Where the state has the object: before a move, where it is moved.
    pub fn prior_address(&self) -> &Address {
        self.previous_address.as_ref().unwrap_or(&self.address)
    }
}

/// An attribute that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct RelevantAttribute {
    /// The instance; without a key also where any instance of a block is meant.
    pub resource: Address,
    /// Steps to the attribute; none for the whole object.
    pub attribute: Vec<AttributeStep>,
}

/// A step to an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum AttributeStep {
    /// An attribute, or a key of a map.
    Name(ArcStr),
    /// A place in a list.
    Index(u64),
}

/// What is to happen to a root output value.
#[derive(Debug, Clone)]
pub struct OutputChange {
    /// Its name.
    pub name: ArcStr,
    /// What it does: create, update, delete or nothing.
    pub action: Action,
    /// The stored value, marks on; null when there is none.
    pub before: Value,
    /// The planned value; null when it goes.
    pub after: Value,
    /// Whether its block says sensitive.
    pub sensitive: bool,
}

/// One act of apply, or a point that orders others.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// Its number: its place in [`Plan::steps`].
    pub id: u32,
    /// What it does.
    pub work: Work,
    /// Steps that must be finished first.
    pub after: Vec<u32>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Makes the object of a change.
    Create {
        /// Place in [`Plan::changes`].
        change: u32,
    },
    /// Changes the object in place.
    Update {
        /// Place in [`Plan::changes`].
        change: u32,
    },
    /// Removes the object: of a delete, or the old one of a replacement.
    Delete {
        /// Place in [`Plan::changes`].
        change: u32,
    },
    /// Reads a data source.
    Read {
        /// Place in [`Plan::changes`].
        change: u32,
    },
    /// Drops the object from the state.
    Forget {
        /// Place in [`Plan::changes`].
        change: u32,
    },
    /// Does nothing: carries order between whole blocks, locals, variables and outputs.
    Barrier,
}

impl Work {
    /// The change it performs.
    pub fn change(&self) -> Option<u32> {
        match self {
            Self::Create { change }
            | Self::Update { change }
            | Self::Delete { change }
            | Self::Read { change }
            | Self::Forget { change } => Some(*change),
            Self::Barrier => None,
        }
    }
}

/// A later part of the plan that can be planned only when the one before it is done.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Stage {
    /// What opens it, for people: `provider["formwork/sim"].cluster is configured from sim_cluster.main, which is created first`.
    pub awaits: String,
    /// What it may do.
    pub envelope: Vec<EnvelopeEntry>,
}

/// What a later stage may do with one block.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EnvelopeEntry {
    /// The block. Where the instances of its module are undecided, their keys are left out and all of them are meant.
    pub block: BlockAddress,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// What may happen to its instances.
    pub actions: Vec<Action>,
    /// How many instances at most; none for any number.
    pub at_most: Option<u64>,
    /// Instances in state that it may touch.
    pub may_touch: Vec<Address>,
    /// Instances whose addresses are known already.
    pub expected: Vec<Address>,
    /// Why it waits, in plan JSON's words: `provider_config_unknown`, `instance_count_unknown`, `deferred_prereq`,
    /// `absent_prereq`.
    pub reason: String,
}

/// What a variable was given as.
#[derive(Debug, Clone)]
pub struct PlannedVariable {
    /// Its final value, marks on.
    pub value: Value,
    /// Whether nothing was given and the default stood in.
    pub is_default: bool,
}

/// Objects as the state is to hold them; none where an object goes.
pub type Rewrites = Vec<(ObjectKey, Option<Arc<Object>>)>;

/// A whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What kind of run.
    pub mode: RunMode,
    /// RFC 3339, what `plantimestamp()` answers.
    pub timestamp: String,
    /// The state it was made from.
    pub lineage: String,
    /// The state it was made from.
    pub base_serial: u64,
    /// The configuration's files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Root variables.
    pub variables: IndexMap<ArcStr, PlannedVariable>,
    /// Values of root variables as they were given, before defaults and conversions; those that are never stored are
    /// not in it.
    pub given: IndexMap<ArcStr, Value>,
    /// Variables whose values are never stored and so were not in what the plan was read from: they are null in
    /// `variables` until they are given again.
    pub ephemeral_variables: Vec<ArcStr>,
    /// What happens to each instance; instances without a change are not in it.
    pub changes: Vec<Change>,
    /// What was found different from the state.
    pub drift: Vec<Change>,
    /// What the changes and outputs read of resources: a change outside matters where it touches one of these.
    pub relevant: Vec<RelevantAttribute>,
    /// What conditions came to.
    pub checks: Vec<CheckResult>,
    /// What happens to each root output.
    pub outputs: Vec<OutputChange>,
    /// The acts, in an order that apply may follow.
    pub steps: Vec<Step>,
    /// Later stages; empty for most plans.
    pub stages: Vec<Stage>,
    /// Where each provider configuration points.
    pub targets: IndexMap<String, Target>,
    /// Objects whose change was in flight when an earlier run ended.
    pub recover: Vec<ObjectKey>,
    /// Warnings that came up.
    pub warnings: Diagnostics,
    /// Whether errors stopped it early: such a plan is only shown.
    pub errored: bool,
    /// Readings that differ from the state, for apply to store; none where the object is gone.
    pub readings: Vec<StoredReading>,
    /// Data sources that were read, for apply to use and to store.
    pub data: Vec<DataResult>,
    /// What it is about.
    pub focus: Focus,
    /// Objects that take another address, in the order in which that is possible.
    pub moves: Vec<Move>,
    /// What the state is to hold before anything is done, where it differs: objects by today's schema, those that a
    /// move gives another type, those whose block's life cycle is another by now. None where an object moved away.
    pub rewrites: Rewrites,
    /// The configurations under which objects of the state are read and removed, by address.
    pub prior_configurations: Vec<(ProviderConfigAddress, Value)>,
}

/// An object that takes another address; those of it that are set aside go along.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Move {
    /// Where the state has it.
    pub from: Address,
    /// Where the configuration has it.
    pub to: Address,
}

/// A reading that differs from what is stored.
#[derive(Debug, Clone)]
pub struct StoredReading {
    /// The object.
    pub key: ObjectKey,
    /// What stands, marks off; none when it is gone.
    pub object: Option<Value>,
    /// The provider's private bytes.
    pub private: Vec<u8>,
    /// Its identity, where its provider tells it.
    pub identity: Option<Value>,
}

/// A data source that was read.
#[derive(Debug, Clone)]
pub struct DataResult {
    /// The instance.
    pub address: Address,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// What was read, marks on.
    pub value: Value,
}

/// The three figures of the summary sentence, and those shown only when not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Created, replacements included.
    pub add: usize,
    /// Changed in place.
    pub change: usize,
    /// Removed, replacements included.
    pub destroy: usize,
    /// Adopted.
    pub import: usize,
    /// Forgotten.
    pub forget: usize,
}

impl Plan {
    /// Counts what it does.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for change in &self.changes {
            summary.import += usize::from(change.importing.is_some());
            match change.action {
                Action::NoOp | Action::Read => {}
                Action::Create => summary.add += 1,
                Action::Update => summary.change += 1,
                Action::Delete => summary.destroy += 1,
                Action::Forget => summary.forget += 1,
                Action::DeleteThenCreate | Action::CreateThenDelete => {
                    summary.add += 1;
                    summary.destroy += 1;
                }
                Action::ForgetThenCreate => {
                    summary.add += 1;
                    summary.forget += 1;
                }
            }
        }
        summary
    }

    /// Whether apply would do anything a user can see.
    pub fn has_changes(&self) -> bool {
        !self.stages.is_empty()
            || !self.recover.is_empty()
            || self.changes.iter().any(|change| {
                change.action != Action::NoOp
                    || change.importing.is_some()
                    || change.previous_address.is_some()
            })
            || self.outputs.iter().any(|output| output.action != Action::NoOp)
    }
}
