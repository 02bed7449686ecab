//! Whether a later stage keeps to what was shown for it.
//!
//! Invariant: a stage is judged before any of its steps starts, and an object in state is touched only when the
//! envelope names it.

use crate::model::{Action, Change, EnvelopeEntry, Plan, Stage};
use formwork_state::{Address, BlockAddress};
use rustc_hash::{FxHashMap, FxHashSet};

/// What the envelope allows for one block, ready for many questions.
struct Allowance<'a> {
    entry: &'a EnvelopeEntry,
    may_touch: FxHashSet<&'a Address>,
    instances: u64,
}

/// Says, a sentence each, what a later plan would do that its stage does not allow. Nothing when it keeps to it.
pub fn outside(stage: &Stage, later: &Plan) -> Vec<String> {
    let mut allowances: FxHashMap<&BlockAddress, Allowance<'_>> = FxHashMap::default();
    for entry in &stage.envelope {
        let may_touch = entry.may_touch.iter().collect();
        allowances.insert(&entry.block, Allowance { entry, may_touch, instances: 0 });
    }
    let mut sentences = Vec::new();
    for change in &later.changes {
        match allowances.get_mut(&change.address.block()) {
            Some(allowance) => sentences.extend(allowance.judge(change)),
            // A data source that is read changes nothing.
            None if matches!(change.action, Action::NoOp | Action::Read) => {}
            None => sentences.push(format!(
                "{} would be {}, and the approved plan expects nothing from its block in this stage.",
                subject(change),
                participle(change.action),
            )),
        }
    }
    let too_many = stage.envelope.iter().filter_map(|entry| allowances.get(&entry.block)?.excess());
    sentences.extend(too_many);
    sentences
}

impl Allowance<'_> {
    fn judge(&mut self, change: &Change) -> Option<String> {
        self.instances += u64::from(is_instance(change));
        if change.action == Action::NoOp {
            return None;
        }
        let refused = !self.entry.actions.contains(&change.action);
        if refused {
            let allowed = self.allowed_actions();
            return Some(format!(
                "{} would be {}; the approved plan allows {allowed} for its block.",
                subject(change),
                participle(change.action),
            ));
        }
        let untouchable = touches_state(change) && !self.may_touch(change);
        untouchable.then(|| {
            format!(
                "{} would be {}, and it is not among the objects that the approved plan says this stage may touch.",
                subject(change),
                participle(change.action),
            )
        })
    }

    fn may_touch(&self, change: &Change) -> bool {
        self.may_touch.contains(&change.address)
            || change.previous_address.as_ref().is_some_and(|previous| self.may_touch.contains(previous))
    }

    fn allowed_actions(&self) -> String {
        let mut nouns: Vec<&str> = self.entry.actions.iter().map(|action| noun(*action)).collect();
        nouns.dedup();
        match nouns.split_last() {
            None => "nothing".to_owned(),
            Some((only, [])) => format!("only {only}"),
            Some((last, others)) => format!("only {} and {last}", others.join(", ")),
        }
    }

    fn excess(&self) -> Option<String> {
        let at_most = self.entry.at_most?;
        let instances = self.instances;
        (instances > at_most).then(|| {
            format!(
                "{} would have {instances} instances; the approved plan allows {at_most} at most.",
                self.entry.block
            )
        })
    }
}

/// Whether an instance of the block stands after the change.
fn is_instance(change: &Change) -> bool {
    change.deposed.is_none() && !matches!(change.action, Action::Delete | Action::Forget)
}

/// Whether the change does something to an object that is in the state.
fn touches_state(change: &Change) -> bool {
    match change.action {
        Action::NoOp | Action::Create | Action::Read => false,
        // What is adopted in this very plan is not in the state yet; what removes or replaces it still has to be named.
        Action::Update => change.importing.is_none(),
        Action::Delete | Action::DeleteThenCreate | Action::CreateThenDelete | Action::Forget => true,
    }
}

fn subject(change: &Change) -> String {
    match &change.deposed {
        Some(deposed) => format!("{} (deposed {deposed})", change.address),
        None => change.address.to_string(),
    }
}

fn participle(action: Action) -> &'static str {
    match action {
        Action::NoOp => "left as it is",
        Action::Create => "created",
        Action::Read => "read",
        Action::Update => "changed",
        Action::Delete => "destroyed",
        Action::DeleteThenCreate => "destroyed and created again",
        Action::CreateThenDelete => "created again and then destroyed",
        Action::Forget => "forgotten",
    }
}

fn noun(action: Action) -> &'static str {
    match action {
        Action::NoOp => "no change",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::DeleteThenCreate => "replace (delete first)",
        Action::CreateThenDelete => "replace (create first)",
        Action::Forget => "forget",
    }
}

#[cfg(test)]
mod tests;
