//! `module` blocks: the call, and the module that it leads to.

use super::Loader;
use super::arguments::argument;
use crate::body::ESCAPE;
use crate::compile::compile;
use crate::expression::Expression;
use crate::module::{Module, ModuleCall, ProviderReference};
use crate::source::join_path;
use crate::suggest;
use crate::syntax::{AttributeSyntax, BlockSyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::Type;
use indexmap::IndexMap;

/// Arguments that are the call's own; the rest are inputs.
const META: [&str; 6] = ["source", "version", "count", "for_each", "depends_on", "providers"];

impl Loader<'_> {
    pub(super) fn call(&mut self, block: &BlockSyntax, module: &mut Module) {
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
        self.refuse_count_with_for_each(block);
        if let Some(first) = module.calls.get(&name) {
            let (first, what) = (first.span, format!("A module call named \"{name}\""));
            return self.duplicate("Duplicate module call", what, first, block.header);
        }
        let Some((source, span)) = self.source(block) else {
            self.is_incomplete = true;
            return;
        };
        let path: Vec<ArcStr> = module.path.iter().chain([&name]).cloned().collect();
        let directory = join_path(&module.directory, &source);
        let called = self.module(&directory, &path, Some(span));
        let mut inputs = IndexMap::new();
        for attribute in arguments {
            if !called.is_incomplete && !called.variables.contains_key(&attribute.name) {
                let detail = format!(
                    "An argument named \"{}\" is not expected here: the module has no such input variable.",
                    attribute.name
                );
                let mut diagnostic =
                    Diagnostic::error("unsupported-argument", "Unsupported argument", detail)
                        .at(attribute.name_span);
                diagnostic.hint = suggest::hint(&attribute.name, called.variables.keys().map(ArcStr::as_str));
                self.diagnostics.push(diagnostic);
            }
            inputs.insert(attribute.name.clone(), compile(&attribute.value, &[]));
        }
        for variable in called.variables.values() {
            let is_given = inputs.contains_key(&variable.name) || body.is_incomplete;
            if variable.default.is_none() && !is_given {
                let detail =
                    format!("The argument \"{}\" is required, but no definition was found.", variable.name);
                self.report("missing-argument", "Missing required argument", detail, block.header);
            }
        }
        let providers = body.attribute("providers").map(|attribute| self.providers(&attribute.value));
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

    /// The path of a local module, and where it is written.
    fn source(&mut self, block: &BlockSyntax) -> Option<(String, Span)> {
        let attribute = self.required(block, "source")?;
        let span = attribute.value.span;
        let source = self.constant(&attribute.value, &Type::String)?.as_str().map(ToString::to_string);
        let Some(source) = source else {
            self.report(
                "module-source",
                "Invalid module source address",
                "The module source must not be null.",
                span,
            );
            return None;
        };
        let is_local =
            matches!(source.as_str(), "." | "..") || source.starts_with("./") || source.starts_with("../");
        if !is_local {
            let detail =
                "This version of Formwork loads modules from local folders: \"./...\" and \"../...\".";
            let diagnostic = Diagnostic::error("module-source", "Unsupported module source", detail).at(span);
            self.diagnostics.push(diagnostic.hint("Put a copy of the module beside this configuration."));
            return None;
        }
        if let Some(version) = block.body.attribute("version") {
            let detail = "A version constraint cannot be applied to a module at a relative local path.";
            self.report("module-source", "Invalid module version", detail, version.name_span);
        }
        Some((source, span))
    }

    /// `{ inside = outside, inside.alias = outside.alias }`
    fn providers(&mut self, expression: &Expr) -> Vec<(ProviderReference, ProviderReference)> {
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
