//! Values of the language as the JSON of the API, and back.
//!
//! Invariant: objects become objects and arrays tuples, so a document keeps its shape whatever stands in it; a null
//! attribute of a manifest means "not given" and is dropped.

use formwork_value::{Kind, Name, Number, Type, Value};
use serde_json::{Map, Value as Json};

/// The JSON of a value that is known; nothing where any of it is not.
pub(crate) fn to_json(value: &Value) -> Option<Json> {
    Some(match value.kind() {
        Kind::Null(_) => Json::Null,
        Kind::Unknown(..) => return None,
        Kind::Bool(bool) => Json::Bool(bool),
        Kind::Number(number) => Json::Number(number_to_json(&number)?),
        Kind::String(text) => Json::String(text.to_string()),
        Kind::List(items) | Kind::Set(items) | Kind::Tuple(items) => {
            Json::Array(items.iter().map(to_json).collect::<Option<_>>()?)
        }
        Kind::Map(entries) | Kind::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| Some((name.to_string(), to_json(value)?)));
            Json::Object(entries.collect::<Option<Map<_, _>>>()?)
        }
        // A provider never sees a mark; should one come, what is under it stays unknown here.
        Kind::Marked(..) => return None,
    })
}

fn number_to_json(number: &Number) -> Option<serde_json::Number> {
    match number.to_i64() {
        Some(int) => Some(int.into()),
        None => number.to_string().parse().ok(),
    }
}

/// The value of a JSON document.
pub(crate) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::null(Type::Dynamic),
        Json::Bool(bool) => Value::bool(*bool),
        Json::Number(number) => number_from_json(number),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::tuple(items.iter().map(from_json).collect()),
        Json::Object(entries) => {
            Value::object(entries.iter().map(|(name, value)| (Name::from(name.as_str()), from_json(value))).collect())
        }
    }
}

fn number_from_json(number: &serde_json::Number) -> Value {
    let text = number.to_string();
    match text.parse::<i64>() {
        Ok(int) => Value::number(int),
        Err(_) => Number::parse(&text).map_or_else(|| Value::string(text), Value::number),
    }
}

/// The same document without the attributes that are null, at any depth of objects.
pub(crate) fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(entries) => Json::Object(
            entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, without_nulls(value)))
                .collect(),
        ),
        Json::Array(items) => Json::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// A path into a document as users write it: `spec.clusterIP`, `metadata.annotations["a.b/c"]`, `spec.ports[0]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentPath(pub(crate) Vec<String>);

impl DocumentPath {
    /// Reads a path; nothing where a bracket or quote stays open or a step is empty.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('.').unwrap_or(text);
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix("[\"") {
                let (step, after) = inside.split_once("\"]")?;
                steps.push(step.to_owned());
                rest = after;
            } else if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = inside.split_once(']')?;
                step.parse::<usize>().ok()?;
                steps.push(step.to_owned());
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                steps.push(rest[..end].to_owned());
                rest = &rest[end..];
            }
            if let Some(after) = rest.strip_prefix('.') {
                if after.is_empty() {
                    return None;
                }
                rest = after;
            }
        }
        (!steps.is_empty() && steps.iter().all(|step| !step.is_empty())).then_some(Self(steps))
    }

    /// What stands there.
    pub(crate) fn get<'a>(&self, document: &'a Json) -> Option<&'a Json> {
        self.0.iter().try_fold(document, |at, step| step_into(at, step))
    }

    /// Puts something there, making the objects on the way. An array on the way must have the item already.
    pub(crate) fn set(&self, document: &mut Json, value: Json) {
        let mut at = document;
        for step in &self.0 {
            let next = match at {
                Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                Json::Object(entries) => Some(entries.entry(step.clone()).or_insert_with(|| Json::Object(Map::new()))),
                _ => None,
            };
            let Some(next) = next else { return };
            at = next;
        }
        *at = value;
    }

    /// Takes what stands there away.
    pub(crate) fn remove(&self, document: &mut Json) {
        let Some((last, above)) = self.0.split_last() else { return };
        let mut at = document;
        for step in above {
            let next = match at {
                Json::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
                Json::Object(entries) => entries.get_mut(step),
                _ => None,
            };
            let Some(next) = next else { return };
            at = next;
        }
        if let Json::Object(entries) = at {
            entries.remove(last);
        }
    }
}

