//! The fold: state and open run after one more record.
//!
//! Invariant: pure, and O(1) in the size of state for every record but those that carry whole collections. A record
//! that the table refuses changes nothing.

use super::record::{Begin, Intent, Operation, Record};
use super::rules::{self, IllegalTransition};
use crate::address::{Address, ObjectKey};
use crate::model::{Object, RawJson, State, Status};
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A step whose outcome is not recorded yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenStep {
    /// The run that it belongs to: recovery works from its plan.
    pub begin: Arc<Begin>,
    /// What was about to be done.
    pub intent: Arc<Intent>,
    /// The target's id, once it accepted the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Where the provider takes up again, and when to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<(RawJson, u64)>,
}

/// A run that has begun and not finished.
#[derive(Debug, Clone)]
pub struct OpenRun {
    /// How it began.
    pub begin: Arc<Begin>,
    /// The steps without an outcome, in the order of their intents; those carried from an earlier run are first.
    pub open: IndexMap<ObjectKey, OpenStep>,
    /// The steps that are done: stage and number.
    pub finished_steps: FxHashSet<(u32, u32)>,
    /// The steps whose last attempt failed, with that attempt's number.
    pub failed_steps: FxHashMap<(u32, u32), u32>,
    /// The last stage that finished.
    pub finished_stages: Option<u32>,
    /// Whether the snapshot underneath holds this run already, so that its records change nothing.
    pub is_in_snapshot: bool,
}

impl OpenRun {
    /// Whether a step of the plan is done.
    pub fn is_finished(&self, stage: u32, step: u32) -> bool {
        self.finished_steps.contains(&(stage, step))
    }
}

/// State as it is after all records so far.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// Objects and what belongs to them.
    pub state: State,
    /// The run that is open.
    pub run: Option<OpenRun>,
    /// Whether state differs from the snapshot underneath.
    pub is_changed: bool,
}

impl Folded {
    /// A snapshot with no record after it.
    pub fn new(state: State) -> Self {
        Self { state, run: None, is_changed: false }
    }

    /// The steps without an outcome: those of the open run, else those that the last run left.
    pub fn open_steps(&self) -> &IndexMap<ObjectKey, OpenStep> {
        self.run.as_ref().map_or(&self.state.carried, |run| &run.open)
    }

    fn put(&mut self, key: &ObjectKey, object: Arc<Object>) {
        if self.state.get(key).is_none_or(|before| !Arc::ptr_eq(before, &object) && **before != *object) {
            self.is_changed = true;
        }
        self.state.insert(key.clone(), object);
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let object = self.state.remove(key);
        self.is_changed |= object.is_some();
        object
    }

    fn relocate(&mut self, from: &ObjectKey, to: &ObjectKey) {
        if let Some(object) = self.take(from) {
            self.put(to, object);
        }
    }

    fn mark(&mut self, key: &ObjectKey, status: Status) {
        if let Some(object) = self.state.get(key).filter(|object| object.status != status) {
            let object = Object { status, ..Object::clone(object) };
            self.put(key, Arc::new(object));
        }
    }

    fn assign<T: PartialEq>(&mut self, slot: impl Fn(&mut State) -> &mut T, value: T) {
        let slot = slot(&mut self.state);
        let differs = *slot != value;
        *slot = value;
        self.is_changed |= differs;
    }
}

/// Adds one record. What the table of legal transitions does not admit changes nothing and is given back.
pub fn fold(folded: &mut Folded, record: &Record) -> Result<(), IllegalTransition> {
    if let Some(run) = folded.run.as_ref().filter(|run| run.is_in_snapshot) {
        if matches!(record, Record::Begin(_)) {
            return rules::check(folded, record);
        }
        let finished = matches!(record, Record::Finished { .. });
        debug_assert!(folded.state.last_run.as_deref() == Some(&run.begin.run), "the snapshot names the run");
        if finished {
            folded.run = None;
        }
        return Ok(());
    }
    rules::check(folded, record)?;
    match record {
        Record::Begin(begin) => begin_run(folded, begin),
        Record::Intent(intent) => open_step(folded, intent),
        Record::Deposed { address, deposed, intent } => {
            let (current, aside) = place_and_aside(address, deposed);
            folded.relocate(&current, &aside);
            open_step(folded, intent);
        }
        Record::Restored { address, deposed } => {
            let (current, aside) = place_and_aside(address, deposed);
            folded.relocate(&aside, &current);
        }
        Record::Accepted { key, id, .. } => {
            if let Some(open) = open_of(folded, key) {
                open.accepted = Some(id.clone());
            }
        }
        Record::Progress { key, cursor, ask_again_after_ms, .. } => {
            if let Some(open) = open_of(folded, key) {
                open.cursor = Some((cursor.clone(), *ask_again_after_ms));
            }
        }
        Record::Done { key, object, .. } => finish_step(folded, key, object.as_ref()),
        Record::Failed { key, object, .. } => fail_step(folded, key, object.as_ref()),
        Record::StageFinished { stage } => {
            if let Some(run) = &mut folded.run {
                run.finished_stages = Some(*stage);
            }
        }
        Record::Finished { .. } => finish_run(folded),
        _ => change_state(folded, record),
    }
    Ok(())
}

