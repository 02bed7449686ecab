//! `format` and `formatlist`: verbs as in Go's `fmt`.

use super::argument::{elements, text, within_bounds};
use super::digits::{Decimal, to_integer};
use super::json::json_text;
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Kind, Number, Refinements, Type, Value, convert};
use unicode_segmentation::UnicodeSegmentation as _;

const FORMAT: Parameter = Parameter::new("format", Shape::String);
const ARGUMENTS: Parameter = Parameter::new("args", Shape::Any).null().unknown().dynamic();

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("format", &[FORMAT], ResultType::Fixed(Shape::String), format_one).variadic(ARGUMENTS),
    Function::new("formatlist", &[FORMAT], ResultType::Fixed(Shape::List(&Shape::String)), format_list)
        .variadic(ARGUMENTS),
];

/// The text with its verbs replaced by arguments.
fn format_one(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (pattern, arguments) = (text(&arguments[0]), &arguments[1..]);
    if !arguments.iter().all(Value::is_wholly_known) {
        let literal = pattern.split('%').next().filter(|literal| literal.len() < pattern.len());
        let prefix = known_prefix(literal.unwrap_or_default());
        let refinements =
            if prefix.is_empty() { Refinements::NOT_NULL } else { Refinements::NOT_NULL.with_prefix(prefix) };
        return Ok(Value::unknown_with(Type::String, refinements));
    }
    formatted(pattern, &arguments.iter().collect::<Vec<_>>()).map(Value::from)
}

/// The last character may still change with what follows it (a letter and a combining mark), unless it is one
/// that nothing joins with.
fn known_prefix(literal: &str) -> &str {
    match literal.graphemes(true).next_back() {
        Some(last) if !matches!(last.as_bytes(), [byte] if byte.is_ascii_punctuation() || *byte == b' ') => {
            &literal[..literal.len() - last.len()]
        }
        _ => literal,
    }
}

/// One text for each place in the lists, which must be of one length; other arguments serve for all.
fn format_list(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (pattern, arguments) = (text(&arguments[0]), &arguments[1..]);
    let strings = Type::list(Type::String);
    let mut length: Option<(usize, usize)> = None;
    let mut is_open = false;
    for (at, argument) in arguments.iter().enumerate() {
        let own = match argument.value_type() {
            Type::Tuple(types) if !argument.is_null() => types.len(),
            Type::List(_) | Type::Set(_) if !argument.is_null() => match argument.items() {
                Some(items)
                    if !matches!(argument.value_type(), Type::Set(_)) || argument.is_wholly_known() =>
                {
                    items.len()
                }
                _ => {
                    is_open = true;
                    continue;
                }
            },
            other => {
                is_open |= other == Type::Dynamic && !argument.is_known();
                continue;
            }
        };
        is_open |= !argument.is_known();
        let (chooser, chosen) = *length.get_or_insert((at, own));
        if chosen != own {
            let message = format!(
                "argument {} has length {own}, which is inconsistent with argument {} of length {chosen}",
                at + 1,
                chooser + 1
            );
            return Err(FunctionError::argument(at + 1, message));
        }
    }
    if is_open {
        return Ok(Value::unknown(strings));
    }
    let rows = (0..length.map_or(1, |(_, length)| length)).map(|row| format_row(pattern, arguments, row));
    Ok(Value::list(Type::String, rows.collect::<Result<_, _>>()?))
}

fn format_row(pattern: &str, arguments: &[Value], row: usize) -> Result<Value, FunctionError> {
    let own: Vec<&Value> = arguments
        .iter()
        .map(|argument| match argument.items() {
            Some(_) => elements(argument)[row],
            None => argument,
        })
        .collect();
    if !own.iter().all(|argument| argument.is_wholly_known()) {
        return Ok(Value::unknown_with(Type::String, Refinements::NOT_NULL));
    }
    formatted(pattern, &own).map(Value::from).map_err(|mut error| {
        error.message = format!("error on format iteration {row}: {}", error.message);
        error.argument = None;
        error
    })
}

