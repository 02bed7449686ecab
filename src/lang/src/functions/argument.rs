//! Reading arguments in the shape a function needs.
//!
//! Invariant: the caller has converted arguments to their parameters' types and kept null, unknown and marked
//! values out, so what these readers give for anything else is of no consequence.

use super::FunctionError;
use formwork_value::{MarkKind, Marks, Number, Value};

/// The text of a string.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().map_or("", |text| text.as_str())
}

/// The number of a number.
pub(super) fn number(value: &Value) -> Number {
    value.as_number().unwrap_or(Number::ZERO)
}

/// The items of a list, set or tuple, and the values of a map or object in order of their names.
pub(super) fn elements(value: &Value) -> Vec<&Value> {
    match (value.items(), value.entries()) {
        (Some(items), _) => items.iter().collect(),
        (None, Some(entries)) => entries.iter().map(|(_, value)| value).collect(),
        (None, None) => Vec::new(),
    }
}

/// The longest text that a function makes, in bytes.
pub(crate) const TEXT_MAXIMUM: usize = 1 << 27;

/// Refuses a text before it is made that would be too long.
pub(super) fn within_bounds(length: Option<usize>) -> Result<(), FunctionError> {
    match length {
        Some(length) if length <= TEXT_MAXIMUM => Ok(()),
        _ => Err(FunctionError::new(format!("the result has more than {TEXT_MAXIMUM} bytes"))),
    }
}

/// A whole number from one argument.
pub(super) fn integer(arguments: &[Value], at: usize) -> Result<i64, FunctionError> {
    number(&arguments[at]).to_i64().ok_or_else(|| {
        FunctionError::new(format!("a whole number between {} and {} is required", i64::MIN, i64::MAX))
    })
}

/// A number of things as the language has it.
pub(super) fn count(count: usize) -> Value {
    Value::from(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A text in quotes for a message, unless its marks forbid to show it.
pub(super) fn shown(text: &str, marks: &Marks) -> String {
    if marks.has(MarkKind::Ephemeral) {
        "(ephemeral value)".to_owned()
    } else if marks.has(MarkKind::Sensitive) {
        "(sensitive value)".to_owned()
    } else {
        format!("{text:?}")
    }
}
