//! Templates: parts joined to a string.

use super::{Evaluator, unknown_not_null};
use crate::functions::argument::TEXT_MAXIMUM;
use crate::node::Node;
use formwork_diagnostic::Diagnostic;
use formwork_value::{Marks, Refinements, Type, Value, convert};
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes of a known beginning that are kept of an unknown string.
const PREFIX_MOST: usize = 128;

const SUMMARY: &str = "Invalid template interpolation value";

impl Evaluator<'_> {
    pub(super) fn template(&mut self, node: &Node, parts: &[Node]) -> Value {
        let mut text = std::mem::take(&mut self.text);
        let value = self.joined_parts(node, parts, &mut text);
        text.clear();
        self.text = text;
        value
    }

    fn joined_parts(&mut self, node: &Node, parts: &[Node], text: &mut String) -> Value {
        let mut marks = Marks::NONE;
        let mut is_known = true;
        let start = self.diagnostics.len();
        for part in parts {
            let value = self.value(part);
            if value.is_null() {
                let detail =
                    "The expression result is null. Cannot include a null value in a string template.";
                self.fail(SUMMARY, detail, part.span, part);
                continue;
            }
            let (value, part_marks) = value.into_unmarked();
            marks = marks.union(&part_marks);
            if !value.is_known() {
                is_known = false;
                continue;
            }
            if let Some(number) = value.as_number() {
                if is_known {
                    let _ = write!(text, "{number}");
                }
                if text.len() > TEXT_MAXIMUM {
                    return self.text_too_long(node);
                }
                continue;
            }
            match convert(&value, &Type::String) {
                Ok(value) => {
                    if is_known && let Some(value) = value.as_str() {
                        if text.len() + value.len() > TEXT_MAXIMUM {
                            return self.text_too_long(node);
                        }
                        text.push_str(value);
                    }
                }
                Err(error) => {
                    let detail = format!("Cannot include the given value in a string template: {error}.");
                    let diagnostic = Diagnostic::error("evaluation", SUMMARY, detail).at(part.span);
                    let hint = if value.items().is_some() {
                        "Join its elements with join(\", \", ...), or write it as JSON with jsonencode(...)."
                    } else {
                        "Name one of its attributes, or write it as JSON with jsonencode(...)."
                    };
                    self.failed(diagnostic.hint(hint), &[part]);
                }
            }
        }
        if is_known {
            return Value::string(text.as_str()).into_marked(&marks);
        }
        if self.has_errors_since(start) || text.is_empty() {
            return unknown_not_null(Type::String).with_marks(&marks);
        }
        let mut length = text.len().min(PREFIX_MOST);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        text.truncate(length);
        let prefix = safe_prefix(text);
        if prefix.is_empty() {
            return unknown_not_null(Type::String).with_marks(&marks);
        }
        let refinements = Refinements::NOT_NULL.with_prefix(prefix);
        Value::unknown(Type::String).refine(&refinements).with_marks(&marks)
    }

    fn text_too_long(&mut self, node: &Node) -> Value {
        let detail = format!("The text has more than {TEXT_MAXIMUM} bytes.");
        self.diagnostics.push(super::evaluation_error("Value too large", detail, node.span));
        Value::unknown(Type::String)
    }

    /// The elements of a list as one string: what a template's `for` gives.
    pub(super) fn join(&mut self, node: &Node, list: &Node) -> Value {
        let value = self.value(list);
        let (value, mut marks) = value.into_unmarked();
        let unknown = |marks: &Marks| Value::unknown(Type::String).with_marks(marks);
        let Some(items) = value.items() else { return unknown(&Marks::NONE) };
        let outer = marks.clone();
        let mut text = String::new();
        for item in items {
            if item.is_null() {
                let detail = "An iteration result is null. Cannot include a null value in a string template.";
                self.fail(SUMMARY, detail, node.span, node);
                continue;
            }
            let (item, item_marks) = item.unmark();
            match convert(&item, &Type::String) {
                Ok(item) => match item.as_str() {
                    Some(item) if text.len() + item.len() > TEXT_MAXIMUM => return self.text_too_long(node),
                    Some(item) => text.push_str(item),
                    None => return unknown(&outer.union(&item_marks)),
                },
                Err(error) => {
                    let detail = format!(
                        "Cannot include one of the interpolation results into the string template: {error}."
                    );
                    self.fail(SUMMARY, detail, node.span, node);
                }
            }
            marks = marks.union(&item_marks);
        }
        Value::string(text).into_marked(&marks)
    }
}

/// As much of a text as stays the beginning of every text that begins so: the last grapheme cluster could combine with
/// what follows, unless it is one of the usual delimiters.
pub fn safe_prefix(text: &str) -> &str {
    let Some((last, cluster)) = text.grapheme_indices(true).next_back() else { return text };
    let ends_cluster = cluster.len() == 1 && "-_:;/\\,.(){}[]|?!~ \t@#$%^&*+\"'".contains(cluster);
    if ends_cluster { text } else { &text[..last] }
}

#[cfg(test)]
mod tests {
    use super::safe_prefix;

    #[test]
    fn what_could_combine_is_not_promised() {
        for (text, expected) in
            [("x", ""), ("pre-", "pre-"), ("https://ab", "https://a"), ("", ""), ("a\u{301}", "")]
        {
            assert_eq!(safe_prefix(text), expected, "{text}");
        }
    }
}
