//! The journal: what is about to be done and what came of it, and the fold that makes state of it.
//!
//! Invariant: [`fold`] is the only way that a record changes a state, and [`Transition`] the only table of what is
//! legal; folding is pure and costs O(1) a record.

mod undo;

pub use undo::{ROLLBACK_STAGE, Undo, UndoAct};

use crate::address::{Address, DeposedKey, Edge, ObjectKey};
use crate::history::About;
use crate::json_text::is_same;
use crate::model::{Object, OutputValue, State, Status, Target};
use arcstr::ArcStr;
use indexmap::IndexMap;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Runs a provisioner: after the object was made, or before it is removed.
    Provision,
}

impl Operation {
    /// What people call it: the word that it is stored as.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Provision => "provision",
        }
    }
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
    /// How many acts of the same step follow it: the step is finished only with the last of them.
    #[serde(default, skip_serializing_if = "is_last")]
    pub followed_by: u32,
    /// What the engine needs to take it up again; opaque here.
    pub recipe: Arc<RawValue>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that the serializer asks for")]
fn is_last(followed_by: &u32) -> bool {
    *followed_by == 0
}

/// One record.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// Who does what follows, for the history.
    About(Box<About>),
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
    /// What the target calls the requests of an act: for the history alone.
    Answered {
        /// The object.
        key: ObjectKey,
        /// Of the open intent.
        token: Token,
        /// The names, in order.
        requests: Vec<String>,
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
    /// An instance changed its address, with all objects it has.
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
    /// Should the run fail, what it did is undone: so it was approved.
    UndoOnFailure,
    /// The run failed, and what it did is being undone. No step of its plan begins any more.
    RollbackBegun,
    /// What can be undone is undone, and what is no object is as it was before the run.
    RollbackEnded {
        /// Whether that is everything.
        is_whole: bool,
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

/// An act that began and whose outcome is not recorded.
#[derive(Clone)]
pub struct OpenStep {
    /// What began.
    pub intent: Intent,
    /// The remote id, once the target answered.
    pub accepted: Option<String>,
    /// What the next poll needs, once the target answered that it works on it.
    pub cursor: Option<Arc<RawValue>>,
    /// The object that was set aside for what it makes.
    pub set_aside: Option<DeposedKey>,
}

/// A step of which some acts are finished and others have not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialStep {
    /// The step of the recorded plan.
    pub step: u32,
    /// Whether its object was made, and provisioners are still to run; else it is to be removed.
    pub is_made: bool,
    /// How many provisioners are finished.
    pub provisioned: u32,
}

/// A run that is not over.
#[derive(Clone)]
pub struct OpenRun {
    /// Its id.
    pub run: String,
    /// When it began.
    pub time: String,
    /// Its whole plan.
    pub plan: Arc<RawValue>,
    /// Acts in flight, by object.
    pub open: IndexMap<ObjectKey, OpenStep>,
    /// Steps that are neither finished nor about to be, by object.
    pub partial: IndexMap<ObjectKey, PartialStep>,
    /// Steps of the current stage's plan that are finished.
    pub finished_steps: BTreeSet<u32>,
    /// The stage that runs, from 0.
    pub stage: u32,
    /// What it takes to undo it, where that was approved.
    pub undo: Option<Undo>,
}

impl OpenRun {
    /// Whether it failed and is being undone.
    pub fn is_rolling_back(&self) -> bool {
        self.undo.as_ref().is_some_and(|undo| undo.has_begun)
    }

    /// Whether nothing is in flight, so that the run may be closed.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty() && self.partial.values().all(|step| !step.is_made)
    }

    /// The objects in flight: an act is open, or what was made is still to be provisioned.
    pub fn in_flight(&self) -> impl Iterator<Item = &ObjectKey> {
        let made = self.partial.iter().filter(|(key, step)| step.is_made && !self.open.contains_key(*key));
        self.open.keys().chain(made.map(|(key, _)| key))
    }

    /// Whether an object is in flight.
    pub fn is_in_flight(&self, key: &ObjectKey) -> bool {
        self.open.contains_key(key) || self.partial.get(key).is_some_and(|step| step.is_made)
    }
}

