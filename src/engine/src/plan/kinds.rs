//! Finding every block's schema, and checking bodies against it without any target.

use crate::connections::{Connections, missing_provider};
use crate::environment::Environment;
use crate::evaluate::{
    Evaluator, EvaluatorOptions, Expansion, Repetition, ResourceCell, RootVariables, RowRepetition, RowScope,
};
use crate::expand::{Repeats, expand};
use crate::graph::{Graph, NodeId, NodeKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{Condition, IgnoreChanges, MemorySource, Module, ProviderMeta, Query, Scope, Source};
use formwork_state::{Mode, ModuleInstance};
use formwork_value::{Mark, MarkKind, Marks, PathStep, Type, Value};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// The state's word for the language's.
pub fn mode_of(mode: formwork_lang::Mode) -> Mode {
    match mode {
        formwork_lang::Mode::Managed => Mode::Managed,
        formwork_lang::Mode::Data => Mode::Data,
        formwork_lang::Mode::Ephemeral => Mode::Ephemeral,
    }
}

/// The language's word for the state's.
pub(crate) fn language_mode(mode: Mode) -> formwork_lang::Mode {
    match mode {
        Mode::Managed => formwork_lang::Mode::Managed,
        Mode::Data => formwork_lang::Mode::Data,
        Mode::Ephemeral => formwork_lang::Mode::Ephemeral,
    }
}

/// Finds the provider and kind of every resource block; what is missing is reported once a provider or type.
pub(crate) fn check_kinds(
    graph: &Graph,
    connections: &Connections,
    environment: &Environment,
) -> Diagnostics {
    let mut diagnostics = crate::provisioner::unknown(graph);
    if !environment.processes.reaches_machines() {
        diagnostics.append(crate::provisioner::out_of_reach(graph));
    }
    let mut reported = FxHashSet::default();
    for node in &graph.modules {
        for (name, required) in &node.module.settings.required_providers {
            let address = crate::graph::provider_address(&node.module, name);
            if !connections.has_provider(&address) && reported.insert(address.to_string()) {
                diagnostics.push(missing_provider(&address, environment).at(required.span));
            }
        }
    }
    for (id, node) in (0..).map(NodeId).zip(&graph.nodes) {
        let provider = match node.kind {
            NodeKind::Resource(_) => {
                node.provider.and_then(|provider| graph.node(provider).provider_address.clone())
            }
            NodeKind::Provider(..) => node.provider_address.clone(),
            _ => None,
        };
        let Some(address) = provider else { continue };
        if !connections.has_provider(&address.provider) {
            if reported.insert(address.provider.to_string()) {
                let mut diagnostic = missing_provider(&address.provider, environment);
                diagnostic.subject = graph.span(id);
                diagnostics.push(diagnostic);
            }
            continue;
        }
        if let NodeKind::Resource(_) = node.kind {
            check_kind(graph, id, connections, &address.provider, &mut diagnostics);
            diagnostics.extend(misplaced_meta(graph, id, &address.provider));
        }
    }
    diagnostics
}

/// What a module says to a provider with each of its requests: none here takes that.
fn misplaced_meta(
    graph: &Graph,
    id: NodeId,
    provider: &formwork_state::ProviderAddress,
) -> Option<Diagnostic> {
    let (module, resource) = (graph.module(graph.node(id).module), graph.resource(id));
    let is_its = |one: &&ProviderMeta| crate::graph::provider_address(module, &one.provider) == *provider;
    let meta = module.settings.provider_meta.iter().find(is_its)?;
    let summary = format!("Provider {provider} doesn't support provider_meta");
    let detail = format!(
        "The resource {}.{} belongs to a provider that doesn't support provider_meta blocks",
        resource.type_name, resource.name
    );
    let diagnostic = Diagnostic::error("provider-meta", summary, detail).at(meta.span);
    Some(diagnostic.hint("Take the provider_meta block away."))
}

fn check_kind(
    graph: &Graph,
    id: NodeId,
    connections: &Connections,
    provider: &formwork_state::ProviderAddress,
    diagnostics: &mut Diagnostics,
) {
    let resource = graph.resource(id);
    let mode = mode_of(resource.mode);
    if let Some(kind) = connections.kind(provider, mode, &resource.type_name) {
        return check_ignored(resource, &kind.value_type, diagnostics);
    }
    let word = match mode {
        Mode::Managed => "resource",
        Mode::Data => "data source",
        Mode::Ephemeral => "ephemeral resource",
    };
    let names = connections.kind_names(provider, mode);
    let hint = match formwork_lang::nearest(&resource.type_name, names.iter().map(ArcStr::as_str)) {
        Some(close) => format!("Did you mean {close:?}?"),
        None => format!("It has: {}.", names.iter().map(ArcStr::as_str).collect::<Vec<_>>().join(", ")),
    };
    diagnostics.push(
        Diagnostic::error(
            "invalid-resource-type",
            format!("Invalid {word} type"),
            format!(
                "The provider {} does not support {word} type {:?}.",
                provider.for_display(),
                resource.type_name
            ),
        )
        .at(resource.span)
        .hint(hint),
    );
}

/// Checks a whole configuration with nothing known: every reference, every body by its schema, every provider's own
/// checks. No target is asked.
pub fn validate_configuration(
    environment: &Environment,
    root: &Arc<Module>,
    files: &dyn Source,
) -> Diagnostics {
    let (graph, mut diagnostics) = Graph::build(root);
    let connections = Connections::new(environment.clone());
    diagnostics.append(check_kinds(&graph, &connections, environment));
    let is_broken = |one: &Diagnostic| one.is_error() && one.code != crate::provisioner::OUT_OF_REACH;
    if diagnostics.iter().any(is_broken) {
        return diagnostics;
    }
    let variables: RootVariables = root
        .variables
        .iter()
        .map(|(name, variable)| {
            let value = Value::unknown(variable.constraint.value_type.without_optional());
            let mark = || Mark::new(MarkKind::Ephemeral, format!("var.{name}"));
            let value = if variable.ephemeral { value.with_marks(&Marks::one(mark())) } else { value };
            (name.clone(), value)
        })
        .collect();
    let options = EvaluatorOptions {
        files,
        timestamp: String::new(),
        workspace: "default".to_owned(),
        variables: &variables,
        providers: environment.providers.clone(),
    };
    let expected = |node: NodeId, _: &ModuleInstance, _: &dyn Fn() -> Rc<Expansion>| {
        expected_cell(&graph, &connections, node)
    };
    let evaluator = Evaluator::new(&graph, options, Box::new(expected));
    evaluator.assume_nothing();
    for id in &graph.order {
        validate_node(*id, &graph, &evaluator, &connections, &mut diagnostics);
        diagnostics.append(evaluator.take_diagnostics());
    }
    for (id, node) in (0..).map(crate::graph::ModuleId).zip(&graph.modules) {
        let unknown = || Value::unknown(Type::Dynamic);
        for provisioner in node.module.removed.iter().flat_map(|block| &block.provisioners) {
            let each = Some((Value::unknown(Type::String), unknown()));
            let mut scope = evaluator.scope(id, 0, RowRepetition { each, count: Some(0) });
            scope.self_value = Some(unknown());
            crate::provisioner::check_one(provisioner, None, &scope, &mut diagnostics);
        }
    }
    diagnostics.sort_by_place();
    diagnostics
}

/// Codes of what a body's schema says of it, whatever its values are.
const BY_SCHEMA: [&str; 3] = ["unsupported-argument", "unsupported-block", "missing-argument"];

/// What the schemas of their kinds say of resource blocks, in a configuration that has other faults: nothing that
/// could follow from those is said.
pub fn check_bodies(environment: &Environment, root: &Arc<Module>) -> Diagnostics {
    let (graph, _) = Graph::build(root);
    let connections = Connections::new(environment.clone());
    let mut found = Diagnostics::new();
    for (id, node) in (0..).map(NodeId).zip(&graph.nodes) {
        let NodeKind::Resource(_) = node.kind else { continue };
        let resource = graph.resource(id);
        let provider = node.provider.and_then(|provider| graph.node(provider).provider_address.as_ref());
        let kind = provider.and_then(|address| {
            connections.kind(&address.provider, mode_of(resource.mode), &resource.type_name)
        });
        if let Some(kind) = kind {
            let (_, by_schema) = resource.body.decode(&kind.decode, &Anything);
            found.extend(by_schema.into_iter().filter(|one| BY_SCHEMA.contains(&one.code.as_str())));
        }
    }
    // A module that is called twice is one text.
    found.sort_by_place();
    found
}

/// A scope in which everything is there and nothing is known.
struct Anything;

impl Scope for Anything {
    fn resolve(&self, _: &Query<'_>) -> Result<Value, Diagnostic> {
        Ok(Value::unknown(Type::Dynamic))
    }

    fn files(&self) -> &dyn Source {
        static NONE: MemorySource = MemorySource(BTreeMap::new());
        &NONE
    }

    fn module_directory(&self) -> &'static str {
        "."
    }

    fn plan_timestamp(&self) -> &'static str {
        ""
    }
}

