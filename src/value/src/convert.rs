//! Conversion of values to types, by cty's rules.
//!
//! Invariants: a value that is of the wanted type already comes back as the same node; marks stay where they were
//! (a set's elements hand theirs to the set); an unknown or null value stays one, of the wanted type. An error names
//! the place in the value and never the value itself, which may be secret.

use crate::mismatch::mismatch_message;
use crate::unify::{Safety, unify_with};
use crate::{Kind, Name, Number, ObjectType, Path, PathStep, Refinements, Type, Value};
use std::fmt;

/// Why a value does not convert.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvertError {
    /// The place inside the value.
    pub path: Path,
    /// What is wrong there, in cty's words.
    pub message: String,
}

impl ConvertError {
    fn new(message: impl Into<String>) -> Self {
        Self { path: Path::root(), message: message.into() }
    }

    fn mismatch(got: &Type, want: &Type) -> Self {
        Self::new(mismatch_message(got, want))
    }

    /// The same error, seen from the value that holds the faulty one. Paths are built on the way out, so that a
    /// conversion that succeeds never builds one.
    fn under(mut self, step: PathStep) -> Self {
        self.path.0.insert(0, step);
        self
    }
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.steps().is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for ConvertError {}

/// The value converted to the type, by conversions that may fail too.
pub fn convert(value: &Value, want: &Type) -> Result<Value, ConvertError> {
    if *want == Type::Dynamic {
        return Ok(value.clone());
    }
    let got = value.value_type();
    if is_same_type(&got, want) {
        return Ok(value.clone());
    }
    if !is_convertible(&got, want, Safety::Unsafe) {
        return Err(ConvertError::mismatch(&got, want));
    }
    apply(value, want)
}

/// Whether a value of a type may convert to another, depending on the value.
pub fn can_convert(from: &Type, to: &Type) -> bool {
    is_same_type(from, to) || is_convertible(from, to, Safety::Unsafe)
}

/// Whether every value of a type converts to another.
pub fn can_convert_safely(from: &Type, to: &Type) -> bool {
    is_same_type(from, to) || is_convertible(from, to, Safety::Safe)
}

/// Whether both are one type but for attributes that may be missing.
pub(crate) fn is_same_type(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::List(left), Type::List(right))
        | (Type::Set(left), Type::Set(right))
        | (Type::Map(left), Type::Map(right)) => {
            std::sync::Arc::ptr_eq(left, right) || is_same_type(left, right)
        }
        (Type::Tuple(left), Type::Tuple(right)) => {
            std::sync::Arc::ptr_eq(left, right)
                || left.len() == right.len()
                    && left.iter().zip(right.iter()).all(|(one, other)| is_same_type(one, other))
        }
        (Type::Object(left), Type::Object(right)) => {
            let same = |(one, other): (&(Name, Type), &(Name, Type))| {
                one.0 == other.0 && is_same_type(&one.1, &other.1)
            };
            std::sync::Arc::ptr_eq(left, right)
                || left.attributes().len() == right.attributes().len()
                    && left.attributes().iter().zip(right.attributes()).all(same)
        }
        _ => left == right,
    }
}

