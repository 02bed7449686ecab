//! Functions that promise something of a value that is not known yet, and hold the promise against the value once it
//! is: the `assume…` family.

use super::argument::{integer, text};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{MarkKind, Refinements, Type, Value, convert, equals};

const ANY_LIST: Shape = Shape::List(&Shape::Any);
const ANY_MAP: Shape = Shape::Map(&Shape::Any);
const ANY_SET: Shape = Shape::Set(&Shape::Any);

const LEAST: Parameter = Parameter::new("min_length", Shape::Number);
const MOST: Parameter = Parameter::new("max_length", Shape::Number);

const fn open(value_type: Shape) -> Parameter {
    Parameter::new("value", value_type).null().unknown().dynamic()
}

const fn whole(name: &'static str) -> Parameter {
    Parameter::new(name, Shape::Any).null().unknown().dynamic().marked()
}

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "assumeequal",
        &[whole("actual_value"), whole("expected_value")],
        ResultType::Of(second_type),
        assume_equal,
    )
    .nullable(),
    Function::new("assumelistlength", &[open(ANY_LIST), LEAST, MOST], ResultType::Of(first_type), between)
        .nullable(),
    Function::new("assumelistlengthmax", &[open(ANY_LIST), MOST], ResultType::Of(first_type), at_most)
        .nullable(),
    Function::new("assumelistlengthmin", &[open(ANY_LIST), LEAST], ResultType::Of(first_type), at_least)
        .nullable(),
    Function::new("assumemaplength", &[open(ANY_MAP), LEAST, MOST], ResultType::Of(first_type), between)
        .nullable(),
    Function::new("assumemaplengthmax", &[open(ANY_MAP), MOST], ResultType::Of(first_type), at_most)
        .nullable(),
    Function::new("assumemaplengthmin", &[open(ANY_MAP), LEAST], ResultType::Of(first_type), at_least)
        .nullable(),
    Function::new("assumenotnull", &[open(Shape::Any)], ResultType::Of(first_type), not_null),
    Function::new("assumesetlength", &[open(ANY_SET), LEAST, MOST], ResultType::Of(first_type), between)
        .nullable(),
    Function::new("assumesetlengthmax", &[open(ANY_SET), MOST], ResultType::Of(first_type), at_most)
        .nullable(),
    Function::new("assumesetlengthmin", &[open(ANY_SET), LEAST], ResultType::Of(first_type), at_least)
        .nullable(),
    Function::new(
        "assumestringprefix",
        &[open(Shape::String), Parameter::new("prefix", Shape::String)],
        ResultType::Of(first_type),
        string_prefix,
    )
    .nullable(),
];

fn first_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    Ok(arguments[0].value_type())
}

fn second_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    Ok(arguments[1].value_type())
}

fn broken() -> FunctionError {
    FunctionError::argument(0, "assumption was not upheld")
}

/// The second value, which the first has to equal as soon as both are known. Whatever says where the first came from
/// stays on it; that the first is secret does not make what it equals secret.
fn assume_equal(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (actual, expected) = (&arguments[0], &arguments[1]);
    let converted = convert(actual, &expected.value_type()).map_err(|_| {
        FunctionError::argument(
            0,
            format!(
                "actual value type {} does not match assumed value type {}",
                actual.value_type().friendly_name(),
                expected.value_type().friendly_name()
            ),
        )
    })?;
    if equals(&converted, expected).unmark().0.as_bool() == Some(false) {
        return Err(FunctionError::argument(0, "the actual value does not match the assumed value"));
    }
    let (_, mut marks) = converted.unmark_deep();
    for (_, kept) in &mut marks {
        *kept = kept.without(MarkKind::Sensitive).without(MarkKind::Ephemeral);
    }
    marks.retain(|(_, kept)| !kept.is_empty());
    Ok(expected.mark_paths(&marks))
}

/// The value, which will not be null.
fn not_null(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let value = &arguments[0];
    if value.value_type() == Type::Dynamic {
        let message = "given value must have a known type; consider using the \"convert\" function to specify a type to assume";
        return Err(FunctionError::argument(0, message));
    }
    if value.is_null() { Err(broken()) } else { Ok(value.refine(&Refinements::NOT_NULL)) }
}

/// The string, which begins so.
fn string_prefix(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (value, prefix) = (&arguments[0], text(&arguments[1]));
    match (value.as_str(), value.range().prefix) {
        (Some(known), _) if !known.starts_with(prefix) => Err(broken()),
        (None, Some(known)) if !known.starts_with(prefix) && !prefix.starts_with(known.as_str()) => {
            Err(broken())
        }
        _ => Ok(value.refine(&Refinements::NONE.with_open_prefix(prefix))),
    }
}

fn bound(arguments: &[Value], at: usize) -> Result<u64, FunctionError> {
    integer(arguments, at).ok().and_then(|bound| u64::try_from(bound).ok()).ok_or_else(|| {
        FunctionError::argument(at, format!("must be a whole number between 0 and {}", i64::MAX))
    })
}

fn with_length(value: &Value, least: u64, most: Option<u64>) -> Result<Value, FunctionError> {
    if value.is_null() {
        return Ok(value.clone());
    }
    let known = value.range();
    let is_possible = known.length_maximum.is_none_or(|length| length >= least)
        && most.is_none_or(|most| most >= known.length_minimum && most >= least);
    if is_possible { Ok(value.refine(&Refinements::NONE.length_between(least, most))) } else { Err(broken()) }
}

/// The collection, whose length lies between two bounds.
fn between(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    with_length(&arguments[0], bound(arguments, 1)?, Some(bound(arguments, 2)?))
}

/// The collection, which has at least so many elements.
fn at_least(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    with_length(&arguments[0], bound(arguments, 1)?, None)
}

/// The collection, which has at most so many elements.
fn at_most(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    with_length(&arguments[0], 0, Some(bound(arguments, 1)?))
}
