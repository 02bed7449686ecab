//! The fold: state and open run after one more record.
//!
//! Invariant: pure, and O(1) in the size of state for every record but those that carry whole collections. A record
//! that the table of transitions refuses changes nothing.

use super::record::{Intent, Record};
use super::rules::{self, IllegalTransition};
use crate::address::ObjectKey;
use crate::json_text::is_same;
use crate::model::{Object, State, Status};
use indexmap::IndexMap;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// An act that began and whose outcome is not recorded.
#[derive(Clone)]
pub struct OpenStep {
    /// What began.
    pub intent: Intent,
    /// The remote id, once the target answered.
    pub accepted: Option<String>,
    /// What the next poll needs, once the target answered that it works on it.
    pub cursor: Option<Arc<RawValue>>,
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
    /// Steps of the current stage's plan that are finished.
    pub finished_steps: BTreeSet<u32>,
    /// The stage that runs, from 0.
    pub stage: u32,
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

impl fmt::Debug for OpenStep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OpenStep")
            .field("intent", &self.intent)
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenRun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OpenRun")
            .field("run", &self.run)
            .field("open", &self.open)
            .field("finished_steps", &self.finished_steps)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

/// Takes one record into the state. Nothing changes when it is refused.
pub fn fold(folded: &mut Folded, record: &Record) -> Result<(), IllegalTransition> {
    rules::check(folded, record)?;
    match record {
        Record::Begin { run, time, plan, .. } => {
            folded.run = Some(OpenRun {
                run: run.clone(),
                time: time.clone(),
                plan: plan.clone(),
                open: IndexMap::new(),
                finished_steps: BTreeSet::new(),
                stage: 0,
            });
        }
        Record::Intent(intent) => folded.open_step(intent),
        Record::Deposed { intent, .. } => {
            if let [current, aside] = record.subjects().as_slice() {
                folded.relocate(current, aside);
            }
            folded.open_step(intent);
        }
        Record::Restored { .. } => {
            if let [current, aside] = record.subjects().as_slice() {
                folded.relocate(aside, current);
            }
        }
        Record::Accepted { key, id, .. } => {
            if let Some(step) = folded.step(key) {
                step.accepted = Some(id.clone());
            }
        }
        Record::Progress { key, id, cursor, .. } => {
            if let Some(step) = folded.step(key) {
                step.accepted = Some(id.clone());
                step.cursor = Some(cursor.clone());
            }
        }
        Record::Done { key, object, .. } => {
            let step = folded.close_step(key);
            folded.set(key, object.as_ref());
            folded.finished(step.map(|step| step.intent.step));
        }
        Record::Failed { key, object, .. } => {
            folded.close_step(key);
            if object.is_some() {
                folded.set(key, object.as_ref());
            }
        }
        Record::StageFinished { stage } => {
            if let Some(run) = &mut folded.run {
                run.stage = stage + 1;
                run.finished_steps.clear();
            }
        }
        Record::Finished { .. } => folded.run = None,
        other => folded.change(other),
    }
    Ok(())
}

impl Folded {
    /// A snapshot with no record after it.
    pub const fn new(state: State) -> Self {
        Self { state, run: None, is_changed: false }
    }

    /// The records that speak of state alone.
    fn change(&mut self, record: &Record) {
        match record {
            Record::Moved { .. } => {
                if let [from, to] = record.subjects().as_slice() {
                    self.relocate(from, to);
                }
            }
            Record::Imported { key, object } => self.set(key, Some(object)),
            Record::Forgotten { key, step } => {
                self.set(key, None);
                self.finished(*step);
            }
            Record::Tainted { key } => self.mark(key, Status::Tainted),
            Record::Untainted { key } => self.mark(key, Status::Ready),
            Record::Refreshed { objects } => {
                for (key, object) in objects {
                    self.set(key, object.as_ref());
                }
            }
            other => self.change_values(other),
        }
    }

    fn change_values(&mut self, record: &Record) {
        let state = &mut self.state;
        let mut is_changed = false;
        match record {
            Record::Outputs { outputs } => {
                for (name, output) in outputs {
                    let before = match output {
                        Some(output) => state.outputs.insert(name.clone(), output.clone()),
                        None => state.outputs.shift_remove(name),
                    };
                    is_changed |= match (before, output) {
                        (Some(before), Some(output)) => !before.is_same(output),
                        (before, output) => before.is_some() != output.is_some(),
                    };
                }
            }
            Record::NodeEdges { edges } => {
                is_changed = state.node_edges != *edges;
                state.node_edges.clone_from(edges);
            }
            Record::Providers { targets, configurations } => {
                for (name, target) in targets {
                    is_changed |= state.targets.insert(name.clone(), target.clone()).as_ref() != Some(target);
                }
                for (name, raw) in configurations {
                    let before = state.provider_configurations.insert(name.clone(), raw.clone());
                    is_changed |= before.is_none_or(|before| !is_same(&before, raw));
                }
            }
            Record::Checks { results } => {
                is_changed = state.check_results.as_ref().is_none_or(|before| !is_same(before, results));
                state.check_results = Some(results.clone());
            }
            _ => {}
        }
        self.is_changed |= is_changed;
    }

    fn set(&mut self, key: &ObjectKey, object: Option<&Arc<Object>>) {
        self.is_changed |= match (self.state.object(key), object) {
            (Some(before), Some(object)) => !Arc::ptr_eq(before, object) && !before.is_same(object),
            (before, object) => before.is_some() != object.is_some(),
        };
        match object {
            Some(object) => self.state.insert(key.clone(), object.clone()),
            None => drop(self.state.remove(key)),
        }
    }

    fn relocate(&mut self, from: &ObjectKey, to: &ObjectKey) {
        if let Some(object) = self.state.remove(from) {
            self.set(to, Some(&object));
        }
    }

    fn mark(&mut self, key: &ObjectKey, status: Status) {
        if let Some(object) = self.state.object(key).filter(|object| object.status != status) {
            let object = Object { status, ..Object::clone(object) };
            self.set(key, Some(&Arc::new(object)));
        }
    }

    fn open_step(&mut self, intent: &Intent) {
        if let Some(run) = &mut self.run {
            let step = OpenStep { intent: intent.clone(), accepted: None, cursor: None };
            run.open.insert(intent.key.clone(), step);
        }
    }

    fn step(&mut self, key: &ObjectKey) -> Option<&mut OpenStep> {
        self.run.as_mut()?.open.get_mut(key)
    }

    fn close_step(&mut self, key: &ObjectKey) -> Option<OpenStep> {
        self.run.as_mut()?.open.shift_remove(key)
    }

    fn finished(&mut self, step: Option<u32>) {
        if let (Some(run), Some(step)) = (&mut self.run, step) {
            run.finished_steps.insert(step);
        }
    }
}

#[cfg(test)]
mod tests;
