//! Functions that ask a collection something, and functions on maps and objects.

use super::argument::{count, elements, text};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{
    Entries, Kind, Marks, Name, Number, Refinements, Type, TypeSort, Value, convert, equals,
    length as length_of,
};
use std::collections::BTreeMap;
use unicode_segmentation::UnicodeSegmentation as _;

const STRINGS: Shape = Shape::List(&Shape::String);
const BOOLS: Shape = Shape::List(&Shape::Bool);
const BOOL: ResultType = ResultType::Fixed(Shape::Bool);
const NUMBER: ResultType = ResultType::Fixed(Shape::Number);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("alltrue", &[Parameter::new("list", BOOLS)], BOOL, all_true),
    Function::new("anytrue", &[Parameter::new("list", BOOLS)], BOOL, any_true),
    Function::new(
        "contains",
        &[Parameter::new("list", Shape::Any), Parameter::new("value", Shape::Any)],
        BOOL,
        contains,
    ),
    Function::new(
        "index",
        &[Parameter::new("list", Shape::Any), Parameter::new("value", Shape::Any)],
        NUMBER,
        index,
    ),
    Function::new(
        "keys",
        &[Parameter::new("inputMap", Shape::Any).unknown().marked()],
        ResultType::Of(keys_type),
        keys,
    )
    .checking(),
    Function::new(
        "length",
        &[Parameter::new("value", Shape::Any).unknown().marked().dynamic()],
        ResultType::Of(length_type),
        length,
    )
    .checking(),
    Function::new("merge", &[], ResultType::Of(merge_type), merge)
        .checking()
        .variadic(Parameter::new("maps", Shape::Any).null().marked().dynamic()),
    Function::new("sum", &[Parameter::new("list", Shape::Any)], NUMBER, sum),
    Function::new(
        "transpose",
        &[Parameter::new("values", Shape::Map(&STRINGS))],
        ResultType::Fixed(Shape::Map(&STRINGS)),
        transpose,
    ),
    Function::new(
        "values",
        &[Parameter::new("mapping", Shape::Any).marked()],
        ResultType::Of(values_type),
        values,
    )
    .checking(),
    Function::new(
        "zipmap",
        &[Parameter::new("keys", STRINGS).marked(), Parameter::new("values", Shape::Any).marked()],
        ResultType::Of(zipmap_type),
        zipmap,
    ),
];

/// Whether every element is true; so it is of none. Null counts as false.
fn all_true(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    for element in elements(&arguments[0]) {
        if !element.is_known() {
            return Ok(Value::unknown(Type::Bool));
        }
        if element.as_bool() != Some(true) {
            return Ok(Value::bool(false));
        }
    }
    Ok(Value::bool(true))
}

/// Whether an element is true.
fn any_true(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let elements = elements(&arguments[0]);
    if elements.iter().any(|element| element.as_bool() == Some(true)) {
        return Ok(Value::bool(true));
    }
    let has_unknown = elements.iter().any(|element| !element.is_known());
    Ok(if has_unknown { Value::unknown(Type::Bool) } else { Value::bool(false) })
}

/// Whether an element equals the value.
fn contains(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let Some(items) = arguments[0].items() else {
        return Err(FunctionError::new("argument must be list, tuple, or set"));
    };
    let mut may_contain = false;
    for item in items {
        match equals(&arguments[1], item).as_bool() {
            Some(true) => return Ok(Value::bool(true)),
            Some(false) => {}
            None => may_contain = true,
        }
    }
    Ok(if may_contain { Value::unknown(Type::Bool) } else { Value::bool(false) })
}

/// Where the first element stands that equals the value.
fn index(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (Type::List(_) | Type::Tuple(_), Some(items)) = (arguments[0].value_type(), arguments[0].items())
    else {
        return Err(FunctionError::new("argument must be a list or tuple"));
    };
    if items.is_empty() {
        return Err(FunctionError::new("cannot search an empty list"));
    }
    for (at, item) in items.iter().enumerate() {
        match equals(item, &arguments[1]).as_bool() {
            Some(true) => return Ok(count(at)),
            Some(false) => {}
            None => return Ok(Value::unknown(Type::Number)),
        }
    }
    Err(FunctionError::new("item not found"))
}

fn no_map() -> FunctionError {
    FunctionError::argument(0, "must have map or object type")
}

fn keys_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::Map(_) => Ok(Type::list(Type::String)),
        Type::Object(object) => Ok(Type::tuple(vec![Type::String; object.attributes().len()])),
        _ => Err(no_map()),
    }
}