/// Whether a conversion between two different types exists.
pub(crate) fn is_convertible(from: &Type, to: &Type, safety: Safety) -> bool {
    let is_unsafe = safety == Safety::Unsafe;
    match (from, to) {
        (_, Type::Dynamic) | (Type::Bool | Type::Number, Type::String) => true,
        (Type::Dynamic, _) | (Type::String, Type::Bool | Type::Number) => is_unsafe,
        (Type::Object(from), Type::Object(to)) => to.attributes().iter().all(|(name, wanted)| {
            from.get(name).map_or_else(|| to.is_optional(name), |given| is_reachable(given, wanted, safety))
        }),
        (Type::Tuple(from), Type::Tuple(to)) => {
            from.len() == to.len()
                && from.iter().zip(to.iter()).all(|(given, wanted)| is_reachable(given, wanted, safety))
        }
        (Type::List(from) | Type::Set(from), Type::List(to))
        | (Type::Set(from), Type::Set(to))
        | (Type::Map(from), Type::Map(to)) => is_reachable(from, to, safety),
        (Type::List(from), Type::Set(to)) => is_unsafe && is_reachable(from, to, safety),
        (Type::Tuple(from), Type::List(to) | Type::Set(to)) => element_for_tuple(from, to, safety)
            .is_some_and(|wanted| all_reachable(from.iter(), &wanted, safety)),
        (Type::Object(from), Type::Map(to)) => {
            let kinds = || from.attributes().iter().map(|(_, kind)| kind);
            element_for_object(from, to, safety).is_some_and(|wanted| all_reachable(kinds(), &wanted, safety))
        }
        (Type::Map(from), Type::Object(to)) => {
            let fits =
                |(name, wanted): &(Name, Type)| is_reachable(from, wanted, safety) || to.is_optional(name);
            is_unsafe && to.attributes().iter().all(fits)
        }
        _ => false,
    }
}

fn is_reachable(from: &Type, to: &Type, safety: Safety) -> bool {
    is_same_type(from, to) || is_convertible(from, to, safety)
}

/// As [`is_reachable`] for each; runs of one type are asked about once.
fn all_reachable<'a>(from: impl Iterator<Item = &'a Type>, to: &Type, safety: Safety) -> bool {
    let mut last: Option<&Type> = None;
    for each in from {
        if last != Some(each) && !is_reachable(each, to, safety) {
            return false;
        }
        last = Some(each);
    }
    true
}

/// The element type of a collection made from a tuple: the one asked for, else what its types have in common.
fn element_for_tuple(from: &[Type], to: &Type, safety: Safety) -> Option<Type> {
    if from.is_empty() || *to != Type::Dynamic {
        return Some(to.clone());
    }
    let unified = unify_with(from, safety)?;
    let usable = unified != Type::Dynamic || from.iter().all(|each| *each == Type::Dynamic);
    usable.then_some(unified)
}

fn element_for_object(from: &ObjectType, to: &Type, safety: Safety) -> Option<Type> {
    if from.attributes().is_empty() || *to != Type::Dynamic {
        return Some(to.clone());
    }
    let kinds: Vec<Type> = from.attributes().iter().map(|(_, kind)| kind.clone()).collect();
    unify_with(&kinds, safety)
}

/// Converts a value whose type is known to be convertible.
fn apply(value: &Value, want: &Type) -> Result<Value, ConvertError> {
    match value.kind() {
        Kind::Marked(inner, marks) => return Ok(apply(inner, want)?.with_marks(marks)),
        _ if *want == Type::Dynamic => return Ok(value.clone()),
        Kind::Unknown(got, refinements) => {
            let target = replace_dynamic(got, &want.without_optional());
            return Ok(if *got == target {
                value.clone()
            } else {
                convert_unknown(got, refinements, target)
            });
        }
        Kind::Null(got) => return Ok(Value::null(replace_dynamic(got, &want.without_optional()))),
        _ => {}
    }
    match (value.kind(), want) {
        (Kind::Bool(_), Type::Bool) | (Kind::Number(_), Type::Number) | (Kind::String(_), Type::String) => {
            Ok(value.clone())
        }
        (Kind::Number(number), Type::String) => Ok(Value::string(number.to_string())),
        (Kind::Bool(bool), Type::String) => Ok(Value::string(if bool { "true" } else { "false" })),
        (Kind::String(text), Type::Number) => {
            Number::parse(text).map(Value::number).ok_or_else(|| ConvertError::new("a number is required"))
        }
        (Kind::String(text), Type::Bool) => parse_bool(text),
        (Kind::Object(entries), Type::Object(object)) => object_to_object(entries.as_slice(), object),
        (Kind::Map(entries), Type::Object(object)) => {
            map_to_object(&value.value_type(), entries.as_slice(), object)
        }
        (Kind::Tuple(items), Type::Tuple(wanted)) => tuple_to_tuple(items, wanted),
        (Kind::List(items) | Kind::Set(items) | Kind::Tuple(items), Type::List(element)) => {
            to_list(value, items, element)
        }
        (Kind::List(items) | Kind::Set(items) | Kind::Tuple(items), Type::Set(element)) => {
            let (element, items) = convert_elements(value, items, element, "set")?;
            Ok(Value::set(element, items))
        }
        (Kind::Map(entries) | Kind::Object(entries), Type::Map(element)) => {
            to_map(value, entries.as_slice(), element)
        }
        _ => Err(ConvertError::mismatch(&value.value_type(), want)),
    }
}

