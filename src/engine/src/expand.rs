//! From `count` and `for_each` to the keys of instances.
//!
//! Invariant: what nobody can know before apply is no error here: it is [`Undecided`], and a later stage decides it.

use crate::evaluate::{Expansion, Repetition, RowRepetition, RowScope, Undecided};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::Expression;
use formwork_state::Key;
use formwork_value::{Kind, MarkKind, Type, Value, convert};

/// No more instances than this of one block: a typing error should not fill the memory.
const INSTANCES_AT_MOST: i64 = 10_000_000;

/// What a block says about its instances.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repeats<'a> {
    /// `count`
    pub count: Option<&'a Expression>,
    /// `for_each`
    pub for_each: Option<&'a Expression>,
    /// `lifecycle.enabled`
    pub enabled: Option<&'a Expression>,
}

impl<'a> Repeats<'a> {
    /// What a resource block says.
    pub fn of_resource(resource: &'a formwork_lang::Resource) -> Self {
        Self {
            count: resource.count.as_ref(),
            for_each: resource.for_each.as_ref(),
            enabled: resource.lifecycle.enabled.as_ref(),
        }
    }

    /// What a module call says.
    pub fn of_call(call: &'a formwork_lang::ModuleCall) -> Self {
        Self { count: call.count.as_ref(), for_each: call.for_each.as_ref(), enabled: call.enabled.as_ref() }
    }
}

/// The instances that a block's `count`, `for_each` or `enabled` asks for. With errors there are none.
pub fn expand(repeats: Repeats<'_>, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    match (repeats.count, repeats.for_each, repeats.enabled) {
        (Some(count), _, _) => expand_count(count, scope),
        (None, Some(for_each), _) => expand_for_each(for_each, scope),
        (None, None, Some(enabled)) => expand_enabled(enabled, scope),
        (None, None, None) => (single(true), Diagnostics::new()),
    }
}

fn single(is_there: bool) -> Expansion {
    let rows = is_there.then(|| (Key::None, RowRepetition::default())).into_iter().collect();
    Expansion { repetition: Repetition::Single, rows, undecided: None }
}

/// A later stage says which instances there are.
fn undecided(argument: &'static str, repetition: Repetition, at_most: Option<u64>) -> Expansion {
    Expansion { repetition, rows: Vec::new(), undecided: Some(Undecided { argument, at_most }) }
}

fn expand_enabled(expression: &Expression, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    let (value, mut diagnostics) = expression.evaluate(scope);
    let (value, marks) = value.unmark();
    let fault = match convert(&value, &Type::Bool) {
        _ if diagnostics.has_errors() => return (single(true), diagnostics),
        _ if marks.has(MarkKind::Sensitive) => sensitive(expression, "enabled", scope),
        _ if marks.has(MarkKind::Ephemeral) => ephemeral(expression, "enabled"),
        Ok(flag) if !flag.is_known() => {
            return (undecided("enabled", Repetition::Single, Some(1)), diagnostics);
        }
        Ok(flag) => match flag.as_bool() {
            Some(is_there) => return (single(is_there), diagnostics),
            None => invalid(
                expression,
                "enabled",
                "The given \"enabled\" argument value is null. It must be true or false.".to_owned(),
            ),
        },
        Err(error) => invalid(
            expression,
            "enabled",
            format!("The given \"enabled\" argument value is unsuitable: {}.", error.message),
        ),
    };
    diagnostics.push(fault);
    (single(true), diagnostics)
}

fn expand_count(expression: &Expression, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    let (value, mut diagnostics) = expression.evaluate(scope);
    let (value, marks) = value.unmark();
    let mut rows = Vec::new();
    match convert(&value, &Type::Number) {
        _ if diagnostics.has_errors() => {}
        _ if marks.has(MarkKind::Sensitive) => diagnostics.push(sensitive(expression, "count", scope)),
        _ if marks.has(MarkKind::Ephemeral) => diagnostics.push(ephemeral(expression, "count")),
        Ok(number) if !number.is_known() => {
            return (undecided("count", Repetition::Count, greatest(&number)), diagnostics);
        }
        Ok(number) => match number.as_i64() {
            Some(count @ 0..=INSTANCES_AT_MOST) => {
                #[expect(clippy::cast_sign_loss, reason = "the range begins at 0")]
                let count = count as u64;
                let row = |index| (Key::Int(index), RowRepetition { each: None, count: Some(index) });
                rows = (0..count).map(row).collect();
            }
            given => {
                let reason = match given {
                    _ if number.is_null() => "it is null, and a whole number is required".to_owned(),
                    Some(..0) => "must be greater than or equal to zero".to_owned(),
                    _ => format!("it must be a whole number from 0 to {INSTANCES_AT_MOST}"),
                };
                let detail = format!("The given \"count\" argument value is unsuitable: {reason}.");
                diagnostics.push(with_values(invalid(expression, "count", detail), expression, scope));
            }
        },
        Err(error) => diagnostics.push(invalid(
            expression,
            "count",
            format!("The given \"count\" argument value is unsuitable: {}.", error.message),
        )),
    }
    (Expansion { repetition: Repetition::Count, rows, undecided: None }, diagnostics)
}

