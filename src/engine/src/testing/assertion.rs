//! Assertions of a run: their conditions over what was planned, or over what stands.

use super::scope::{AssertionScope, RunOutputs, Values};
use crate::checks::condition_message;
use crate::connections::Connections;
use crate::environment::Environment;
use crate::evaluate::{Evaluator, EvaluatorOptions, Expansion, ResourceCell};
use crate::graph::{Graph, NodeId};
use crate::model::{Action, Plan};
use crate::objects::{decode_object, refreshed};
use crate::plan::mode_of;
use crate::run::Configuration;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Condition, Scope};
use formwork_state::{Address, BlockAddress, ModuleInstance, State};
use formwork_value::{Type, Value, convert};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// What a run's assertions are about.
pub(super) struct Ground<'a> {
    pub(super) environment: &'a Environment,
    pub(super) configuration: &'a Configuration,
    pub(super) plan: &'a Plan,
    /// As it stands: before a plan, after an apply.
    pub(super) state: &'a State,
    pub(super) is_applied: bool,
    pub(super) workspace: &'a str,
    pub(super) variables: &'a Values,
    pub(super) runs: &'a RunOutputs,
}

/// How an assertion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Yes,
    No,
    /// Nobody can say.
    Error,
}

/// Looks at every assertion; how the worst of them ended.
pub(super) fn check(asserts: &[Condition], ground: &Ground<'_>, diagnostics: &mut Diagnostics) -> Held {
    let (graph, _) = Graph::build(&ground.configuration.root);
    let connections = Connections::new(ground.environment.clone());
    let values = values(ground, &connections);
    let options = EvaluatorOptions {
        files: ground.configuration.files.as_ref(),
        timestamp: ground.plan.timestamp.clone(),
        workspace: ground.workspace.to_owned(),
        variables: &ground.configuration.variables,
        providers: ground.environment.providers.clone(),
    };
    let source = |node: NodeId, module: &ModuleInstance, expand: &dyn Fn() -> Rc<Expansion>| {
        cell(&graph, &values, node, module, &expand())
    };
    let evaluator = Evaluator::new(&graph, options, Box::new(source));
    evaluator.is_applying.set(ground.is_applied);
    let scope = AssertionScope::new(&evaluator, ground.variables, ground.runs);
    let mut worst = Held::Yes;
    for assert in asserts {
        let (held, found) = one(assert, &scope);
        // What evaluation finds wrong with the module was said when it was planned.
        let _ = evaluator.take_diagnostics();
        diagnostics.append(found);
        worst = match (worst, held) {
            (Held::Error, _) | (_, Held::Error) => Held::Error,
            (Held::No, _) | (_, Held::No) => Held::No,
            _ => Held::Yes,
        };
    }
    worst
}

/// Values of all instances: what stands, and for a plan what is planned.
fn values(ground: &Ground<'_>, connections: &Connections) -> FxHashMap<Address, Value> {
    let mut values: FxHashMap<Address, Value> =
        ground.plan.data.iter().map(|data| (data.address.clone(), data.value.clone())).collect();
    let planned_from;
    let state = if ground.is_applied {
        ground.state
    } else {
        planned_from = refreshed(ground.plan, ground.state.clone(), connections);
        &planned_from
    };
    for (key, object) in state.objects().filter(|(key, _)| key.deposed.is_none()) {
        let address = &key.address;
        let kind = connections.kind(&object.provider.provider, address.mode(), address.type_name());
        let decoded = kind.and_then(|kind| Some((decode_object(object, &kind).ok()?, kind)));
        if let Some((prior, kind)) = decoded {
            values.insert(address.clone(), kind.mark_sensitive(&prior.marked()));
        }
    }
    if !ground.is_applied {
        let changes = ground.plan.changes.iter().filter(|change| change.deposed.is_none());
        for change in changes.filter(|change| !matches!(change.action, Action::Delete | Action::Forget)) {
            values.insert(change.address.clone(), change.after.clone());
        }
    }
    values
}

fn cell(
    graph: &Graph,
    values: &FxHashMap<Address, Value>,
    node: NodeId,
    module: &ModuleInstance,
    expansion: &Expansion,
) -> ResourceCell {
    let resource = graph.resource(node);
    let (type_name, name) = (resource.type_name.clone(), resource.name.clone());
    let block = BlockAddress::new(module.clone(), mode_of(resource.mode), type_name, name);
    let value_of = |key: &formwork_state::Key| {
        let value = values.get(&block.instance(key.clone())).cloned();
        value.unwrap_or_else(|| Value::unknown(Type::Dynamic))
    };
    let keys: Vec<_> = expansion.rows.iter().map(|(key, _)| key.clone()).collect();
    let cells = keys.iter().map(value_of).collect();
    ResourceCell::new(expansion.repetition, keys, cells)
}

fn one(assert: &Condition, scope: &dyn Scope) -> (Held, Diagnostics) {
    let (value, mut found) = assert.condition.evaluate(scope);
    if found.has_errors() {
        return (Held::Error, found);
    }
    let at = |diagnostic: Diagnostic| {
        let values = assert.condition.values(scope);
        let diagnostic = diagnostic.at(assert.condition.span());
        values.into_iter().fold(diagnostic, |diagnostic, (name, says)| diagnostic.value(name, says))
    };
    let invalid = |detail: String| {
        Diagnostic::error("invalid-condition", "Invalid condition run", detail)
            .hint("Make the condition come out as true or false.")
    };
    let converted = convert(&value.unmark().0, &Type::Bool);
    let failure = match converted {
        Ok(value) if value.is_null() => {
            invalid("Condition expression must return either true or false, not null.".to_owned())
        }
        Ok(value) => match value.as_bool() {
            Some(true) => return (Held::Yes, found),
            None => {
                let detail = "Condition expression could not be evaluated at this time.";
                Diagnostic::error("unknown-condition", "Unknown condition run", detail).hint("It depends on what is known only after apply: use command = apply, or mock or override what it names.")
            }
            Some(false) => {
                let (text, more) = condition_message(assert, scope);
                found.append(more);
                found.push(at(Diagnostic::error("assertion-failed", "Test assertion failed", text)));
                return (Held::No, found);
            }
        },
        Err(error) => invalid(format!("Invalid condition run value: {error}.")),
    };
    found.push(at(failure));
    (Held::Error, found)
}
