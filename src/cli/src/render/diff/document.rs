//! Differences of values that have no declared type: dynamic attributes, outputs, and JSON texts.

use super::compute::{elements_by_content, guarded, scalar};
use super::{Change, Diff, Matcher, Shape, Verdict};
use formwork_lang::MemorySource;
use formwork_lang::functions::{FunctionContext, lookup};
use formwork_value::{Kind, Name, Number, Type, Value};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Bool,
    Number,
    Text,
    Object,
    Array,
}

fn form(value: Option<&Value>) -> Form {
    match value.map(Value::kind) {
        Some(Kind::Bool(_)) => Form::Bool,
        Some(Kind::Number(_)) => Form::Number,
        Some(Kind::String(_)) => Form::Text,
        Some(Kind::List(_) | Kind::Set(_) | Kind::Tuple(_)) => Form::Array,
        Some(Kind::Map(_) | Kind::Object(_)) => Form::Object,
        Some(Kind::Marked(inner, _)) => form(Some(inner)),
        Some(Kind::Null(_) | Kind::Unknown(..)) | None => Form::Nothing,
    }
}

/// The difference by what the values are.
pub(super) fn difference(change: &Change<'_>) -> Diff {
    guarded(change, &difference, |change| {
        let (before, after) = (form(change.before.value), form(change.after.value));
        let is_gone = after == Form::Nothing && !change.after.explicit;
        let is_new = before == Form::Nothing && !change.before.explicit;
        if before == after || is_gone || is_new {
            return of_form(change, if before == Form::Nothing { after } else { before });
        }
        let shape = Shape::TypeChange {
            before: Box::new(of_form(&change.as_delete(), before)),
            after: Box::new(of_form(&change.as_create(), after)),
        };
        Diff::new(shape, Verdict::Update, change)
    })
}

fn of_form(change: &Change<'_>, form: Form) -> Diff {
    match form {
        Form::Object => object(change),
        Form::Array => elements_by_content(change, false, difference),
        _ => scalar(change, change.verdict()),
    }
}

fn object(change: &Change<'_>) -> Diff {
    let mut verdict = change.starting_verdict();
    let mut attributes = BTreeMap::new();
    for key in change.keys() {
        let diff = difference(&change.entry(key));
        verdict = verdict.joined(diff.verdict);
        attributes.insert(key.clone(), diff);
    }
    Diff::new(Shape::Object { attributes, nested: false }, verdict, change)
}

/// Whether two different elements of a list are shown as one that changes: objects, and texts of several lines that
/// share one.
pub(super) fn is_related(left: &Value, right: &Value) -> bool {
    if form(Some(left)) == Form::Object && form(Some(right)) == Form::Object {
        return true;
    }
    let (Some(left), Some(right)) = (left.as_str(), right.as_str()) else { return false };
    let is_multiline = left.contains('\n') || right.contains('\n');
    is_multiline && left.split('\n').any(|line| right.split('\n').any(|other| line == other))
}

/// The value of a JSON text that is an object or an array.
pub(super) fn parse(text: &str) -> Option<Value> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<serde_json::Value>(text).ok().map(value_of)
}

/// The value of a YAML text of several lines that is a mapping or a sequence. Scripts are texts, whatever YAML makes of
/// them.
pub(super) fn parse_yaml(text: &str) -> Option<Value> {
    if !text.trim().contains('\n') || text.starts_with("#!") {
        return None;
    }
    let function = lookup("yamldecode")?;
    let files = MemorySource::default();
    let context = FunctionContext { files: &files, module_directory: "", plan_timestamp: "" };
    let value = (function.call)(&context, &[Value::string(text)]).ok()?;
    matches!(form(Some(&value)), Form::Object | Form::Array).then_some(value)
}

/// A JSON tree as a value of objects and tuples.
pub(crate) fn value_of(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::null(Type::Dynamic),
        serde_json::Value::Bool(bool) => Value::bool(bool),
        serde_json::Value::Number(number) => {
            Number::parse(number.as_str()).map_or_else(|| Value::string(number.as_str()), Value::number)
        }
        serde_json::Value::String(text) => Value::string(text),
        serde_json::Value::Array(items) => Value::tuple(items.into_iter().map(value_of).collect()),
        serde_json::Value::Object(entries) => Value::object(
            entries.into_iter().map(|(name, value)| (Name::from(name), value_of(value))).collect(),
        ),
    }
}

/// The difference of two JSON documents.
pub(super) fn documents(before: Option<&Value>, after: Option<&Value>) -> Diff {
    let mut change = Change::new(before, after, Matcher::default());
    (change.before.explicit, change.after.explicit) = (before.is_some(), after.is_some());
    difference(&change)
}
