//! Operators on values: arithmetic, comparison, logic, indexing.
//!
//! Invariants: an unknown operand gives an unknown result, as closely bounded as cty bounds it; the marks of every
//! operand that was looked at are on the result; operands are converted as the language converts them. An error
//! names the operand and never a value.

use crate::{ConvertError, Kind, Marks, Number, Refinements, Type, Value, convert};
use std::fmt;

/// One of the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// The first, or the only one.
    Left,
    /// The second.
    Right,
}

/// Why an operation has no result.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationError {
    /// The operand that is unsuitable, where it is one alone.
    pub operand: Option<Operand>,
    /// What is wrong.
    pub message: String,
}

impl OperationError {
    fn new(message: impl Into<String>) -> Self {
        Self { operand: None, message: message.into() }
    }

    fn at(operand: Operand, message: impl Into<String>) -> Self {
        Self { operand: Some(operand), message: message.into() }
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OperationError {}

/// What an operation gives.
pub type Outcome = Result<Value, OperationError>;

fn unknown_of(value_type: Type) -> Value {
    Value::unknown_with(value_type, Refinements::NOT_NULL)
}

/// An operand without marks, converted to a primitive type.
fn convertible_operand(
    value: &Value,
    wanted: &Type,
    which: Operand,
) -> Result<(Value, Marks), OperationError> {
    let (bare, marks) = value.unmark();
    let unsuitable = |error: ConvertError| OperationError::at(which, error.message);
    Ok((convert(&bare, wanted).map_err(unsuitable)?, marks))
}

/// As [`convertible_operand`], and not null.
fn operand(value: &Value, wanted: &Type, which: Operand) -> Result<(Value, Marks), OperationError> {
    let (converted, marks) = convertible_operand(value, wanted, which)?;
    if converted.is_null() {
        return Err(OperationError::at(which, "argument must not be null"));
    }
    Ok((converted, marks))
}

/// Both operands converted to one type, and the marks of both.
fn operands(left: &Value, right: &Value, wanted: &Type) -> Result<(Value, Value, Marks), OperationError> {
    let (left, left_marks) = operand(left, wanted, Operand::Left)?;
    let (right, right_marks) = operand(right, wanted, Operand::Right)?;
    Ok((left, right, left_marks.union(&right_marks)))
}

fn arithmetic(
    left: &Value,
    right: &Value,
    compute: fn(&Number, &Number) -> Option<Number>,
    impossible: &str,
) -> Outcome {
    if let (Some(left), Some(right)) = (left.as_number(), right.as_number()) {
        return compute(&left, &right).map(Value::number).ok_or_else(|| OperationError::new(impossible));
    }
    let (left, right, marks) = operands(left, right, &Type::Number)?;
    let result = match (left.as_number(), right.as_number()) {
        (Some(left), Some(right)) => {
            compute(&left, &right).map(Value::number).ok_or_else(|| OperationError::new(impossible))?
        }
        _ => unknown_of(Type::Number),
    };
    Ok(result.with_marks(&marks))
}

/// `left + right`
pub fn add(left: &Value, right: &Value) -> Outcome {
    arithmetic(left, right, Number::add, "can't compute sum of opposing infinities")
}

/// `left - right`
pub fn subtract(left: &Value, right: &Value) -> Outcome {
    arithmetic(left, right, Number::subtract, "can't subtract infinity from itself")
}

/// `left * right`
pub fn multiply(left: &Value, right: &Value) -> Outcome {
    arithmetic(left, right, Number::multiply, "can't multiply zero by infinity")
}

/// `left / right`; infinite where a number other than zero is divided by zero.
pub fn divide(left: &Value, right: &Value) -> Outcome {
    arithmetic(left, right, Number::divide, "can't divide zero by zero or infinity by infinity")
}

/// `left % right`
pub fn modulo(left: &Value, right: &Value) -> Outcome {
    arithmetic(left, right, Number::remainder, "can't use modulo with zero and infinity")
}

/// `-value`
pub fn negate(value: &Value) -> Outcome {
    let (bare, marks) = operand(value, &Type::Number, Operand::Left)?;
    let result =
        bare.as_number().map_or_else(|| unknown_of(Type::Number), |number| Value::number(number.negate()));
    Ok(result.with_marks(&marks))
}

/// `!value`
pub fn not(value: &Value) -> Outcome {
    let (bare, marks) = operand(value, &Type::Bool, Operand::Left)?;
    let result = bare.as_bool().map_or_else(|| unknown_of(Type::Bool), |bool| Value::bool(!bool));
    Ok(result.with_marks(&marks))
}

/// As the language has it, a null counts as false until that does not decide the result.
fn logic(left: &Value, right: &Value, decisive: bool) -> Outcome {
    let (left, left_marks) = convertible_operand(left, &Type::Bool, Operand::Left)?;
    let (right, right_marks) = convertible_operand(right, &Type::Bool, Operand::Right)?;
    let decides = |value: &Value| value.as_bool() == Some(decisive) || value.is_null() && !decisive;
    let result = if decides(&left) || decides(&right) {
        Value::bool(decisive)
    } else if !left.is_known() || !right.is_known() {
        unknown_of(Type::Bool)
    } else if left.is_null() || right.is_null() {
        let which = if left.is_null() { Operand::Left } else { Operand::Right };
        return Err(OperationError::at(which, "argument must not be null"));
    } else {
        Value::bool(!decisive)
    };
    Ok(result.with_marks(&left_marks.union(&right_marks)))
}

/// `left && right`, both evaluated; false as soon as one is known to be.
pub fn and(left: &Value, right: &Value) -> Outcome {
    logic(left, right, false)
}

/// `left || right`, both evaluated; true as soon as one is known to be.
pub fn or(left: &Value, right: &Value) -> Outcome {
    logic(left, right, true)
}

/// Whether every number in the first range is below every number in the second, or none is; bounds are taken as
/// exclusive, as in cty.
fn is_range_less(left: &Refinements, right: &Refinements) -> Option<bool> {
    let bound = |bound: &Option<(Number, bool)>, infinity: bool| {
        bound.as_ref().map_or_else(|| Number::infinity(infinity), |(number, _)| number.clone())
    };
    if bound(&left.maximum, false) < bound(&right.minimum, true) {
        return Some(true);
    }
    if bound(&left.minimum, true) > bound(&right.maximum, false) {
        return Some(false);
    }
    None
}

#[derive(Clone, Copy)]
struct Comparison {
    /// The operands change sides.
    swapped: bool,
    /// Equal operands pass too.
    or_equal: bool,
}

fn compare(left: &Value, right: &Value, comparison: Comparison) -> Outcome {
    let (left, right, marks) = operands(left, right, &Type::Number)?;
    let (low, high) = if comparison.swapped { (&right, &left) } else { (&left, &right) };
    let known = if let (Some(low), Some(high)) = (low.as_number(), high.as_number()) {
        Some(low.is_below(&high) || comparison.or_equal && low == high)
    } else {
        match (is_range_less(&low.range(), &high.range()), comparison.or_equal) {
            (Some(false), true) => equals(low, high).as_bool(),
            (less, _) => less,
        }
    };
    Ok(known.map_or_else(|| unknown_of(Type::Bool), Value::bool).with_marks(&marks))
}

/// `left < right`
pub fn less_than(left: &Value, right: &Value) -> Outcome {
    compare(left, right, Comparison { swapped: false, or_equal: false })
}

/// `left <= right`
pub fn less_than_or_equal(left: &Value, right: &Value) -> Outcome {
    compare(left, right, Comparison { swapped: false, or_equal: true })
}

/// `left > right`
pub fn greater_than(left: &Value, right: &Value) -> Outcome {
    compare(left, right, Comparison { swapped: true, or_equal: false })
}

/// `left >= right`
pub fn greater_than_or_equal(left: &Value, right: &Value) -> Outcome {
    compare(left, right, Comparison { swapped: true, or_equal: true })
}

/// `left == right`: unknown where the unknown parts could decide it.
pub fn equals(left: &Value, right: &Value) -> Value {
    if !left.has_marks() && !right.has_marks() {
        return known_or_unknown(equality(left, right));
    }
    let marks = if left.is_null() == right.is_null() {
        left.gather_marks().union(&right.gather_marks())
    } else {
        // Only whether it is null was looked at.
        left.marks().union(&right.marks())
    };
    known_or_unknown(equality(&left.unmark_deep().0, &right.unmark_deep().0)).with_marks(&marks)
}

/// `left != right`
pub fn not_equals(left: &Value, right: &Value) -> Value {
    let (equal, marks) = equals(left, right).unmark();
    known_or_unknown(equal.as_bool().map(|bool| !bool)).with_marks(&marks)
}

fn known_or_unknown(known: Option<bool>) -> Value {
    known.map_or_else(|| unknown_of(Type::Bool), Value::bool)
}

/// Whether two values without marks are equal; nothing where that is open.
fn equality(left: &Value, right: &Value) -> Option<bool> {
    if left.is_wholly_known() && right.is_wholly_known() && left.is_same_node(right) {
        return Some(true);
    }
    if left.is_null() && right.range().not_null || right.is_null() && left.range().not_null {
        return Some(false);
    }
    match (left.is_known(), right.is_known()) {
        (false, false) => None,
        (true, false) => equality_with_unknown(left, right),
        (false, true) => equality_with_unknown(right, left),
        (true, true) if left.is_null() || right.is_null() => Some(left.is_null() && right.is_null()),
        (true, true) => equality_of_known(left, right),
    }
}

fn equality_with_unknown(known: &Value, unknown: &Value) -> Option<bool> {
    let wanted = unknown.value_type();
    if known.is_null() {
        return None;
    }
    let got = known.value_type();
    if !conforms(&got, &wanted) || is_outside(known, &unknown.range()) {
        return Some(false);
    }
    if wanted.has_dynamic() || got == wanted { None } else { Some(false) }
}

/// Whether a known value breaks a promise.
fn is_outside(known: &Value, promised: &Refinements) -> bool {
    match known.kind() {
        Kind::String(text) => {
            promised.prefix.as_ref().is_some_and(|prefix| !text.starts_with(prefix.as_str()))
        }
        Kind::Number(number) => {
            let below =
                |(bound, inclusive): &(Number, bool)| number < *bound || number == *bound && !inclusive;
            let above =
                |(bound, inclusive): &(Number, bool)| number > *bound || number == *bound && !inclusive;
            promised.minimum.as_ref().is_some_and(below) || promised.maximum.as_ref().is_some_and(above)
        }
        Kind::List(_) | Kind::Set(_) | Kind::Map(_) => {
            let count = known.parts().count() as u64;
            // Unknown elements of a set may turn out equal, so it has at least one element only.
            let least = if matches!(known.kind(), Kind::Set(_)) && !known.is_wholly_known() {
                count.min(1)
            } else {
                count
            };
            count < promised.length_minimum || promised.length_maximum.is_some_and(|maximum| least > maximum)
        }
        _ => false,
    }
}

/// Whether a value of the type could be meant by the constraint: the same but for placeholders.
pub(crate) fn conforms(got: &Type, want: &Type) -> bool {
    match (got, want) {
        (_, Type::Dynamic) => true,
        (Type::List(got), Type::List(want))
        | (Type::Set(got), Type::Set(want))
        | (Type::Map(got), Type::Map(want)) => conforms(got, want),
        (Type::Tuple(got), Type::Tuple(want)) => {
            got.len() == want.len() && got.iter().zip(want.iter()).all(|(got, want)| conforms(got, want))
        }
        (Type::Object(got), Type::Object(want)) => {
            let (got, want) = (got.attributes(), want.attributes());
            got.len() == want.len()
                && got.iter().zip(want).all(|(got, want)| got.0 == want.0 && conforms(&got.1, &want.1))
        }
        (got, want) => got == want,
    }
}

/// Whether the type of a value is known to its last part: an unknown of dynamic type leaves it open, a null does not.
fn has_known_type(value: &Value) -> bool {
    match value.kind() {
        Kind::Null(_) => true,
        Kind::Unknown(value_type, _) => !value_type.has_dynamic(),
        _ => value.is_wholly_known() || value.parts().all(has_known_type),
    }
}

fn equality_of_known(left: &Value, right: &Value) -> Option<bool> {
    match (left.kind(), right.kind()) {
        (Kind::String(left), Kind::String(right)) => return Some(left == right),
        (Kind::Number(left), Kind::Number(right)) => return Some(left == right),
        (Kind::Bool(left), Kind::Bool(right)) => return Some(left == right),
        _ => {}
    }
    let (left_type, right_type) = (left.value_type(), right.value_type());
    if !has_known_type(left) || !has_known_type(right) {
        let possible = conforms(&left_type, &right_type) || conforms(&right_type, &left_type);
        return if possible { None } else { Some(false) };
    }
    if left_type != right_type {
        return Some(false);
    }
    match (left.kind(), right.kind()) {
        (Kind::Set(left), Kind::Set(right)) => {
            // cty says "different" where only parts of an element are unknown; they may still turn out equal.
            let open = left.iter().chain(right).any(|item| !item.is_wholly_known());
            if open {
                None
            } else {
                Some(left.len() == right.len() && left.iter().all(|item| right.contains(item)))
            }
        }
        (Kind::Map(left), Kind::Map(right))
            if !left.iter().map(|one| &one.0).eq(right.iter().map(|one| &one.0)) =>
        {
            Some(false)
        }
        (Kind::List(left), Kind::List(right)) if left.len() != right.len() => Some(false),
        (Kind::Map(_) | Kind::Object(_), _) => equality_of_named(left, right),
        _ => equality_of_items(left, right),
    }
}

/// Open as soon as one part before the first difference is.
fn equality_of_items(left: &Value, right: &Value) -> Option<bool> {
    for (left, right) in left.parts().zip(right.parts()) {
        if !equality(left, right)? {
            return Some(false);
        }
    }
    Some(true)
}

/// Names have no order that would decide which part is looked at first, so any difference decides.
fn equality_of_named(left: &Value, right: &Value) -> Option<bool> {
    let mut all = Some(true);
    for (left, right) in left.parts().zip(right.parts()) {
        match equality(left, right) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

/// How many elements a list, set, map, tuple or object has; bounded where that is open.
pub fn length(value: &Value) -> Outcome {
    let (bare, marks) = value.unmark();
    let exact = |count: usize| Value::number(Number::from(count as u64));
    let result = match (bare.kind(), bare.value_type()) {
        (_, Type::Tuple(elements)) => exact(elements.len()),
        (Kind::Null(_), _) => return Err(OperationError::at(Operand::Left, "argument must not be null")),
        (_, Type::Object(object)) => exact(object.attributes().len()),
        (Kind::Unknown(_, known), kind) if kind.is_collection() => {
            let bounds = Refinements::NOT_NULL.at_least(Number::from(known.length_minimum), true);
            let greatest = known.length_maximum.unwrap_or(i64::MAX.unsigned_abs());
            Value::unknown(Type::Number).refine(&bounds.at_most(Number::from(greatest), true))
        }
        (_, Type::Dynamic) => unknown_of(Type::Number),
        (Kind::Set(items), _) if items.len() > 1 && !bare.is_wholly_known() => {
            let bounds = Refinements::NOT_NULL.at_least(Number::Int(1), true);
            Value::unknown(Type::Number).refine(&bounds.at_most(Number::from(items.len() as u64), true))
        }
        (_, kind) if kind.is_collection() => exact(bare.parts().count()),
        _ => {
            return Err(OperationError::at(
                Operand::Left,
                "argument must be a collection, an object or a tuple",
            ));
        }
    };
    Ok(result.with_marks(&marks))
}

/// Whether a set has an element.
pub fn has_element(set: &Value, element: &Value) -> Outcome {
    let (set, set_marks) = set.unmark();
    let marks = set_marks.union(&element.gather_marks());
    let element = element.unmark_deep().0;
    let Type::Set(wanted) = set.value_type() else {
        return Err(OperationError::at(Operand::Left, "argument must be a set"));
    };
    if set.is_null() {
        return Err(OperationError::at(Operand::Left, "argument must not be null"));
    }
    let got = element.value_type();
    let known = match set.kind() {
        Kind::Set(_) if got != Type::Dynamic && *wanted != Type::Dynamic && got != *wanted => Some(false),
        Kind::Set(items) if element.is_known() => {
            let found = items.iter().any(|item| equality(item, &element) == Some(true));
            if found || set.is_wholly_known() && element.is_wholly_known() { Some(found) } else { None }
        }
        _ => None,
    };
    Ok(known_or_unknown(known).with_marks(&marks))
}
