//! Which attributes of resources a plan was made from: what its changes and outputs read, directly or through locals,
//! variables and outputs. A change made outside matters to a plan when it touches one of them.
//!
//! Invariant: read from the text alone, so that it is the same whatever the values are; every object is visited once.

use crate::model::{AttributeStep, RelevantAttribute};
use crate::plan::{language_mode, mode_of};
use arcstr::ArcStr;
use formwork_lang::{Expression, Module, ModuleCall, Reference, Resource, Subject, TraversalStep};
use formwork_state::{Address, BlockAddress, Key, ModuleInstance};
use formwork_value::Value;
use rustc_hash::FxHashSet;

/// The attributes behind blocks that change and outputs that do, each once and in the order of their text.
pub(crate) fn attributes(
    root: &Module,
    blocks: impl Iterator<Item = BlockAddress>,
    outputs: impl Iterator<Item = (ModuleInstance, ArcStr)>,
) -> Vec<RelevantAttribute> {
    let mut walk =
        Walk { root, visited: FxHashSet::default(), pending: Vec::new(), found: FxHashSet::default() };
    let mut seen = FxHashSet::default();
    for block in blocks {
        if seen.insert(block.clone()) {
            walk.add_block(&block);
        }
    }
    for (module, name) in outputs {
        walk.add_output(&module, &name);
    }
    walk.run();
    let mut found: Vec<RelevantAttribute> = walk.found.into_iter().collect();
    found.sort_by_cached_key(|one| (one.resource.to_string(), format!("{:?}", one.attribute)));
    found
}

/// A reference as it stands in an instance of a module, in a resource block or elsewhere.
struct Seen<'a> {
    module: ModuleInstance,
    inside: Option<&'a Resource>,
    reference: &'a Reference,
}

struct Walk<'a> {
    root: &'a Module,
    /// By where they stand, so that no text is made of them.
    visited: FxHashSet<(ModuleInstance, Option<*const Resource>, *const Reference)>,
    pending: Vec<Seen<'a>>,
    found: FxHashSet<RelevantAttribute>,
}

impl<'a> Walk<'a> {
    fn run(&mut self) {
        while let Some(seen) = self.pending.pop() {
            self.follow(&seen);
        }
    }

    fn module(&self, instance: &ModuleInstance) -> Option<&'a Module> {
        match instance.parent().zip(instance.call()) {
            None => Some(self.root),
            Some((caller, (name, _))) => Some(&*self.module(caller)?.calls.get(name)?.module),
        }
    }

    fn call(&self, instance: &ModuleInstance) -> Option<(ModuleInstance, &'a ModuleCall)> {
        let caller = instance.parent()?;
        let (name, _) = instance.call()?;
        Some((caller.clone(), self.module(caller)?.calls.get(name)?))
    }

    fn add(&mut self, module: &ModuleInstance, inside: Option<&'a Resource>, references: &'a [Reference]) {
        for reference in references {
            self.add_one(module, inside, reference);
        }
    }

    fn add_one(&mut self, module: &ModuleInstance, inside: Option<&'a Resource>, reference: &'a Reference) {
        let place = (module.clone(), inside.map(std::ptr::from_ref), std::ptr::from_ref(reference));
        if self.visited.insert(place) {
            self.pending.push(Seen { module: module.clone(), inside, reference });
        }
    }

    fn add_block(&mut self, block: &BlockAddress) {
        let mode = language_mode(block.mode());
        let Some(resource) = self
            .module(block.module())
            .and_then(|module| module.resource(mode, block.type_name(), block.name()))
        else {
            return;
        };
        for reference in resource.body.references() {
            self.add_one(block.module(), Some(resource), reference);
        }
    }

    fn add_output(&mut self, module: &ModuleInstance, name: &str) {
        if let Some(output) = self.module(module).and_then(|module| module.outputs.get(name)) {
            self.add(module, None, output.value.references());
        }
    }

    fn follow(&mut self, seen: &Seen<'a>) {
        let (module, steps) = (&seen.module, seen.reference.steps.as_slice());
        match &seen.reference.subject {
            Subject::Resource { mode, type_name, name } => {
                let (key, steps) = split_key(steps);
                let mode_of = mode_of(*mode);
                let resource = Address::new(module.clone(), mode_of, type_name.clone(), name.clone(), key);
                let attribute = steps.iter().map_while(attribute_step).collect();
                self.found.insert(RelevantAttribute { resource, attribute });
                let block = self.module(module).and_then(|module| module.resource(*mode, type_name, name));
                if let Some(resource) = block {
                    self.follow_resource(module, resource, steps);
                }
            }
            Subject::Local(name) => {
                if let Some(local) = self.module(module).and_then(|module| module.locals.get(name)) {
                    self.add(module, None, local.expression.references());
                }
            }
            Subject::Variable(name) => {
                let Some((caller, call)) = self.call(module) else { return };
                if let Some(input) = call.inputs.get(name) {
                    self.add(&caller, None, input.references());
                }
            }
            Subject::Module(name) => self.follow_module(module, name, steps),
            Subject::EachKey | Subject::EachValue => {
                self.follow_repetition(seen, |one| one.for_each.as_ref());
            }
            Subject::CountIndex => self.follow_repetition(seen, |one| one.count.as_ref()),
            _ => {}
        }
    }

    /// What an attribute of a resource is written from; all of the block where no attribute is named.
    fn follow_resource(&mut self, module: &ModuleInstance, resource: &'a Resource, steps: &[TraversalStep]) {
        let Some(TraversalStep::Attribute(name)) = steps.first() else {
            for reference in resource.body.references() {
                self.add_one(module, Some(resource), reference);
            }
            return;
        };
        if let Some(attribute) = resource.body.attribute(name) {
            self.add(module, Some(resource), attribute.expression.references());
        }
    }

    fn follow_module(&mut self, caller: &ModuleInstance, name: &ArcStr, steps: &[TraversalStep]) {
        let (key, steps) = split_key(steps);
        let module = caller.child(name.clone(), key);
        if let Some(TraversalStep::Attribute(output)) = steps.first() {
            return self.add_output(&module, output);
        }
        let outputs: Vec<ArcStr> =
            self.module(&module).map(|module| module.outputs.keys().cloned().collect()).unwrap_or_default();
        for output in outputs {
            self.add_output(&module, &output);
        }
    }

    fn follow_repetition(&mut self, seen: &Seen<'a>, of: impl Fn(&'a Resource) -> Option<&'a Expression>) {
        if let Some(expression) = seen.inside.and_then(of) {
            self.add(&seen.module, seen.inside, expression.references());
        }
    }
}

/// The instance key at the start of steps, and the steps after it.
fn split_key(steps: &[TraversalStep]) -> (Key, &[TraversalStep]) {
    match steps.split_first() {
        Some((TraversalStep::Index(value), rest)) => match crate::evaluate::key_of(value) {
            Some(key) => (key, rest),
            None => (Key::None, rest),
        },
        _ => (Key::None, steps),
    }
}

fn attribute_step(step: &TraversalStep) -> Option<AttributeStep> {
    match step {
        TraversalStep::Attribute(name) => Some(AttributeStep::Name(name.clone())),
        TraversalStep::Index(key) => {
            key.as_str().map(|text| AttributeStep::Name(text.clone())).or_else(|| {
                Value::as_i64(key).and_then(|index| u64::try_from(index).ok()).map(AttributeStep::Index)
            })
        }
    }
}
