//! Sets: elements without duplicates, in cty's order.
//!
//! Invariant: no element is marked (marks move to the set), and two sets of equal known elements hold them in one
//! order. Known elements come first, then unknown ones, then nulls. Unknown elements are kept side by side, since
//! each may turn out to be another value.

use crate::{Kind, Marks, Type, Value};
use std::cmp::Ordering;
use std::fmt::Write;

impl Value {
    /// A set of an element type. Every item must be of that type (the caller has converted them); duplicates are
    /// dropped and marks, also those deeper in the items, move to the set.
    pub fn set(element: Type, items: Vec<Value>) -> Self {
        if !items.iter().any(Self::has_marks) {
            let arranged = arrange(&element, items);
            return Self::set_from_ordered(element, arranged);
        }
        let mut marks = Marks::NONE;
        let mut bare = Vec::with_capacity(items.len());
        for item in items {
            marks = marks.union(&item.gather_marks());
            bare.push(item.unmark_deep().0);
        }
        let arranged = arrange(&element, bare);
        Self::set_from_ordered(element, arranged).with_marks(&marks)
    }
}

fn arrange(element: &Type, mut items: Vec<Value>) -> Vec<Value> {
    if element.is_primitive() {
        items.sort_by(compare_primitives);
        items.dedup_by(|later, earlier| later.is_wholly_known() && later == earlier);
        return items;
    }
    let mut keyed: Vec<(String, Value)> = items.into_iter().map(|item| (order_key(&item), item)).collect();
    keyed.sort_by(|left, right| {
        rank(&left.1).cmp(&rank(&right.1)).then_with(|| left.0.as_bytes().cmp(right.0.as_bytes()))
    });
    let mut arranged: Vec<(String, Value)> = Vec::with_capacity(keyed.len());
    for (key, item) in keyed {
        // Numbers enter the key with ten digits only, so equal keys need not be equal values.
        let run = arranged.iter().rev().take_while(|(other, _)| *other == key);
        let known = item.is_wholly_known();
        if known && run.into_iter().any(|(_, other)| *other == item) {
            continue;
        }
        arranged.push((key, item));
    }
    arranged.into_iter().map(|(_, item)| item).collect()
}

/// Known values, then unknown ones, then nulls.
fn rank(value: &Value) -> u8 {
    match (value.is_null(), value.is_known()) {
        (true, _) => 2,
        (false, false) => 1,
        (false, true) => 0,
    }
}

fn compare_primitives(left: &Value, right: &Value) -> Ordering {
    match (left.kind(), right.kind()) {
        (Kind::String(left), Kind::String(right)) => left.as_str().cmp(right.as_str()),
        (Kind::Number(left), Kind::Number(right)) => left.cmp(&right),
        (Kind::Bool(left), Kind::Bool(right)) => left.cmp(&right),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// The text by whose bytes cty orders values that are not primitive.
fn order_key(value: &Value) -> String {
    let mut key = String::new();
    write_key(value, &mut key);
    key
}

fn write_key(value: &Value, out: &mut String) {
    match value.kind() {
        Kind::Marked(inner, _) => write_key(inner, out),
        Kind::Unknown(..) => out.push('?'),
        Kind::Null(_) => out.push('~'),
        Kind::Number(number) => out.push_str(&number.general_text()),
        Kind::Bool(bool) => out.push(if bool { 'T' } else { 'F' }),
        Kind::String(text) => write_quoted(text, out),
        Kind::Map(entries) => {
            out.push('{');
            for (name, item) in entries {
                write_quoted(name, out);
                out.push(':');
                write_key(item, out);
                out.push(';');
            }
            out.push('}');
        }
        Kind::List(items) | Kind::Set(items) => write_items('[', items.iter(), ']', out),
        Kind::Tuple(items) => write_items('<', items.iter(), '>', out),
        Kind::Object(entries) => write_items('<', entries.iter().map(|(_, item)| item), '>', out),
    }
}

fn write_items<'a>(open: char, items: impl Iterator<Item = &'a Value>, close: char, out: &mut String) {
    out.push(open);
    for item in items {
        write_key(item, out);
        out.push(';');
    }
    out.push(close);
}

/// Go's `%q`.
fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(character),
            _ => write_beyond_ascii(character, out),
        }
    }
    out.push('"');
}

fn write_beyond_ascii(character: char, out: &mut String) {
    let code = u32::from(character);
    let written = match code {
        0..=0x7f => write!(out, "\\x{code:02x}"),
        _ if is_printable(character) => {
            out.push(character);
            Ok(())
        }
        0x80..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

/// Go's `IsPrint` beyond ASCII. The standard library escapes the same characters in text, but a mark that opens it:
/// so a letter goes first.
fn is_printable(character: char) -> bool {
    let text: String = ['a', character].iter().collect();
    text.escape_debug().count() == 2
}
