//! Functions that choose one of their arguments, or one element: `coalesce`, `coalescelist`, `element`, `lookup`,
//! `one`; and the two of old, `list` and `map`, that only say what took their place.

use super::argument::{integer, shown, text};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Type, Value, convert, unify};

const ANYTHING: Parameter = Parameter::new("vals", Shape::Any).null().unknown().dynamic();

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("coalesce", &[], ResultType::Of(coalesce_type), coalesce).variadic(ANYTHING),
    Function::new("coalescelist", &[], ResultType::Of(coalesce_list_type), coalesce_list).variadic(ANYTHING),
    Function::new(
        "element",
        &[Parameter::new("list", Shape::Any).marked(), Parameter::new("index", Shape::Number)],
        ResultType::Of(element_type),
        element,
    )
    .nullable(),
    Function::new("list", &[], ResultType::Of(list_type), list).variadic(ANYTHING),
    Function::new(
        "lookup",
        &[Parameter::new("inputMap", Shape::Any).marked(), Parameter::new("key", Shape::String).marked()],
        ResultType::Of(lookup_type),
        lookup,
    )
    .variadic(Parameter::new("default", Shape::Any).null().unknown().marked().dynamic())
    .nullable(),
    Function::new("map", &[], ResultType::Of(map_type), map).variadic(ANYTHING),
    Function::new("one", &[Parameter::new("list", Shape::Any)], ResultType::Of(one_type), one).nullable(),
];

fn coalesce_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let types: Vec<Type> = arguments.iter().map(Value::value_type).collect();
    unify(&types).ok_or_else(|| FunctionError::new("all arguments must have the same type"))
}

/// The first argument that is neither null nor the empty string.
fn coalesce(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let common = coalesce_type(arguments)?;
    for argument in arguments {
        let value = convert(argument, &common).map_err(|error| FunctionError::new(error.to_string()))?;
        if !value.is_known() {
            return Ok(Value::unknown(common));
        }
        if !value.is_null() && value.as_str().is_none_or(|text| !text.is_empty()) {
            return Ok(value);
        }
    }
    Err(FunctionError::new("no non-null, non-empty-string arguments"))
}

fn coalesce_list_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let Some(first) = arguments.first() else {
        return Err(FunctionError::new("at least one argument is required"));
    };
    for argument in arguments {
        if !argument.is_known() {
            return Ok(Type::Dynamic);
        }
        if !matches!(argument.value_type(), Type::List(_) | Type::Tuple(_)) {
            return Err(FunctionError::new("coalescelist arguments must be lists or tuples"));
        }
    }
    let first = first.value_type();
    let is_common = arguments.iter().all(|argument| argument.value_type() == first);
    Ok(if is_common { first } else { Type::Dynamic })
}

/// The first list that has elements.
fn coalesce_list(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    for argument in arguments {
        if !argument.is_known() {
            return Ok(Value::unknown(coalesce_list_type(arguments)?));
        }
        if argument.items().is_some_and(|items| !items.is_empty()) {
            return Ok(argument.clone());
        }
    }
    Err(FunctionError::new("no non-null arguments"))
}

/// Where an index falls in a sequence that is thought to go round, also backwards.
fn wrapped(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(index.checked_rem_euclid(length)?).ok()
}

fn element_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::List(element) => Ok(element.as_ref().clone()),
        Type::Tuple(_) if !arguments[1].is_known() => Ok(Type::Dynamic),
        Type::Tuple(elements) => {
            let at = wrapped(integer(arguments, 1)?, elements.len()).ok_or_else(empty_list)?;
            Ok(elements[at].clone())
        }
        other => {
            let message = format!("cannot read elements from {}", other.friendly_name());
            Err(FunctionError::new(message))
        }
    }
}

fn empty_list() -> FunctionError {
    FunctionError::new("cannot use element function with an empty list")
}

/// The element at an index that goes round at both ends.
fn element(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (list, marks) = arguments[0].unmark();
    let items = list.items().unwrap_or_default();
    let at = wrapped(integer(arguments, 1)?, items.len()).ok_or_else(empty_list)?;
    Ok(items[at].with_marks(&marks))
}

fn lookup_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    if arguments.len() > 3 {
        let message = format!("lookup() takes two or three arguments, got {}", arguments.len());
        return Err(FunctionError::new(message));
    }
    match arguments[0].value_type() {
        Type::Object(_) if !arguments[1].is_known() => Ok(Type::Dynamic),
        Type::Object(object) => {
            let (key, marks) = arguments[1].unmark();
            match (object.get(text(&key)), arguments.get(2)) {
                (Some(found), _) => Ok(found.clone()),
                (None, Some(default)) => Ok(default.value_type()),
                (None, None) => {
                    let message = format!("the given object has no attribute {}", shown(text(&key), &marks));
                    Err(FunctionError::argument(0, message))
                }
            }
        }
        Type::Map(element) => match arguments.get(2) {
            Some(default) if convert(default, &element).is_err() => Err(FunctionError::argument(
                2,
                "the default value must have the same type as the map elements",
            )),
            _ => Ok(element.as_ref().clone()),
        },
        _ => Err(FunctionError::argument(0, "lookup() requires a map as the first argument")),
    }
}

/// The value of a key; the default where the key is not there.
fn lookup(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (map, map_marks) = arguments[0].unmark();
    let (key, key_marks) = arguments[1].unmark();
    let marks = map_marks.union(&key_marks);
    if let Some(found) = map.get(text(&key)) {
        return Ok(found.with_marks(&marks));
    }
    let Some(default) = arguments.get(2) else {
        let message = format!("lookup failed to find key {}", shown(text(&key), &key_marks));
        return Err(FunctionError::new(message));
    };
    let value_type = lookup_type(arguments)?;
    let value = convert(default, &value_type).map_err(|error| FunctionError::new(error.to_string()))?;
    Ok(value.with_marks(&marks))
}

const NOT_ONE: &str = "must be a list, set, or tuple value with either zero or one elements";

fn one_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::List(element) | Type::Set(element) => Ok(element.as_ref().clone()),
        Type::Tuple(elements) if elements.len() <= 1 => {
            Ok(elements.first().cloned().unwrap_or(Type::Dynamic))
        }
        _ => Err(FunctionError::argument(0, NOT_ONE)),
    }
}

/// The only element; null where there is none.
fn one(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let list = &arguments[0];
    let items = list.items().unwrap_or_default();
    match items {
        [] => Ok(Value::null(one_type(arguments)?)),
        [only] => Ok(only.clone()),
        _ if matches!(list.value_type(), Type::Set(_)) && !list.is_wholly_known() => {
            Ok(Value::unknown(one_type(arguments)?))
        }
        _ => Err(FunctionError::argument(0, NOT_ONE)),
    }
}

fn list_type(_: &[Value]) -> Result<Type, FunctionError> {
    Err(FunctionError::new("the \"list\" function is no longer available; write tolist([ ... ]) for a list"))
}

/// Never gives anything.
fn list(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    list_type(arguments).map(Value::unknown)
}

fn map_type(_: &[Value]) -> Result<Type, FunctionError> {
    Err(FunctionError::new("the \"map\" function is no longer available; write tomap({ ... }) for a map"))
}

/// Never gives anything.
fn map(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    map_type(arguments).map(Value::unknown)
}