fn place_and_aside(address: &Address, deposed: &crate::DeposedKey) -> (ObjectKey, ObjectKey) {
    (address.clone().into(), ObjectKey::deposed(address.clone(), deposed.clone()))
}

/// The records that speak of state alone.
fn change_state(folded: &mut Folded, record: &Record) {
    match record {
        Record::Moved { from, to } => folded.relocate(&from.clone().into(), &to.clone().into()),
        Record::Imported { key, object } => folded.put(key, object.clone()),
        Record::Forgotten { key } => drop(folded.take(key)),
        Record::Tainted { key } => folded.mark(key, Status::Tainted),
        Record::Untainted { key } => folded.mark(key, Status::Ready),
        Record::Refreshed { objects } => {
            for (key, object) in objects {
                match object {
                    Some(object) => folded.put(key, object.clone()),
                    None => drop(folded.take(key)),
                }
            }
        }
        Record::Outputs { outputs } => folded.assign(|state| &mut state.outputs, outputs.clone()),
        Record::NodeEdges { edges } => folded.assign(|state| &mut state.node_edges, edges.clone()),
        Record::Checks { results } => folded.assign(|state| &mut state.check_results, results.clone()),
        Record::Targets { targets } => {
            let mut all = folded.state.targets.clone();
            all.extend(targets.iter().map(|(address, target)| (address.clone(), target.clone())));
            folded.assign(|state| &mut state.targets, all);
        }
        _ => {}
    }
}

fn begin_run(folded: &mut Folded, begin: &Arc<Begin>) {
    if folded.state.lineage.is_empty() {
        folded.state.lineage.clone_from(&begin.lineage);
        folded.is_changed = true;
    }
    let is_in_snapshot = folded.state.last_run.as_deref() == Some(&begin.run);
    let open = if is_in_snapshot { IndexMap::new() } else { std::mem::take(&mut folded.state.carried) };
    folded.run = Some(OpenRun {
        begin: begin.clone(),
        open,
        finished_steps: FxHashSet::default(),
        failed_steps: FxHashMap::default(),
        finished_stages: None,
        is_in_snapshot,
    });
}

fn open_step(folded: &mut Folded, intent: &Arc<Intent>) {
    if let Some(run) = &mut folded.run {
        run.failed_steps.remove(&(intent.stage, intent.step));
        let step =
            OpenStep { begin: run.begin.clone(), intent: intent.clone(), accepted: None, cursor: None };
        run.open.insert(intent.key.clone(), step);
    }
}

fn open_of<'a>(folded: &'a mut Folded, key: &ObjectKey) -> Option<&'a mut OpenStep> {
    folded.run.as_mut()?.open.get_mut(key)
}

/// Takes a step off the open ones. A step carried from an earlier run has no number in this one.
fn close_step(folded: &mut Folded, key: &ObjectKey, is_done: bool) -> Option<OpenStep> {
    let run = folded.run.as_mut()?;
    let open = run.open.shift_remove(key)?;
    if open.begin.run == run.begin.run {
        let step = (open.intent.stage, open.intent.step);
        if is_done {
            run.finished_steps.insert(step);
        } else {
            run.failed_steps.insert(step, open.intent.attempt);
        }
    } else {
        folded.is_changed = true;
    }
    Some(open)
}

fn finish_step(folded: &mut Folded, key: &ObjectKey, object: Option<&Arc<Object>>) {
    let Some(open) = close_step(folded, key, true) else { return };
    match (object, open.intent.operation) {
        (Some(object), _) => folded.put(key, object.clone()),
        (None, Operation::Provision(_)) => {}
        (None, _) => drop(folded.take(key)),
    }
}

fn fail_step(folded: &mut Folded, key: &ObjectKey, object: Option<&Arc<Object>>) {
    let Some(open) = close_step(folded, key, false) else { return };
    let Some(object) = object else { return };
    let is_doubtful = matches!(open.intent.operation, Operation::Create | Operation::Provision(_));
    if is_doubtful && object.status == Status::Ready {
        folded.put(key, Arc::new(Object { status: Status::Tainted, ..Object::clone(object) }));
    } else {
        folded.put(key, object.clone());
    }
}

fn finish_run(folded: &mut Folded) {
    let Some(run) = folded.run.take() else { return };
    if !run.open.is_empty() {
        folded.is_changed = true;
    }
    folded.state.carried = run.open;
    folded.state.last_run = Some(run.begin.run.clone());
}

#[cfg(test)]
mod tests;
