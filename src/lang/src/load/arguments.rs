//! Arguments that the language itself takes: which are allowed, constants, lists of references.

use super::Loader;
use crate::compile::{as_reference, compile};
use crate::evaluate::Nowhere;
use crate::expression::Expression;
use crate::json::Places;
use crate::module::ProviderReference;
use crate::parser::parse_expression_at;
use crate::scope::{Reference, Scope};
use crate::suggest;
use crate::syntax::{AttributeSyntax, BlockSyntax, BodySyntax, Expr, ExprKind};
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Type, Value, convert};
use std::borrow::Cow;

impl Loader<'_> {
    /// Refuses arguments and blocks that are not among the given ones.
    pub(super) fn only(&mut self, body: &BodySyntax, arguments: &[&str], blocks: &[&str]) {
        for attribute in &body.attributes {
            let name = attribute.name.as_str();
            if arguments.contains(&name) {
                continue;
            }
            let detail = format!("An argument named \"{name}\" is not expected here.");
            let mut diagnostic = Diagnostic::error("unsupported-argument", "Unsupported argument", detail)
                .at(attribute.name_span);
            diagnostic.hint = if blocks.contains(&name) {
                Some(format!("Did you mean to define a block of type \"{name}\"?"))
            } else {
                suggest::hint(name, arguments.iter().copied())
            };
            self.diagnostics.push(diagnostic);
        }
        for block in &body.blocks {
            let kind = block.kind.as_str();
            if blocks.contains(&kind) {
                continue;
            }
            let detail = format!("Blocks of type \"{kind}\" are not expected here.");
            let mut diagnostic =
                Diagnostic::error("unsupported-block", "Unsupported block type", detail).at(block.header);
            diagnostic.hint = if arguments.contains(&kind) {
                Some(format!(
                    "Did you mean to define argument \"{kind}\"? If so, use the equals sign to assign it a value."
                ))
            } else {
                suggest::hint(kind, blocks.iter().copied())
            };
            self.diagnostics.push(diagnostic);
        }
    }

    /// Refuses arguments of the language that are written as blocks, and the other way round.
    pub(super) fn refuse_swapped(&mut self, body: &BodySyntax, arguments: &[&str], blocks: &[&str]) {
        for attribute in body.attributes.iter().filter(|one| blocks.contains(&one.name.as_str())) {
            let name = &attribute.name;
            let detail = format!("An argument named \"{name}\" is not expected here.");
            let diagnostic = Diagnostic::error("unsupported-argument", "Unsupported argument", detail);
            let hint = format!(
                "Did you mean to define a block of type \"{name}\"? If so, leave out the equals sign."
            );
            self.diagnostics.push(diagnostic.at(attribute.name_span).hint(hint));
        }
        for block in body.blocks.iter().filter(|one| arguments.contains(&one.kind.as_str())) {
            let kind = &block.kind;
            let detail = format!("Blocks of type \"{kind}\" are not expected here.");
            let diagnostic = Diagnostic::error("unsupported-block", "Unsupported block type", detail);
            let hint = format!(
                "Did you mean to define argument \"{kind}\"? If so, use the equals sign to assign it a value."
            );
            self.diagnostics.push(diagnostic.at(block.header).hint(hint));
        }
    }

    pub(super) fn required<'s>(&mut self, block: &'s BlockSyntax, name: &str) -> Option<&'s AttributeSyntax> {
        let attribute = block.body.attribute(name);
        if attribute.is_none() && !block.body.is_incomplete {
            let detail = format!("The argument \"{name}\" is required, but no definition was found.");
            self.report("missing-argument", "Missing required argument", detail, block.header);
        }
        attribute
    }

    /// An argument's value, which must be known from the text alone.
    pub(super) fn constant(&mut self, expression: &Expr, wanted: &Type) -> Option<Value> {
        self.constant_in(&Nowhere, expression, wanted)
    }

    /// An argument's value, which must be known from what a scope knows.
    pub(super) fn constant_in(
        &mut self,
        scope: &dyn Scope,
        expression: &Expr,
        wanted: &Type,
    ) -> Option<Value> {
        let compiled = compile(expression, &[]);
        let (value, findings) = compiled.evaluate(scope);
        let is_faulty = findings.has_errors();
        self.diagnostics.append(findings);
        if is_faulty {
            return None;
        }
        match convert(&value, wanted) {
            Ok(value) => Some(value),
            Err(error) => {
                let detail = format!("Unsuitable value: {error}.");
                self.report("wrong-type", "Unsuitable value type", detail, expression.span);
                None
            }
        }
    }

    pub(super) fn text(&mut self, body: &BodySyntax, name: &str) -> Option<String> {
        let value = self.constant(&body.attribute(name)?.value, &Type::String)?;
        value.as_str().map(ToString::to_string)
    }

    pub(super) fn flag(&mut self, body: &BodySyntax, name: &str) -> Option<bool> {
        self.constant(&body.attribute(name)?.value, &Type::Bool)?.as_bool()
    }

    /// The items of a list as written.
    pub(super) fn list<'s>(&mut self, expression: &'s Expr) -> &'s [Expr] {
        if let ExprKind::Tuple(items) = &expression.kind {
            return items;
        }
        let detail = "A static list is required: items between square brackets.";
        self.report("static-list", "Invalid expression", detail, expression.span);
        &[]
    }

    pub(super) fn depends_on(&mut self, body: &BodySyntax) -> Vec<Reference> {
        let Some(attribute) = body.attribute("depends_on") else { return Vec::new() };
        let mut references = Vec::new();
        for item in self.list(&attribute.value) {
            // One word in quotes is no reference to anything.
            let is_path = item.literal_string().is_some_and(|text| text.contains('.'));
            let item = if is_path { self.unquoted(item) } else { Cow::Borrowed(item) };
            match as_reference(&item) {
                Ok(reference) => references.push(reference),
                Err(diagnostic) => self.diagnostics.push(diagnostic),
            }
        }
        references
    }

    /// What stands between the quotes of a reference, which the language once asked for.
    pub(super) fn unquoted<'s>(&mut self, expression: &'s Expr) -> Cow<'s, Expr> {
        let Some(text) = expression.literal_string() else { return Cow::Borrowed(expression) };
        let places = Places::from_start(expression.span.start + 1);
        let (Some(reference), found) = parse_expression_at(expression.span.file, &text, places) else {
            return Cow::Borrowed(expression);
        };
        let is_reference =
            matches!(reference.kind, ExprKind::Root(_) | ExprKind::Attribute { .. } | ExprKind::Index { .. });
        if !is_reference || found.has_errors() {
            return Cow::Borrowed(expression);
        }
        let detail = "In this context, references are expected literally rather than in quotes.";
        let diagnostic = Diagnostic::warning("quoted-reference", "Quoted references are deprecated", detail);
        self.diagnostics
            .push(diagnostic.at(expression.span).hint(format!("Write {text} without the quotes.")));
        Cow::Owned(reference)
    }

    /// `name`, `name.alias` or `name.alias[key]`.
    pub(super) fn provider_reference(&mut self, expression: &Expr) -> Option<ProviderReference> {
        let expression = &*self.unquoted(expression);
        let (configuration, key) = match &expression.kind {
            ExprKind::Index { source, key, .. } => (source.as_ref(), Some(compile(key, &[]))),
            _ => (expression, None),
        };
        let (name, alias) = match &configuration.kind {
            ExprKind::Root(name) if key.is_none() => (Some(name), None),
            ExprKind::Attribute { source, name: alias, .. } => match &source.kind {
                ExprKind::Root(name) => (Some(name), Some(alias)),
                _ => (None, None),
            },
            _ => (None, None),
        };
        if let Some(name) = name {
            let span = expression.span;
            return Some(ProviderReference { name: name.clone(), alias: alias.cloned(), key, span });
        }
        let detail =
            "A provider configuration is named as NAME, NAME.ALIAS or NAME.ALIAS[KEY], without quotes.";
        let summary = "Invalid provider configuration reference";
        self.report("provider-reference", summary, detail, expression.span);
        None
    }

    /// Reports a second block where there may be one.
    pub(super) fn single<'s>(&mut self, body: &'s BodySyntax, kind: &str) -> Option<&'s BlockSyntax> {
        let mut blocks = body.blocks.iter().filter(|block| block.kind == kind);
        let first = blocks.next()?;
        if let Some(second) = blocks.next() {
            let (summary, what) = (format!("Duplicate {kind} block"), format!("A {kind} block"));
            self.duplicate(summary, what, first.header, second.header);
        }
        Some(first)
    }

    pub(super) fn duplicate(
        &mut self,
        summary: impl Into<String>,
        detail: impl Into<String>,
        first: Span,
        span: Span,
    ) {
        let detail = format!("{} was already declared at {}.", detail.into(), self.place(first));
        self.report("duplicate", summary, detail, span);
    }
}

/// An argument of a body, compiled.
pub(super) fn argument(body: &BodySyntax, name: &str) -> Option<Expression> {
    body.attribute(name).map(|attribute| compile(&attribute.value, &[]))
}