fn validate_node(
    id: NodeId,
    graph: &Graph,
    evaluator: &Evaluator<'_>,
    connections: &Connections,
    diagnostics: &mut Diagnostics,
) {
    let node = graph.node(id);
    match &node.kind {
        NodeKind::Resource(_) => validate_resource(id, graph, evaluator, connections, diagnostics),
        NodeKind::Provider(..) => {
            let (Some(address), Some(block)) = (&node.provider_address, graph.provider_block(id)) else {
                return;
            };
            let Some(schema) = connections.configuration_block(&address.provider) else { return };
            let outside = evaluator.scope(node.module, 0, RowRepetition::default());
            block.for_each.iter().for_each(|one| diagnostics.append(one.evaluate(&outside).1));
            let unknown = || Value::unknown(Type::Dynamic);
            let each = block.for_each.is_some().then(|| (Value::unknown(Type::String), unknown()));
            let scope = evaluator.scope(node.module, 0, RowRepetition { each, count: None });
            let (value, found) = block.body.decode(&crate::schema::decode_schema(&schema), &scope);
            let is_sound = !found.has_errors();
            diagnostics.append(found);
            if let Some(provider) = connections.provider(&address.provider).filter(|_| is_sound) {
                diagnostics
                    .append(place(provider.validate_configuration(&value.unmark_deep().0), &block.body));
            }
        }
        NodeKind::Variable(_) => {
            evaluator.value(id, 0);
            evaluator.validate_variable(id, 0);
        }
        NodeKind::Check(name) => {
            let Some(check) = graph.module(node.module).checks.get(name) else { return };
            let scope = evaluator.scope(node.module, 0, RowRepetition::default());
            validate_conditions(&check.asserts, &scope, diagnostics);
        }
        NodeKind::Call(_) => {
            let Some(call) = graph.call(id) else { return };
            let scope = evaluator.scope(node.module, 0, RowRepetition::default());
            diagnostics.extend(wrong_repetition(Repeats::of_call(call), &scope));
        }
        _ => {
            evaluator.value(id, 0);
        }
    }
}

