//! Functions on collections.

use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Kind, Refinements, Type, Value};

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "length",
    parameters: &[Parameter::new("value", Shape::Any).unknown().marked().dynamic()],
    variadic: None,
    result: ResultType::Of(length_type),
    never_null: true,
    impure: false,
    call: length,
}];

fn length_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::Bool | Type::Number => {
            Err(FunctionError::new("argument must be a string, a collection type, or a structural type"))
        }
        _ => Ok(Type::Number),
    }
}

/// The number of elements; of characters (grapheme clusters) in a string.
fn length(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    use unicode_segmentation::UnicodeSegmentation as _;
    let (value, marks) = arguments[0].unmark();
    let count = match value.kind() {
        Kind::String(text) => text.graphemes(true).count(),
        Kind::List(items) | Kind::Tuple(items) | Kind::Set(items) => items.len(),
        Kind::Map(entries) | Kind::Object(entries) => entries.len(),
        _ => return Ok(Value::unknown_with(Type::Number, Refinements::NOT_NULL).with_marks(&marks)),
    };
    Ok(Value::from(i64::try_from(count).unwrap_or(i64::MAX)).with_marks(&marks))
}
