//! What is wrong with a configuration: found once, said as diagnostics before apply and as an error in it.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::ProviderError;
use formwork_value::{Name, Path, Value};

/// One attribute that cannot be as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) path: Path,
    pub(crate) message: String,
}

/// All that was found in one configuration.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    /// Refuses one attribute.
    pub(crate) fn refuse(&mut self, attribute: &str, message: impl Into<String>) {
        self.refuse_at(Path::root().attribute(attribute), message);
    }

    /// Refuses what stands at a path.
    pub(crate) fn refuse_at(&mut self, path: Path, message: impl Into<String>) {
        self.0.push(Finding { path, message: message.into() });
    }

    /// As an apply answers it: the first one.
    pub(crate) fn into_result(self) -> Result<(), ProviderError> {
        match self.0.into_iter().next() {
            Some(finding) => Err(ProviderError::invalid(finding.message).at(finding.path)),
            None => Ok(()),
        }
    }

    /// As validation answers it.
    pub(crate) fn into_diagnostics(self) -> Diagnostics {
        let diagnostic = |finding: Finding| {
            Diagnostic::error("invalid-attribute", "Invalid attribute value", finding.message)
                .attribute(finding.path.to_string())
        };
        self.0.into_iter().map(diagnostic).collect()
    }
}

/// An attribute's value where it is given and known.
pub(crate) fn given<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null() && value.is_known())
}

/// An attribute's text where it is given and known.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> Option<&'a Name> {
    given(object, name).and_then(Value::as_str)
}

/// An attribute's whole number where it is given, known and one.
pub(crate) fn whole_number(object: &Value, name: &str) -> Option<i64> {
    given(object, name).and_then(Value::as_i64)
}

/// The texts of an attribute's list where it is given; unknown ones are left out.
pub(crate) fn texts<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Name> {
    given(object, name).and_then(Value::items).unwrap_or(&[]).iter().filter_map(Value::as_str)
}

/// Refuses a name that is no DNS label or dotted series of them.
pub(crate) fn check_name(found: &mut Findings, object: &Value, attribute: &str) {
    let Some(name) = text(object, attribute) else { return };
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|byte| is_plain(*byte));
    let bytes = name.as_bytes();
    let is_name = bytes.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| is_plain(*byte) || matches!(byte, b'-' | b'.'));
    if !is_name {
        found.refuse(
            attribute,
            format!("{name:?} is no name: lower-case letters, digits, \"-\" and \".\", at most 63, no sign at the ends."),
        );
    }
}

/// Refuses a number that is not whole or lies outside the bounds.
pub(crate) fn check_number(
    found: &mut Findings,
    object: &Value,
    attribute: &str,
    minimum: i64,
    maximum: i64,
) {
    let Some(number) = given(object, attribute).and_then(Value::as_number) else { return };
    if !number.to_i64().is_some_and(|whole| (minimum..=maximum).contains(&whole)) {
        found.refuse(attribute, format!("{number} is no whole number from {minimum} to {maximum}."));
    }
}

/// Refuses a text that is none of the known ones.
pub(crate) fn check_choice(
    found: &mut Findings,
    object: &Value,
    attribute: &str,
    what: &str,
    known: &[&str],
) {
    let Some(name) = text(object, attribute) else { return };
    if !known.contains(&name.as_str()) {
        found.refuse(attribute, format!("There is no {what} {name:?}; there are {}.", known.join(", ")));
    }
}

/// The object with some attributes set where the plan leaves them unknown.
pub(crate) fn fill(planned: &Value, computed: &[(&str, Value)]) -> Value {
    let Some(entries) = planned.entries() else { return planned.clone() };
    let filled = entries.iter().map(|(name, value)| {
        let found = computed.iter().find(|(key, _)| *key == name.as_str()).filter(|_| !value.is_known());
        (name.clone(), found.map_or(value, |(_, computed)| computed).clone())
    });
    Value::object(filled.collect())
}

/// The object with one attribute set.
pub(crate) fn with_attribute(object: &Value, name: &str, value: &Value) -> Value {
    let Some(entries) = object.entries() else { return object.clone() };
    let replaced = entries.iter().map(|(key, old)| {
        let value = if key.as_str() == name { value } else { old };
        (key.clone(), value.clone())
    });
    Value::object(replaced.collect())
}
