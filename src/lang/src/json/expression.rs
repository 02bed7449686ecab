//! Values of a document as expressions.

use super::shape::Strings;
use super::{Json, JsonKind, JsonText, Member};
use crate::parser;
use crate::syntax::{Expr, ExprKind, ForExpr};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics, Span};
use formwork_value::{Type, Value};
use rustc_hash::FxHashSet;

/// Reads a value as an expression.
pub(super) struct Reader<'a> {
    pub(super) strings: Strings,
    /// Whether the value may turn out to be blocks, with dynamic ones among them.
    pub(super) is_open: bool,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    pub(super) fn expression(&mut self, json: &Json) -> Expr {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expression_inner(json))
    }

    fn expression_inner(&mut self, json: &Json) -> Expr {
        let span = json.span;
        let kind = match &json.kind {
            JsonKind::String(text) => return self.string(text, span),
            JsonKind::Array(items) => {
                ExprKind::Tuple(items.iter().map(|item| self.expression(item)).collect())
            }
            JsonKind::Object(members) => ExprKind::Object(self.object(members)),
            JsonKind::Null => ExprKind::Literal(Value::null(Type::Dynamic)),
            JsonKind::Bool(bool) => ExprKind::Literal(Value::bool(*bool)),
            JsonKind::Number(number) => ExprKind::Literal(Value::number(number.clone())),
        };
        Expr { kind, span }
    }

    fn object(&mut self, members: &[Member]) -> Vec<(Expr, Expr)> {
        let mut seen = FxHashSet::default();
        let mut items = Vec::with_capacity(members.len());
        for member in members {
            if !seen.insert(member.name.text.clone()) {
                self.duplicate(member);
                continue;
            }
            let key = self.key(member);
            let name = member.name.text.as_str();
            let before = self.strings;
            if before == Strings::RequiredProvider && name == "configuration_aliases" {
                self.strings = Strings::Expression;
            }
            let value = if self.is_open && name == "dynamic" {
                self.dynamic(&member.value)
            } else {
                self.expression(&member.value)
            };
            self.strings = before;
            items.push((key, value));
        }
        items
    }

    pub(super) fn duplicate(&mut self, member: &Member) {
        let name = &member.name.text;
        let detail = format!("The property \"{name}\" was already set. Each may be set only once.");
        let diagnostic = Diagnostic::error("duplicate", "Duplicate object property", detail);
        self.diagnostics.push(diagnostic.at(member.name_span));
    }

    fn key(&mut self, member: &Member) -> Expr {
        self.string(&member.name, member.name_span)
    }

    fn string(&mut self, text: &JsonText, span: Span) -> Expr {
        let has_sequences = text.text.contains("${") || text.text.contains("%{");
        let parsed = match self.strings {
            // A sequence around a name means the name.
            Strings::Template | Strings::Expression if has_sequences => {
                parser::parse_template_at(span.file, &text.text, text.places.clone())
            }
            Strings::Expression => parser::parse_expression_at(span.file, &text.text, text.places.clone()),
            _ => return literal(&text.text, span),
        };
        let (expression, found) = parsed;
        self.diagnostics.append(found);
        match expression {
            Some(Expr { kind: ExprKind::Wrapped(inner), .. }) if self.strings == Strings::Expression => {
                *inner
            }
            Some(expression) if self.strings == Strings::Expression => expression,
            Some(expression) => Expr { span, ..expression },
            None => Expr { kind: ExprKind::Literal(Value::unknown(Type::Dynamic)), span },
        }
    }

    /// `{ TYPE = { for_each, iterator, content } }` as what it comes to: a list for each type. So the references in
    /// it are known, and the iterator is none of them.
    fn dynamic(&mut self, json: &Json) -> Expr {
        let mut items = Vec::new();
        let mut waiting = vec![json];
        while let Some(at) = waiting.pop() {
            match &at.kind {
                JsonKind::Array(all) => waiting.extend(all.iter().rev()),
                JsonKind::Object(members) => {
                    for member in &**members {
                        self.dynamic_of_type(member, &mut items);
                    }
                }
                _ => {}
            }
        }
        Expr { kind: ExprKind::Tuple(items), span: json.span }
    }

    fn dynamic_of_type(&mut self, member: &Member, items: &mut Vec<Expr>) {
        let mut waiting = vec![&member.value];
        while let Some(at) = waiting.pop() {
            let members = match &at.kind {
                JsonKind::Array(all) => {
                    waiting.extend(all.iter().rev());
                    continue;
                }
                JsonKind::Object(members) => members,
                _ => continue,
            };
            let find = |name: &str| members.iter().find(|one| one.name.text == name).map(|one| &one.value);
            let iterator = match find("iterator").map(|json| &json.kind) {
                Some(JsonKind::String(name)) => name.text.clone(),
                _ => member.name.text.clone(),
            };
            let nothing = Json { kind: JsonKind::Null, span: at.span };
            let collection = self.expression(find("for_each").unwrap_or(&nothing));
            let content = self.expression(find("content").unwrap_or(&nothing));
            let value = match find("labels") {
                Some(labels) => {
                    let labels = self.expression(labels);
                    Expr { kind: ExprKind::Tuple(vec![labels, content]), span: at.span }
                }
                None => content,
            };
            let for_expr = ForExpr {
                key_name: None,
                value_name: iterator,
                collection,
                key: None,
                value,
                condition: None,
                group: false,
            };
            items.push(Expr { kind: ExprKind::For(Box::new(for_expr)), span: at.span });
        }
    }
}

fn literal(text: &ArcStr, span: Span) -> Expr {
    let part = Expr { kind: ExprKind::Literal(Value::string(text.clone())), span };
    Expr { kind: ExprKind::Template(vec![part]), span }
}