/// The greatest whole number that an unknown number can become, where that is promised.
fn greatest(number: &Value) -> Option<u64> {
    let (maximum, is_inclusive) = number.range().maximum?;
    let maximum = u64::try_from(maximum.to_i64()?).ok()?;
    Some(if is_inclusive { maximum } else { maximum.saturating_sub(1) })
}

fn expand_for_each(expression: &Expression, scope: &RowScope<'_, '_>) -> (Expansion, Diagnostics) {
    let (value, mut diagnostics) = expression.evaluate(scope);
    let (value, marks) = value.unmark();
    let mut rows = Vec::new();
    if diagnostics.has_errors() {
        return (Expansion { repetition: Repetition::ForEach, rows, undecided: None }, diagnostics);
    }
    let later = |at_most| undecided("for_each", Repetition::ForEach, at_most);
    let each = |key: &str, value: &Value| {
        (Key::Text(key.into()), RowRepetition { each: Some((Value::from(key), value.clone())), count: None })
    };
    match value.kind() {
        _ if marks.has(MarkKind::Sensitive) => diagnostics.push(sensitive(expression, "for_each", scope)),
        _ if marks.has(MarkKind::Ephemeral) => diagnostics.push(ephemeral(expression, "for_each")),
        Kind::Unknown(value_type, _) if !may_be_repeated(value_type) => {
            diagnostics.push(wrong_type(expression, &value));
        }
        Kind::Unknown(..) => return (later(value.range().length_maximum), diagnostics),
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
                    Kind::Unknown(..) => return (later(Some(items.len() as u64)), diagnostics),
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
    (Expansion { repetition: Repetition::ForEach, rows, undecided: None }, diagnostics)
}

fn wrong_type(expression: &Expression, value: &Value) -> Diagnostic {
    invalid(expression, "for_each", format!("The given \"for_each\" argument value is unsuitable: the \"for_each\" argument must be a map, or set of strings, and you have provided a value of type {}.", value.value_type().friendly_name()))
        .hint("Convert a list with toset([...]).")
}

fn invalid(expression: &Expression, argument: &str, detail: String) -> Diagnostic {
    Diagnostic::error("invalid-repetition", format!("Invalid {argument} argument"), detail)
        .at(expression.span())
}

/// Says that something has to be known at once: there is no later stage for it.
pub(crate) fn unknown(expression: &Expression, argument: &str) -> Diagnostic {
    let values = expression
        .references()
        .iter()
        .map(|reference| (reference.to_string(), "will be known only after apply"));
    let diagnostic = invalid(
        expression,
        argument,
        format!(
            "The \"{argument}\" value depends on resource attributes that cannot be determined until apply, so it cannot be said which instances there will be."
        ),
    );
    values.fold(diagnostic, |diagnostic, (name, statement)| diagnostic.value(name, statement)).hint(
        "Use keys that are written in the configuration and put what is known only later into the values.",
    )
}

/// Whether values of a type, once they are known, may say which instances there are.
fn may_be_repeated(value_type: &Type) -> bool {
    match value_type {
        Type::Dynamic | Type::Map(_) | Type::Object(_) => true,
        Type::Set(element) => matches!(**element, Type::String | Type::Dynamic),
        _ => false,
    }
}

/// The finding with what the references in an expression stand for.
fn with_values(diagnostic: Diagnostic, expression: &Expression, scope: &RowScope<'_, '_>) -> Diagnostic {
    let values = expression.values(scope).into_iter();
    values.fold(diagnostic, |diagnostic, (name, statement)| diagnostic.value(name, statement))
}

fn sensitive(expression: &Expression, argument: &str, scope: &RowScope<'_, '_>) -> Diagnostic {
    let diagnostic = invalid(
        expression,
        argument,
        format!(
            "Sensitive values, or values derived from sensitive values, cannot be used as {argument} arguments. If used, the sensitive value could be exposed as a resource instance key."
        ),
    );
    with_values(diagnostic, expression, scope).hint("Use nonsensitive(...) on the keys if they may be shown.")
}

fn ephemeral(expression: &Expression, argument: &str) -> Diagnostic {
    invalid(expression, argument, format!("Ephemeral values, or values derived from ephemeral values, cannot be used as {argument} arguments. If used, the ephemeral value could be exposed as a resource instance key."))
        .hint("Use a value that may be stored.")
}
