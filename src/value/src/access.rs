//! Reaching into values by index and by attribute, with the language's words for what is not there.
//!
//! Invariant: the marks of the collection and of the key are on what is found.

use crate::operations::{Operand, OperationError, Outcome};
use crate::{Kind, Name, Number, Type, TypeSort, Value, convert};

const NO_SUCH_ELEMENT: &str = "The given key does not identify an element in this collection value";

fn unsuitable_key(reason: &str) -> OperationError {
    OperationError { operand: Some(Operand::Right), message: format!("{NO_SUCH_ELEMENT}: {reason}.") }
}

fn unsuitable_collection(message: &str) -> OperationError {
    OperationError { operand: Some(Operand::Left), message: message.to_owned() }
}

/// `collection[key]`
pub fn index(collection: &Value, key: &Value) -> Outcome {
    let (bare, collection_marks) = collection.unmark();
    let (key, key_marks) = key.unmark();
    if bare.is_null() {
        return Err(unsuitable_collection("This value is null, so it does not have any indices."));
    }
    if key.is_null() {
        let message = "Can't use a null value as an indexing key.".to_owned();
        return Err(OperationError { operand: Some(Operand::Right), message });
    }
    // Of these the result has no type yet, whatever the key is.
    let is_open =
        matches!((bare.kind(), bare.sort()), (_, TypeSort::Dynamic) | (Kind::Unknown(..), TypeSort::Object));
    if is_open || key.sort() == TypeSort::Dynamic {
        return Ok(Value::unknown(Type::Dynamic).with_marks(&collection_marks));
    }
    let found = match bare.kind() {
        // Whatever the types in them: what is known is there, and nothing else is asked for.
        Kind::Object(_) => in_object(&bare, &key)?,
        Kind::Tuple(_) => in_sequence(&bare, &key, |_| Type::Dynamic, Type::Dynamic)?,
        _ => in_typed(&bare, &key)?,
    };
    Ok(found.with_marks(&collection_marks).with_marks(&key_marks))
}

fn in_typed(collection: &Value, key: &Value) -> Outcome {
    match collection.value_type() {
        Type::List(element) => in_sequence(collection, key, |_| (*element).clone(), Type::clone(&element)),
        Type::Tuple(elements) => in_sequence(collection, key, |at| elements[at].clone(), Type::Dynamic),
        Type::Map(element) => in_map(collection, key, &element),
        Type::Object(_) => in_object(collection, key),
        Type::Set(_) => {
            let message = "Elements of a set are identified only by their value and don't have any separate index \
                           or key to select with, so it's only possible to perform operations across all elements \
                           of the set.";
            Err(unsuitable_collection(message))
        }
        Type::Dynamic | Type::Bool | Type::Number | Type::String => {
            Err(unsuitable_collection("This value does not have any indices."))
        }
    }
}

fn text_key(key: &Value) -> Result<Option<Name>, OperationError> {
    let key = convert(key, &Type::String).map_err(|error| unsuitable_key(&error.message))?;
    Ok(key.as_str().cloned())
}

fn in_object(object: &Value, key: &Value) -> Outcome {
    let Some(name) = text_key(key)? else { return Ok(Value::unknown(Type::Dynamic)) };
    object.get(&name).cloned().ok_or_else(|| {
        let hint = match key.kind() {
            Kind::Number(_) => {
                " An object only supports looking up attributes by name, not by numeric index."
            }
            _ => "",
        };
        OperationError { operand: Some(Operand::Right), message: format!("{NO_SUCH_ELEMENT}.{hint}") }
    })
}

fn in_map(map: &Value, key: &Value, element: &Type) -> Outcome {
    match (text_key(key)?, map.entries()) {
        (Some(name), Some(entries)) => entries.get(&name).cloned().ok_or_else(|| OperationError {
            operand: Some(Operand::Right),
            message: format!("{NO_SUCH_ELEMENT}."),
        }),
        _ => Ok(Value::unknown(element.clone())),
    }
}

/// In a list or tuple; `unplaced` is the type of an element where the key is not known.
fn in_sequence(sequence: &Value, key: &Value, kind: impl Fn(usize) -> Type, unplaced: Type) -> Outcome {
    let key = convert(key, &Type::Number).map_err(|error| unsuitable_key(&error.message))?;
    let Some(number) = key.as_number() else { return Ok(Value::unknown(unplaced)) };
    let length = match (sequence.items(), sequence.sort()) {
        (Some(items), _) => Some(items.len()),
        (None, TypeSort::Tuple) => match sequence.value_type() {
            Type::Tuple(elements) => Some(elements.len()),
            _ => None,
        },
        (None, _) => None,
    };
    let Some(length) = length else { return Ok(Value::unknown(unplaced)) };
    let at = place(&number, length)?;
    Ok(sequence.items().and_then(|items| items.get(at)).cloned().unwrap_or_else(|| Value::unknown(kind(at))))
}

fn place(number: &Number, length: usize) -> Result<usize, OperationError> {
    if !number.is_integer() {
        let reason = "indexing a sequence requires a whole number, but the given index has a fractional part";
        return Err(unsuitable_key(reason));
    }
    if number.sign() < 0 {
        return Err(unsuitable_key("a negative number is not a valid index for a sequence"));
    }
    let at = number.to_i64().and_then(|at| usize::try_from(at).ok()).filter(|at| *at < length);
    at.ok_or_else(|| {
        unsuitable_key(if length == 0 {
            "the collection has no elements"
        } else {
            "the given index is greater than or equal to the length of the collection"
        })
    })
}

/// `value.name`
pub fn get_attribute(value: &Value, name: &str) -> Outcome {
    let (bare, marks) = value.unmark();
    if bare.is_null() {
        return Err(unsuitable_collection("This value is null, so it does not have any attributes."));
    }
    if let Kind::Object(entries) = bare.kind() {
        let found = entries.get(name).ok_or_else(|| no_attribute(name))?;
        return Ok(found.with_marks(&marks));
    }
    let found = match (bare.kind(), bare.value_type()) {
        (_, Type::Dynamic) => Value::unknown(Type::Dynamic),
        (Kind::Map(entries), _) => entries.get(name).cloned().ok_or_else(|| {
            unsuitable_collection(&format!("This map does not have an element with the key {name:?}."))
        })?,
        (_, Type::Object(object)) => {
            object.get(name).map(|kind| Value::unknown(kind.clone())).ok_or_else(|| no_attribute(name))?
        }
        (_, Type::Map(element)) => Value::unknown((*element).clone()),
        _ => return Err(unsuitable_collection("This value does not have any attributes.")),
    };
    Ok(found.with_marks(&marks))
}

fn no_attribute(name: &str) -> OperationError {
    unsuitable_collection(&format!("This object does not have an attribute named {name:?}."))
}
