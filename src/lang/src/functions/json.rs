//! `jsonencode` and `jsondecode`.

use super::argument::text;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Refinements, Type, Value, decode_implied, encode_plain};

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "jsondecode",
        &[Parameter::new("str", Shape::String)],
        ResultType::Of(decoded_type),
        decode_text,
    )
    .nullable(),
    Function::new(
        "jsonencode",
        &[Parameter::new("val", Shape::Any).null().unknown().dynamic()],
        ResultType::Fixed(Shape::String),
        encode_value,
    ),
];

/// The type that the first character of a document gives away.
fn decoded_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let prefix = arguments[0].range().prefix.unwrap_or_default();
    if arguments[0].is_known() {
        return Ok(Type::Dynamic);
    }
    match prefix.trim_start().chars().next() {
        None | Some('{' | '[' | 'n') => Ok(Type::Dynamic),
        Some('"') => Ok(Type::String),
        Some('t' | 'f') => Ok(Type::Bool),
        Some('-' | '.' | '0'..='9') => Ok(Type::Number),
        Some(other) => {
            let message = format!("a JSON document cannot begin with the character {other:?}");
            Err(FunctionError::argument(0, message))
        }
    }
}

/// The value of a JSON document.
fn decode_text(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    decode_implied(text(&arguments[0])).map_err(|error| FunctionError::new(error.to_string()))
}

/// The JSON text of a value that is wholly known and without marks; `null` for what has no text, which such a
/// value cannot be.
pub(super) fn json_text(value: &Value) -> String {
    encode_plain(value).unwrap_or_else(|_| "null".to_owned())
}

/// The JSON text of a value; while something in it is unknown, at most the first character is known.
fn encode_value(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let value = &arguments[0];
    if value.is_wholly_known() {
        return Ok(Value::from(json_text(value)));
    }
    let prefix = match value.value_type() {
        _ if !value.is_known() && !value.range().not_null => None,
        Type::String => Some("\""),
        Type::Object(_) | Type::Map(_) => Some("{"),
        Type::Tuple(_) | Type::List(_) | Type::Set(_) => Some("["),
        Type::Bool | Type::Number | Type::Dynamic => None,
    };
    let refinements = prefix.map_or(Refinements::NOT_NULL, |prefix| Refinements::NOT_NULL.with_prefix(prefix));
    Ok(Value::unknown_with(Type::String, refinements))
}
