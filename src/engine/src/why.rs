//! Why a plan changes an object: the chain from the change back to what a person wrote.
//!
//! Invariants: an explanation names places and references, never a value; each difference follows a name once, and no
//! chain is longer than [`DEPTH_MAXIMUM`].

use crate::model::{Action, ActionReason, Change, Plan, RunMode};
use crate::run::Configuration;
use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_lang::{Mode, Module, Reference, Resource, Subject};
use formwork_state::{DeposedKey, ModuleInstance, Selector};
use indexmap::{IndexMap, IndexSet};
use std::sync::Arc;

/// The longest chain: beyond, nobody reads on.
pub const DEPTH_MAXIMUM: usize = 24;

/// Where the values of root variables came from: `terraform.tfvars:3`, `-var`, `TF_VAR_size`.
pub type Origins = IndexMap<ArcStr, String>;

/// Why one object is changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The instance.
    pub address: String,
    /// Which of its objects, when it is one that was set aside.
    pub deposed: Option<DeposedKey>,
    /// What is to happen.
    pub action: Action,
    /// Why, in plan JSON's words.
    pub reason: Option<ActionReason>,
    /// The chain, each link below the one that it explains.
    pub links: Vec<Link>,
}

/// One link of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// How far from the change: 0 for what differs in the object itself.
    pub depth: usize,
    /// What is said: `input differs, and forces replacement`, `var.size`.
    pub words: String,
    /// `main.tf:7`, `-var`; empty where there is none.
    pub place: String,
}

/// The explanations of all changes that a selector means, in the plan's order; what stays as it is has none.
pub fn explain(
    configuration: &Configuration,
    plan: &Plan,
    selector: &Selector,
    origins: &Origins,
) -> Vec<Explanation> {
    let chosen = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::NoOp && selector.contains(&change.address));
    chosen
        .map(|change| {
            let mut tracer =
                Tracer { configuration, plan, origins, seen: IndexSet::new(), links: Vec::new() };
            tracer.change(change, 0);
            Explanation {
                address: change.address.to_string(),
                deposed: change.deposed.clone(),
                action: change.action,
                reason: change.reason,
                links: tracer.links,
            }
        })
        .collect()
}

struct Tracer<'a> {
    configuration: &'a Configuration,
    plan: &'a Plan,
    origins: &'a Origins,
    /// What was followed already: the module's path and what it names there.
    seen: IndexSet<(Vec<ArcStr>, String)>,
    links: Vec<Link>,
}