/// Converts a part of a value, whose type may be the wanted one.
fn apply_part(value: &Value, want: &Type, step: impl FnOnce() -> PathStep) -> Result<Value, ConvertError> {
    if *want == Type::Dynamic || is_of_type(value, want) {
        return Ok(value.clone());
    }
    apply(value, want).map_err(|error| error.under(step()))
}

fn is_of_type(value: &Value, want: &Type) -> bool {
    match (value.kind(), want) {
        (Kind::Bool(_), Type::Bool) | (Kind::Number(_), Type::Number) | (Kind::String(_), Type::String) => {
            true
        }
        (Kind::Bool(_) | Kind::Number(_) | Kind::String(_), _) => false,
        _ => is_same_type(&value.value_type(), want),
    }
}

fn parse_bool(text: &str) -> Result<Value, ConvertError> {
    match text {
        "true" | "1" => Ok(Value::bool(true)),
        "false" | "0" => Ok(Value::bool(false)),
        _ => Err(ConvertError::new(match text.to_lowercase().as_str() {
            "true" => "a bool is required; to convert from string, use lowercase \"true\"",
            "false" => "a bool is required; to convert from string, use lowercase \"false\"",
            _ => "a bool is required",
        })),
    }
}

/// Both are sorted by name, so one pass joins them.
fn object_to_object(entries: &[(Name, Value)], want: &ObjectType) -> Result<Value, ConvertError> {
    let mut given = entries.iter().peekable();
    let mut attributes = Vec::with_capacity(want.attributes().len());
    for (name, wanted) in want.attributes() {
        while given.next_if(|(have, _)| have < name).is_some() {}
        let value = match given.next_if(|(have, _)| have == name) {
            Some((_, value)) => apply_part(value, wanted, || PathStep::Attribute(name.clone()))?,
            None if want.is_optional(name) => Value::null(wanted.without_optional()),
            None => return Err(ConvertError::new(format!("attribute {name:?} is required"))),
        };
        attributes.push((name.clone(), value));
    }
    Ok(Value::object(attributes))
}

fn map_to_object(got: &Type, entries: &[(Name, Value)], want: &ObjectType) -> Result<Value, ConvertError> {
    let element = got.element().cloned().unwrap_or(Type::Dynamic);
    let mut given = entries.iter().peekable();
    let mut attributes = Vec::with_capacity(want.attributes().len());
    for (name, wanted) in want.attributes() {
        while given.next_if(|(have, _)| have < name).is_some() {}
        let value = match given.next_if(|(have, _)| have == name) {
            Some((_, value)) if is_reachable(&element, wanted, Safety::Unsafe) => {
                apply_part(value, wanted, || PathStep::Key(name.clone()))?
            }
            Some((_, value)) => {
                let message = mismatch_message(&value.value_type(), wanted);
                let message = format!("map element type is incompatible with attribute {name:?}: {message}");
                return Err(ConvertError::new(message));
            }
            None if want.is_optional(name) => Value::null(wanted.without_optional()),
            None => {
                return Err(ConvertError::new(format!("map has no element for required attribute {name:?}")));
            }
        };
        attributes.push((name.clone(), value));
    }
    Ok(Value::object(attributes))
}

