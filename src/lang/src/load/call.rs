//! `module` blocks: the call, and the module that it leads to.

use super::Loader;
use super::arguments::argument;
use super::early::{Early, Outer};
use crate::body::ESCAPE;
use crate::compile::compile;
use crate::expression::Expression;
use crate::module::{Module, ModuleCall, ProviderReference};
use crate::suggest;
use crate::syntax::{AttributeSyntax, BlockSyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::Type;
use indexmap::IndexMap;
use std::cell::RefCell;

/// Arguments that are the call's own; the rest are inputs.
pub(crate) const META: [&str; 6] = ["source", "version", "count", "for_each", "depends_on", "providers"];

impl<'a> Loader<'a> {
    pub(super) fn call(&mut self, block: &BlockSyntax, module: &mut Module, outer: Option<Outer<'_>>) {
        let Some([name]) = self.labels(block, ["name"]) else { return };
        let body = &block.body;
        let escapes = body.blocks.iter().filter(|nested| nested.kind == ESCAPE);
        let arguments: Vec<&AttributeSyntax> = body
            .attributes
            .iter()
            .filter(|attribute| !META.contains(&attribute.name.as_str()))
            .chain(escapes.flat_map(|escape| &escape.body.attributes))
            .collect();
        let enabled = self.call_lifecycle(block);
        self.refuse_swapped(body, &[], &["lifecycle"]);
        self.refuse_count_with_for_each(block);
        if let Some(first) = module.calls.get(&name) {
            let (first, what) = (first.span, format!("A module call named \"{name}\""));
            return self.duplicate("Duplicate module call", what, first, block.header);
        }
        let inputs: IndexMap<ArcStr, Expression> = arguments
            .iter()
            .map(|attribute| (attribute.name.clone(), compile(&attribute.value, &[])))
            .collect();
        let early = self.early(module, outer);
        let Some((source, span)) = self.source(block, &early) else {
            self.is_incomplete = true;
            return;
        };
        let path: Vec<ArcStr> = module.path.iter().chain([&name]).cloned().collect();
        let Some(directory) = self.directory(block, &source, span, &early, &path) else {
            self.is_incomplete = true;
            return;
        };
        let called = self.module(&directory, &path, Some(span), Some((&inputs, &early)));
        self.check_constants(&called, &inputs, &early);
        self.check_inputs(&arguments, &called);
        for variable in called.variables.values() {
            let is_given = inputs.contains_key(&variable.name) || body.is_incomplete;
            if variable.default.is_none() && !is_given {
                let detail =
                    format!("The argument \"{}\" is required, but no definition was found.", variable.name);
                self.report("missing-argument", "Missing required argument", detail, block.header);
            }
        }
        let providers = body.attribute("providers").map(|attribute| self.providers(&attribute.value));
        self.refuse_own_providers(block, &called);
        self.refuse_missing_providers(block, &called, providers.as_deref().unwrap_or_default());
        let call = ModuleCall {
            name: name.clone(),
            source,
            count: argument(body, "count"),
            for_each: argument(body, "for_each"),
            enabled,
            depends_on: self.depends_on(body),
            providers: providers.unwrap_or_default(),
            inputs,
            module: called,
            span: block.header,
        };
        module.calls.insert(name, call);
    }

    /// What may be named in a module while it is loaded.
    pub(super) fn early<'e>(&self, module: &'e Module, outer: Option<Outer<'e>>) -> Early<'e>
    where
        'a: 'e,
    {
        Early {
            module,
            given: self.variables,
            outer,
            consulted: self.consulted.clone(),
            found: RefCell::default(),
            files: self.source,
            may_be_sensitive: false,
        }
    }

    /// Arguments that are no variables of the module, and those that its author wants nobody to set any more.
    fn check_inputs(&mut self, arguments: &[&AttributeSyntax], called: &Module) {
        for attribute in arguments {
            let name = &attribute.name;
            let Some(variable) = called.variables.get(name) else {
                if !called.is_incomplete {
                    let detail = format!(
                        "An argument named \"{name}\" is not expected here: the module has no such input variable."
                    );
                    let mut diagnostic =
                        Diagnostic::error("unsupported-argument", "Unsupported argument", detail)
                            .at(attribute.name_span);
                    diagnostic.hint = suggest::hint(name, called.variables.keys().map(ArcStr::as_str));
                    self.diagnostics.push(diagnostic);
                }
                continue;
            };
            if let Some(message) = &variable.deprecated {
                let detail = format!("The module's author marks \"{name}\" as deprecated: {message}");
                let diagnostic = Diagnostic::warning("deprecated", "Variable is deprecated", detail);
                self.diagnostics.push(diagnostic.at(attribute.name_span));
            }
        }
    }

    /// Variables with `const` take what is known from the text and from other such values.
    fn check_constants(&mut self, called: &Module, inputs: &IndexMap<ArcStr, Expression>, early: &Early<'_>) {
        let constants = called.variables.values().filter(|variable| variable.constant);
        for (variable, input) in
            constants.filter_map(|variable| Some((variable, inputs.get(&variable.name)?)))
        {
            let (value, found) = input.evaluate(early);
            let is_said = self.diagnostics.iter().any(|one| {
                one.code == "not-static" && one.subject.is_some_and(|span| span.start == input.span().start)
            });
            if !is_said && (found.has_errors() || !value.is_wholly_known()) {
                let detail = format!(
                    "The variable \"{}\" is declared with const = true, so its value must be known before anything is planned.",
                    variable.name
                );
                let diagnostic = Diagnostic::error("not-static", "Constant value required", detail);
                self.diagnostics.push(
                    diagnostic
                        .at(input.span())
                        .hint("Use variables, locals and what is made of them; no resources and no outputs."),
                );
            }
        }
    }

    /// The `lifecycle` block of a call, which says only whether it is enabled.
    fn call_lifecycle(&mut self, block: &BlockSyntax) -> Option<Expression> {
        let body = &block.body;
        for nested in body.blocks.iter().filter(|one| !matches!(one.kind.as_str(), "lifecycle" | ESCAPE)) {
            let detail = format!("Blocks of type \"{}\" are not expected here.", nested.kind);
            let mut diagnostic =
                Diagnostic::error("unsupported-block", "Unsupported block type", detail).at(nested.header);
            diagnostic.hint = suggest::hint(&nested.kind, ["lifecycle"]);
            self.diagnostics.push(diagnostic);
        }
        let lifecycle = self.single(body, "lifecycle")?;
        self.labels(lifecycle, []);
        self.only(&lifecycle.body, &["enabled"], &[]);
        self.enabled(body, &lifecycle.body)
    }

    /// Where a module comes from, and where that is written.
    fn source(&mut self, block: &BlockSyntax, early: &Early<'_>) -> Option<(String, Span)> {
        let attribute = self.required(block, "source")?;
        let span = attribute.value.span;
        let value = self.constant_in(early, &attribute.value, &Type::String)?;
        if !value.is_known() {
            // It could not be read, which has been said.
            return None;
        }
        let source = value.as_str().map(ToString::to_string);
        let Some(source) = source else {
            self.report(
                "module-source",
                "Invalid module source address",
                "The module source must not be null.",
                span,
            );
            return None;
        };
        Some((source, span))
    }

    /// Whether a module's source is a local folder; says so where it is none.
    pub(super) fn check_local(&mut self, block: &BlockSyntax, source: &str, span: Span) -> bool {
        let is_local = matches!(source, "." | "..") || source.starts_with("./") || source.starts_with("../");
        if !is_local {
            let detail =
                "This version of Formwork loads modules from local folders: \"./...\" and \"../...\".";
            let diagnostic = Diagnostic::error("module-source", "Unsupported module source", detail).at(span);
            self.diagnostics.push(diagnostic.hint("Put a copy of the module beside this configuration."));
        } else if let Some(version) = block.body.attribute("version") {
            let detail = "A version constraint cannot be applied to a module at a relative local path.";
            self.report("module-source", "Invalid module version", detail, version.name_span);
        }
        is_local
    }

    /// A module that configures providers itself stands or falls with its call, so there can be only one of it.
    fn refuse_own_providers(&mut self, block: &BlockSyntax, called: &Module) {
        let Some(name) = configured_provider(called) else { return };
        for argument in ["count", "for_each", "depends_on"] {
            let Some(attribute) = block.body.attribute(argument) else { continue };
            let detail = format!(
                "The module has a configuration of the provider \"{name}\" of its own, so it cannot have {argument}: the provider must outlast what it made."
            );
            let summary = format!("Module is incompatible with {argument}");
            let diagnostic = Diagnostic::error("module-providers", summary, detail).at(attribute.name_span);
            self.diagnostics.push(diagnostic.hint(
                "Move the provider block to the root module and pass it in with the providers argument.",
            ));
        }
    }

    fn refuse_missing_providers(
        &mut self,
        block: &BlockSyntax,
        called: &Module,
        given: &[(ProviderReference, ProviderReference)],
    ) {
        let wanted = called.settings.required_providers.values().flat_map(|required| &required.aliases);
        for alias in wanted {
            let is_given =
                given.iter().any(|(inside, _)| inside.name == alias.name && inside.alias == alias.alias);
            if !is_given {
                let detail =
                    format!("The module needs a provider configuration {alias}, and none is passed to it.");
                let diagnostic = Diagnostic::error(
                    "provider-not-passed",
                    "Missing required provider configuration",
                    detail,
                );
                self.diagnostics.push(
                    diagnostic
                        .at(block.header)
                        .hint(format!("Add providers = {{ {alias} = ... }} to the call.")),
                );
            }
        }
    }

    /// `{ inside = outside, inside.alias = outside.alias }`
    pub(super) fn providers(&mut self, expression: &Expr) -> Vec<(ProviderReference, ProviderReference)> {
        let ExprKind::Object(items) = &expression.kind else {
            let detail =
                "The providers argument is an object: the name inside the module to the one out here.";
            self.report("provider-reference", "Invalid providers argument", detail, expression.span);
            return Vec::new();
        };
        let mut providers = Vec::with_capacity(items.len());
        for (inside, outside) in items {
            let (inside, outside) = (self.provider_reference(inside), self.provider_reference(outside));
            providers.extend(inside.zip(outside));
        }
        providers
    }
}

/// A provider that a module, or one below it, configures with arguments.
fn configured_provider(module: &Module) -> Option<&str> {
    let own = module.providers.iter().find(|provider| !provider.body.is_empty());
    own.map(|provider| provider.name.as_str())
        .or_else(|| module.calls.values().find_map(|call| configured_provider(&call.module)))
}