/// One `%` sequence.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a verb may have")]
#[derive(Default)]
struct Verb<'a> {
    /// As written, for messages.
    raw: &'a str,
    /// Where it begins.
    offset: usize,
    /// From 1.
    argument: usize,
    mode: char,
    zero: bool,
    sharp: bool,
    plus: bool,
    minus: bool,
    space: bool,
    precision: Option<usize>,
    width: Option<usize>,
}

/// Reads digits; a number too long to be meant stays at the greatest.
fn digits(bytes: &[u8], at: &mut usize) -> usize {
    let mut number: usize = 0;
    while let Some(digit) = bytes.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        *at += 1;
    }
    number
}

/// No width or precision is wider: memory is not for the taking.
const WIDTH_LIMIT: usize = 1_000_000;

fn unfinished(offset: usize) -> FunctionError {
    FunctionError::new(format!("invalid format string starting at offset {offset}"))
}

impl<'a> Verb<'a> {
    /// Reads the verb whose `%` stands at an offset; gives also where it ends.
    fn read(pattern: &'a str, offset: usize, next_argument: usize) -> Result<(Self, usize), FunctionError> {
        let bytes = pattern.as_bytes();
        let mut verb = Self { offset, argument: next_argument, ..Self::default() };
        let mut at = offset + 1;
        loop {
            match bytes.get(at) {
                Some(b'0') => verb.zero = true,
                Some(b'#') => verb.sharp = true,
                Some(b'-') => verb.minus = true,
                Some(b'+') => verb.plus = true,
                Some(b' ') => verb.space = true,
                _ => break,
            }
            at += 1;
        }
        if matches!(bytes.get(at), Some(b'1'..=b'9')) {
            verb.width = Some(digits(bytes, &mut at));
        }
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            verb.precision = Some(digits(bytes, &mut at));
        }
        if bytes.get(at) == Some(&b'[') && matches!(bytes.get(at + 1), Some(b'1'..=b'9')) {
            at += 1;
            verb.argument = digits(bytes, &mut at);
            if bytes.get(at) != Some(&b']') {
                return Err(unrecognized(pattern, at));
            }
            at += 1;
        }
        if verb.width.max(verb.precision) > Some(WIDTH_LIMIT) {
            return Err(FunctionError::new(format!("width or precision at {offset} is too large")));
        }
        match bytes.get(at) {
            Some(mode) if mode.is_ascii_alphabetic() => verb.mode = char::from(*mode),
            _ => return Err(unrecognized(pattern, at)),
        }
        verb.raw = &pattern[offset..=at];
        Ok((verb, at + 1))
    }

    fn unsupported(&self, reason: impl std::fmt::Display) -> FunctionError {
        let message = format!("unsupported value for {:?} at {}: {reason}", self.raw, self.offset);
        FunctionError::new(message)
    }

    fn converted(&self, value: &Value, wanted: &Type) -> Result<Value, FunctionError> {
        convert(value, wanted).map_err(|error| self.unsupported(error))
    }

    /// Writes one argument.
    fn write(&self, arguments: &[&Value], out: &mut String) -> Result<(), FunctionError> {
        let Some(value) = arguments.get(self.argument - 1) else {
            let message = format!(
                "not enough arguments for {:?} at {}: need index {} but have {} total",
                self.raw,
                self.offset,
                self.argument,
                arguments.len()
            );
            return Err(FunctionError::new(message));
        };
        if self.mode != 'v' && value.is_null() {
            return Err(self.unsupported("null value cannot be formatted"));
        }
        within_bounds(Some(out.len()))?;
        match self.mode {
            'v' => out.push_str(&self.padded(&self.as_it_is(value)?)),
            't' => {
                let bool = self.converted(value, &Type::Bool)?.as_bool().unwrap_or_default();
                out.push_str(if bool { "true" } else { "false" });
            }
            'b' | 'd' | 'o' | 'x' | 'X' => out.push_str(&self.integer(value)?),
            'e' | 'E' | 'f' | 'g' | 'G' => out.push_str(&self.float(value)?),
            's' | 'q' => out.push_str(&self.string(value)?),
            other => {
                let message =
                    format!("unsupported format verb {other:?} in {:?} at offset {}", self.raw, self.offset);
                return Err(FunctionError::new(message));
            }
        }
        Ok(())
    }

    fn as_it_is(&self, value: &Value) -> Result<String, FunctionError> {
        Ok(match value.kind() {
            Kind::String(text) if !self.sharp => text.to_string(),
            Kind::Number(number) if !self.sharp => {
                let sign = if number.sign() < 0 { "-" } else { "" };
                format!("{sign}{}", Decimal::shortest(&number).general(None, 'e'))
            }
            _ => json_text(value).map_err(|error| self.unsupported(error.message))?,
        })
    }

    fn string(&self, value: &Value) -> Result<String, FunctionError> {
        let value = self.converted(value, &Type::String)?;
        let whole = text(&value);
        let shown: String = match self.precision {
            Some(precision) if precision > 0 => whole.graphemes(true).take(precision).collect(),
            _ => whole.to_owned(),
        };
        Ok(self.padded(&if self.mode == 'q' { json_text(&Value::from(shown))? } else { shown }))
    }

    /// Widths of text are in grapheme clusters.
    fn padded(&self, text: &str) -> String {
        let missing = self.width.unwrap_or(0).saturating_sub(text.graphemes(true).count());
        let padding = if self.zero { "0" } else { " " }.repeat(missing);
        if self.minus { format!("{text}{padding}") } else { format!("{padding}{text}") }
    }

    fn sign(&self, is_negative: bool) -> &'static str {
        match (is_negative, self.plus, self.space) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }

    fn number(&self, value: &Value) -> Result<Number, FunctionError> {
        Ok(self.converted(value, &Type::Number)?.as_number().unwrap_or(Number::ZERO))
    }

    fn integer(&self, value: &Value) -> Result<String, FunctionError> {
        let number = self.number(value)?;
        let integer = to_integer(&number).ok_or_else(|| self.unsupported("an integer is required"))?;
        let (base, prefix) = match self.mode {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut digits = integer.magnitude().to_str_radix(base);
        if self.mode == 'X' {
            digits.make_ascii_uppercase();
        }
        if digits == "0" && self.precision == Some(0) {
            return Ok(String::new());
        }
        let sign = self.sign(number.sign() < 0);
        let prefix = if self.sharp { prefix } else { "" };
        let mut zeros = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let length = sign.len() + prefix.len() + zeros + digits.len();
        let missing = self.width.unwrap_or(0).saturating_sub(length);
        let (mut left, mut right) = (0, 0);
        if self.minus {
            right = missing;
        } else if self.zero && self.precision.is_none() {
            zeros += missing;
        } else {
            left = missing;
        }
        Ok(format!("{:left$}{sign}{prefix}{}{digits}{:right$}", "", "0".repeat(zeros), ""))
    }

    fn float(&self, value: &Value) -> Result<String, FunctionError> {
        const DEFAULT_PLACES: usize = 6;
        let number = self.number(value)?;
        let given = |precision: usize| i64::try_from(precision).unwrap_or(i64::MAX);
        let mark = if self.mode.is_ascii_uppercase() { 'E' } else { 'e' };
        let places = given(self.precision.unwrap_or(DEFAULT_PLACES));
        let digits = match self.mode {
            _ if number.is_infinite() => "Inf".to_owned(),
            'f' => {
                let exact = Decimal::exact(&number);
                let keep = exact.exponent + places;
                exact.rounded(keep).plain(places)
            }
            'e' | 'E' => Decimal::exact(&number).rounded(places + 1).scientific(places, mark),
            _ => match self.precision {
                None => Decimal::shortest(&number).general(None, mark),
                Some(precision) => {
                    let precision = given(precision.max(1));
                    Decimal::exact(&number).rounded(precision).general(Some(precision), mark)
                }
            },
        };
        let is_negative = number.sign() < 0;
        let sign = match self.sign(is_negative) {
            "" if number.is_infinite() => "+",
            sign => sign,
        };
        let missing = self.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
        Ok(if self.zero && !number.is_infinite() {
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else if self.minus {
            format!("{sign}{digits}{:missing$}", "")
        } else {
            format!("{:missing$}{sign}{digits}", "")
        })
    }
}

fn unrecognized(pattern: &str, at: usize) -> FunctionError {
    match pattern.get(at..).and_then(|rest| rest.chars().next()) {
        Some(character) => {
            FunctionError::new(format!("unrecognized format character {character:?} at offset {at}"))
        }
        None => unfinished(at),
    }
}

fn formatted(pattern: &str, arguments: &[&Value]) -> Result<String, FunctionError> {
    let mut out = String::with_capacity(pattern.len());
    let mut next_argument = 1;
    let mut highest = 0;
    let mut at = 0;
    while let Some(length) = pattern[at..].find('%') {
        out.push_str(&pattern[at..at + length]);
        at += length;
        if pattern.as_bytes().get(at + 1) == Some(&b'%') {
            out.push('%');
            at += 2;
            continue;
        }
        let (verb, end) = Verb::read(pattern, at, next_argument)?;
        verb.write(arguments, &mut out)?;
        highest = highest.max(verb.argument);
        next_argument = verb.argument + 1;
        at = end;
    }
    out.push_str(&pattern[at..]);
    if highest < arguments.len() {
        let message = match highest {
            0 => "too many arguments; no verbs in format string".to_owned(),
            highest => format!("too many arguments; only {highest} used by format string"),
        };
        return Err(FunctionError::argument(highest + 1, message));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Value {
        Value::number(Number::parse(text).unwrap())
    }

    #[test]
    fn verbs_write_as_go_does() {
        for (pattern, value, expected) in [
            ("%s", Value::from("a"), "a"),
            ("%5s|", Value::from("é"), "    é|"),
            ("%-5s|", Value::from("a"), "a    |"),
            ("%.2s", Value::from("日本語"), "日本"),
            ("%q", Value::from("a\"<"), "\"a\\\"\\u003c\""),
            ("%d", number("-12"), "-12"),
            ("%+d", number("12"), "+12"),
            ("%05d", number("-12"), "-0012"),
            ("%#x", number("255"), "0xff"),
            ("%X", number("255"), "FF"),
            ("%08b", number("5"), "00000101"),
            ("%.3d", number("5"), "005"),
            ("%f", number("1.5"), "1.500000"),
            ("%.1f", number("0.25"), "0.2"),
            ("%08.2f", number("-3.14159"), "-0003.14"),
            ("%e", number("1234.5"), "1.234500e+03"),
            ("%g", number("1e21"), "1e+21"),
            ("%.3g", number("1234.5"), "1.23e+03"),
            ("%v", number("1e6"), "1e+06"),
            ("%v", Value::bool(true), "true"),
            ("%t", Value::from("true"), "true"),
            ("%%%d", number("1"), "%1"),
            ("%v", Value::null(Type::String), "null"),
        ] {
            assert_eq!(formatted(pattern, &[&value]).unwrap(), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn bad_patterns_say_where() {
        for (pattern, expected) in [
            ("%", "invalid format string starting at offset 1"),
            ("a%*d", "unrecognized format character '*' at offset 2"),
            ("%z", "unsupported format verb 'z' in \"%z\" at offset 0"),
            ("%s %s", "not enough arguments for \"%s\" at 3: need index 2 but have 1 total"),
            ("x", "too many arguments; no verbs in format string"),
            ("%d", "unsupported value for \"%d\" at 0: a number is required"),
        ] {
            assert_eq!(formatted(pattern, &[&Value::from("a")]).unwrap_err().message, expected, "{pattern}");
        }
    }
}