fn step_into<'a>(at: &'a Json, step: &str) -> Option<&'a Json> {
    match at {
        Json::Object(entries) => entries.get(step),
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    }
}

/// The value of a document with what stands at the paths unknown; objects on the way are made.
pub(crate) fn with_unknowns(document: &Json, unknown: &[DocumentPath]) -> Value {
    unknown.iter().fold(from_json(document), |value, path| set_unknown(&value, &path.0))
}

fn set_unknown(value: &Value, steps: &[String]) -> Value {
    let Some((step, below)) = steps.split_first() else { return Value::unknown(Type::Dynamic) };
    if let Kind::Tuple(items) = value.kind() {
        let Some(index) = step.parse::<usize>().ok().filter(|index| *index < items.len()) else {
            return value.clone();
        };
        let mut items = items.to_vec();
        items[index] = set_unknown(&items[index], below);
        return Value::tuple(items);
    }
    let mut entries: Vec<(Name, Value)> =
        value.entries().map(|entries| entries.as_slice().to_vec()).unwrap_or_default();
    let inner = value.get(step).cloned().unwrap_or_else(|| Value::object(Vec::new()));
    entries.push((Name::from(step.as_str()), set_unknown(&inner, below)));
    Value::object(entries)
}

/// The object with one attribute replaced.
pub(crate) fn with_attribute(object: &Value, name: &str, value: Value) -> Value {
    let mut entries: Vec<(Name, Value)> =
        object.entries().map(|entries| entries.as_slice().to_vec()).unwrap_or_default();
    entries.push((Name::from(name), value));
    Value::object(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_round_trip() {
        let document = json!({ "a": [1, "x", true, null, { "b": {} }], "big": 9_007_199_254_740_993_i64 });
        assert_eq!(to_json(&from_json(&document)), Some(document));
    }

    #[test]
    fn an_unknown_has_no_document() {
        let value = Value::object(vec![("a".into(), Value::unknown(Type::String))]);
        assert_eq!(to_json(&value), None);
    }

    #[test]
    fn nulls_are_not_given() {
        let table = [
            (json!({ "a": null, "b": { "c": null } }), json!({ "b": {} })),
            (json!({ "a": [{ "b": null, "c": 1 }] }), json!({ "a": [{ "c": 1 }] })),
        ];
        for (given, expected) in table {
            assert_eq!(without_nulls(given), expected);
        }
    }

    #[test]
    fn paths_parse() {
        let table: [(&str, Option<&[&str]>); 8] = [
            ("spec.clusterIP", Some(&["spec", "clusterIP"])),
            (".spec", Some(&["spec"])),
            ("metadata.annotations[\"a.b/c\"]", Some(&["metadata", "annotations", "a.b/c"])),
            ("spec.ports[0].port", Some(&["spec", "ports", "0", "port"])),
            ("spec..x", None),
            ("spec[", None),
            ("spec.", None),
            ("", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|steps| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>());
            assert_eq!(DocumentPath::parse(text).map(|path| path.0), expected, "{text}");
        }
    }

    #[test]
    fn unknowns_stand_where_asked() {
        let path = DocumentPath::parse("metadata.uid").unwrap();
        let value = with_unknowns(&json!({ "metadata": { "name": "a" } }), &[path]);
        let metadata = value.get("metadata").unwrap();
        assert!(!metadata.get("uid").unwrap().is_known());
        assert_eq!(metadata.get("name").and_then(Value::as_str).map(ToString::to_string).as_deref(), Some("a"));
    }
}
