//! Writing JSON.

use super::types::type_to_json;
use crate::operations::conforms;
use crate::{CodecError, Kind, Name, PathStep, Type, Value, convert};
use std::borrow::Cow;
use std::fmt::Write;

/// Most documents are no longer, so that they need not grow.
const USUAL_BYTES: usize = 256;

/// The value as JSON of a type, converted to it first where need be; where the type is `any`, wrapped as
/// `{"value": …, "type": …}`. An unknown or a mark anywhere is an error.
pub fn encode(value: &Value, value_type: &Type) -> Result<String, CodecError> {
    let converted = match value_type {
        _ if conforms(&value.value_type(), value_type) => Cow::Borrowed(value),
        _ => Cow::Owned(convert(value, value_type)?),
    };
    let mut out = String::new();
    write_value(&converted, value_type, &mut out)?;
    Ok(out)
}

/// The value as JSON without its types: what `jsonencode` gives and outputs show.
pub fn encode_plain(value: &Value) -> Result<String, CodecError> {
    let mut out = String::with_capacity(USUAL_BYTES);
    write_plain(value, &mut out)?;
    Ok(out)
}

/// The value by its own type, which need not be known as a whole for that.
fn write_plain(value: &Value, out: &mut String) -> Result<(), CodecError> {
    match value.kind() {
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => write_items(items, write_plain, out),
        Kind::Map(entries) => {
            write_entries(entries.iter().map(|(name, item)| (name, item)), write_plain, PathStep::Key, out)
        }
        Kind::Object(entries) => write_entries(
            entries.iter().map(|(name, item)| (name, item)),
            write_plain,
            PathStep::Attribute,
            out,
        ),
        _ => write_value(value, &value.value_type(), out),
    }
}

fn write_value(value: &Value, value_type: &Type, out: &mut String) -> Result<(), CodecError> {
    match value.kind() {
        Kind::Marked(..) => {
            return Err(CodecError::new("value has marks, so it cannot be serialized as JSON"));
        }
        Kind::Unknown(..) => return Err(CodecError::new("value is not known")),
        _ => {}
    }
    if *value_type == Type::Dynamic {
        let own = value.value_type();
        if own != Type::Dynamic {
            return write_wrapped(value, &own, out);
        }
    }
    match (value.kind(), value_type) {
        (Kind::Null(_), _) => out.push_str("null"),
        (Kind::Bool(bool), _) => out.push_str(if bool { "true" } else { "false" }),
        (Kind::String(text), _) => write_string(text, out),
        (Kind::Number(number), _) if number.is_infinite() => {
            return Err(CodecError::new("cannot serialize infinity as JSON"));
        }
        (Kind::Number(number), _) => write_display(&number, out),
        (Kind::List(items), Type::List(element)) | (Kind::Set(items), Type::Set(element)) => {
            write_items(items, |item, out| write_value(item, element, out), out)?;
        }
        (Kind::Tuple(items), Type::Tuple(elements)) => {
            write_items(items.iter().zip(elements.iter()), write_typed, out)?;
        }
        (Kind::Map(entries), Type::Map(element)) => {
            let entries = entries.iter().map(|(name, item)| (name, (item, &**element)));
            write_entries(entries, write_typed, PathStep::Key, out)?;
        }
        (Kind::Object(entries), Type::Object(object)) => {
            let typed = entries.iter().zip(object.attributes());
            let typed = typed.map(|((name, item), (_, kind))| (name, (item, kind)));
            write_entries(typed, write_typed, PathStep::Attribute, out)?;
        }
        _ => return Err(CodecError::new(format!("cannot JSON-serialize as {}", value_type.friendly_name()))),
    }
    Ok(())
}

fn write_wrapped(value: &Value, own: &Type, out: &mut String) -> Result<(), CodecError> {
    out.push_str("{\"value\":");
    write_value(value, own, out)?;
    out.push_str(",\"type\":");
    out.push_str(&type_to_json(own));
    out.push('}');
    Ok(())
}

fn write_typed((value, value_type): (&Value, &Type), out: &mut String) -> Result<(), CodecError> {
    write_value(value, value_type, out)
}

fn write_items<T>(
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String) -> Result<(), CodecError>,
    out: &mut String,
) -> Result<(), CodecError> {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out).map_err(|error| error.under(PathStep::Index(at as u64)))?;
    }
    out.push(']');
    Ok(())
}

fn write_entries<'a, T>(
    entries: impl Iterator<Item = (&'a Name, T)>,
    write: impl Fn(T, &mut String) -> Result<(), CodecError>,
    step: fn(Name) -> PathStep,
    out: &mut String,
) -> Result<(), CodecError> {
    out.push('{');
    for (at, (name, item)) in entries.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write(item, out).map_err(|error| error.under(step(name.clone())))?;
    }
    out.push('}');
    Ok(())
}

/// What to write for a byte in a text: nothing special, a letter behind a backslash, its number in hexadecimal, or
/// that depends on the bytes behind it.
const ESCAPES: [u8; 256] = escapes();
const PLAIN: u8 = 0;
const BY_NUMBER: u8 = b'u';
/// The two separators of Unicode begin with the one byte beyond ASCII that matters here.
const SEPARATOR: u8 = 0xe2;

const fn escapes() -> [u8; 256] {
    let mut table = [PLAIN; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = BY_NUMBER;
        byte += 1;
    }
    (table[0x08], table[0x09], table[0x0a], table[0x0c], table[0x0d]) = (b'b', b't', b'n', b'f', b'r');
    (table[b'"' as usize], table[b'\\' as usize]) = (b'"', b'\\');
    (table[b'<' as usize], table[b'>' as usize], table[b'&' as usize]) = (BY_NUMBER, BY_NUMBER, BY_NUMBER);
    table[SEPARATOR as usize] = SEPARATOR;
    table
}

/// Text in quotes with Go's escapes: those of JSON, and `<`, `>`, `&` and the two line separators of Unicode.
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let bytes = text.as_bytes();
    let (mut plain_from, mut at) = (0, 0);
    while let Some(found) = bytes[at..].iter().position(|byte| ESCAPES[usize::from(*byte)] != PLAIN) {
        at += found;
        let (length, escape) = match (ESCAPES[usize::from(bytes[at])], &bytes[at..]) {
            (SEPARATOR, [_, 0x80, 0xa8, ..]) => (3, Some(0x2028)),
            (SEPARATOR, [_, 0x80, 0xa9, ..]) => (3, Some(0x2029)),
            (SEPARATOR, _) => {
                at += 3;
                continue;
            }
            (BY_NUMBER, _) => (1, Some(u32::from(bytes[at]))),
            _ => (1, None),
        };
        out.push_str(&text[plain_from..at]);
        match escape {
            Some(number) => write_display(&format_args!("\\u{number:04x}"), out),
            None => out.extend(['\\', char::from(ESCAPES[usize::from(bytes[at])])]),
        }
        at += length;
        plain_from = at;
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

fn write_display(shown: &dyn std::fmt::Display, out: &mut String) {
    let written = write!(out, "{shown}");
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}
