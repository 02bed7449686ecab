//! Sets of fields as `metadata.managedFields` writes them, and what they pick out of an object.
//!
//! Invariant: a set without children stands for all below it; one with children for those alone. List items are
//! named by their keys or value, as server-side apply does, never by position, so an item that another manager puts
//! in front changes nothing here.
//!
//! Format: `FieldsV1` of <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.

use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// `.`: the map or list item itself, apart from what stands in it.
    This,
    /// `f:name`
    Field(String),
    /// `k:{"containerPort":80,"protocol":"TCP"}`, the canonical text of the keys.
    Keys(String),
    /// `v:"text"`, the canonical text of the value.
    Value(String),
    /// `i:0`
    Index(usize),
}

/// A set of fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FieldSet {
    children: BTreeMap<Step, FieldSet>,
}

/// A field that another manager owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignField {
    /// Where.
    pub(crate) steps: Vec<Step>,
    /// Whose.
    pub(crate) manager: String,
}

/// Who owns what of one object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ownership {
    /// What our field manager owns.
    pub(crate) ours: FieldSet,
    /// What the others own.
    pub(crate) others: Vec<(String, FieldSet)>,
}

impl Ownership {
    /// From an object's `metadata.managedFields`.
    pub(crate) fn of(object: &Json, manager: &str) -> Self {
        let mut ownership = Self::default();
        let entries = object["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default();
        for entry in entries {
            let fields = FieldSet::parse(&entry["fieldsV1"]);
            let name = entry["manager"].as_str().unwrap_or_default();
            let is_subresource = entry["subresource"].as_str().is_some_and(|name| !name.is_empty());
            if name == manager && !is_subresource {
                ownership.ours = std::mem::take(&mut ownership.ours).union(fields);
            } else {
                ownership.others.push((name.to_owned(), fields));
            }
        }
        ownership
    }

    /// The fields that the manifest gives and others own alone.
    pub(crate) fn foreign_fields(&self, manifest: &Json) -> Vec<ForeignField> {
        let others: Vec<(&str, &FieldSet)> = self.others.iter().map(|(name, fields)| (name.as_str(), fields)).collect();
        let mut found = Vec::new();
        if let Json::Object(entries) = manifest {
            for (name, value) in entries {
                if name == "apiVersion" || name == "kind" {
                    continue;
                }
                descend(value, Step::Field(name.clone()), Some(&self.ours), &others, &mut Vec::new(), &mut found);
            }
        }
        found
    }
}

fn descend(
    value: &Json,
    step: Step,
    ours: Option<&FieldSet>,
    others: &[(&str, &FieldSet)],
    at: &mut Vec<Step>,
    found: &mut Vec<ForeignField>,
) {
    let ours = ours.and_then(|fields| fields.children.get(&step));
    let others: Vec<(&str, &FieldSet)> =
        others.iter().filter_map(|(name, fields)| Some((*name, fields.children.get(&step)?))).collect();
    if ours.is_some_and(FieldSet::is_leaf) || others.is_empty() {
        return;
    }
    at.push(step);
    let whole = others.iter().find(|(_, fields)| fields.is_leaf());
    match (value, whole) {
        (Json::Object(entries), None) => {
            for (name, value) in entries {
                descend(value, Step::Field(name.clone()), ours, &others, at, found);
            }
        }
        (Json::Array(items), None) => {
            for item in items {
                if let Some(step) = step_of_item(item, ours, &others) {
                    descend(item, step, ours, &others, at, found);
                }
            }
        }
        (_, Some((manager, _))) if ours.is_none() => {
            found.push(ForeignField { steps: at.clone(), manager: (*manager).to_owned() });
        }
        _ => {}
    }
    at.pop();
}

/// How the sets name one item of a list. A key that the item leaves out was defaulted by the server.
fn step_of_item(item: &Json, ours: Option<&FieldSet>, others: &[(&str, &FieldSet)]) -> Option<Step> {
    let sets = ours.into_iter().chain(others.iter().map(|(_, fields)| *fields));
    sets.flat_map(|fields| fields.children.keys()).find(|step| step.is_item(item, true)).cloned()
}

impl Step {
    fn parse(key: &str) -> Option<Self> {
        if key == "." {
            return Some(Self::This);
        }
        let (kind, rest) = key.split_once(':')?;
        match kind {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => Some(Self::Keys(canonical(&serde_json::from_str(rest).ok()?))),
            "v" => Some(Self::Value(canonical(&serde_json::from_str(rest).ok()?))),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// Whether the step names this list item; with `lenient`, keys that the item lacks are not looked at.
    fn is_item(&self, item: &Json, lenient: bool) -> bool {
        match self {
            Self::Keys(keys) => {
                let Ok(Json::Object(keys)) = serde_json::from_str(keys) else { return false };
                let is_equal = |(name, value): (&String, &Json)| match item.get(name) {
                    Some(found) => canonical(found) == canonical(value),
                    None => lenient,
                };
                keys.iter().all(is_equal) && keys.keys().any(|name| item.get(name).is_some())
            }
            Self::Value(value) => canonical(item) == *value,
            Self::This | Self::Field(_) | Self::Index(_) => false,
        }
    }
}

/// JSON text with names in order, so that equal documents are equal texts.
pub(crate) fn canonical(json: &Json) -> String {
    match json {
        Json::Object(entries) => {
            let sorted: BTreeMap<&String, &Json> = entries.iter().collect();
            let parts: Vec<String> =
                sorted.iter().map(|(name, value)| format!("{}:{}", Json::from(name.as_str()), canonical(value))).collect();
            format!("{{{}}}", parts.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

impl FieldSet {
    /// From `fieldsV1`.
    pub(crate) fn parse(json: &Json) -> Self {
        let Json::Object(entries) = json else { return Self::default() };
        let children = entries.iter().filter_map(|(key, below)| Some((Step::parse(key)?, Self::parse(below))));
        Self { children: children.collect() }
    }

    /// Whether it stands for all below it.
    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// What is in either. A whole field and some of its parts make the whole.
    pub(crate) fn union(mut self, other: Self) -> Self {
        for (step, below) in other.children {
            let merged = match self.children.remove(&step) {
                Some(mine) if mine.is_leaf() || below.is_leaf() => Self::default(),
                Some(mine) => mine.union(below),
                None => below,
            };
            self.children.insert(step, merged);
        }
        self
    }

    /// Adds one field with all below it.
    pub(crate) fn insert(&mut self, steps: &[Step]) {
        let mut at = self;
        for step in steps {
            at = at.children.entry(step.clone()).or_default();
        }
        at.children.clear();
    }

    /// The part of a document that the set names; nothing where none of it is there.
    pub(crate) fn extract(&self, document: &Json) -> Option<Json> {
        if self.is_leaf() {
            return Some(document.clone());
        }
        let owns_itself = self.children.contains_key(&Step::This);
        match document {
            Json::Object(entries) => {
                let mut picked = Map::new();
                for (step, below) in &self.children {
                    let Step::Field(name) = step else { continue };
                    if let Some(found) = entries.get(name).and_then(|value| below.extract(value)) {
                        picked.insert(name.clone(), found);
                    }
                }
                (owns_itself || !picked.is_empty()).then_some(Json::Object(picked))
            }
            Json::Array(items) => {
                let picked: Vec<Json> =
                    items.iter().enumerate().filter_map(|(at, item)| self.extract_item(at, item)).collect();
                (owns_itself || !picked.is_empty()).then_some(Json::Array(picked))
            }
            scalar => owns_itself.then(|| scalar.clone()),
        }
    }

    fn extract_item(&self, at: usize, item: &Json) -> Option<Json> {
        let named = |step: &Step| matches!(step, Step::Index(index) if *index == at) || step.is_item(item, false);
        self.children.iter().find(|(step, _)| named(step)).and_then(|(_, below)| below.extract(item))
    }
}

/// `.spec.template.spec.containers[name="app"].image`
pub(crate) fn words(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        // Writing to a string cannot fail.
        let _ = match step {
            Step::This => Ok(()),
            Step::Field(name) if name.contains(['.', '/']) => write!(text, "[{name:?}]"),
            Step::Field(name) => write!(text, ".{name}"),
            Step::Keys(keys) => {
                let keys: Map<String, Json> = serde_json::from_str(keys).unwrap_or_default();
                let parts: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(text, "[{}]", parts.join(","))
            }
            Step::Value(value) => write!(text, "[={value}]"),
            Step::Index(index) => write!(text, "[{index}]"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sets_pick_what_they_name() {
        let live = json!({
            "spec": {
                "replicas": 2, "paused": false,
                "containers": [{ "name": "side", "image": "s" }, { "name": "app", "image": "a", "tty": false }],
                "args": ["x", "y"],
                "finalizers": ["theirs", "ours"],
            },
        });
        let table = [
            (json!({ "f:spec": { "f:replicas": {} } }), json!({ "spec": { "replicas": 2 } })),
            (json!({ "f:spec": { ".": {} } }), json!({ "spec": {} })),
            (json!({ "f:spec": { ".": {}, "f:args": {} } }), json!({ "spec": { "args": ["x", "y"] } })),
            (
                json!({ "f:spec": { "f:containers": { "k:{\"name\":\"app\"}": { ".": {}, "f:image": {}, "f:name": {} } } } }),
                json!({ "spec": { "containers": [{ "image": "a", "name": "app" }] } }),
            ),
            (json!({ "f:spec": { "f:finalizers": { "v:\"ours\"": {} } } }), json!({ "spec": { "finalizers": ["ours"] } })),
            (json!({ "f:spec": { "f:absent": {}, "f:replicas": {} } }), json!({ "spec": { "replicas": 2 } })),
        ];
        for (fields, expected) in table {
            assert_eq!(FieldSet::parse(&fields).extract(&live), Some(expected), "{fields}");
        }
    }

    fn managed(entries: &Json) -> Ownership {
        Ownership::of(&json!({ "metadata": { "managedFields": entries } }), "formwork")
    }

    #[test]
    fn fields_that_others_own_alone_are_found() {
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "spec": { "replicas": 2, "containers": [{ "name": "app", "image": "a" }], "ports": [{ "port": 80 }] },
        });
        let ours = |fields: Json| json!({ "manager": "formwork", "operation": "Apply", "fieldsV1": fields });
        let theirs = |fields: Json| json!({ "manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields });
        let table = [
            (json!([ours(json!({ "f:spec": { "f:replicas": {} } }))]), vec![]),
            (json!([theirs(json!({ "f:spec": { "f:replicas": {} } }))]), vec![".spec.replicas"]),
            (
                json!([ours(json!({ "f:spec": { "f:replicas": {} } })), theirs(json!({ "f:spec": { "f:replicas": {} } }))]),
                vec![],
            ),
            (json!([theirs(json!({ "f:spec": { "f:paused": {} } }))]), vec![]),
            (
                json!([
                    ours(json!({ "f:spec": { "f:containers": { "k:{\"name\":\"app\"}": { "f:name": {} } } } })),
                    theirs(json!({ "f:spec": { "f:containers": { "k:{\"name\":\"app\"}": { "f:image": {} } } } })),
                ]),
                vec![".spec.containers[name=\"app\"].image"],
            ),
            (
                json!([theirs(json!({ "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { "f:port": {} } } } }))]),
                vec![".spec.ports[port=80,protocol=\"TCP\"].port"],
            ),
        ];
        for (entries, expected) in table {
            let found: Vec<String> =
                managed(&entries).foreign_fields(&manifest).iter().map(|field| words(&field.steps)).collect();
            assert_eq!(found, expected, "{entries}");
        }
    }

    #[test]
    fn a_status_entry_of_ours_is_not_ours() {
        let entries = json!([{ "manager": "formwork", "subresource": "status", "fieldsV1": { "f:status": {} } }]);
        assert!(managed(&entries).ours.is_leaf());
    }

    #[test]
    fn a_union_holds_both() {
        let left = FieldSet::parse(&json!({ "f:a": { "f:b": {} }, "f:c": {} }));
        let right = FieldSet::parse(&json!({ "f:a": { "f:d": {} }, "f:c": { "f:e": {} } }));
        let expected = FieldSet::parse(&json!({ "f:a": { "f:b": {}, "f:d": {} }, "f:c": {} }));
        assert_eq!(left.union(right), expected);
    }

    #[test]
    fn canonical_text_ignores_order() {
        let table = [(r#"{"b":1,"a":[{"d":1,"c":2}]}"#, r#"{"a":[{"c":2,"d":1}],"b":1}"#)];
        for (left, right) in table {
            let left: Json = serde_json::from_str(left).unwrap();
            assert_eq!(canonical(&left), right);
        }
    }
}
