//! Functions that convert to a type, and those on marks.

use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{MarkKind, Marks, Type, Value, can_convert, convert};

const ANYTHING: Parameter = Parameter::new("value", Shape::Any).null().unknown().marked().dynamic();
const CONVERTED: Parameter = Parameter::new("v", Shape::Any).null().marked().dynamic();

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("ephemeralasnull", &[ANYTHING], ResultType::Of(same_type), ephemeral_as_null).nullable(),
    Function::new("issensitive", &[ANYTHING], ResultType::Fixed(Shape::Bool), is_sensitive),
    Function::new("nonsensitive", &[ANYTHING], ResultType::Of(same_type), nonsensitive).nullable(),
    Function::new("sensitive", &[ANYTHING], ResultType::Of(same_type), sensitive).nullable(),
    Function::new("tobool", &[CONVERTED], ResultType::Of(bool_type), to_bool).nullable(),
    Function::new("tolist", &[CONVERTED], ResultType::Of(list_type), to_list).nullable(),
    Function::new("tomap", &[CONVERTED], ResultType::Of(map_type), to_map).nullable(),
    Function::new("tonumber", &[CONVERTED], ResultType::Of(number_type), to_number).nullable(),
    Function::new("toset", &[CONVERTED], ResultType::Of(set_type), to_set).nullable(),
    Function::new("tostring", &[CONVERTED], ResultType::Of(string_type), to_string).nullable(),
];

fn same_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    Ok(arguments[0].value_type())
}

/// The value with everything ephemeral in it as null.
fn ephemeral_as_null(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(arguments[0].transform(&mut |_, value| {
        if !value.is_marked(MarkKind::Ephemeral) {
            return value;
        }
        let (inner, marks) = value.unmark();
        let kept = if inner.is_known() { Value::null(inner.value_type()) } else { inner };
        kept.with_marks(&marks.without(MarkKind::Ephemeral))
    }))
}

/// Whether the value as a whole is sensitive; of an unknown one nobody can tell yet.
fn is_sensitive(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let value = &arguments[0];
    Ok(if value.is_known() {
        Value::bool(value.is_marked(MarkKind::Sensitive))
    } else {
        Value::unknown(Type::Bool)
    })
}

/// The value, no longer sensitive as a whole.
fn nonsensitive(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (value, marks) = arguments[0].unmark();
    Ok(value.with_marks(&marks.without(MarkKind::Sensitive)))
}

/// The value, sensitive as a whole.
fn sensitive(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(arguments[0].with_marks(&Marks::sensitive()))
}

/// A type in the words of error messages, where `any` stands for an element type left open.
fn constraint_name(value_type: &Type) -> String {
    value_type.friendly_name().replace("dynamic", "any single type")
}

fn result_type(arguments: &[Value], wanted: Type) -> Result<Type, FunctionError> {
    let given = arguments[0].value_type();
    if can_convert(&given, &wanted) {
        return Ok(wanted);
    }
    let message = format!("cannot convert {} to {}", given.friendly_name(), constraint_name(&wanted));
    Err(FunctionError::argument(0, message))
}

fn refusal(value: &Value, wanted: &Type) -> String {
    let (plain, _) = value.unmark();
    let given = plain.value_type().friendly_name();
    let name = constraint_name(wanted);
    if value.has_mark_deep(MarkKind::Ephemeral) {
        return format!("cannot convert this ephemeral {given} to {name}");
    }
    if value.has_mark_deep(MarkKind::Sensitive) {
        return format!("cannot convert this sensitive {given} to {name}");
    }
    match (plain.as_str(), wanted) {
        (Some(text), Type::Bool) => {
            format!("cannot convert {text:?} to bool; only the strings \"true\" or \"false\" are allowed")
        }
        (Some(text), Type::Number) => format!(
            "cannot convert {text:?} to number; given string must be a decimal representation of a number"
        ),
        _ => format!("cannot convert {given} to {name}"),
    }
}

fn converted(arguments: &[Value], wanted: &Type) -> Result<Value, FunctionError> {
    convert(&arguments[0], wanted).map_err(|_| FunctionError::argument(0, refusal(&arguments[0], wanted)))
}

fn bool_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::Bool)
}

/// The value as a bool.
fn to_bool(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::Bool)
}

fn list_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::list(Type::Dynamic))
}

/// The value as a list.
fn to_list(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::list(Type::Dynamic))
}

fn map_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::map(Type::Dynamic))
}

/// The value as a map.
fn to_map(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::map(Type::Dynamic))
}

fn number_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::Number)
}

/// The value as a number.
fn to_number(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::Number)
}

fn set_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::set(Type::Dynamic))
}

/// The value as a set.
fn to_set(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::set(Type::Dynamic))
}

fn string_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    result_type(arguments, Type::String)
}

/// The value as a string.
fn to_string(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    converted(arguments, &Type::String)
}
