//! An object as JSON text: `{"values": {NAME: VALUE}}`, where each value says its kind: `{"string": "x"}`,
//! `{"number": "1"}`, `{"list": […]}`. What is null is left out.

use formwork_sdk::{Block, Nesting};
use formwork_value::{Kind, Name, Number, Type, Value};
use serde_json::{Map, Value as Json, json};

/// The object of a block that the text holds.
pub(crate) fn read(bytes: &[u8], block: &Block) -> Result<Value, String> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    body(&json["values"], block)
}

/// Nested blocks that are not there are empty; whatever else is not there is null.
fn body(json: &Json, block: &Block) -> Result<Value, String> {
    let mut entries = Vec::with_capacity(block.attributes.len() + block.blocks.len());
    for (name, attribute) in &block.attributes {
        let of = attribute.value_type.without_optional();
        entries.push((name.clone(), value(json.get(name.as_str()), &of)?));
    }
    for (name, nested) in &block.blocks {
        let told = json.get(name.as_str()).and_then(Json::as_object).and_then(|json| json.values().next());
        let items = told.and_then(Json::as_array).into_iter().flatten();
        let items = items.map(|item| body(&item["object"], &nested.block)).collect::<Result<_, _>>()?;
        let element = nested.block.implied_type();
        let all = match nested.nesting {
            Nesting::Set => Value::set(element, items),
            _ => Value::list(element, items),
        };
        entries.push((name.clone(), all));
    }
    Ok(Value::object(entries))
}

fn attributes(json: &Json, value_type: &Type) -> Result<Value, String> {
    let Type::Object(object) = value_type else { return Err("it is no object".to_owned()) };
    let read = |(name, of): &(Name, Type)| Ok((name.clone(), value(json.get(name.as_str()), of)?));
    Ok(Value::object(object.attributes().iter().map(read).collect::<Result<_, String>>()?))
}

fn value(json: Option<&Json>, value_type: &Type) -> Result<Value, String> {
    let (word, inner) = match json.and_then(Json::as_object).and_then(|json| json.iter().next()) {
        Some((word, inner)) if !inner.is_null() => (word.as_str(), inner),
        _ => return Ok(Value::null(value_type.clone())),
    };
    let wrong = || format!("{word} {inner} is not of the type {value_type}");
    let items = |element: &Type| -> Result<Vec<Value>, String> {
        inner.as_array().ok_or_else(wrong)?.iter().map(|item| value(Some(item), element)).collect()
    };
    Ok(match value_type {
        Type::String => Value::string(inner.as_str().ok_or_else(wrong)?),
        Type::Bool => Value::from(inner.as_bool().ok_or_else(wrong)?),
        Type::Number => {
            let text = inner.as_str().map_or_else(|| inner.to_string(), ToOwned::to_owned);
            Value::number(Number::parse(&text).ok_or_else(wrong)?)
        }
        Type::List(element) => Value::list((**element).clone(), items(element)?),
        Type::Set(element) => Value::set((**element).clone(), items(element)?),
        Type::Map(element) => {
            let entries = inner.as_object().ok_or_else(wrong)?.iter();
            let entries =
                entries.map(|(key, item)| Ok((Name::from(key.as_str()), value(Some(item), element)?)));
            Value::map((**element).clone(), entries.collect::<Result<_, String>>()?)
        }
        Type::Object(_) => attributes(inner, value_type)?,
        Type::Tuple(_) | Type::Dynamic => return Err(wrong()),
    })
}

/// The text of an object, all of it known.
pub(crate) fn write(object: &Value) -> Vec<u8> {
    let mut text = format!("{:#}", json!({"values": entries(object)}));
    text.push('\n');
    text.into_bytes()
}

fn entries(object: &Value) -> Json {
    let all = object.entries().into_iter().flat_map(formwork_value::Entries::iter);
    let told = all.filter_map(|(name, value)| Some((name.to_string(), tell(value)?)));
    Json::Object(told.collect::<Map<_, _>>())
}

fn tell(value: &Value) -> Option<Json> {
    let list = |items: &[Value]| items.iter().map(|item| tell(item).unwrap_or(Json::Null)).collect::<Json>();
    Some(match value.kind() {
        Kind::Null(_) | Kind::Unknown(..) => return None,
        Kind::Marked(inner, _) => return tell(inner),
        Kind::Bool(bool) => json!({"boolean": bool}),
        Kind::Number(number) => json!({"number": number.to_string()}),
        Kind::String(text) => json!({"string": text.as_str()}),
        Kind::List(items) | Kind::Tuple(items) => json!({"list": list(items)}),
        Kind::Set(items) => json!({"set": list(items)}),
        Kind::Map(_) => json!({"map": entries(value)}),
        Kind::Object(_) => json!({"object": entries(value)}),
    })
}
