//! From `count` and `for_each` to the keys of instances.

use crate::evaluate::{Expansion, Repetition, RowRepetition, RowScope};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::Expression;
use formwork_state::Key;
use formwork_value::{Kind, MarkKind, Type, Value, convert};

/// No more instances than this of one block: a typing error should not fill the memory.
const INSTANCES_AT_MOST: i64 = 10_000_000;

/// The code of what a later stage, or values that are given, will tell.
pub(crate) const UNKNOWN: &str = "unknown-repetition";

/// The instances that a block's `count` or `for_each` asks for. With errors there are none.
pub fn expand(
    count: Option<&Expression>,
    for_each: Option<&Expression>,
    scope: &RowScope<'_, '_>,
) -> (Expansion, Diagnostics) {
    let single =
        || Expansion { repetition: Repetition::Single, rows: vec![(Key::None, RowRepetition::default())] };
    match (count, for_each) {
        (Some(count), _) => expand_count(count, scope),
        (None, Some(for_each)) => expand_for_each(for_each, scope),
        (None, None) => (single(), Diagnostics::new()),
    }
}

fn expand_count(expression: &Expression, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    let (value, mut diagnostics) = expression.evaluate(scope);
    let (value, marks) = value.unmark();
    let mut rows = Vec::new();
    match convert(&value, &Type::Number) {
        _ if diagnostics.has_errors() => {}
        _ if marks.has(MarkKind::Sensitive) => diagnostics.push(sensitive(expression, "count")),
        Ok(number) if !number.is_known() => diagnostics.push(unknown(expression, "count")),
        Ok(number) => match number.as_i64() {
            Some(count @ 0..=INSTANCES_AT_MOST) => {
                #[expect(clippy::cast_sign_loss, reason = "the range begins at 0")]
                let count = count as u64;
                let row = |index| (Key::Int(index), RowRepetition { each: None, count: Some(index) });
                rows = (0..count).map(row).collect();
            }
            _ => diagnostics.push(invalid(expression, "count", format!("The given \"count\" argument value is unsuitable: it must be a whole number from 0 to {INSTANCES_AT_MOST}."))),
        },
        Err(error) => diagnostics.push(invalid(expression, "count", format!("The given \"count\" argument value is unsuitable: {}.", error.message))),
    }
    (Expansion { repetition: Repetition::Count, rows }, diagnostics)
}

fn expand_for_each(expression: &Expression, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    let (value, mut diagnostics) = expression.evaluate(scope);
    let (value, marks) = value.unmark();
    let mut rows = Vec::new();
    if diagnostics.has_errors() {
        return (Expansion { repetition: Repetition::ForEach, rows }, diagnostics);
    }
    let each = |key: &str, value: &Value| {
        (Key::Text(key.into()), RowRepetition { each: Some((Value::from(key), value.clone())), count: None })
    };
    match value.kind() {
        _ if marks.has(MarkKind::Sensitive) => diagnostics.push(sensitive(expression, "for_each")),
        Kind::Unknown(..) => diagnostics.push(unknown(expression, "for_each")),
        Kind::Null(_) => diagnostics.push(invalid(
            expression,
            "for_each",
            "The given \"for_each\" argument value is null. A map, or set of strings is allowed.".to_owned(),
        )),
        Kind::Map(entries) | Kind::Object(entries) => {
            rows = entries.iter().map(|(key, value)| each(key, value)).collect();
        }
        Kind::Set(items) => {
            for item in items {
                match item.kind() {
                    Kind::String(text) => rows.push(each(text, item)),
                    Kind::Unknown(..) => diagnostics.push(unknown(expression, "for_each")),
                    _ => diagnostics.push(wrong_type(expression, &value)),
                }
                if diagnostics.has_errors() {
                    rows.clear();
                    break;
                }
            }
        }
        _ => diagnostics.push(wrong_type(expression, &value)),
    }
    (Expansion { repetition: Repetition::ForEach, rows }, diagnostics)
}

fn wrong_type(expression: &Expression, value: &Value) -> Diagnostic {
    invalid(expression, "for_each", format!("The given \"for_each\" argument value is unsuitable: the \"for_each\" argument must be a map, or set of strings, and you have provided a value of type {}.", value.value_type().friendly_name()))
        .hint("Convert a list with toset([...]).")
}

fn invalid(expression: &Expression, argument: &str, detail: String) -> Diagnostic {
    Diagnostic::error("invalid-repetition", format!("Invalid {argument} argument"), detail)
        .at(expression.span())
}

fn unknown(expression: &Expression, argument: &str) -> Diagnostic {
    let values = expression
        .references()
        .iter()
        .map(|reference| (reference.to_string(), "will be known only after apply"));
    let mut diagnostic = invalid(
        expression,
        argument,
        format!(
            "The \"{argument}\" value depends on resource attributes that cannot be determined until apply, so it cannot be said which instances there will be."
        ),
    );
    diagnostic.code = UNKNOWN.into();
    values.fold(diagnostic, |diagnostic, (name, statement)| diagnostic.value(name, statement)).hint(
        "Use keys that are written in the configuration and put what is known only later into the values.",
    )
}

fn sensitive(expression: &Expression, argument: &str) -> Diagnostic {
    invalid(expression, argument, format!("Sensitive values, or values derived from sensitive values, cannot be used as {argument} arguments. If used, the sensitive value could be exposed as a resource instance key."))
        .hint("Use nonsensitive(...) on the keys if they may be shown.")
}
