//! `encryption` blocks, and what the surroundings say of encryption besides.
//!
//! Invariant: nothing of what the surroundings say is shown: it holds passphrases.

use super::Loader;
use crate::compile::compile;
use crate::json::{self, Places};
use crate::module::{
    Encryption, EncryptionArgument, EncryptionPart, EncryptionReference, EncryptionTarget, Module, Settings,
};
use crate::parser::{parse_expression_at, parse_file};
use crate::syntax::{BlockSyntax, BodySyntax, Expr, ExprKind};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Span};
use formwork_value::{Type, Value};
use indexmap::IndexMap;

const BLOCKS: [&str; 5] = ["key_provider", "method", "state", "plan", "remote_state_data_sources"];
/// What the text of the surroundings is called in messages: the variable that it comes from.
const SURROUNDINGS: &str = "TF_ENCRYPTION";

impl Loader<'_> {
    pub(super) fn encryption(&mut self, block: &BlockSyntax, settings: &mut Settings) {
        self.labels(block, []);
        if let Some(first) = &settings.encryption {
            let first = first.span;
            let what = "The encryption of this configuration";
            return self.duplicate("Duplicate encryption configuration", what, first, block.header);
        }
        settings.encryption = Some(self.encryption_body(&block.body, block.header));
    }

    fn encryption_body(&mut self, body: &BodySyntax, span: Span) -> Encryption {
        self.only(body, &[], &BLOCKS);
        let mut encryption = Encryption {
            key_providers: self.encryption_parts(body, "key_provider"),
            methods: self.encryption_parts(body, "method"),
            state: self.single(body, "state").map(|nested| self.encryption_target(nested, true)),
            plan: self.single(body, "plan").map(|nested| self.encryption_target(nested, true)),
            remote_states: None,
            remote_state: IndexMap::new(),
            span,
        };
        if let Some(nested) = self.single(body, "remote_state_data_sources") {
            self.remote_states(nested, &mut encryption);
        }
        encryption
    }

    fn encryption_parts(&mut self, body: &BodySyntax, kind: &str) -> Vec<EncryptionPart> {
        let mut parts: Vec<EncryptionPart> = Vec::new();
        for nested in body.blocks.iter().filter(|nested| nested.kind == kind) {
            let Some([type_name, name]) = self.labels(nested, ["type", "name"]) else { continue };
            if let Some(first) = parts.iter().find(|one| one.kind == type_name && one.name == name) {
                let (first, what) = (first.span, format!("The {kind} {type_name}.{name}"));
                self.duplicate(format!("Duplicate {kind} block"), what, first, nested.header);
                continue;
            }
            parts.push(self.encryption_part(nested, type_name, name));
        }
        parts
    }

    fn encryption_part(&mut self, block: &BlockSyntax, kind: ArcStr, name: ArcStr) -> EncryptionPart {
        for nested in &block.body.blocks {
            let detail = format!("Blocks of type \"{}\" are not expected here.", nested.kind);
            self.report("unsupported-block", "Unsupported block type", detail, nested.header);
        }
        let (mut arguments, mut references) = (IndexMap::new(), IndexMap::new());
        for attribute in &block.body.attributes {
            if let Some(reference) = reference(&attribute.value, "key_provider") {
                references.insert(attribute.name.clone(), reference);
                continue;
            }
            let argument = EncryptionArgument {
                expression: compile(&attribute.value, &[]),
                value: Value::unknown(Type::Dynamic),
                name_span: attribute.name_span,
            };
            arguments.insert(attribute.name.clone(), argument);
        }
        EncryptionPart { kind, name, arguments, references, span: block.header }
    }

    fn encryption_target(&mut self, block: &BlockSyntax, may_be_enforced: bool) -> EncryptionTarget {
        let arguments: &[&str] = if may_be_enforced { &["method", "enforced"] } else { &["method"] };
        self.only(&block.body, arguments, &["fallback"]);
        let method = block.body.attribute("method").and_then(|attribute| {
            let method = reference(&attribute.value, "method");
            if method.is_none() {
                let detail = "A method is named as method.TYPE.NAME, without quotes.";
                self.report("encryption-reference", "Invalid method reference", detail, attribute.value.span);
            }
            method
        });
        let fallback = self.single(&block.body, "fallback");
        EncryptionTarget {
            method,
            enforced: self.flag(&block.body, "enforced").unwrap_or(false),
            fallback: fallback.map(|nested| Box::new(self.encryption_target(nested, false))),
            span: block.header,
        }
    }

    fn remote_states(&mut self, block: &BlockSyntax, encryption: &mut Encryption) {
        self.only(&block.body, &[], &["default", "remote_state_data_source"]);
        encryption.remote_states =
            self.single(&block.body, "default").map(|nested| self.encryption_target(nested, false));
        for nested in block.body.blocks.iter().filter(|nested| nested.kind == "remote_state_data_source") {
            let [(name, _)] = nested.labels.as_slice() else {
                let detail = "A remote_state_data_source block has one label: the name of the data source.";
                self.report(
                    "block-labels",
                    "Missing name for remote_state_data_source",
                    detail,
                    nested.header,
                );
                continue;
            };
            let target = self.encryption_target(nested, false);
            encryption.remote_state.insert(name.clone(), target);
        }
    }

    /// What the surroundings say goes before what the files say, argument by argument.
    pub(super) fn encryption_of_surroundings(&mut self, module: &mut Module) {
        let Some(text) = self.source.encryption().filter(|text| !text.trim().is_empty()) else { return };
        let file = self.sources.add(SURROUNDINGS, without_values(&text));
        let body = if text.trim_start().starts_with('{') {
            match json::read(file, &text) {
                Ok(document) => json::body(&document, &json::ENCRYPTION, &mut self.diagnostics),
                Err(diagnostic) => return self.diagnostics.push(diagnostic),
            }
        } else {
            let (body, found) = parse_file(file, &text);
            self.diagnostics.append(found);
            body
        };
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let said = self.encryption_body(&body, Span::new(file, 0, end));
        match &mut module.settings.encryption {
            Some(written) => merge(written, said),
            none => *none = Some(said),
        }
    }

    /// The values of its arguments, which may be written with variables and locals: the state is read before anything
    /// else is evaluated.
    pub(super) fn encryption_values(&mut self, module: &mut Module) {
        let Some(mut encryption) = module.settings.encryption.take() else { return };
        let mut early = self.early(module, None);
        early.may_be_sensitive = true;
        let mut found = Vec::new();
        for part in encryption.key_providers.iter_mut().chain(&mut encryption.methods) {
            for argument in part.arguments.values_mut() {
                let (value, diagnostics) = argument.expression.evaluate(&early);
                argument.value = value.unmark_deep().0;
                let span = argument.expression.span();
                // Whoever opens the state asks for variables that have no value.
                let is_said_here = |one: &Diagnostic| {
                    one.code != "missing-variable"
                        && one.subject.is_some_and(|subject| span.join(subject) == span)
                };
                found.extend(diagnostics.into_iter().filter(is_said_here));
            }
        }
        drop(early);
        for diagnostic in &mut found {
            // They would show what an expression holds.
            diagnostic.values = Vec::new();
        }
        self.diagnostics.extend(found);
        module.settings.encryption = Some(encryption);
    }
}

