//! What `random_string` and `random_password` have in common: letters of four classes, so many at least of each.

use crate::draw::Draw;
use formwork_sdk::values::{Findings, given, object, set_planned, text, truth, whole_number};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const LENGTH_MAX: i64 = 65_536;
const SPECIAL: &str = "!@#$%&*()-_=+[]{}<>:?";

/// Argument, argument of the least number, letters.
const CLASSES: [(&str, &str, &str); 4] = [
    ("lower", "min_lower", "abcdefghijklmnopqrstuvwxyz"),
    ("upper", "min_upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("numeric", "min_numeric", "0123456789"),
    ("special", "min_special", SPECIAL),
];

/// The arguments. A deprecated one is an alias of `numeric`.
pub(super) fn arguments() -> Vec<(&'static str, Attribute)> {
    let truth = |doc| Attribute::with_default(Type::Bool, true, doc).replaces();
    let least = |doc| Attribute::with_default(Type::Number, 0, doc).replaces();
    let mut alias = truth("Whether digits are in it.");
    alias.deprecated = Some("Use `numeric`, which means the same.");
    vec![
        ("length", Attribute::required(Type::Number, "How many letters.").replaces()),
        ("lower", truth("Whether small letters are in it.")),
        ("min_lower", least("How many small letters at least.")),
        ("upper", truth("Whether capital letters are in it.")),
        ("min_upper", least("How many capital letters at least.")),
        ("numeric", truth("Whether digits are in it.")),
        ("number", alias),
        ("min_numeric", least("How many digits at least.")),
        ("special", truth("Whether other signs are in it.")),
        ("min_special", least("How many other signs at least.")),
        (
            "override_special",
            Attribute::optional(Type::String, "The other signs, in place of `!@#$%&*()-_=+[]{}<>:?`.")
                .replaces(),
        ),
    ]
}

pub(super) fn validate(configuration: &Value, found: &mut Findings) {
    found.check_number(configuration, "length", 1, LENGTH_MAX);
    for (_, least, _) in CLASSES {
        found.check_number(configuration, least, 0, LENGTH_MAX);
    }
    if given(configuration, "number").is_some() && given(configuration, "numeric").is_some() {
        found.refuse("number", "`number` and `numeric` are the same: give `numeric` alone.");
    }
    let leasts: i64 = CLASSES.iter().filter_map(|(_, least, _)| whole_number(configuration, least)).sum();
    if let Some(length) = whole_number(configuration, "length").filter(|length| *length < leasts) {
        found.refuse(
            "length",
            format!("{length} letters are fewer than the {leasts} that must be in it: give more."),
        );
    }
    let is_off = |name| truth(configuration, name) == Some(false);
    let is_numeric_off = is_off("numeric") || is_off("number");
    if is_off("lower") && is_off("upper") && is_off("special") && is_numeric_off {
        found.refuse(
            "length",
            "No letters are left to draw from: let one of lower, upper, numeric and special be true.",
        );
    }
}

/// `number` and `numeric` are one: the one that is given decides.
pub(super) fn adjust(schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
    for (one, other) in [("number", "numeric"), ("numeric", "number")] {
        let given = |name: &str| request.configuration.get(name).filter(|value| !value.is_null());
        if let (Some(value), None) = (given(one), given(other)) {
            set_planned(schema, request, planned, other, value);
        }
    }
}

/// Draws the letters that an object of arguments asks for.
pub(super) fn draw(arguments: &Value, draw: &mut Draw) -> Result<String, ProviderError> {
    let length = whole_number(arguments, "length").and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| ProviderError::invalid("length must be a whole number"))?;
    let mut out: Vec<char> = Vec::with_capacity(length);
    let mut all: Vec<char> = Vec::new();
    for (name, least, letters) in CLASSES {
        let own = text(arguments, "override_special").filter(|_| name == "special");
        let letters: Vec<char> = own.unwrap_or(letters).chars().collect();
        let least = whole_number(arguments, least).and_then(|least| usize::try_from(least).ok());
        for _ in 0..least.unwrap_or_default() {
            out.extend(draw.pick(&letters));
        }
        let alias = if name == "numeric" { "number" } else { name };
        if truth(arguments, name).or_else(|| truth(arguments, alias)).unwrap_or(true) {
            all.extend(letters);
        }
    }
    while out.len() < length {
        let letter =
            draw.pick(&all).ok_or_else(|| ProviderError::invalid("no letters are left to draw from"))?;
        out.push(*letter);
    }
    draw.shuffle(&mut out);
    Ok(out.into_iter().collect())
}

/// The object that a text stands for, with the arguments that nobody gave.
pub(super) fn imported(schema: &KindSchema, result: &str, more: &[(&str, Value)]) -> Value {
    let length = i64::try_from(result.chars().count()).unwrap_or(i64::MAX);
    let mut values = vec![("length", Value::from(length)), ("result", result.into())];
    for (name, attribute) in &schema.block.attributes {
        values.extend(attribute.default.clone().map(|default| (name.as_str(), default)));
    }
    values.extend(more.iter().cloned());
    object(schema, &values)
}