/// A snapshot with the journal folded in.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// The state.
    pub state: State,
    /// The run that is not over, if there is one.
    pub run: Option<OpenRun>,
    /// Whether the state differs from the snapshot.
    pub is_changed: bool,
}

// No debug form shows a plan, a recipe, a cursor or what an object holds: any of them may be secret.

impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intent")
            .field("key", &self.key)
            .field("operation", &self.operation)
            .field("step", &self.step)
            .field("attempt", &self.attempt)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name()).field(&self.keys()).finish()
    }
}

impl fmt::Debug for OpenStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStep")
            .field("intent", &self.intent)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRun")
            .field("run", &self.run)
            .field("open", &self.open)
            .field("partial", &self.partial)
            .field("finished_steps", &self.finished_steps)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// A record that may not follow those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTransition {
    /// What may not.
    pub record: &'static str,
    /// Why not.
    pub reason: String,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} record may not stand here: {}", self.record, self.reason)
    }
}

impl std::error::Error for IllegalTransition {}

/// What must hold before a record, besides an open run.
enum Transition {
    /// No run is open.
    NoRun,
    /// A run may be open or not.
    Anywhere,
    /// A run may be open or not, and the objects have no open intent: verbs that change the state alone.
    Untouched,
    /// A run is open, and the object has no open intent.
    Closed,
    /// The object has an open intent with this very token.
    Open,
    /// No intent is open at all.
    AllClosed,
}

impl Record {
    /// Its name, and what must hold before it: the one table of legal transitions.
    fn rule(&self) -> (&'static str, Transition) {
        match self {
            Self::About(_) => ("about", Transition::NoRun),
            Self::Begin { .. } => ("begin", Transition::NoRun),
            Self::Intent(_) => ("intent", Transition::Closed),
            Self::Accepted { .. } => ("accepted", Transition::Open),
            Self::Answered { .. } => ("answered", Transition::Open),
            Self::Progress { .. } => ("progress", Transition::Open),
            Self::Done { .. } => ("done", Transition::Open),
            Self::Failed { .. } => ("failed", Transition::Open),
            Self::Deposed { .. } => ("deposed", Transition::Closed),
            Self::Restored { .. } => ("restored", Transition::Closed),
            Self::Moved { .. } => ("moved", Transition::Untouched),
            Self::Imported { .. } => ("imported", Transition::Untouched),
            Self::Forgotten { .. } => ("forgotten", Transition::Anywhere),
            Self::Tainted { .. } => ("tainted", Transition::Untouched),
            Self::Untainted { .. } => ("untainted", Transition::Untouched),
            Self::Refreshed { .. } => ("refreshed", Transition::Anywhere),
            Self::Outputs { .. } => ("outputs", Transition::Anywhere),
            Self::NodeEdges { .. } => ("node-edges", Transition::Anywhere),
            Self::Providers { .. } => ("providers", Transition::Anywhere),
            Self::Checks { .. } => ("checks", Transition::Anywhere),
            Self::UndoOnFailure => ("undo-on-failure", Transition::AllClosed),
            Self::RollbackBegun => ("rollback-begun", Transition::Closed),
            Self::RollbackEnded { .. } => ("rollback-ended", Transition::Closed),
            Self::StageFinished { .. } => ("stage-finished", Transition::AllClosed),
            Self::Finished { .. } => ("finished", Transition::AllClosed),
        }
    }

