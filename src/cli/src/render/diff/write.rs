//! The difference as text: symbols, alignment, hidden counts.

use super::sequence::pair_up;
use super::{Diff, Shape, Verdict, document};
use crate::render::palette::{Look, Palette};
use formwork_value::{Kind, Name, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a node is written, as its parents decide.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four switches that do not exclude one another")]
pub(crate) struct Options {
    pub(crate) palette: Palette,
    /// Leave out the `-> null` of what goes.
    pub(crate) hide_null: bool,
    /// Say that it forces replacement, though the path ends above.
    pub(crate) force_replace: bool,
    /// Write what does not change too.
    pub(crate) show_unchanged: bool,
    /// Leave out the column of symbols: for a state, not a plan.
    pub(crate) hide_symbols: bool,
}

/// What makes a JSON text of a value, and what of the text says nothing.
const JSON: (&str, &str) = ("jsonencode", "whitespace");
/// The same of YAML, whose comments say nothing either.
const YAML: (&str, &str) = ("yamlencode", "whitespace or comment");

impl Options {
    /// What children get: forcing replacement is never handed down by itself.
    pub(super) fn inner(self) -> Self {
        Self { force_replace: false, ..self }
    }

    pub(super) fn null_suffix(self, out: &mut String, verdict: Verdict) {
        if verdict == Verdict::Delete && !self.hide_null {
            let _ = write!(out, " {}", self.palette.paint(Look::Grey, "-> null"));
        }
    }

    pub(super) fn replace_suffix(self, out: &mut String, replace: bool) {
        if replace || self.force_replace {
            let _ = write!(out, " {}", self.palette.paint(Look::Red, "# forces replacement"));
        }
    }

    /// Indentation, then the symbol of the verdict in its column.
    pub(super) fn line(self, out: &mut String, indent: usize, verdict: Verdict) {
        for _ in 0..indent {
            out.push_str("    ");
        }
        self.symbol(out, verdict);
    }

    fn symbol(self, out: &mut String, verdict: Verdict) {
        if self.hide_symbols {
            return;
        }
        let (look, symbol) = match verdict {
            Verdict::Same => return out.push_str("    "),
            Verdict::Create => (Look::Green, "+"),
            Verdict::Update => (Look::Yellow, "~"),
            Verdict::Delete => (Look::Red, "-"),
        };
        let _ = write!(out, "  {} ", self.palette.paint(look, symbol));
    }

    pub(super) fn hidden(self, out: &mut String, indent: usize, count: usize, what: &str) {
        if count > 0 {
            self.line(out, indent, Verdict::Same);
            let plural = if count == 1 { "" } else { "s" };
            let words = format!("# ({count} unchanged {what}{plural} hidden)");
            let _ = writeln!(out, "{}", self.palette.paint(Look::Grey, words));
        }
    }

    fn arrow(self) -> impl std::fmt::Display {
        self.palette.paint(Look::Yellow, "->")
    }
}

/// The symbol of a whole object's verdict, three columns wide and without the space after it.
pub(crate) fn header_symbol(verdict: Verdict, palette: Palette) -> String {
    let mut out = String::new();
    Options { palette, ..Options::default() }.symbol(&mut out, verdict);
    out.pop();
    out
}

impl Diff {
    /// Writes the node at an indentation; the caller has written the line up to it.
    pub(crate) fn write(&self, out: &mut String, indent: usize, options: Options) {
        match &self.shape {
            Shape::Scalar { before, after } => {
                self.scalar(out, before.as_ref(), after.as_ref(), indent, options);
            }
            Shape::List { elements, context } => self.list(out, elements, *context, indent, options),
            Shape::Set { elements, nested } => self.set(out, elements, *nested, indent, options),
            Shape::Map { entries, nested } => self.map(out, entries, *nested, indent, options),
            Shape::Object { attributes, nested } => self.object(out, attributes, *nested, indent, options),
            Shape::Body(body) => self.body(out, body, indent, options),
            Shape::Unknown(before) => self.unknown(out, before.as_deref(), indent, options),
            Shape::Sensitive { .. } => {
                out.push_str("(sensitive value)");
                options.null_suffix(out, self.verdict);
                options.replace_suffix(out, self.replace);
            }
            Shape::SensitiveBody { .. } => self.sensitive_body(out, indent, options),
            Shape::WriteOnly => {
                out.push_str("(write-only attribute)");
                options.replace_suffix(out, self.replace);
                options.null_suffix(out, self.verdict);
            }
            Shape::TypeChange { before, after } => {
                let options = Options { hide_null: true, ..options };
                before.write(out, indent, options);
                let _ = write!(out, " {} ", options.arrow());
                after.write(out, indent, options);
            }
        }
    }

    fn unknown(&self, out: &mut String, before: Option<&Self>, indent: usize, options: Options) {
        if let Some(before) = before {
            before.write(out, indent, Options { hide_null: true, ..options });
            out.push_str(" -> ");
        }
        out.push_str("(known after apply)");
        options.replace_suffix(out, self.replace);
    }

    fn scalar(
        &self,
        out: &mut String,
        before: Option<&Value>,
        after: Option<&Value>,
        indent: usize,
        options: Options,
    ) {
        match self.verdict {
            Verdict::Create | Verdict::Same => self.one(out, after, None, indent, options),
            Verdict::Delete => self.one(out, None, before, indent, options),
            Verdict::Update => self.two(out, before, after, indent, options),
        }
    }

    /// A scalar with one side to show.
    fn one(
        &self,
        out: &mut String,
        after: Option<&Value>,
        before: Option<&Value>,
        indent: usize,
        options: Options,
    ) {
        let value = after.or(before);
        let text = value.and_then(Value::as_str);
        if let Some(document) = text.and_then(|text| document::parse(text)) {
            let (before, after) = match self.verdict {
                Verdict::Create => (None, Some(&document)),
                Verdict::Delete => (Some(&document), None),
                _ => (Some(&document), Some(&document)),
            };
            return self.encoded(out, JSON, (before, after), indent, options);
        }
        match text {
            Some(text) if text.contains('\n') => {
                let lines: Vec<_> = text.trim().lines().map(|line| (Verdict::Same, line)).collect();
                self.heredoc(out, &lines, indent, options);
            }
            _ => {
                simple(out, value, options.palette);
                if value.is_some() {
                    options.null_suffix(out, self.verdict);
                }
                options.replace_suffix(out, self.replace);
            }
        }
    }

    fn two(
        &self,
        out: &mut String,
        before: Option<&Value>,
        after: Option<&Value>,
        indent: usize,
        options: Options,
    ) {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).cloned();
        let (left, right) = (text(before), text(after));
        let document = |text: &Option<Name>| text.as_ref().and_then(|text| document::parse(text));
        match (document(&left), document(&right)) {
            (Some(left), Some(right)) => {
                return self.encoded(out, JSON, (Some(&left), Some(&right)), indent, options);
            }
            (None, None) => {}
            _ => return self.halves(out, before, after, indent, options),
        }
        let yaml = |text: &Option<Name>| text.as_ref().and_then(|text| document::parse_yaml(text));
        if let (Some(left), Some(right)) = (yaml(&left), yaml(&right)) {
            return self.encoded(out, YAML, (Some(&left), Some(&right)), indent, options);
        }
        let is_multiline = |text: &Option<Name>| text.as_ref().is_some_and(|text| text.contains('\n'));
        if is_multiline(&left) || is_multiline(&right) {
            let lines_of = |text: &Option<Name>| -> Vec<String> {
                let text =
                    text.as_ref().map_or("null", |text| if text.contains('\n') { text.trim() } else { text });
                text.split('\n').map(str::to_owned).collect()
            };
            let (before, after) = (lines_of(&left), lines_of(&right));
            let mut lines = Vec::new();
            pair_up(
                &before,
                &after,
                |left, right| left == right,
                |_, _| false,
                |left, right| match (left, right) {
                    (Some(at), Some(_)) => lines.push((Verdict::Same, before[at].as_str())),
                    (Some(at), None) => lines.push((Verdict::Delete, before[at].as_str())),
                    (None, Some(at)) => lines.push((Verdict::Create, after[at].as_str())),
                    (None, None) => {}
                },
            );
            return self.heredoc(out, &lines, indent, options);
        }
        simple(out, before, options.palette);
        let _ = write!(out, " {} ", options.arrow());
        simple(out, after, options.palette);
        options.replace_suffix(out, self.replace);
    }

    /// A text of which one side is JSON and the other is not.
    fn halves(
        &self,
        out: &mut String,
        before: Option<&Value>,
        after: Option<&Value>,
        indent: usize,
        options: Options,
    ) {
        let side = |before: Option<&Value>, after: Option<&Value>, verdict| Self {
            shape: Shape::Scalar { before: before.cloned(), after: after.cloned() },
            verdict,
            replace: false,
        };
        let shape = Shape::TypeChange {
            before: Box::new(side(before, None, Verdict::Delete)),
            after: Box::new(side(None, after, Verdict::Create)),
        };
        Self { shape, verdict: self.verdict, replace: self.replace }.write(out, indent, options);
    }

    fn heredoc(&self, out: &mut String, lines: &[(Verdict, &str)], indent: usize, options: Options) {
        out.push_str("<<-EOT");
        options.replace_suffix(out, self.replace);
        out.push('\n');
        for (verdict, line) in lines {
            options.line(out, indent + 1, *verdict);
            out.push_str(line);
            out.push('\n');
        }
        options.line(out, indent, Verdict::Same);
        out.push_str("EOT");
        options.null_suffix(out, self.verdict);
    }

    /// A text as the call that would make it of a value.
    fn encoded(
        &self,
        out: &mut String,
        (function, immaterial): (&str, &str),
        (before, after): (Option<&Value>, Option<&Value>),
        indent: usize,
        options: Options,
    ) {
        let inner = document::documents(before, after);
        let is_whitespace = inner.verdict == Verdict::Same && self.verdict == Verdict::Update;
        let inner_options = Options {
            hide_null: true,
            show_unchanged: options.show_unchanged || is_whitespace,
            ..options.inner()
        };
        let mut text = String::new();
        inner.write(&mut text, indent + 1, inner_options);
        let note = match (is_whitespace, self.replace) {
            (false, _) => String::new(),
            (true, false) => format!(" # {immaterial} changes"),
            (true, true) => format!(" # {immaterial} changes force replacement"),
        };
        let symbol =
            if self.verdict == Verdict::Update && !is_whitespace { Verdict::Update } else { Verdict::Same };
        let _ = write!(out, "{function}(");
        if text.contains('\n') {
            out.push_str(&note);
            out.push('\n');
            options.line(out, indent + 1, symbol);
            out.push_str(&text);
            if !is_whitespace {
                options.replace_suffix(out, self.replace);
            }
            out.push('\n');
            options.line(out, indent, Verdict::Same);
            out.push(')');
            options.null_suffix(out, self.verdict);
        } else {
            let _ = write!(out, "{text}){note}");
            if !is_whitespace {
                options.replace_suffix(out, self.replace);
            }
        }
    }

    fn list(&self, out: &mut String, elements: &[Self], context: bool, indent: usize, options: Options) {
        if elements.is_empty() {
            return self.empty(out, "[]", self.replace, options);
        }
        let changed = Options { hide_null: true, ..options.inner() };
        let unchanged = Options { show_unchanged: true, ..options.inner() };
        out.push('[');
        options.replace_suffix(out, self.replace);
        out.push('\n');
        let (mut skipped, mut show_next): (Vec<&Self>, bool) = (Vec::new(), false);
        for element in elements {
            if element.verdict == Verdict::Same && !show_next && !options.show_unchanged {
                skipped.push(element);
                continue;
            }
            show_next = false;
            let mut of_element = changed;
            if context {
                if let Some((last, others)) = skipped.split_last() {
                    options.hidden(out, indent + 1, others.len(), "element");
                    last.element(out, indent + 1, unchanged);
                }
                skipped.clear();
                if element.verdict == Verdict::Same {
                    of_element = unchanged;
                } else {
                    show_next = true;
                }
            }
            element.warning(out, indent + 1, of_element);
            element.element(out, indent + 1, of_element);
        }
        options.hidden(out, indent + 1, skipped.len(), "element");
        options.line(out, indent, Verdict::Same);
        out.push(']');
        options.null_suffix(out, self.verdict);
    }

    fn element(&self, out: &mut String, indent: usize, options: Options) {
        options.line(out, indent, self.verdict);
        self.write(out, indent, options);
        out.push_str(",\n");
    }

    fn empty(&self, out: &mut String, brackets: &str, replace: bool, options: Options) {
        out.push_str(brackets);
        options.null_suffix(out, self.verdict);
        options.replace_suffix(out, replace);
    }

    fn set(&self, out: &mut String, elements: &[Self], nested: bool, indent: usize, options: Options) {
        let replace = self.replace && !nested;
        if elements.is_empty() {
            return self.empty(out, "[]", replace, options);
        }
        let inner = Options { hide_null: true, force_replace: self.replace && nested, ..options };
        let mut hidden = 0;
        out.push('[');
        options.replace_suffix(out, replace);
        out.push('\n');
        for element in elements {
            if element.verdict == Verdict::Same && !options.show_unchanged {
                hidden += 1;
                continue;
            }
            element.warning(out, indent + 1, options);
            element.element(out, indent + 1, inner);
        }
        options.hidden(out, indent + 1, hidden, "element");
        options.line(out, indent, Verdict::Same);
        out.push(']');
        options.null_suffix(out, self.verdict);
    }

    fn map(
        &self,
        out: &mut String,
        entries: &BTreeMap<Name, Self>,
        nested: bool,
        indent: usize,
        options: Options,
    ) {
        let replace = self.replace && !nested;
        if entries.is_empty() {
            return self.empty(out, "{}", replace, options);
        }
        let keys: Vec<String> = entries.keys().map(|key| quoted(key)).collect();
        let width = if nested { 0 } else { keys.iter().map(String::len).max().unwrap_or(0) };
        let inner = Options {
            hide_null: self.verdict == Verdict::Delete || nested,
            force_replace: self.replace && nested,
            ..options
        };
        let mut hidden = 0;
        out.push('{');
        options.replace_suffix(out, replace);
        out.push('\n');
        for (key, entry) in keys.iter().zip(entries.values()) {
            if entry.verdict == Verdict::Same && !options.show_unchanged {
                hidden += 1;
                continue;
            }
            entry.warning(out, indent + 1, options);
            inner.line(out, indent + 1, entry.verdict);
            let _ = write!(out, "{key:<width$} = ");
            entry.write(out, indent + 1, inner);
            out.push_str(if matches!(entry.shape, Shape::Object { .. }) { ",\n" } else { "\n" });
        }
        options.hidden(out, indent + 1, hidden, "element");
        options.line(out, indent, Verdict::Same);
        out.push('}');
        options.null_suffix(out, self.verdict);
    }

    fn object(
        &self,
        out: &mut String,
        attributes: &BTreeMap<Name, Self>,
        nested: bool,
        indent: usize,
        options: Options,
    ) {
        if attributes.is_empty() {
            return self.empty(out, "{}", self.replace, options);
        }
        let inner = Options { hide_null: !nested, ..options.inner() };
        out.push('{');
        options.replace_suffix(out, self.replace);
        out.push('\n');
        attribute_lines(out, attributes, indent, options, inner);
        options.line(out, indent, Verdict::Same);
        out.push('}');
        options.null_suffix(out, self.verdict);
    }

    /// Says before the node that its sensitivity changes.
    pub(super) fn warning(&self, out: &mut String, indent: usize, options: Options) {
        let (what, inner, before, after) = match &self.shape {
            Shape::Sensitive { inner, before, after } => ("attribute value", *inner, *before, *after),
            Shape::SensitiveBody { inner, before, after } => ("block", *inner, *before, *after),
            _ => return,
        };
        if before == after || matches!(inner, Verdict::Create | Verdict::Delete) {
            return;
        }
        let (margin, word) = ("    ".repeat(indent), options.palette.paint(Look::Yellow, "Warning"));
        let _ = if before {
            write!(
                out,
                "{margin}  # {word}: this {what} will no longer be marked as sensitive\n{margin}  # after applying this change."
            )
        } else {
            write!(
                out,
                "{margin}  # {word}: this {what} will be marked as sensitive and will not\n{margin}  # display in UI output after applying this change."
            )
        };
        out.push_str(if inner == Verdict::Same && what != "block" {
            " The value is unchanged.\n"
        } else {
            "\n"
        });
    }
}