fn validate_resource(
    id: NodeId,
    graph: &Graph,
    evaluator: &Evaluator<'_>,
    connections: &Connections,
    diagnostics: &mut Diagnostics,
) {
    let node = graph.node(id);
    let resource = graph.resource(id);
    let address = node.provider.and_then(|provider| graph.node(provider).provider_address.as_ref());
    let Some(provider_address) = address else { return };
    let Some(kind) =
        connections.kind(&provider_address.provider, mode_of(resource.mode), &resource.type_name)
    else {
        return;
    };
    let unknown = || Value::unknown(Type::Dynamic);
    let repetition = RowRepetition {
        each: resource.for_each.is_some().then(|| (Value::unknown(Type::String), unknown())),
        count: resource.count.is_some().then_some(0),
    };
    let outside = evaluator.scope(node.module, 0, RowRepetition::default());
    diagnostics.extend(wrong_repetition(Repeats::of_resource(resource), &outside));
    let mut scope = evaluator.scope(node.module, 0, repetition);
    let (value, mut found) = resource.body.decode(&kind.decode, &scope);
    for diagnostic in found.iter_mut().filter(|diagnostic| diagnostic.block.is_none()) {
        diagnostic.block = Some(block_header(resource));
    }
    let (value, marks) = value.unmark_deep();
    if mode_of(resource.mode) != Mode::Ephemeral {
        found.append(crate::ephemeral::misplaced(&marks, &kind, &resource.body));
    }
    let is_sound = !found.has_errors();
    diagnostics.append(found);
    let (expansion, repeats_wrongly) = expand(Repeats::of_resource(resource), &outside);
    // Values of a block without instances are nobody's: a size of 0 beside a count of 0 is no mistake.
    let is_empty = expansion.rows.is_empty() && expansion.undecided.is_none();
    if is_empty && !repeats_wrongly.has_errors() {
        return;
    }
    if let Some(provider) = connections.provider(&provider_address.provider).filter(|_| is_sound) {
        let found = provider.validate_resource(&resource.type_name, &value);
        diagnostics.append(place(found, &resource.body));
    }
    let lifecycle = &resource.lifecycle;
    validate_conditions(&lifecycle.preconditions, &scope, diagnostics);
    for expression in lifecycle.prevent_destroy.iter().chain(&lifecycle.replace_triggered_by) {
        diagnostics.append(expression.evaluate(&scope).1);
    }
    scope.self_value = Some(Value::unknown(kind.value_type.clone()));
    diagnostics.append(crate::provisioner::check(resource, &scope));
    validate_conditions(&lifecycle.postconditions, &scope, diagnostics);
}

