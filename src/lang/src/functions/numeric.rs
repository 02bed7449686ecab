//! Functions on numbers.

use super::argument::{integer, number, shown, text};
use super::digits::from_integer;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Number, Type, Value};
use num_bigint::{BigInt, Sign};

const NUMBER: ResultType = ResultType::Fixed(Shape::Number);
const ONE: Parameter = Parameter::new("num", Shape::Number);
const ANY_NUMBER: Parameter = ONE.dynamic();
const NUMBERS: Parameter = Parameter::new("numbers", Shape::Number).dynamic();

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("abs", &[ANY_NUMBER], NUMBER, absolute),
    Function::new("ceil", &[ANY_NUMBER], NUMBER, ceiling),
    Function::new("floor", &[ANY_NUMBER], NUMBER, floor),
    Function::new("log", &[ONE, Parameter::new("base", Shape::Number)], NUMBER, logarithm),
    Function::new("max", &[], NUMBER, maximum).variadic(NUMBERS),
    Function::new("min", &[], NUMBER, minimum).variadic(NUMBERS),
    Function::new(
        "parseint",
        &[Parameter::new("number", Shape::Any).marked(), Parameter::new("base", Shape::Number).marked()],
        ResultType::Of(parse_integer_type),
        parse_integer,
    ),
    Function::new("pow", &[ONE, Parameter::new("power", Shape::Number)], NUMBER, power),
    Function::new("signum", &[ONE], NUMBER, signum),
];

/// The number without its sign.
fn absolute(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::number(number(&arguments[0]).absolute()))
}

/// The smallest whole number that is not below it.
fn ceiling(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::number(number(&arguments[0]).ceiling()))
}

/// The greatest whole number that is not above it.
fn floor(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::number(number(&arguments[0]).floor()))
}

fn from_float(float: f64) -> Result<Value, FunctionError> {
    Number::from_f64(float).map(Value::number).ok_or_else(|| FunctionError::new("the result is not a number"))
}

/// The logarithm to a base, in 64-bit floats.
fn logarithm(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    from_float(number(&arguments[0]).to_f64().ln() / number(&arguments[1]).to_f64().ln())
}

/// The one that no other is beyond; of equal ones the first.
fn extreme(arguments: &[Value], is_beyond: fn(&Number, &Number) -> bool) -> Result<Value, FunctionError> {
    let pick = |chosen: Number, next: Number| if is_beyond(&next, &chosen) { next } else { chosen };
    let chosen = arguments.iter().map(number).reduce(pick);
    chosen.map(Value::number).ok_or_else(|| FunctionError::new("must pass at least one number"))
}

/// The greatest.
fn maximum(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    extreme(arguments, |next, chosen| chosen.is_below(next))
}

/// The smallest.
fn minimum(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    extreme(arguments, Number::is_below)
}

fn parse_integer_type(arguments: &[Value]) -> Result<Type, FunctionError> {
    match arguments[0].value_type() {
        Type::String => Ok(Type::Number),
        other => {
            let message = format!("first argument must be a string, not {}", other.friendly_name());
            Err(FunctionError::argument(0, message))
        }
    }
}

/// The value of one digit; up to base 36 capitals are the same as small letters, above they come after them.
fn digit_value(digit: char, base: u8) -> Option<u8> {
    let byte = u8::try_from(digit).ok()?;
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'z' => byte - b'a' + 10,
        b'A'..=b'Z' if base <= 36 => byte - b'A' + 10,
        b'A'..=b'Z' => byte - b'A' + 36,
        _ => return None,
    };
    (value < base).then_some(value)
}

fn integer_in_base(text: &str, base: u8) -> Option<BigInt> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (Sign::Minus, digits),
        None => (Sign::Plus, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() {
        return None;
    }
    let values: Vec<u8> = digits.chars().map(|digit| digit_value(digit, base)).collect::<Option<_>>()?;
    BigInt::from_radix_be(sign, &values, u32::from(base))
}

/// The whole number that digits of a base from 2 to 62 write.
fn parse_integer(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (digits, digits_marks) = arguments[0].unmark();
    let (base, base_marks) = arguments[1].unmark();
    let base = integer(&[digits.clone(), base], 1).map_err(|error| error.at(1))?;
    let valid_base = u8::try_from(base).ok().filter(|base| (2..=62).contains(base));
    let valid_base = valid_base.ok_or_else(|| {
        FunctionError::argument(1, "base must be a whole number between 2 and 62 inclusive")
    })?;
    let parsed = integer_in_base(text(&digits), valid_base).ok_or_else(|| {
        let digits = shown(text(&digits), &digits_marks);
        let base = if base_marks.is_empty() { base.to_string() } else { shown("", &base_marks) };
        FunctionError::argument(0, format!("cannot parse {digits} as a base {base} integer"))
    })?;
    Ok(Value::number(from_integer(&parsed)).with_marks(&digits_marks.union(&base_marks)))
}

/// The power, in 64-bit floats.
fn power(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    from_float(number(&arguments[0]).to_f64().powf(number(&arguments[1]).to_f64()))
}

/// -1, 0 or 1 by the sign of a whole number.
fn signum(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(integer(arguments, 0)?.signum()))
}
