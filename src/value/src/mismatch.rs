//! Words for why a type does not convert to another: cty's.

use crate::convert::{is_convertible, is_same_type};
use crate::unify::Safety;
use crate::{Name, ObjectType, Type};

/// What to tell a person who gave `got` where `want` is needed.
pub fn mismatch_message(got: &Type, want: &Type) -> String {
    match (got, want) {
        (Type::Object(got), Type::Object(want)) => objects(got, want),
        (Type::Tuple(_), Type::List(element)) if **element == Type::Dynamic => {
            "all list elements must have the same type".to_owned()
        }
        (Type::Tuple(_), Type::Set(element)) if **element == Type::Dynamic => {
            "all set elements must have the same type".to_owned()
        }
        (Type::Object(_), Type::Map(element)) if **element == Type::Dynamic => {
            "all map elements must have the same type".to_owned()
        }
        (Type::Tuple(elements), Type::List(want) | Type::Set(want)) => {
            elements_of(elements.iter().enumerate().map(|(at, kind)| (at.to_string(), kind)), want)
        }
        (Type::Object(object), Type::Map(want)) => {
            elements_of(object.attributes().iter().map(|(name, kind)| (format!("{name:?}"), kind)), want)
        }
        (Type::List(got) | Type::Set(got), Type::List(element)) => element_type("list", got, element),
        (Type::List(got) | Type::Set(got), Type::Set(element)) => element_type("set", got, element),
        (Type::Map(got), Type::Map(element)) => element_type("map", got, element),
        (got, want) if want.is_collection() && !got.is_primitive() && *got != Type::Dynamic => {
            format!("{} required", constraint_name(want))
        }
        _ if !is_confusing(got, want) => {
            format!("{} required, but have {}", want.friendly_name(), got.friendly_name())
        }
        _ => format!("{} required", constraint_name(want)),
    }
}

/// As [`Type::friendly_name`], where the type says what is wanted.
fn constraint_name(wanted: &Type) -> String {
    match wanted {
        Type::Dynamic => "any type".to_owned(),
        Type::List(element) => format!("list of {}", single(element)),
        Type::Set(element) => format!("set of {}", single(element)),
        Type::Map(element) => format!("map of {}", single(element)),
        _ => wanted.friendly_name(),
    }
}

fn single(element: &Type) -> String {
    if *element == Type::Dynamic { "any single type".to_owned() } else { constraint_name(element) }
}

fn element_type(collection: &str, got: &Type, want: &Type) -> String {
    format!("incorrect {collection} element type: {}", mismatch_message(got, want))
}

fn elements_of<'a>(elements: impl Iterator<Item = (String, &'a Type)>, want: &Type) -> String {
    for (place, got) in elements {
        if !is_same_type(got, want) && !is_convertible(got, want, Safety::Unsafe) {
            return format!("element {place}: {}", mismatch_message(got, want));
        }
    }
    format!("all elements must be {}", constraint_name(want))
}

fn objects(got: &ObjectType, want: &ObjectType) -> String {
    let missing: Vec<&Name> = want
        .attributes()
        .iter()
        .map(|(name, _)| name)
        .filter(|name| got.get(name).is_none() && !want.is_optional(name))
        .collect();
    match missing.as_slice() {
        [] => mismatched_attribute(got, want),
        [one] => format!("attribute {one:?} is required"),
        [one, two] => format!("attributes {one:?} and {two:?} are required"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|name| format!("{name:?}")).collect();
            format!("attributes {}, and {last:?} are required", most.join(", "))
        }
    }
}

fn mismatched_attribute(got: &ObjectType, want: &ObjectType) -> String {
    for safety in [Safety::Unsafe, Safety::Safe] {
        for (name, wanted) in want.attributes() {
            let Some(given) = got.get(name) else { continue };
            if !is_same_type(given, wanted) && !is_convertible(given, wanted, safety) {
                return format!("attribute {name:?}: {}", mismatch_message(given, wanted));
            }
        }
    }
    "incorrect object attributes".to_owned()
}

/// Whether naming what was given beside what is wanted would point at the wrong fault: text that is no number is a
/// wrong value, not a wrong type.
fn is_confusing(got: &Type, want: &Type) -> bool {
    if got.is_primitive() != want.is_primitive() {
        return false;
    }
    !matches!(
        (got, want),
        (_, Type::String)
            | (Type::Number, Type::Bool)
            | (Type::Bool, Type::Number)
            | (Type::Tuple(_), Type::Object(_))
    )
}
