//! The values behind an expression in error: what its references stood for.
//!
//! Invariant: nothing of a sensitive value but that it is one.

use super::Evaluator;
use crate::node::{Node, NodeKind};
use crate::scope::{Query, Scope};
use formwork_diagnostic::Diagnostic;
use formwork_value::{Kind, MarkKind, Type, Value};

/// More would hide the message.
const SHOWN_MOST: usize = 8;

/// No more are looked at: each costs a question to the scope.
const COLLECTED_MOST: usize = 64;

/// Longer texts are cut.
const TEXT_SHOWN_MOST: usize = 120;

/// What the references in an expression stand for, each with the end of a sentence about it.
pub(crate) fn values_behind(node: &Node, scope: &dyn Scope) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    Evaluator::new(scope, Vec::new(), 0).collect(node, &mut shown);
    shown.sort();
    shown.dedup();
    shown.truncate(SHOWN_MOST);
    shown
}

impl Evaluator<'_> {
    pub(super) fn explain(&self, diagnostic: &mut Diagnostic, behind: &[&Node]) {
        let mut shown = Vec::new();
        for node in behind {
            self.collect(node, &mut shown);
        }
        shown.sort();
        shown.dedup();
        for (traversal, statement) in shown.into_iter().take(SHOWN_MOST) {
            diagnostic.values.push(formwork_diagnostic::ExpressionValue { traversal, statement });
        }
    }

    /// The longest prefixes of traversals that have a value.
    fn collect(&self, node: &Node, shown: &mut Vec<(String, String)>) {
        if let Some((text, value)) = self.traversal_value(node) {
            shown.extend(describe(&value).map(|statement| (text, statement)));
            return;
        }
        if shown.len() < COLLECTED_MOST {
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                node.children().into_iter().for_each(|child| self.collect(child, shown));
            });
        }
    }

    fn traversal_value(&self, node: &Node) -> Option<(String, Value)> {
        match &node.kind {
            NodeKind::Local { slot, name } if !name.is_empty() => {
                Some((name.to_string(), self.locals.get(*slot)?.clone()))
            }
            NodeKind::Reference(reference) => {
                let mut text = super::subject_text(&reference.subject);
                let mut key = None;
                if let Some((node, _)) = reference.key.as_deref() {
                    let NodeKind::Constant(value) = &node.kind else { return None };
                    text = format!("{text}[{value}]");
                    key = Some(value);
                }
                if let Some(output) = &reference.output {
                    text = format!("{text}.{output}");
                }
                let output = reference.output.as_deref();
                let query =
                    Query { subject: &reference.subject, key, output, span: node.span, key_span: None };
                Some((text, self.scope.resolve(&query).ok()?))
            }
            NodeKind::Attribute { source, name, .. } => {
                let (text, value) = self.traversal_value(source)?;
                let found = formwork_value::get_attribute(&value, name).ok()?;
                Some((format!("{text}.{name}"), found))
            }
            NodeKind::Index { source, key, .. } => {
                let NodeKind::Constant(key) = &key.kind else { return None };
                let (text, value) = self.traversal_value(source)?;
                let found = formwork_value::index(&value, key).ok()?;
                Some((format!("{text}[{key}]"), found))
            }
            _ => None,
        }
    }
}

/// The end of the sentence that begins with a traversal: `is "a"`, `has a sensitive value`. Of a value that is not
/// known there is nothing to say but its type: whoever finds fault with its being unknown says so.
pub fn describe(value: &Value) -> Option<String> {
    let (bare, marks) = value.unmark();
    if marks.has(MarkKind::Sensitive) {
        return Some("has a sensitive value".to_owned());
    }
    if marks.has(MarkKind::Ephemeral) {
        return Some("has an ephemeral value".to_owned());
    }
    Some(match bare.kind() {
        Kind::Unknown(Type::Dynamic, _) => return None,
        Kind::Unknown(value_type, _) => {
            let name = value_type.friendly_name();
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("is {article} {name}")
        }
        Kind::Null(_) => "is null".to_owned(),
        Kind::Bool(bool) => format!("is {bool}"),
        Kind::Number(number) => format!("is {number}"),
        Kind::String(text) => match text.char_indices().nth(TEXT_SHOWN_MOST) {
            Some((cut, _)) => format!("is {:?}...", &text[..cut]),
            None => format!("is {:?}", text.as_str()),
        },
        Kind::List(items) | Kind::Set(items) => {
            format!("is {}", counted(&bare.value_type().friendly_name(), items.len(), "element"))
        }
        Kind::Map(entries) => {
            format!("is {}", counted(&bare.value_type().friendly_name(), entries.len(), "element"))
        }
        Kind::Tuple(items) => format!("is {}", counted("tuple", items.len(), "element")),
        Kind::Object(entries) => format!("is {}", counted("object", entries.len(), "attribute")),
        Kind::Marked(..) => "has a marked value".to_owned(),
    })
}

fn counted(what: &str, count: usize, unit: &str) -> String {
    match count {
        0 => format!("empty {what}"),
        1 => format!("{what} with 1 {unit}"),
        count => format!("{what} with {count} {unit}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_value::Marks;

    #[test]
    fn values_are_described_and_secrets_are_not() {
        assert_eq!(describe(&Value::unknown(Type::Dynamic)), None);
        for (value, expected) in [
            (Value::from("a\n"), "is \"a\\n\""),
            (Value::from(5), "is 5"),
            (Value::from("x").with_marks(&Marks::sensitive()), "has a sensitive value"),
            (Value::unknown(Type::String), "is a string"),
            (Value::null(Type::String), "is null"),
            (Value::list(Type::String, Vec::new()), "is empty list of string"),
            (Value::list(Type::String, vec![Value::from("a")]), "is list of string with 1 element"),
            (
                Value::object(vec![("a".into(), Value::from(1)), ("b".into(), Value::from(1))]),
                "is object with 2 attributes",
            ),
        ] {
            assert_eq!(describe(&value).as_deref(), Some(expected));
        }
    }
}
