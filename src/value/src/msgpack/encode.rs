//! Writing MessagePack.

use super::{
    KEY_IS_NULL, KEY_LENGTH_MAXIMUM, KEY_LENGTH_MINIMUM, KEY_MAXIMUM, KEY_MINIMUM, KEY_PREFIX,
    REFINED_EXTENSION,
};
use crate::json::type_to_json;
use crate::operations::conforms;
use crate::{CodecError, Kind, Name, Number, PathStep, Refinements, Type, Value, convert};
use rmp::encode;
use std::borrow::Cow;

/// The longest prefix that is sent, in bytes.
const PREFIX_MAXIMUM: usize = 256;

/// An unknown value of which nothing is known.
const UNKNOWN: [u8; 3] = [0xd4, 0, 0];

/// The value as MessagePack of a type, converted to it first where need be; where the type is `any`, an array of the
/// type's JSON and the value. A mark anywhere is an error.
pub fn encode_msgpack(value: &Value, value_type: &Type) -> Result<Vec<u8>, CodecError> {
    let converted = match value_type {
        _ if conforms(&value.value_type(), value_type) => Cow::Borrowed(value),
        _ => Cow::Owned(convert(value, value_type)?),
    };
    let mut out = Vec::new();
    write_value(&converted, value_type, &mut out)?;
    Ok(out)
}

/// Writing to memory cannot fail; a length beyond 32 bits is the one thing that has no form.
fn written<T, E>(result: Result<T, E>) -> Result<(), CodecError> {
    result.map(|_| ()).map_err(|_| CodecError::new("failed to write value"))
}

fn count(length: usize) -> Result<u32, CodecError> {
    u32::try_from(length).map_err(|_| CodecError::new("too many elements"))
}

fn write_value(value: &Value, value_type: &Type, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if matches!(value.kind(), Kind::Marked(..)) {
        return Err(CodecError::new("value has marks, so it cannot be serialized"));
    }
    if *value_type == Type::Dynamic {
        let own = value.value_type();
        if own != Type::Dynamic {
            written(encode::write_array_len(out, 2))?;
            written(encode::write_bin(out, type_to_json(&own).as_bytes()))?;
            return write_value(value, &own, out);
        }
    }
    match (value.kind(), value_type) {
        (Kind::Unknown(kind, known), _) => write_unknown(kind, known, out),
        (Kind::Null(_), _) => written(encode::write_nil(out)),
        (Kind::Bool(bool), _) => written(encode::write_bool(out, bool)),
        (Kind::Number(number), _) => write_number(&number, out),
        (Kind::String(text), _) => written(encode::write_str(out, text)),
        (Kind::List(items), Type::List(element)) | (Kind::Set(items), Type::Set(element)) => {
            written(encode::write_array_len(out, count(items.len())?))?;
            write_items(items.iter().map(|item| (item, &**element)), out)
        }
        (Kind::Tuple(items), Type::Tuple(elements)) => {
            written(encode::write_array_len(out, count(items.len())?))?;
            write_items(items.iter().zip(elements.iter()), out)
        }
        (Kind::Map(entries), Type::Map(element)) => {
            written(encode::write_map_len(out, count(entries.len())?))?;
            let entries = entries.iter().map(|(name, item)| (name, item, &**element));
            write_entries(entries, PathStep::Key, out)
        }
        (Kind::Object(entries), Type::Object(object)) => {
            written(encode::write_map_len(out, count(entries.len())?))?;
            let typed = entries.iter().zip(object.attributes());
            write_entries(typed.map(|((name, item), (_, kind))| (name, item, kind)), PathStep::Attribute, out)
        }
        _ => Err(CodecError::new(format!("cannot msgpack-serialize {}", value_type.friendly_name()))),
    }
}

fn write_items<'a>(
    items: impl Iterator<Item = (&'a Value, &'a Type)>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    for (at, (item, kind)) in items.enumerate() {
        write_value(item, kind, out).map_err(|error| error.under(PathStep::Index(at as u64)))?;
    }
    Ok(())
}

fn write_entries<'a>(
    entries: impl Iterator<Item = (&'a Name, &'a Value, &'a Type)>,
    step: fn(Name) -> PathStep,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    for (name, item, kind) in entries {
        written(encode::write_str(out, name))?;
        write_value(item, kind, out).map_err(|error| error.under(step(name.clone())))?;
    }
    Ok(())
}

/// The smallest integer, else a 64-bit float where that is the same number, else decimal text.
fn write_number(number: &Number, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if let Some(int) = number.to_i64() {
        return written(encode::write_sint(out, int));
    }
    match number.to_f64_exact().filter(|_| !number.is_integer()) {
        Some(float) => written(encode::write_f64(out, float)),
        None => written(encode::write_str(out, &number.to_string())),
    }
}

fn write_unknown(value_type: &Type, known: &Refinements, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut body = Vec::new();
    let mut entries = 0_u32;
    if *value_type != Type::Dynamic {
        entries = write_refinements(known, &mut body)?;
    }
    if entries == 0 {
        out.extend_from_slice(&UNKNOWN);
        return Ok(());
    }
    let mut head = Vec::new();
    written(encode::write_map_len(&mut head, entries))?;
    written(encode::write_ext_meta(out, count(head.len() + body.len())?, REFINED_EXTENSION))?;
    out.extend_from_slice(&head);
    out.extend_from_slice(&body);
    Ok(())
}

fn write_refinements(known: &Refinements, body: &mut Vec<u8>) -> Result<u32, CodecError> {
    let mut entries = 0;
    let mut key = |body: &mut Vec<u8>, key: i64| {
        entries += 1;
        written(encode::write_sint(body, key))
    };
    if known.not_null {
        key(body, KEY_IS_NULL)?;
        written(encode::write_bool(body, false))?;
    }
    for (code, bound) in [(KEY_MINIMUM, &known.minimum), (KEY_MAXIMUM, &known.maximum)] {
        if let Some((number, inclusive)) = bound {
            key(body, code)?;
            written(encode::write_array_len(body, 2))?;
            write_number(number, body)?;
            written(encode::write_bool(body, *inclusive))?;
        }
    }
    if let Some(prefix) = &known.prefix {
        key(body, KEY_PREFIX)?;
        written(encode::write_str(body, shorten(prefix)))?;
    }
    if known.length_minimum > 0 {
        key(body, KEY_LENGTH_MINIMUM)?;
        written(encode::write_uint(body, known.length_minimum))?;
    }
    if let Some(maximum) = known.length_maximum {
        key(body, KEY_LENGTH_MAXIMUM)?;
        written(encode::write_uint(body, maximum))?;
    }
    Ok(entries)
}

fn shorten(prefix: &str) -> &str {
    if prefix.len() <= PREFIX_MAXIMUM {
        return prefix;
    }
    &prefix[..prefix.floor_char_boundary(PREFIX_MAXIMUM - 1)]
}