/// Names that tell an object from its neighbours: shown though they do not change.
fn is_important(name: &str) -> bool {
    matches!(name, "id" | "name" | "tags")
}

/// The aligned attribute lines of an object or block, and how many are hidden.
pub(super) fn attribute_lines(
    out: &mut String,
    attributes: &BTreeMap<Name, Diff>,
    indent: usize,
    options: Options,
    inner: Options,
) {
    let keys: Vec<String> = attributes.keys().map(|key| identifier(key)).collect();
    let width = keys.iter().map(String::len).max().unwrap_or(0);
    let mut hidden = 0;
    for (key, (name, attribute)) in keys.iter().zip(attributes) {
        let important = is_important(name);
        if attribute.verdict == Verdict::Same && !options.show_unchanged && !important {
            hidden += 1;
            continue;
        }
        let inner = Options { show_unchanged: inner.show_unchanged || important, ..inner };
        attribute.warning(out, indent + 1, inner);
        inner.line(out, indent + 1, attribute.verdict);
        let _ = write!(out, "{key:<width$} = ");
        attribute.write(out, indent + 1, inner);
        out.push('\n');
    }
    options.hidden(out, indent + 1, hidden, "attribute");
}

fn simple(out: &mut String, value: Option<&Value>, palette: Palette) {
    let _ = match value.map(Value::kind) {
        Some(Kind::String(text)) => write!(out, "{}", quoted(text)),
        Some(Kind::Number(number)) => write!(out, "{number}"),
        Some(Kind::Bool(bool)) => write!(out, "{bool}"),
        _ => write!(out, "{}", palette.paint(Look::Grey, "null")),
    };
}

/// A name as an attribute is written: quoted where it is not an identifier.
pub(crate) fn identifier(name: &str) -> String {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    if starts && characters.all(|next| next.is_alphanumeric() || matches!(next, '_' | '-')) {
        return name.to_owned();
    }
    quoted(name)
}

/// Text in quotes with escapes for whatever is not seen, as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(character),
            _ if character.is_ascii() => {
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            _ if is_unseen(character) => {
                let code = u32::from(character);
                let _ =
                    if code > 0xffff { write!(out, "\\U{code:08x}") } else { write!(out, "\\u{code:04x}") };
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

fn is_unseen(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}'
        )
}