    /// Its kind's name.
    pub fn name(&self) -> &'static str {
        self.rule().0
    }

    /// The objects that it is about, where a rule asks.
    fn keys(&self) -> Vec<ObjectKey> {
        match self {
            Self::Intent(intent) | Self::Deposed { intent, .. } => vec![intent.key.clone()],
            Self::Accepted { key, .. }
            | Self::Answered { key, .. }
            | Self::Progress { key, .. }
            | Self::Done { key, .. }
            | Self::Failed { key, .. }
            | Self::Imported { key, .. }
            | Self::Tainted { key }
            | Self::Untainted { key } => vec![key.clone()],
            Self::Restored { address, .. } => vec![ObjectKey::current(address.clone())],
            Self::Moved { from, to } => {
                vec![ObjectKey::current(from.clone()), ObjectKey::current(to.clone())]
            }
            _ => Vec::new(),
        }
    }

    /// Where it puts an object: one that stands there already would be lost.
    fn destination(&self, state: &State) -> Option<ObjectKey> {
        let set_aside = |address: &Address, deposed: &DeposedKey| ObjectKey {
            address: address.clone(),
            deposed: Some(deposed.clone()),
        };
        match self {
            Self::Imported { key, .. } => Some(key.clone()),
            Self::Moved { from, to } => state.current(from).map(|_| ObjectKey::current(to.clone())),
            Self::Deposed { deposed, intent } => {
                state.object(&intent.key).map(|_| set_aside(&intent.key.address, deposed))
            }
            Self::Restored { address, deposed } => {
                state.object(&set_aside(address, deposed)).map(|_| ObjectKey::current(address.clone()))
            }
            _ => None,
        }
    }

    fn token(&self) -> Option<&Token> {
        match self {
            Self::Accepted { token, .. }
            | Self::Answered { token, .. }
            | Self::Progress { token, .. }
            | Self::Done { token, .. }
            | Self::Failed { token, .. } => Some(token),
            _ => None,
        }
    }
}

fn check(folded: &Folded, record: &Record) -> Result<(), IllegalTransition> {
    let (name, rule) = record.rule();
    let refuse = |reason: String| Err(IllegalTransition { record: name, reason });
    let run = folded.run.as_ref();
    let open = run.and_then(|run| record.keys().iter().find_map(|key| run.open.get(key)));
    match (rule, open) {
        (Transition::NoRun, _) if run.is_some() => return refuse("a run is open already".to_owned()),
        (Transition::Closed | Transition::Open | Transition::AllClosed, _) if run.is_none() => {
            return refuse("no run is open".to_owned());
        }
        (Transition::Untouched | Transition::Closed, Some(open)) => {
            return refuse(format!("{} has an open intent", open.intent.key));
        }
        (Transition::Open, None) => return refuse("the object has no open intent".to_owned()),
        (Transition::Open, Some(open)) if Some(&open.intent.token) != record.token() => {
            return refuse("its token is not the open intent's".to_owned());
        }
        (Transition::AllClosed, _) if run.is_some_and(|run| !run.is_settled()) => {
            return refuse("acts are in flight".to_owned());
        }
        _ => {}
    }
    if let (Record::StageFinished { stage }, Some(run)) = (record, run)
        && *stage != run.stage
    {
        return refuse(format!("stage {} runs, not {stage}", run.stage));
    }
    match record.destination(&folded.state) {
        Some(key) if folded.state.object(&key).is_some() => refuse(format!("{key} would be lost")),
        _ => Ok(()),
    }
}

