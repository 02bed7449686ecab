//! What is wrong with a configuration, gathered.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_value::{Name, Path, Value};

/// All that was found in one configuration.
#[derive(Debug, Default)]
pub struct Findings(Vec<(Path, String)>);

impl Findings {
    /// Refuses one attribute: what is wrong, and what to do.
    pub fn refuse(&mut self, attribute: &str, message: impl Into<String>) {
        self.0.push((Path::root().attribute(attribute), message.into()));
    }

    /// Refuses a number that is not whole or lies outside the bounds.
    pub fn check_number(&mut self, object: &Value, attribute: &str, minimum: i64, maximum: i64) {
        let Some(number) = given(object, attribute).and_then(Value::as_number) else { return };
        if !number.to_i64().is_some_and(|whole| (minimum..=maximum).contains(&whole)) {
            self.refuse(
                attribute,
                format!("{number} is no whole number from {minimum} to {maximum}: give one that is."),
            );
        }
    }

    /// Refuses a text that is none of the known ones.
    pub fn check_choice(&mut self, object: &Value, attribute: &str, known: &[&str]) {
        let Some(text) = text(object, attribute) else { return };
        if !known.contains(&text) {
            self.refuse(attribute, format!("{text:?} is none of {}: give one of them.", known.join(", ")));
        }
    }

    /// As validation answers it.
    pub fn into_diagnostics(self) -> Diagnostics {
        let diagnostic = |(path, message): (Path, String)| {
            Diagnostic::error("invalid-attribute", "Invalid attribute value", message)
                .attribute(path.to_string())
        };
        self.0.into_iter().map(diagnostic).collect()
    }
}

/// An attribute's value where it is given and known.
pub fn given<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null() && value.is_known())
}

/// An attribute's text where it is given and known.
pub fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    given(object, name).and_then(Value::as_str).map(Name::as_str)
}

/// An attribute's whole number where it is given, known and one.
pub fn whole_number(object: &Value, name: &str) -> Option<i64> {
    given(object, name).and_then(Value::as_i64)
}

/// An attribute's truth where it is given and known.
pub fn truth(object: &Value, name: &str) -> Option<bool> {
    given(object, name).and_then(Value::as_bool)
}

/// The texts of an attribute's list or set where it is given; unknown ones are left out.
pub fn texts<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    given(object, name)
        .and_then(Value::items)
        .unwrap_or(&[])
        .iter()
        .filter_map(Value::as_str)
        .map(Name::as_str)
}