/// The names in order: of a map a list, of an object a tuple.
fn keys(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (map, marks) = arguments[0].unmark();
    let names = |entries: &Entries| entries.iter().map(|(name, _)| Value::string(name.clone())).collect();
    let keys = match (map.sort(), map.entries()) {
        (TypeSort::Object, Some(entries)) => Value::tuple(names(entries)),
        (TypeSort::Map, Some(entries)) => Value::list(Type::String, names(entries)),
        (TypeSort::Map, None) => Value::unknown(Type::list(Type::String)),
        (TypeSort::Object, None) => match map.value_type() {
            Type::Object(object) => {
                let names = object.attributes().iter().map(|(name, _)| Value::string(name.clone()));
                Value::tuple(names.collect())
            }
            _ => return Err(no_map()),
        },
        _ => return Err(no_map()),
    };
    Ok(keys.with_marks(&marks))
}

fn length_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].sort() {
        TypeSort::Bool | TypeSort::Number => {
            Err(FunctionError::new("argument must be a string, a collection type, or a structural type"))
        }
        _ => Ok(Type::Number),
    }
}

/// The number of elements; of characters (grapheme clusters) in a string.
fn length(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    length_type(arguments)?;
    let (value, marks) = arguments[0].unmark();
    let length = match (value.kind(), value.sort()) {
        (_, TypeSort::Dynamic) => Value::unknown(Type::Number),
        (Kind::Tuple(items), _) => count(items.len()),
        (Kind::Object(entries), _) => count(entries.len()),
        (_, TypeSort::Tuple | TypeSort::Object) => match value.value_type() {
            Type::Tuple(elements) => count(elements.len()),
            Type::Object(object) => count(object.attributes().len()),
            _ => Value::unknown(Type::Number),
        },
        (_, TypeSort::String) => match value.as_str() {
            Some(text) => count(text.graphemes(true).count()),
            None => unknown_text_length(&value),
        },
        _ => length_of(&value).map_err(|error| FunctionError::new(error.to_string()))?,
    };
    Ok(length.with_marks(&marks))
}

/// Not shorter than the prefix that is known.
fn unknown_text_length(text: &Value) -> Value {
    let prefix = text.range().prefix.unwrap_or_default();
    let shortest = i64::try_from(prefix.graphemes(true).count()).unwrap_or(i64::MAX);
    Value::unknown_with(Type::Number, Refinements::NOT_NULL.at_least(Number::from(shortest), true))
}

fn merge_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let mut attributes: BTreeMap<Name, Type> = BTreeMap::new();
    let mut all_known = true;
    let mut common: Option<Type> = None;
    let mut is_common = true;
    for argument in arguments {
        let (value, _) = argument.unmark();
        let mut value_type = value.value_type();
        match &value_type {
            Type::Dynamic => return Ok(Type::Dynamic),
            Type::Object(_) if value.is_null() => value_type = Type::object(Vec::<(Name, Type)>::new()),
            Type::Object(object) => attributes.extend(object.attributes().iter().cloned()),
            Type::Map(element) => match value.entries() {
                Some(entries) => {
                    attributes
                        .extend(entries.iter().map(|(name, _)| (name.clone(), element.as_ref().clone())));
                }
                None => all_known &= value.is_known(),
            },
            other => return Err(not_merged(other)),
        }
        is_common &= common.get_or_insert_with(|| value_type.clone()) == &value_type;
    }
    Ok(match common {
        Some(common) if is_common => common,
        _ if all_known => Type::object(attributes),
        _ => Type::Dynamic,
    })
}

fn not_merged(value_type: &Type) -> FunctionError {
    FunctionError::new(format!("arguments must be maps or objects, got {:?}", value_type.friendly_name()))
}

/// Refuses what `merge_type` refuses.
fn check_merge(arguments: &[Value]) -> Result<(), FunctionError> {
    for argument in arguments {
        match argument.sort() {
            TypeSort::Dynamic => return Ok(()),
            TypeSort::Object | TypeSort::Map => {}
            _ => return Err(not_merged(&argument.value_type())),
        }
    }
    Ok(())
}

/// The type that all arguments have, where it is a map's: then the result is a map, else an object.
fn common_map_element(arguments: &[Value]) -> Option<Type> {
    let first = arguments.first().filter(|first| first.sort() == TypeSort::Map)?;
    let Type::Map(element) = first.value_type() else { return None };
    let is_common = arguments
        .iter()
        .all(|argument| matches!(argument.value_type(), Type::Map(other) if other == element));
    is_common.then(|| element.as_ref().clone())
}

/// All entries of all maps and objects; of two of one name the last.
fn merge(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    check_merge(arguments)?;
    let mut marks = Marks::NONE;
    let mut merged: Vec<(Name, Value)> = Vec::new();
    for argument in arguments {
        let (value, own_marks) = argument.unmark();
        if let Some(entries) = value.entries() {
            marks = marks.union(&own_marks);
            merged.extend(entries.iter().cloned());
        }
    }
    let result = match common_map_element(arguments) {
        Some(element) => Value::map(element, merged),
        None => Value::object(merged),
    };
    Ok(result.with_marks(&marks))
}

