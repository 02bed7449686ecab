//! Values as they cross to a provider and back.
//!
//! Invariant: what is encoded and decoded goes by the schema's type, never by what stands in the value.

use crate::messages::{AttributePath, DynamicValue, Selector, Step};
use formwork_sdk::{Block, NestedBlock, Nesting};
use formwork_value::{Kind, Path, PathStep, Type, Value, decode, decode_msgpack, encode_msgpack};

/// A value for a provider.
pub(crate) fn send(value: &Value, value_type: &Type) -> Result<Option<DynamicValue>, String> {
    let msgpack = encode_msgpack(value, value_type).map_err(|error| error.to_string())?;
    Ok(Some(DynamicValue { msgpack, json: Vec::new() }))
}

/// A value of a provider; nothing sent is null.
pub(crate) fn receive(sent: Option<&DynamicValue>, value_type: &Type) -> Result<Value, String> {
    let null = || Value::null(value_type.clone());
    let Some(sent) = sent else { return Ok(null()) };
    if !sent.msgpack.is_empty() {
        return decode_msgpack(&sent.msgpack, value_type).map_err(|error| error.to_string());
    }
    if sent.json.is_empty() {
        return Ok(null());
    }
    let text = std::str::from_utf8(&sent.json).map_err(|error| error.to_string())?;
    decode(text, value_type).map_err(|error| error.to_string())
}

/// A path of a provider. A step that says nothing ends it.
pub(crate) fn path(sent: &AttributePath) -> Path {
    let steps = sent.steps.iter().map_while(|Step { selector }| {
        Some(match selector.as_ref()? {
            Selector::AttributeName(name) => PathStep::Attribute(name.as_str().into()),
            Selector::ElementKeyString(key) => PathStep::Key(key.as_str().into()),
            Selector::ElementKeyInt(index) => PathStep::Index(u64::try_from(*index).ok()?),
        })
    });
    Path(steps.collect())
}

/// Of paths that force replacement, those at which something changes: providers name them whether it does or not.
pub(crate) fn changed(paths: &[AttributePath], prior: &Value, planned: &Value) -> Vec<Path> {
    if prior.is_null() || planned.is_null() {
        return Vec::new();
    }
    paths.iter().map(path).filter(|path| differs(path, prior, planned)).collect()
}

/// Whether something differs at a path, or at the nearest place above it that both have.
fn differs(path: &Path, prior: &Value, planned: &Value) -> bool {
    let mut at = path.clone();
    loop {
        if let (Some(before), Some(after)) = (at.get(prior), at.get(planned)) {
            return before != after || !after.is_wholly_known();
        }
        if at.0.pop().is_none() {
            return true;
        }
    }
}

/// Providers of the first kit leave nested blocks null that nobody wrote; their collections are empty then.
pub(crate) fn normalise(block: &Block, value: Value) -> Value {
    let is_plain = value.is_null() || !value.is_known() || block.blocks.is_empty();
    let Some(entries) = value.entries().filter(|_| !is_plain) else { return value };
    let parts = entries.iter().map(|(name, part)| {
        let part = match block.blocks.get(name.as_str()) {
            Some(nested) => normalise_nested(nested, part.clone()),
            None => part.clone(),
        };
        (name.clone(), part)
    });
    Value::object(parts.collect())
}

fn normalise_nested(nested: &NestedBlock, value: Value) -> Value {
    if value.is_null() || !value.is_known() {
        let inner = nested.block.implied_type();
        return match (nested.nesting, nested.implied_type()) {
            (Nesting::List, Type::List(_)) => Value::list(inner, Vec::new()),
            (Nesting::List, _) => Value::tuple(Vec::new()),
            (Nesting::Set, _) => Value::set(inner, Vec::new()),
            (Nesting::Map, Type::Map(_)) => Value::map(inner, Vec::new()),
            (Nesting::Map, _) => Value::object(Vec::new()),
            (Nesting::Single | Nesting::Group, _) => value,
        };
    }
    let inner = |value: &Value| normalise(&nested.block, value.clone());
    let element = || nested.block.implied_type();
    match value.kind() {
        Kind::List(items) => Value::list(element(), items.iter().map(inner).collect()),
        Kind::Tuple(items) => Value::tuple(items.iter().map(inner).collect()),
        Kind::Set(items) => Value::set(element(), items.iter().map(inner).collect()),
        Kind::Map(entries) => {
            Value::map(element(), entries.iter().map(|(key, one)| (key.clone(), inner(one))).collect())
        }
        Kind::Object(entries) if nested.nesting == Nesting::Map => {
            Value::object(entries.iter().map(|(key, one)| (key.clone(), inner(one))).collect())
        }
        _ => normalise(&nested.block, value),
    }
}

/// A count of a schema, which is never negative.
pub(crate) fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

/// A version as the protocol has it.
pub(crate) fn version(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use formwork_sdk::Attribute;

    fn object(parts: &[(&str, Value)]) -> Value {
        Value::object(parts.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn replacement_counts_where_something_changes() {
        let step = |name: &str| Step { selector: Some(Selector::AttributeName(name.to_owned())) };
        let at = |name: &str| AttributePath { steps: vec![step(name)] };
        let prior = object(&[("a", 1.into()), ("b", "x".into())]);
        for (planned, expected) in [
            (object(&[("a", 1.into()), ("b", "x".into())]), ""),
            (object(&[("a", 2.into()), ("b", "x".into())]), ".a"),
            (object(&[("a", 1.into()), ("b", Value::unknown(Type::String))]), ".b"),
            (Value::null(Type::Dynamic), ""),
        ] {
            let found = changed(&[at("a"), at("b")], &prior, &planned);
            let found: String = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        }
        assert!(changed(&[at("a")], &Value::null(Type::Dynamic), &prior).is_empty());
    }

    #[test]
    fn absent_blocks_are_empty_collections() {
        let nested = |nesting| NestedBlock {
            nesting,
            block: Block::new([("n", Attribute::optional(Type::Number, ""))]),
            min_items: 0,
            max_items: 0,
        };
        let block = Block::default()
            .with_block("l", nested(Nesting::List))
            .with_block("s", nested(Nesting::Set))
            .with_block("o", nested(Nesting::Single));
        let inner = nested(Nesting::List).block.implied_type();
        let given = object(&[
            ("l", Value::null(Type::list(inner.clone()))),
            ("s", Value::unknown(Type::set(inner.clone()))),
            ("o", Value::null(inner.clone())),
        ]);
        let expected = object(&[
            ("l", Value::list(inner.clone(), Vec::new())),
            ("s", Value::set(inner.clone(), Vec::new())),
            ("o", Value::null(inner)),
        ]);
        assert_eq!(normalise(&block, given), expected);
    }

    #[test]
    fn both_encodings_are_read() {
        let msgpack = |bytes: &[u8]| DynamicValue { msgpack: bytes.to_vec(), json: Vec::new() };
        let json = |text: &str| DynamicValue { msgpack: Vec::new(), json: text.as_bytes().to_vec() };
        for (sent, expected) in [
            (msgpack(&[0xa1, b'x']), Ok("x".into())),
            (json("\"x\""), Ok("x".into())),
            (msgpack(&[0xd4, 0, 0]), Ok(Value::unknown(Type::String))),
            (json(""), Ok(Value::null(Type::String))),
            (msgpack(&[0xc1]), Err(())),
            (json("{"), Err(())),
        ] {
            assert_eq!(receive(Some(&sent), &Type::String).map_err(|_| ()), expected);
        }
    }
}