impl Tracer<'_> {
    fn link(&mut self, depth: usize, words: impl Into<String>, place: impl Into<String>) {
        self.links.push(Link { depth, words: words.into(), place: place.into() });
    }

    fn place(&self, span: Span) -> String {
        let file = self.configuration.sources.get(span.file);
        file.map_or_else(String::new, |file| format!("{}:{}", file.name(), file.position(span.start).line))
    }

    /// What differs in an object, and where each difference comes from.
    fn change(&mut self, change: &Change, depth: usize) {
        let path = change.address.module().config_path();
        let Some(module) = self.configuration.root.descendant(&path) else {
            return self.gone_module(change.address.module(), depth);
        };
        let mode = match change.address.mode() {
            formwork_state::Mode::Data => Mode::Data,
            formwork_state::Mode::Managed => Mode::Managed,
            formwork_state::Mode::Ephemeral => Mode::Ephemeral,
        };
        let Some(resource) = module.resource(mode, change.address.type_name(), change.address.name()) else {
            let block = change.address.block().config_name();
            return self.link(depth, format!("{block} is not in the configuration"), "");
        };
        for cause in &change.causes {
            if depth == 0 {
                // Each difference of the object itself is told whole.
                self.seen.clear();
            }
            let name = cause.attribute.trim_start_matches('.');
            let forces = if cause.forces_replacement { ", which forces replacement" } else { "" };
            self.link(depth, format!("{name} differs{forces}"), format!("{}:{}", cause.file, cause.line));
            for reference in resource.body.references() {
                if cause.reads.iter().any(|read| *read == reference.to_string()) {
                    self.reference(&module, reference, depth + 1);
                }
            }
        }
        if change.causes.is_empty() {
            self.block(&module, resource, change, depth);
        }
    }

    fn gone_module(&mut self, module: &ModuleInstance, depth: usize) {
        self.link(depth, format!("{module} is not in the configuration"), "");
    }

    /// A change without a difference: what there is to be, or how many.
    fn block(&mut self, module: &Arc<Module>, resource: &Resource, change: &Change, depth: usize) {
        let place = self.place(resource.span);
        let words = match change.action {
            Action::Create => "the block asks for it, and the state has no such object",
            Action::Delete if self.plan.mode == RunMode::Destroy => "this run destroys everything",
            Action::Delete => "the block does not ask for it any more",
            Action::Read => "the block is read anew by every run",
            _ => "the block stands here",
        };
        self.link(depth, words, place);
        for (name, repeated) in [("count", &resource.count), ("for_each", &resource.for_each)] {
            let Some(expression) = repeated else { continue };
            self.link(depth, format!("its instances come from {name}"), self.place(expression.span()));
            for reference in expression.references() {
                self.reference(module, reference, depth + 1);
            }
        }
    }

    fn reference(&mut self, module: &Arc<Module>, reference: &Reference, depth: usize) {
        let key = (module.path.clone(), reference.to_string());
        if depth > DEPTH_MAXIMUM || !self.seen.insert(key) {
            return;
        }
        match &reference.subject {
            Subject::Variable(name) => self.variable(module, name, depth),
            Subject::Local(name) => self.local(module, name, depth),
            Subject::Module(name) => self.output(module, name, reference, depth),
            Subject::Resource { mode, type_name, name } => {
                self.resource(module, (*mode, type_name, name), reference, depth);
            }
            _ => {}
        }
    }

    fn variable(&mut self, module: &Arc<Module>, name: &ArcStr, depth: usize) {
        let Some(variable) = module.variables.get(name) else { return };
        let words = format!("{}var.{name}", prefix(module));
        if let Some((outer, call)) = self.caller(module) {
            let inputs = outer.calls.get(&call).map(|call| &call.inputs);
            let Some(input) = inputs.and_then(|inputs| inputs.get(name)).cloned() else {
                return self.link(depth, format!("{words}, its default"), self.place(variable.span));
            };
            self.link(depth, words, self.place(input.span()));
            for reference in input.references() {
                self.reference(&outer, reference, depth + 1);
            }
        } else if self.configuration.defaulted.contains(name) {
            self.link(depth, format!("{words}, its default"), self.place(variable.span));
        } else {
            let origin = self.origins.get(name).cloned().unwrap_or_default();
            self.link(depth, format!("{words}, given"), origin);
        }
    }

    fn caller(&self, module: &Arc<Module>) -> Option<(Arc<Module>, ArcStr)> {
        let (call, outer) = module.path.split_last()?;
        Some((self.configuration.root.descendant(outer)?, call.clone()))
    }

    fn local(&mut self, module: &Arc<Module>, name: &ArcStr, depth: usize) {
        let Some(local) = module.locals.get(name) else { return };
        self.link(depth, format!("{}local.{name}", prefix(module)), self.place(local.expression.span()));
        for reference in local.expression.references() {
            self.reference(module, reference, depth + 1);
        }
    }

    fn output(&mut self, module: &Arc<Module>, call: &ArcStr, reference: &Reference, depth: usize) {
        let Some(inner) = module.calls.get(call).map(|call| call.module.clone()) else { return };
        let name = reference.steps.iter().find_map(|step| match step {
            formwork_lang::TraversalStep::Attribute(name) => inner.outputs.get(name).map(|_| name.clone()),
            formwork_lang::TraversalStep::Index(_) => None,
        });
        let Some(output) = name.and_then(|name| inner.outputs.get(&name)) else { return };
        self.link(
            depth,
            format!("{}output.{}", prefix(&inner), output.name),
            self.place(output.value.span()),
        );
        for reference in output.value.references() {
            self.reference(&inner, reference, depth + 1);
        }
    }

    /// What another object gives: followed when the plan changes it too.
    fn resource(
        &mut self,
        module: &Arc<Module>,
        (mode, type_name, name): (Mode, &ArcStr, &ArcStr),
        reference: &Reference,
        depth: usize,
    ) {
        let Some(resource) = module.resource(mode, type_name, name) else { return };
        let changes: Vec<&Change> = self
            .plan
            .changes
            .iter()
            .filter(|change| {
                change.action != Action::NoOp
                    && change.deposed.is_none()
                    && change.address.name() == name
                    && change.address.type_name() == type_name
                    && change.address.module().config_path() == module.path
            })
            .collect();
        let state = match changes.first() {
            None => "which stays as it is".to_owned(),
            Some(change) => format!("which is to be {}", past(change.action)),
        };
        let words = format!("{}{reference}, {state}", prefix(module));
        self.link(depth, words, self.place(resource.span));
        if let Some(change) = changes.first().filter(|_| depth < DEPTH_MAXIMUM) {
            self.change(change, depth + 1);
        }
    }
}

fn prefix(module: &Module) -> String {
    module.path.iter().fold(String::new(), |text, name| format!("{text}module.{name}."))
}

/// What was done, as a participle.
pub const fn past(action: Action) -> &'static str {
    match action {
        Action::NoOp => "kept",
        Action::Create => "created",
        Action::Update => "updated",
        Action::Delete => "destroyed",
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::ForgetThenCreate => "replaced",
        Action::Read => "read",
        Action::Forget => "forgotten",
    }
}
