//! Whether a later stage keeps to what was shown for it.
//!
//! Invariant: a stage is judged before any of its steps starts, and an object in state is touched only when the
//! envelope names it.

use crate::model::{Action, Change, EnvelopeEntry, Plan, Stage};
use formwork_state::{Address, BlockAddress, Key, Mode, ModuleInstance, State};
use rustc_hash::{FxHashMap, FxHashSet};

/// What the envelope allows for one block, ready for many questions.
struct Allowance<'a> {
    entry: &'a EnvelopeEntry,
    may_touch: FxHashSet<&'a Address>,
    expected: FxHashSet<&'a Address>,
    /// The block's instances after the later plan.
    instances: FxHashSet<Address>,
}

type Allowances<'a> = FxHashMap<&'a BlockAddress, Allowance<'a>>;

/// The blocks under which an envelope may have an entry for a block: the block itself, and the same without the keys
/// of its innermost modules, where their instances were undecided.
pub fn entries_for(block: &BlockAddress) -> impl Iterator<Item = BlockAddress> + '_ {
    let steps = block.module().steps();
    let depth = steps.len();
    let has_key = |open: usize| open == 0 || !steps[depth - open].1.is_none();
    let opens: Vec<usize> = (0..=depth).filter(|open| has_key(*open)).collect();
    opens.into_iter().map(move |open| {
        let mut module = ModuleInstance::root();
        for (at, (name, key)) in steps.iter().enumerate() {
            let key = if at + open < depth { (*key).clone() } else { Key::None };
            module = module.child((*name).clone(), key);
        }
        BlockAddress::new(module, block.mode(), block.type_name().clone(), block.name().clone())
    })
}

fn allowance<'m, 'a>(allowances: &'m mut Allowances<'a>, address: &Address) -> Option<&'m mut Allowance<'a>> {
    let entry = entries_for(&address.block()).find(|entry| allowances.contains_key(entry))?;
    allowances.get_mut(&entry)
}

/// Says, a sentence each, what a later plan over a state would do that its stage does not allow. Nothing when it
/// keeps to it.
pub fn outside(stage: &Stage, later: &Plan, standing: &State) -> Vec<String> {
    let mut allowances = Allowances::default();
    for entry in &stage.envelope {
        let (may_touch, expected) = (entry.may_touch.iter().collect(), entry.expected.iter().collect());
        let allowance = Allowance { entry, may_touch, expected, instances: FxHashSet::default() };
        allowances.insert(&entry.block, allowance);
    }
    let current = standing.objects().map(|(key, _)| key).filter(|key| key.deposed.is_none());
    for key in current.filter(|key| key.address.mode() == Mode::Managed) {
        if let Some(allowance) = allowance(&mut allowances, &key.address) {
            allowance.instances.insert(key.address.clone());
        }
    }
    let mut sentences = Vec::new();
    for change in &later.changes {
        match allowance(&mut allowances, &change.address) {
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
        self.count(change);
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
        let is_named = self.expected.contains(&change.address);
        if change.action == Action::Create && !self.expected.is_empty() && !is_named {
            return Some(format!(
                "{} would be created, and it is not among the instances that the approved plan expects.",
                subject(change),
            ));
        }
        if change.action == Action::Delete && change.deposed.is_none() && is_named {
            return Some(format!(
                "{} would be destroyed, and the approved plan expects it to stand.",
                subject(change),
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

    /// Keeps the instances that stand after the change.
    fn count(&mut self, change: &Change) {
        match change.action {
            _ if change.deposed.is_some() => {}
            Action::Delete | Action::Forget => {
                self.instances.remove(&change.address);
            }
            _ => {
                self.instances.insert(change.address.clone());
            }
        }
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
        // A data source makes nothing.
        let at_most = self.entry.at_most.filter(|_| self.entry.block.mode() == Mode::Managed)?;
        let instances = self.instances.len() as u64;
        (instances > at_most).then(|| {
            format!(
                "{} would have {instances} instances; the approved plan allows {at_most} at most.",
                self.entry.block
            )
        })
    }
}

/// Whether the change does something to an object that is in the state.
fn touches_state(change: &Change) -> bool {
    match change.action {
        Action::NoOp | Action::Create | Action::Read => false,
        // What is adopted in this very plan is not in the state yet; what removes or replaces it still has to be named.
        Action::Update => change.importing.is_none(),
        Action::Delete
        | Action::DeleteThenCreate
        | Action::CreateThenDelete
        | Action::Forget
        | Action::ForgetThenCreate => true,
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
        Action::ForgetThenCreate => "forgotten and created again",
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
        Action::ForgetThenCreate => "replace (forget first)",
    }
}

#[cfg(test)]
mod tests;
