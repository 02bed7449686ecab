//! What it takes to undo a run that failed.
//!
//! Invariant: an act is remembered with what stood before it, in the order in which acts ended; one that undoes another
//! is never remembered itself.

use super::{Folded, Intent, OpenStep, Operation};
use crate::address::{DeposedKey, ObjectKey};
use crate::model::{Object, State};
use std::sync::Arc;

/// The stage of acts that undo others. Their step is the place of the act in [`Undo::acts`].
pub const ROLLBACK_STAGE: u32 = u32::MAX;

/// What it takes to undo a run.
#[derive(Clone)]
pub struct Undo {
    /// What was done to objects, in the order in which it came to an end.
    pub acts: Vec<UndoAct>,
    /// Whether it is being undone.
    pub has_begun: bool,
    /// Whether that is over: only the run is still to be closed.
    pub has_ended: bool,
    /// Whether everything was undone by then.
    pub is_whole: bool,
    /// What the state held besides objects before the run.
    before: Box<State>,
}

/// An act that may have to be undone.
#[derive(Clone)]
pub struct UndoAct {
    /// The object.
    pub key: ObjectKey,
    /// What was done to it.
    pub operation: Operation,
    /// What stood before; none where it was made.
    pub prior: Option<Arc<Object>>,
    /// The object that was set aside for it.
    pub set_aside: Option<DeposedKey>,
    /// Whether that is undone already.
    pub is_undone: bool,
}

impl Undo {
    /// Of a run that begins with this state.
    pub(super) fn of(state: &State) -> Self {
        let before = Box::new(besides_objects(state));
        Self { acts: Vec::new(), has_begun: false, has_ended: false, is_whole: false, before }
    }
}

/// A state without its objects.
fn besides_objects(state: &State) -> State {
    let mut besides = State::default();
    besides.outputs.clone_from(&state.outputs);
    besides.node_edges.clone_from(&state.node_edges);
    besides.check_results.clone_from(&state.check_results);
    besides
}

/// Makes what is no object what it was before the run.
pub(super) fn put_back(folded: &mut Folded, is_whole: bool) {
    let Some(undo) = folded.run.as_mut().and_then(|run| run.undo.as_mut()) else { return };
    (undo.has_ended, undo.is_whole) = (true, is_whole);
    let State { outputs, node_edges, check_results, .. } = std::mem::take(&mut *undo.before);
    let state = &mut folded.state;
    (state.outputs, state.node_edges, state.check_results) = (outputs, node_edges, check_results);
}

/// Remembers how to undo an act that ended, or that one is undone.
pub(super) fn note_undo(folded: &mut Folded, step: &OpenStep, has_effect: bool) {
    let Intent { key, operation, stage, step: place, .. } = &step.intent;
    let prior = folded.state.object(key).cloned();
    let Some(undo) = folded.run.as_mut().and_then(|run| run.undo.as_mut()) else { return };
    if *stage == ROLLBACK_STAGE {
        if let Some(act) = undo.acts.get_mut(*place as usize).filter(|act| act.key == *key && has_effect) {
            act.is_undone = true;
        }
        return;
    }
    let is_act = matches!(operation, Operation::Create | Operation::Update | Operation::Delete);
    if is_act && has_effect {
        undo.acts.push(UndoAct {
            key: key.clone(),
            operation: *operation,
            prior,
            set_aside: step.set_aside.clone(),
            is_undone: false,
        });
    }
}