/// `ROOT.TYPE.NAME`, which JSON has in a string, perhaps as an interpolation.
fn reference(expression: &Expr, root: &str) -> Option<EncryptionReference> {
    if let ExprKind::Wrapped(inner) = &expression.kind {
        return reference(inner, root);
    }
    if let Some(text) = expression.literal_string() {
        let places = Places::from_start(expression.span.start + 1);
        let (parsed, found) = parse_expression_at(expression.span.file, &text, places);
        let parsed = parsed.filter(|one| !found.has_errors() && one.literal_string().is_none())?;
        return reference(&parsed, root);
    }
    let ExprKind::Attribute { source, name, .. } = &expression.kind else { return None };
    let ExprKind::Attribute { source, name: kind, .. } = &source.kind else { return None };
    let ExprKind::Root(found) = &source.kind else { return None };
    let reference = EncryptionReference { kind: kind.clone(), name: name.clone(), span: expression.span };
    (found == root).then_some(reference)
}

/// A text of the same length and lines, with nothing between quotes.
fn without_values(text: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let hide = |byte: u8| {
        let is_quote = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_quoted ^= is_quote;
        if is_quoted && !is_quote && byte != b'\n' { b'*' } else { byte }
    };
    let bytes: Vec<u8> = text.bytes().map(hide).collect();
    String::from_utf8(bytes).unwrap_or_default()
}

fn merge(written: &mut Encryption, said: Encryption) {
    merge_parts(&mut written.key_providers, said.key_providers);
    merge_parts(&mut written.methods, said.methods);
    merge_target(&mut written.state, said.state);
    merge_target(&mut written.plan, said.plan);
    merge_target(&mut written.remote_states, said.remote_states);
    written.remote_state.extend(said.remote_state);
}

fn merge_parts(written: &mut Vec<EncryptionPart>, said: Vec<EncryptionPart>) {
    for part in said {
        match written.iter_mut().find(|one| one.kind == part.kind && one.name == part.name) {
            Some(one) => {
                one.arguments.extend(part.arguments);
                one.references.extend(part.references);
            }
            None => written.push(part),
        }
    }
}

fn merge_target(written: &mut Option<EncryptionTarget>, said: Option<EncryptionTarget>) {
    let Some(said) = said else { return };
    match written {
        Some(written) => {
            written.enforced |= said.enforced;
            written.method = said.method.or(written.method.take());
            written.fallback = said.fallback.or(written.fallback.take());
        }
        none => *none = Some(said),
    }
}
