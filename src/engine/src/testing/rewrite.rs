//! The module under test as a test wants it: other provider configurations, and modules of which nothing is done.
//!
//! Invariant: the module that was loaded stays as it is; what is changed is a copy that shares all else with it.

use super::double::Mock;
use crate::graph::provider_address;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{
    Body, Expression, MockProvider, Module, ModuleOverride, ObjectOverride, ProviderBlock, ProviderReference,
    Scope, TestFile, TestRun,
};
use formwork_state::ProviderConfigAddress;
use std::sync::Arc;

/// A module under test, rewritten.
pub(super) struct Rewritten {
    pub(super) root: Arc<Module>,
    pub(super) mocks: Vec<Mock>,
}

/// The module under test with a run's provider configurations and overrides.
pub(super) fn rewrite(
    root: &Arc<Module>,
    file: &TestFile,
    run: &TestRun,
    scope: &dyn Scope,
) -> (Rewritten, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let mut module = Module::clone(root);
    let mut mocks = Vec::new();
    let all = chosen(file, run, &mut diagnostics);
    // What the module has no use for may be configured from a run that comes later.
    for (name, alias, found) in all.into_iter().filter(|(name, alias, _)| uses(root, name, alias.as_deref()))
    {
        let block = match found {
            Found::Provider(block) => {
                let (body, faults) = block.body.resolved(scope);
                diagnostics.append(faults);
                let for_each = resolved(block.for_each.as_ref(), scope, &mut diagnostics);
                ProviderBlock { name: name.clone(), alias: alias.clone(), for_each, body, span: block.span }
            }
            Found::Mock(mock) => {
                let provider = provider_address(&module, &name);
                let configuration =
                    ProviderConfigAddress { module_path: Vec::new(), provider, alias: alias.clone() };
                mocks.push(Mock { configuration, provider: mock.clone() });
                let for_each = resolved(mock.for_each.as_ref(), scope, &mut diagnostics);
                let body = Body::empty(mock.span);
                ProviderBlock { name: name.clone(), alias: alias.clone(), for_each, body, span: mock.span }
            }
        };
        module.providers.retain(|known| known.name != name || known.alias != alias);
        module.providers.push(block);
    }
    for one in &run.overrides.objects {
        diagnostics.extend(missing_object(root, one));
    }
    for one in &file.overrides.objects {
        diagnostics.extend(missing_object(root, one).filter(|_| run.module.is_none()));
    }
    let of_file = file.overrides.modules.iter().filter(|one| {
        run.overrides.modules.iter().all(|other| other.path != one.path)
            && (run.module.is_none() || root.descendant(&one.path).is_some())
    });
    for one in run.overrides.modules.iter().chain(of_file) {
        replace_module(&mut module, one, &one.path, &mut diagnostics);
    }
    (Rewritten { root: Arc::new(module), mocks }, diagnostics)
}

enum Found<'a> {
    Provider(&'a ProviderBlock),
    Mock(&'a MockProvider),
}

type Chosen<'a> = (ArcStr, Option<ArcStr>, Found<'a>);

/// The file's provider configurations that the module gets, by their names in it.
fn chosen<'a>(file: &'a TestFile, run: &'a TestRun, diagnostics: &mut Diagnostics) -> Vec<Chosen<'a>> {
    if run.providers.is_empty() {
        let real =
            file.providers.iter().map(|one| (one.name.clone(), one.alias.clone(), Found::Provider(one)));
        let mocks = file.mocks.iter().map(|one| (one.name.clone(), one.alias.clone(), Found::Mock(one)));
        return real.chain(mocks).collect();
    }
    let mut all = Vec::new();
    for (inside, outside) in &run.providers {
        if let Some(found) = find(file, outside) {
            all.push((inside.name.clone(), inside.alias.clone(), found));
        } else {
            let detail = "This provider block references a provider definition that does not exist.";
            let summary = format!("Missing provider definition for {outside}");
            diagnostics.push(
                Diagnostic::error("missing-provider-definition", summary, detail)
                    .at(outside.span)
                    .hint("Write a provider or mock_provider block of that name into the test file."),
            );
        }
    }
    all
}

/// Whether a module has a use for a provider configuration by that name.
fn uses(module: &Module, name: &str, alias: Option<&str>) -> bool {
    let is_it = |one: &ProviderReference| one.name == name && one.alias.as_deref() == alias;
    let of_resource = module.resources.iter().any(|resource| match &resource.provider {
        Some(reference) => is_it(reference),
        None => alias.is_none() && resource.type_name.split('_').next() == Some(name),
    });
    of_resource
        || module.calls.values().any(|call| {
            call.providers.iter().any(|(_, outside)| is_it(outside))
                || (alias.is_none() && uses(&call.module, name, None))
        })
}

fn find<'a>(file: &'a TestFile, wanted: &ProviderReference) -> Option<Found<'a>> {
    let real = file.providers.iter().find(|one| one.name == wanted.name && one.alias == wanted.alias);
    let mock = file.mocks.iter().find(|one| one.name == wanted.name && one.alias == wanted.alias);
    real.map(Found::Provider).or_else(|| mock.map(Found::Mock))
}

fn resolved(
    expression: Option<&Expression>,
    scope: &dyn Scope,
    diagnostics: &mut Diagnostics,
) -> Option<Expression> {
    let expression = expression?;
    let (value, found) = expression.evaluate(scope);
    diagnostics.append(found);
    Some(Expression::from_value_at(value, expression.span()))
}

/// What is wrong with the target of an override.
fn missing_object(root: &Arc<Module>, one: &ObjectOverride) -> Option<Diagnostic> {
    let target = &one.target;
    let path: Vec<ArcStr> = target.modules.iter().map(|(name, _)| name.clone()).collect();
    let Some(module) = root.descendant(&path) else {
        let detail = "Target points to resource in undefined module. Please, ensure module exists.";
        let summary = format!("Module not found: module.{}", path.join(".module."));
        return Some(Diagnostic::error("override-target", summary, detail).at(target.span));
    };
    if module.resource(target.mode, &target.type_name, &target.name).is_some() {
        return None;
    }
    let detail = "Target points to undefined resource. Please, ensure resource exists.";
    let summary = format!("Resource not found: {target}");
    Some(Diagnostic::error("override-target", summary, detail).at(target.span))
}

/// Puts a module without objects in the place of the one that a path leads to.
fn replace_module(module: &mut Module, one: &ModuleOverride, path: &[ArcStr], diagnostics: &mut Diagnostics) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(call) = module.calls.get_mut(name) else {
        let detail = "Target points to an undefined module. Please, ensure module exists.";
        let summary = format!("Module not found: module.{}", one.path.join(".module."));
        diagnostics.push(Diagnostic::error("override-target", summary, detail).at(one.span));
        return;
    };
    let mut inner = Module::clone(&call.module);
    if rest.is_empty() {
        for output in one.outputs.keys().filter(|output| !inner.outputs.contains_key(*output)) {
            let detail = "Specified output to override is not present in the module and will be ignored.";
            let summary = format!("Output not found: {output}");
            diagnostics.push(Diagnostic::warning("override-output", summary, detail).at(one.span));
        }
        inner = inner.with_given_outputs(&one.outputs, one.span);
    } else {
        replace_module(&mut inner, one, rest, diagnostics);
    }
    call.module = Arc::new(inner);
}
