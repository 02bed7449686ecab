//! Functions on text. Positions and lengths are in characters as people see them: grapheme clusters.

use super::argument::{elements, integer, text, within_bounds};
use super::{Function, FunctionContext, FunctionError, Parameter, ResultType, Shape};
use formwork_value::{Type, Value};
use unicode_segmentation::UnicodeSegmentation as _;

const STRING: ResultType = ResultType::Fixed(Shape::String);
const BOOL: ResultType = ResultType::Fixed(Shape::Bool);
const TEXT: Parameter = Parameter::new("str", Shape::String);

/// The functions of this file.
pub(super) static FUNCTIONS: &[Function] = &[
    Function::new("chomp", &[TEXT], STRING, chomp),
    Function::new("endswith", &[TEXT, Parameter::new("suffix", Shape::String)], BOOL, ends_with),
    Function::new("indent", &[Parameter::new("spaces", Shape::Number), TEXT], STRING, indent),
    Function::new("join", &[Parameter::new("separator", Shape::String)], STRING, join)
        .variadic(Parameter::new("lists", Shape::List(&Shape::String))),
    Function::new("lower", &[TEXT], STRING, lower),
    Function::new(
        "split",
        &[Parameter::new("separator", Shape::String), TEXT],
        ResultType::Fixed(Shape::List(&Shape::String)),
        split,
    ),
    Function::new(
        "startswith",
        &[TEXT.unknown(), Parameter::new("prefix", Shape::String)],
        BOOL,
        starts_with,
    ),
    Function::new("strcontains", &[TEXT, Parameter::new("substr", Shape::String)], BOOL, string_contains)
        .nullable(),
    Function::new("strrev", &[TEXT.dynamic()], STRING, string_reverse),
    Function::new(
        "substr",
        &[
            TEXT.dynamic(),
            Parameter::new("offset", Shape::Number).dynamic(),
            Parameter::new("length", Shape::Number).dynamic(),
        ],
        STRING,
        substring,
    ),
    Function::new("title", &[TEXT], STRING, title),
    Function::new("trim", &[TEXT, Parameter::new("cutset", Shape::String)], STRING, trim),
    Function::new("trimprefix", &[TEXT, Parameter::new("prefix", Shape::String)], STRING, trim_prefix),
    Function::new("trimspace", &[TEXT], STRING, trim_space),
    Function::new("trimsuffix", &[TEXT, Parameter::new("suffix", Shape::String)], STRING, trim_suffix),
    Function::new("upper", &[TEXT], STRING, upper),
];

/// The text without line breaks at its end.
fn chomp(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(text(&arguments[0]).trim_end_matches(['\n', '\r'])))
}

/// Whether the text ends so.
fn ends_with(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::bool(text(&arguments[0]).ends_with(text(&arguments[1]))))
}

/// Every line but the first moved to the right.
fn indent(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let spaces = usize::try_from(integer(arguments, 0)?)
        .map_err(|_| FunctionError::new("the number of spaces must not be negative"))?;
    let whole = text(&arguments[1]);
    let added = whole.matches('\n').count().checked_mul(spaces);
    within_bounds(added.and_then(|added| added.checked_add(whole.len())))?;
    let spaces = if whole.contains('\n') { " ".repeat(spaces) } else { String::new() };
    Ok(Value::from(whole.replace('\n', &format!("\n{spaces}"))))
}

/// All strings of all lists with a separator between them.
fn join(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let lists = &arguments[1..];
    if lists.is_empty() {
        return Err(FunctionError::new("at least one list is required"));
    }
    if !lists.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(Type::String));
    }
    let mut parts = Vec::new();
    for (list_at, list) in lists.iter().enumerate() {
        for (at, item) in elements(list).into_iter().enumerate() {
            let Some(part) = item.as_str() else {
                let which = if lists.len() > 1 { format!(" of list {}", list_at + 1) } else { String::new() };
                let message = format!("element {at}{which} is null; cannot concatenate null values");
                return Err(FunctionError::argument(list_at + 1, message));
            };
            parts.push(part.as_str());
        }
    }
    let separator = text(&arguments[0]);
    let separators = separator.len().checked_mul(parts.len());
    within_bounds(
        parts.iter().map(|part| part.len()).try_fold(separators.unwrap_or(usize::MAX), usize::checked_add),
    )?;
    Ok(Value::from(parts.join(separator)))
}