fn tuple_to_tuple(items: &[Value], want: &[Type]) -> Result<Value, ConvertError> {
    let parts = items.iter().zip(want).enumerate();
    let converted = parts.map(|(at, (item, wanted))| apply_part(item, wanted, || index_step(at)));
    Ok(Value::tuple(converted.collect::<Result<_, _>>()?))
}

fn index_step(at: usize) -> PathStep {
    PathStep::Index(at as u64)
}

fn to_list(value: &Value, items: &[Value], element: &Type) -> Result<Value, ConvertError> {
    if matches!(value.kind(), Kind::Set(_)) && items.len() > 1 && !value.is_wholly_known() {
        // Unknown elements of a set may turn out equal, so how many there will be is open.
        let got = value.value_type();
        return Ok(Value::unknown(replace_dynamic(&got, &Type::list(element.without_optional()))));
    }
    let (element, items) = convert_elements(value, items, element, "list")?;
    Ok(Value::list(element, items))
}

/// Converts the elements of a list, set or tuple, and says what type they have.
fn convert_elements(
    value: &Value,
    items: &[Value],
    element: &Type,
    collection: &str,
) -> Result<(Type, Vec<Value>), ConvertError> {
    let wanted = match value.value_type() {
        Type::Tuple(types) => element_for_tuple(&types, element, Safety::Unsafe)
            .ok_or_else(|| ConvertError::mismatch(&Type::Tuple(types), &Type::list(element.clone())))?,
        got if items.is_empty() && *element == Type::Dynamic => {
            got.element().cloned().unwrap_or(Type::Dynamic)
        }
        _ => element.clone(),
    };
    let converted = items.iter().enumerate().map(|(at, item)| apply_part(item, &wanted, || index_step(at)));
    let mut converted: Vec<Value> = converted.collect::<Result<_, _>>()?;
    if !wanted.has_dynamic() || converted.is_empty() {
        return Ok((wanted.without_optional(), converted));
    }
    if collection == "list" && matches!(value.kind(), Kind::Tuple(_)) {
        unify_values(converted.iter_mut().enumerate().map(|(at, item)| (index_step(at), item)))?;
    }
    let common = common_type(converted.iter()).ok_or_else(|| {
        ConvertError::new(format!("element types must all match for conversion to {collection}"))
    })?;
    Ok((common, converted))
}

fn to_map(value: &Value, entries: &[(Name, Value)], element: &Type) -> Result<Value, ConvertError> {
    let wanted = match value.value_type() {
        Type::Object(object) => element_for_object(&object, element, Safety::Unsafe)
            .ok_or_else(|| ConvertError::mismatch(&Type::Object(object), &Type::map(element.clone())))?,
        got if entries.is_empty() && *element == Type::Dynamic => {
            got.element().cloned().unwrap_or(Type::Dynamic)
        }
        _ => element.clone(),
    };
    let mut converted = Vec::with_capacity(entries.len());
    for (name, item) in entries {
        converted.push((name.clone(), apply_part(item, &wanted, || PathStep::Key(name.clone()))?));
    }
    if !wanted.has_dynamic() || converted.is_empty() {
        return Ok(Value::map(wanted.without_optional(), converted));
    }
    if wanted != Type::Dynamic {
        unify_values(converted.iter_mut().map(|(name, item)| (PathStep::Key(name.clone()), item)))?;
    }
    let common = common_type(converted.iter().map(|(_, item)| item))
        .ok_or_else(|| ConvertError::new("element types must all match for conversion to map"))?;
    Ok(Value::map(common, converted))
}