/// The sum of numbers, of which there must be one at least.
fn sum(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let list = &arguments[0];
    if list.items().is_none() && list.entries().is_none() {
        return Err(FunctionError::argument(0, "cannot sum noniterable"));
    }
    let elements = elements(list);
    if elements.is_empty() {
        return Err(FunctionError::argument(0, "cannot sum an empty list"));
    }
    if list.items().is_none() {
        let name = list.value_type().friendly_name();
        return Err(FunctionError::argument(
            0,
            format!("argument must be list, set, or tuple. Received {name}"),
        ));
    }
    if !list.is_wholly_known() {
        return Ok(Value::unknown(Type::Number));
    }
    let mut total = Number::ZERO;
    for element in elements {
        let number =
            convert(element, &Type::Number).ok().and_then(|value| value.as_number()).ok_or_else(|| {
                FunctionError::argument(0, "argument must be list, set, or tuple of number values")
            })?;
        total = total
            .add(&number)
            .ok_or_else(|| FunctionError::new("can't compute sum of opposing infinities"))?;
    }
    Ok(Value::number(total))
}

/// A map of lists turned inside out: for each text in a list, the keys of the lists that hold it.
fn transpose(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let list_of_strings = Type::list(Type::String);
    if !arguments[0].is_wholly_known() {
        return Ok(Value::unknown(Type::map(list_of_strings)));
    }
    let mut keys_of: BTreeMap<Name, Vec<Value>> = BTreeMap::new();
    for (key, list) in arguments[0].entries().into_iter().flat_map(|entries| entries.iter()) {
        let Some(items) = list.items() else {
            return Err(FunctionError::argument(0, format!("cannot use null list for [{:?}]", key.as_str())));
        };
        for (at, item) in items.iter().enumerate() {
            let Some(text) = item.as_str() else {
                let message = format!("cannot use null string for [{:?}][{at}]", key.as_str());
                return Err(FunctionError::argument(0, message));
            };
            keys_of.entry(text.clone()).or_default().push(Value::string(key.clone()));
        }
    }
    let entries = keys_of.into_iter().map(|(text, keys)| (text, Value::list(Type::String, keys))).collect();
    Ok(Value::map(list_of_strings, entries))
}

fn values_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::Map(element) => Ok(Type::list(element.as_ref().clone())),
        Type::Object(object) => {
            Ok(Type::tuple(object.attributes().iter().map(|(_, kind)| kind.clone()).collect()))
        }
        _ => Err(no_values()),
    }
}

fn no_values() -> FunctionError {
    FunctionError::new("values() requires a map as the first argument")
}

/// The values in order of their names: of a map a list, of an object a tuple.
fn values(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (map, marks) = arguments[0].unmark();
    let values = elements(&map).into_iter().cloned().collect();
    let result = match map.sort() {
        TypeSort::Map => Value::list(map.value_type().element().cloned().unwrap_or(Type::Dynamic), values),
        TypeSort::Object => Value::tuple(values),
        _ => return Err(no_values()),
    };
    Ok(result.with_marks(&marks))
}

fn counts_differ(keys: usize, values: usize) -> FunctionError {
    FunctionError::new(format!("number of keys ({keys}) does not match number of values ({values})"))
}

fn zipmap_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    let (keys, _) = arguments[0].unmark();
    match arguments[1].value_type() {
        Type::List(element) => Ok(Type::map(element.as_ref().clone())),
        Type::Tuple(_) if !keys.is_wholly_known() => Ok(Type::Dynamic),
        Type::Tuple(types) => {
            let keys = keys.items().unwrap_or_default();
            if keys.len() != types.len() {
                return Err(counts_differ(keys.len(), types.len()));
            }
            let names = keys.iter().map(|key| Name::from(text(&key.unmark().0)));
            Ok(Type::object(names.zip(types.iter().cloned())))
        }
        _ => Err(FunctionError::new("values argument must be a list or tuple value")),
    }
}

/// A map, or of a tuple an object, of keys and their values.
fn zipmap(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (keys, key_marks) = arguments[0].unmark();
    let (values, value_marks) = arguments[1].unmark();
    let mut marks = key_marks.union(&value_marks);
    if !keys.is_wholly_known() {
        return Ok(Value::unknown(zipmap_type(arguments)?).with_marks(&marks));
    }
    let (keys, items) = (keys.items().unwrap_or_default(), values.items().unwrap_or_default());
    if keys.len() != items.len() {
        return Err(counts_differ(keys.len(), items.len()));
    }
    let mut entries = Vec::with_capacity(keys.len());
    for (at, (key, value)) in keys.iter().zip(items).enumerate() {
        let (key, own_marks) = key.unmark();
        marks = marks.union(&own_marks);
        let Some(name) = key.as_str() else {
            return Err(FunctionError::new(format!("keys list has null value at index {at}")));
        };
        entries.push((name.clone(), value.clone()));
    }
    let result = match values.value_type() {
        Type::List(element) => Value::map(element.as_ref().clone(), entries),
        _ => Value::object(entries),
    };
    Ok(result.with_marks(&marks))
}