/// What is wrong with conditions and their messages whatever the values are that nobody knows yet.
fn validate_conditions(conditions: &[Condition], scope: &RowScope<'_, '_>, diagnostics: &mut Diagnostics) {
    for condition in conditions {
        for (expression, wanted) in
            [(&condition.condition, Type::Bool), (&condition.error_message, Type::String)]
        {
            let (value, found) = expression.evaluate(scope);
            let is_sound = !found.has_errors();
            diagnostics.append(found);
            if let Err(error) = formwork_value::convert(&value.unmark().0, &wanted)
                && is_sound
            {
                let detail = format!("Invalid expression value: {}.", error.message);
                let diagnostic = Diagnostic::error("wrong-type", "Incorrect value type", detail);
                diagnostics.push(diagnostic.at(expression.span()));
            }
        }
    }
}

/// The instances of a block while a configuration is checked alone: nothing is known of them but their type.
fn expected_cell(graph: &Graph, connections: &Connections, id: NodeId) -> ResourceCell {
    let resource = graph.resource(id);
    let repetition = match (&resource.count, &resource.for_each) {
        (Some(_), _) => Repetition::Count,
        (None, Some(_)) => Repetition::ForEach,
        (None, None) => Repetition::Single,
    };
    let provider = graph.node(id).provider;
    let kind = provider.and_then(|provider| {
        let address = graph.node(provider).provider_address.as_ref()?;
        connections.kind(&address.provider, mode_of(resource.mode), &resource.type_name)
    });
    let value_type = kind.map_or(Type::Dynamic, |kind| kind.value_type.clone());
    ResourceCell::expected(repetition, Value::unknown(value_type))
}

/// `ignore_changes` of an attribute that the kind does not have ignores nothing.
fn check_ignored(resource: &formwork_lang::Resource, value_type: &Type, diagnostics: &mut Diagnostics) {
    let (IgnoreChanges::Paths(paths), Type::Object(object)) =
        (&resource.lifecycle.ignore_changes, value_type)
    else {
        return;
    };
    for (path, span) in paths {
        let Some(PathStep::Attribute(name)) = path.steps().first() else { continue };
        let names = || object.attributes().iter().map(|(name, _)| name.as_str());
        if names().any(|known| known == name) {
            continue;
        }
        let detail =
            format!("This object has no argument, nested block, or exported attribute named \"{name}\".");
        let mut diagnostic = Diagnostic::error("unknown-attribute", "Unsupported attribute", detail);
        diagnostic.hint = formwork_lang::nearest(name, names()).map(|near| format!("Did you mean {near:?}?"));
        diagnostics.push(diagnostic.at(*span));
    }
}

/// What is wrong with a `count`, `for_each` or `enabled` whatever the values are that nobody knows yet.
fn wrong_repetition(repeats: Repeats<'_>, scope: &RowScope<'_, '_>) -> impl Iterator<Item = Diagnostic> {
    crate::expand::expand(repeats, scope).1.into_iter()
}

/// How diagnostics name a block: `resource "sim_machine" "gpu"`.
pub(crate) fn block_header(resource: &formwork_lang::Resource) -> String {
    let word = resource.mode.keyword();
    format!("{word} {:?} {:?}", resource.type_name.as_str(), resource.name.as_str())
}

/// Gives a provider's findings the place of the attribute that they name.
pub(crate) fn place(found: Diagnostics, body: &formwork_lang::Body) -> Diagnostics {
    let at = |mut diagnostic: Diagnostic| {
        if diagnostic.subject.is_none() {
            let path = diagnostic.attribute.as_deref().map(crate::reasons::parse_path).unwrap_or_default();
            diagnostic.subject = body.span_of(&path);
        }
        diagnostic
    };
    found.into_iter().map(at).collect()
}