/// Converts elements to the one type they have in common.
fn unify_values<'a>(values: impl Iterator<Item = (PathStep, &'a mut Value)>) -> Result<(), ConvertError> {
    let values: Vec<(PathStep, &mut Value)> = values.collect();
    let types: Vec<Type> = values.iter().map(|(_, value)| value.value_type()).collect();
    let unified = unify_with(&types, Safety::Unsafe)
        .ok_or_else(|| ConvertError::new("cannot find a common base type for all elements"))?;
    for (step, value) in values {
        *value = apply_part(value, &unified, || step)?;
    }
    Ok(())
}

/// The one type of all values, those of dynamic type aside.
fn common_type<'a>(values: impl Iterator<Item = &'a Value>) -> Option<Type> {
    let mut common = Type::Dynamic;
    for value in values {
        let kind = value.value_type();
        if common == Type::Dynamic {
            common = kind;
        } else if kind != Type::Dynamic && !is_same_type(&kind, &common) {
            return None;
        }
    }
    Some(common)
}

/// An unknown of the target type with what is known of the source carried over.
fn convert_unknown(got: &Type, refinements: &Refinements, target: Type) -> Value {
    let mut kept = if refinements.not_null { Refinements::NOT_NULL } else { Refinements::NONE };
    match (got, &target) {
        (Type::Object(object), Type::Map(_)) => {
            let length = object.attributes().len() as u64;
            kept = kept.length_between(length, Some(length));
        }
        (Type::Tuple(elements), Type::List(_)) => {
            kept = kept.length_between(elements.len() as u64, Some(elements.len() as u64));
        }
        (Type::Tuple(elements), Type::Set(_)) => {
            let length = elements.len() as u64;
            kept = kept.length_between(length.min(1), Some(length));
        }
        (got, Type::Set(_)) if got.is_collection() => {
            kept = kept.length_between(refinements.length_minimum.min(1), refinements.length_maximum);
        }
        (got, to) if got.is_collection() && to.is_collection() => {
            kept = kept.length_between(refinements.length_minimum, refinements.length_maximum);
        }
        _ => {}
    }
    Value::unknown(target).refine(&kept)
}

/// The wanted type with its placeholders filled from the type at hand, as far as that says.
fn replace_dynamic(got: &Type, want: &Type) -> Type {
    if !want.has_dynamic() {
        return want.clone();
    }
    let unified = |kinds: &[Type]| unify_with(kinds, Safety::Unsafe).unwrap_or(Type::Dynamic);
    match (got, want) {
        (Type::Dynamic, _) => want.clone(),
        (_, Type::Dynamic) => got.clone(),
        (Type::Map(got), Type::Map(want)) => Type::map(replace_dynamic(got, want)),
        (Type::Object(got), Type::Map(want)) => {
            let kinds: Vec<Type> = got.attributes().iter().map(|(_, kind)| kind.clone()).collect();
            Type::map(replace_dynamic(&unified(&kinds), want))
        }
        (Type::Map(got), Type::Object(want)) => {
            let attributes = want.attributes().iter();
            Type::object(attributes.map(|(name, kind)| (name.clone(), replace_dynamic(got, kind))))
        }
        (Type::Object(got), Type::Object(want)) => {
            Type::object(want.attributes().iter().map(|(name, kind)| {
                let filled = got.get(name).map_or_else(|| kind.clone(), |given| replace_dynamic(given, kind));
                (name.clone(), filled)
            }))
        }
        (Type::Set(got) | Type::List(got), Type::Set(want)) => Type::set(replace_dynamic(got, want)),
        (Type::Tuple(got), Type::Set(want)) => Type::set(replace_dynamic(&unified(got), want)),
        (Type::Set(got) | Type::List(got), Type::List(want)) => Type::list(replace_dynamic(got, want)),
        (Type::Tuple(got), Type::List(want)) => Type::list(replace_dynamic(&unified(got), want)),
        (Type::Tuple(got), Type::Tuple(want)) => {
            Type::tuple(got.iter().zip(want.iter()).map(|(got, want)| replace_dynamic(got, want)).collect())
        }
        _ => want.clone(),
    }
}