/// One character in the other case, by Unicode's simple mappings: one character gives one character.
fn in_case(character: char, mut full: impl Iterator<Item = char>, simple: fn(char) -> char) -> char {
    match (full.next(), full.next()) {
        (Some(mapped), None) => mapped,
        _ => simple(character),
    }
}

/// The simple mapping of a character whose full mapping is longer.
fn simple_upper(character: char) -> char {
    let offset = match character {
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => 8,
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(character) + offset).unwrap_or(character)
}

fn to_upper(character: char) -> char {
    in_case(character, character.to_uppercase(), simple_upper)
}

fn to_lower(character: char) -> char {
    in_case(character, character.to_lowercase(), |character| if character == 'İ' { 'i' } else { character })
}

fn to_title(character: char) -> char {
    match character {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        other => to_upper(other),
    }
}

/// The text in lower case.
fn lower(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(text(&arguments[0]).chars().map(to_lower).collect::<String>()))
}

/// The text in upper case.
fn upper(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(text(&arguments[0]).chars().map(to_upper).collect::<String>()))
}

/// Whether a word ends before this character.
fn separates_words(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_alphanumeric() && character != '_';
    }
    !character.is_alphabetic() && !character.is_numeric() && character.is_whitespace()
}

/// The first letter of each word in title case, the rest as it is.
fn title(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let mut previous = ' ';
    let titled: String = text(&arguments[0])
        .chars()
        .map(|character| {
            let begins_word = separates_words(previous);
            previous = character;
            if begins_word { to_title(character) } else { character }
        })
        .collect();
    Ok(Value::from(titled))
}

/// The parts between separators; by an empty one, the characters.
fn split(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let (separator, whole) = (text(&arguments[0]), text(&arguments[1]));
    let parts: Vec<Value> = if separator.is_empty() {
        whole.chars().map(|character| Value::from(character.to_string())).collect()
    } else {
        whole.split(separator).map(Value::from).collect()
    };
    Ok(Value::list(Type::String, parts))
}

/// Whether the text begins so; of an unknown text perhaps told by its known prefix.
fn starts_with(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let sought = text(&arguments[1]);
    if let Some(whole) = arguments[0].as_str() {
        return Ok(Value::bool(whole.starts_with(sought)));
    }
    let known = arguments[0].range().prefix.unwrap_or_default();
    if known.starts_with(sought) {
        return Ok(Value::bool(true));
    }
    let is_decided = !known.is_empty() && known.len() >= sought.len();
    Ok(if is_decided { Value::bool(false) } else { Value::unknown(Type::Bool) })
}

/// Whether the text has the other in it.
fn string_contains(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::bool(text(&arguments[0]).contains(text(&arguments[1]))))
}

/// The characters from last to first.
fn string_reverse(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(text(&arguments[0]).graphemes(true).rev().collect::<String>()))
}

/// A number of characters from an offset, which counts from the end when negative; all when the number is
/// negative. A zero length with a negative offset also gives all: cty does so, and configurations may rely on it.
fn substring(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let characters: Vec<&str> = text(&arguments[0]).graphemes(true).collect();
    let (offset, length) = (integer(arguments, 1)?, integer(arguments, 2)?);
    let start = match usize::try_from(offset) {
        Ok(offset) => offset.min(characters.len()),
        Err(_) => {
            characters.len().saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    let rest = &characters[start..];
    let taken = match usize::try_from(length) {
        Ok(0) if offset >= 0 => 0,
        Ok(0) | Err(_) => rest.len(),
        Ok(length) => length.min(rest.len()),
    };
    Ok(Value::from(rest[..taken].concat()))
}

/// The text without any of the given characters at its ends.
fn trim(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let cutset = text(&arguments[1]);
    Ok(Value::from(text(&arguments[0]).trim_matches(|character| cutset.contains(character))))
}

/// The text without a prefix, where it has it.
fn trim_prefix(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let whole = text(&arguments[0]);
    Ok(Value::from(whole.strip_prefix(text(&arguments[1])).unwrap_or(whole)))
}

/// The text without white space at its ends.
fn trim_space(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    Ok(Value::from(text(&arguments[0]).trim()))
}

/// The text without a suffix, where it has it.
fn trim_suffix(_: &FunctionContext<'_>, arguments: &[Value]) -> Result<Value, FunctionError> {
    let whole = text(&arguments[0]);
    Ok(Value::from(whole.strip_suffix(text(&arguments[1])).unwrap_or(whole)))
}