/// Takes one record into the state. Nothing changes when it is refused.
pub fn fold(folded: &mut Folded, record: &Record) -> Result<(), IllegalTransition> {
    check(folded, record)?;
    folded.is_changed |= changes_state(&folded.state, record);
    match record {
        Record::Begin { run, time, plan, .. } => {
            folded.run = Some(OpenRun {
                run: run.clone(),
                time: time.clone(),
                plan: plan.clone(),
                open: IndexMap::new(),
                partial: IndexMap::new(),
                finished_steps: BTreeSet::new(),
                stage: 0,
                undo: None,
            });
        }
        Record::Intent(intent) => open_step(folded, intent, None),
        Record::Accepted { key, id, .. } => {
            if let Some(step) = folded.run.as_mut().and_then(|run| run.open.get_mut(key)) {
                step.accepted = Some(id.clone());
            }
        }
        Record::Progress { key, id, cursor, .. } => {
            if let Some(step) = folded.run.as_mut().and_then(|run| run.open.get_mut(key)) {
                step.accepted = Some(id.clone());
                step.cursor = Some(cursor.clone());
            }
        }
        Record::Done { key, object, .. } => close_step(folded, key, object.as_ref(), true),
        Record::Failed { key, object, .. } => close_step(folded, key, object.as_ref(), false),
        Record::Deposed { deposed, intent } => {
            let state = &mut folded.state;
            if let Some(object) = state.remove(&intent.key) {
                state.insert(
                    ObjectKey { address: intent.key.address.clone(), deposed: Some(deposed.clone()) },
                    object,
                );
            }
            open_step(folded, intent, Some(deposed.clone()));
        }
        Record::UndoOnFailure => {
            let undo = Undo::of(&folded.state);
            if let Some(run) = &mut folded.run {
                run.undo = Some(undo);
            }
        }
        Record::RollbackBegun => {
            if let Some(undo) = folded.run.as_mut().and_then(|run| run.undo.as_mut()) {
                undo.has_begun = true;
            }
        }
        Record::RollbackEnded { is_whole } => undo::put_back(folded, *is_whole),
        Record::StageFinished { stage } => {
            if let Some(run) = &mut folded.run {
                run.stage = stage + 1;
                run.finished_steps.clear();
                run.partial.clear();
            }
        }
        Record::Finished { .. } => {
            folded.run = None;
            // As the snapshot will have it: a plan that was made before is told from one made after, also while the
            // journal alone knows of the run.
            folded.state.serial += u64::from(folded.is_changed);
        }
        other => fold_state(folded, other),
    }
    Ok(())
}

/// Records that change the state alone.
fn fold_state(folded: &mut Folded, record: &Record) {
    let state = &mut folded.state;
    match record {
        Record::Restored { address, deposed } => {
            let set_aside = ObjectKey { address: address.clone(), deposed: Some(deposed.clone()) };
            if let Some(object) = state.remove(&set_aside) {
                state.insert(ObjectKey::current(address.clone()), object);
            }
        }
        Record::Moved { from, to } => {
            if let Some(object) = state.remove(&ObjectKey::current(from.clone())) {
                state.insert(ObjectKey::current(to.clone()), object);
            }
            // What was set aside belongs to the instance and goes with it.
            for deposed in state.deposed(from) {
                if let Some(object) = state.remove(&ObjectKey::deposed(from.clone(), deposed.clone())) {
                    state.insert(ObjectKey::deposed(to.clone(), deposed), object);
                }
            }
        }
        Record::Imported { key, object } => state.insert(key.clone(), object.clone()),
        Record::Forgotten { key, step } => {
            state.remove(key);
            if let Some(run) = &mut folded.run {
                // Whoever forgets an object in flight answers for it.
                run.open.shift_remove(key);
                run.partial.shift_remove(key);
                run.finished_steps.extend(*step);
            }
        }
        Record::Tainted { key } => {
            set_status(state, key, Status::Tainted);
            // What is made anew is provisioned anew.
            if let Some(run) = &mut folded.run {
                run.partial.shift_remove(key);
            }
        }
        Record::Untainted { key } => set_status(state, key, Status::Ready),
        Record::Refreshed { objects } => {
            for (key, object) in objects {
                put(state, key, object.as_ref());
            }
        }
        Record::Outputs { outputs } => {
            for (name, output) in outputs {
                match output {
                    Some(output) => {
                        state.outputs.insert(name.clone(), output.clone());
                    }
                    None => {
                        state.outputs.shift_remove(name);
                    }
                }
            }
        }
        Record::NodeEdges { edges } => state.node_edges.clone_from(edges),
        Record::Providers { targets, configurations } => {
            state.targets.extend(targets.clone());
            state.provider_configurations.extend(configurations.clone());
        }
        Record::Checks { results } => state.check_results = Some(results.clone()),
        _ => {}
    }
}

fn open_step(folded: &mut Folded, intent: &Intent, set_aside: Option<DeposedKey>) {
    if let Some(run) = &mut folded.run {
        let step = OpenStep { intent: intent.clone(), accepted: None, cursor: None, set_aside };
        run.open.insert(intent.key.clone(), step);
    }
}

