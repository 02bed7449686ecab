//! Values as the three trees of plan JSON: what is known, what is not, and what is sensitive.
//!
//! Plan and state JSON carry sensitive values in clear beside the tree that marks them, as their readers expect;
//! this is the one module of the command line where a secret may leave.

use formwork_value::{Entries, Kind, MarkKind, Type, Value};
use serde_json::{Map, Value as Json};

/// The value; unknown attributes are left out and unknown elements are null. None when the whole is unknown.
pub(crate) fn known(value: &Value) -> Option<Json> {
    let value = value.reveal();
    Some(match value.kind() {
        Kind::Unknown(..) => return None,
        Kind::Null(_) | Kind::Marked(..) => Json::Null,
        Kind::Bool(bool) => Json::Bool(bool),
        Kind::Number(number) => number_json(&number.to_string()),
        Kind::String(text) => Json::String(text.to_string()),
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => {
            Json::Array(items.iter().map(|item| known(item).unwrap_or(Json::Null)).collect())
        }
        Kind::Map(entries) | Kind::Object(entries) => object(entries, known),
    })
}

/// A number's exact text as JSON.
fn number_json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}

fn object(entries: &Entries, of: impl Fn(&Value) -> Option<Json>) -> Json {
    let kept: Map<String, Json> =
        entries.iter().filter_map(|(name, value)| Some((name.to_string(), of(value)?))).collect();
    Json::Object(kept)
}

/// Where it is unknown: `true`, or the parts that are.
pub(crate) fn unknown(value: &Value) -> Json {
    tree(value, &|value| matches!(value.kind(), Kind::Unknown(..)).then_some(Json::Bool(true)))
}

/// Where it is sensitive: `true`, or the parts that are.
pub(crate) fn sensitive(value: &Value) -> Json {
    tree(value, &|value| match value.kind() {
        Kind::Marked(_, marks) if marks.has(MarkKind::Sensitive) => Some(Json::Bool(true)),
        Kind::Unknown(value_type, _) => Some(empty(value_type)),
        _ => None,
    })
}

fn empty(value_type: &Type) -> Json {
    match value_type {
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => Json::Array(Vec::new()),
        Type::Map(_) | Type::Object(_) => Json::Object(Map::new()),
        _ => Json::Bool(false),
    }
}

fn tree(value: &Value, stop: &dyn Fn(&Value) -> Option<Json>) -> Json {
    if let Some(found) = stop(value) {
        return found;
    }
    match value.kind() {
        Kind::Marked(inner, _) => tree(inner, stop),
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => {
            Json::Array(items.iter().map(|item| tree(item, stop)).collect())
        }
        Kind::Map(entries) | Kind::Object(entries) => {
            object(entries, |value| Some(tree(value, stop)).filter(|found| *found != Json::Bool(false)))
        }
        _ => Json::Bool(false),
    }
}

/// A type as JSON.
pub(crate) fn type_json(value_type: &Type) -> Json {
    serde_json::from_str(&formwork_value::type_to_json(value_type)).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use super::{known, sensitive, unknown};
    use formwork_value::{Marks, Name, Type, Value};
    use serde_json::json;

    #[test]
    fn three_trees_tell_a_value() {
        let secret = || Value::from("s").with_marks(&Marks::sensitive());
        let object = |entries: Vec<(&str, Value)>| {
            Value::object(entries.into_iter().map(|(name, value)| (Name::from(name), value)).collect())
        };
        let cases = [
            (Value::from("x"), Some(json!("x")), json!(false), json!(false)),
            (Value::unknown(Type::String), None, json!(true), json!(false)),
            (Value::null(Type::String), Some(json!(null)), json!(false), json!(false)),
            (secret(), Some(json!("s")), json!(false), json!(true)),
            (
                object(vec![
                    ("a", Value::unknown(Type::list(Type::String))),
                    ("b", secret()),
                    ("c", Value::from(1)),
                ]),
                Some(json!({"b": "s", "c": 1})),
                json!({"a": true}),
                json!({"a": [], "b": true}),
            ),
            (
                Value::tuple(vec![Value::unknown(Type::String), object(vec![("k", secret())])]),
                Some(json!([null, {"k": "s"}])),
                json!([true, {}]),
                json!([false, {"k": true}]),
            ),
        ];
        for (value, want_known, want_unknown, want_sensitive) in cases {
            assert_eq!(known(&value), want_known, "{value:?}");
            assert_eq!(unknown(&value), want_unknown, "{value:?}");
            assert_eq!(sensitive(&value), want_sensitive, "{value:?}");
        }
    }
}