fn close_step(folded: &mut Folded, key: &ObjectKey, object: Option<&Arc<Object>>, is_done: bool) {
    let Some(step) = folded.run.as_mut().and_then(|run| run.open.shift_remove(key)) else { return };
    let is_of_provisioner = step.intent.operation == Operation::Provision;
    undo::note_undo(folded, &step, (is_done || object.is_some()) && !is_of_provisioner);
    if is_done {
        put(&mut folded.state, key, object);
        if let Some(run) = &mut folded.run {
            run.end_act(&step.intent);
        }
        return;
    }
    if object.is_some() {
        put(&mut folded.state, key, object);
    }
    if let Some(run) = &mut folded.run {
        run.partial.shift_remove(key);
    }
}

impl OpenRun {
    /// A finished act ends its step, unless others of it follow.
    fn end_act(&mut self, intent: &Intent) {
        if intent.followed_by == 0 {
            self.partial.shift_remove(&intent.key);
            self.finished_steps.insert(intent.step);
            return;
        }
        let is_made = intent.operation == Operation::Create;
        let begun = PartialStep { step: intent.step, is_made, provisioned: 0 };
        let partial = self.partial.entry(intent.key.clone()).or_insert(begun);
        partial.provisioned += u32::from(intent.operation == Operation::Provision);
    }
}

fn put(state: &mut State, key: &ObjectKey, object: Option<&Arc<Object>>) {
    match object {
        Some(object) => state.insert(key.clone(), object.clone()),
        None => {
            state.remove(key);
        }
    }
}

fn set_status(state: &mut State, key: &ObjectKey, status: Status) {
    if let Some(object) = state.object(key).cloned() {
        state.insert(key.clone(), Arc::new(Object { status, ..(*object).clone() }));
    }
}

/// Whether a record makes the state another than it is.
fn changes_state(state: &State, record: &Record) -> bool {
    match record {
        Record::About(_)
        | Record::Begin { .. }
        | Record::Intent(_)
        | Record::Accepted { .. }
        | Record::Answered { .. }
        | Record::Progress { .. }
        | Record::UndoOnFailure
        | Record::RollbackBegun
        | Record::StageFinished { .. }
        | Record::Finished { .. }
        | Record::Failed { object: None, .. } => false,
        Record::Done { key, object, .. } | Record::Failed { key, object, .. } => {
            differs(state, key, object.as_ref())
        }
        Record::Refreshed { objects } => {
            objects.iter().any(|(key, object)| differs(state, key, object.as_ref()))
        }
        Record::Forgotten { key, .. } => state.object(key).is_some(),
        Record::Tainted { key } => state.object(key).is_some_and(|object| object.status != Status::Tainted),
        Record::Untainted { key } => state.object(key).is_some_and(|object| object.status != Status::Ready),
        Record::Outputs { outputs } => {
            outputs.iter().any(|(name, output)| match (state.outputs.get(name), output) {
                (Some(before), Some(output)) => !before.is_same(output),
                (before, output) => before.is_some() != output.is_some(),
            })
        }
        Record::NodeEdges { edges } => state.node_edges != *edges,
        Record::Providers { targets, configurations } => {
            let is_new = |name: &String, raw: &Arc<RawValue>| {
                state.provider_configurations.get(name).is_none_or(|before| !is_same(before, raw))
            };
            targets.iter().any(|(name, target)| state.targets.get(name) != Some(target))
                || configurations.iter().any(|(name, raw)| is_new(name, raw))
        }
        Record::Checks { results } => {
            state.check_results.as_ref().is_none_or(|before| !is_same(before, results))
        }
        Record::Deposed { .. }
        | Record::Restored { .. }
        | Record::Moved { .. }
        | Record::Imported { .. }
        | Record::RollbackEnded { .. } => true,
    }
}

fn differs(state: &State, key: &ObjectKey, object: Option<&Arc<Object>>) -> bool {
    match (state.object(key), object) {
        (Some(before), Some(object)) => !Arc::ptr_eq(before, object) && !before.is_same(object),
        (before, object) => before.is_some() != object.is_some(),
    }
}

#[cfg(test)]
mod tests;
