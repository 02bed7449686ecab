//! A stream of YAML documents as objects to apply, in the order to apply them.
//!
//! Invariant: namespaces come first, then definitions of custom resources, then the rest as written; every object has
//! a name and no two have the same.

use crate::object::{Desired, FieldManager};
use crate::wait::is_definition;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The objects of a stream; the message says which document is at fault and how.
pub(crate) fn parse(content: &str, field_manager: &FieldManager) -> Result<Vec<Desired>, String> {
    // YAML 1.2 as everywhere else in the language: `n`, `on` and `yes` are text.
    let options = serde_saphyr::options! { strict_booleans: true };
    let documents: Vec<Json> = serde_saphyr::from_multiple_with_options(content, options)
        .map_err(|error| format!("The content is not valid YAML: {error}"))?;
    let mut objects = Vec::new();
    for (at, document) in documents.into_iter().enumerate() {
        let mut flat = Vec::new();
        flatten(document, &mut flat);
        for manifest in flat {
            let desired = Desired::new(manifest, field_manager.clone(), Vec::new())
                .map_err(|message| format!("Document {}: {message}", at + 1))?;
            if desired.generates_name() {
                return Err(format!("Document {}: an object of a stream needs metadata.name.", at + 1));
            }
            objects.push(desired);
        }
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = objects.iter().find(|desired| !seen.insert(desired.identity.key())) {
        return Err(format!("{} stands in the content twice.", twice.identity));
    }
    objects.sort_by_key(rank);
    Ok(objects)
}

/// A `List` holds objects; an empty document none.
fn flatten(document: Json, into: &mut Vec<Json>) {
    match document {
        Json::Null => {}
        Json::Object(mut entries)
            if entries.get("kind").and_then(Json::as_str).is_some_and(|kind| kind == "List") =>
        {
            if let Some(Json::Array(items)) = entries.remove("items") {
                items.into_iter().for_each(|item| flatten(item, into));
            }
        }
        other => into.push(other),
    }
}

fn rank(desired: &Desired) -> u8 {
    match desired.identity.kind.as_str() {
        "Namespace" if desired.identity.api_version == "v1" => 0,
        _ if is_definition(&desired.manifest) => 1,
        _ => 2,
    }
}

/// Whether one of the definitions in the stream brings the kind.
pub(crate) fn defines(objects: &[Desired], api_version: &str, kind: &str) -> bool {
    objects.iter().filter(|desired| is_definition(&desired.manifest)).any(|desired| {
        served_versions(&desired.manifest).iter().any(|(version, of)| version == api_version && of == kind)
    })
}

/// Group version and kind of everything that a definition serves.
pub(crate) fn served_versions(definition: &Json) -> Vec<(String, String)> {
    let spec = &definition["spec"];
    let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else { return Vec::new() };
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let served = versions.iter().filter(|version| version["served"] == true);
    served.filter_map(|version| Some((format!("{group}/{}", version["name"].as_str()?), kind.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\
# a comment
---
apiVersion: v1
kind: List
items:
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: a, namespace: n }, data: { on: 'yes', n: '1' } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: foos.example.com }
spec:
  group: example.com
  names: { kind: Foo }
  versions: [{ name: v1, served: true }, { name: v2, served: false }]
---
apiVersion: v1
kind: Namespace
metadata: { name: n }
";

    #[test]
    fn a_stream_is_sorted_for_apply() {
        let objects = parse(STREAM, &FieldManager::default()).unwrap();
        let names: Vec<String> = objects.iter().map(|desired| desired.identity.to_string()).collect();
        assert_eq!(names, ["Namespace n", "CustomResourceDefinition foos.example.com", "ConfigMap n/a"]);
        assert_eq!(objects[2].manifest["data"], serde_json::json!({ "on": "yes", "n": "1" }));
        assert!(defines(&objects, "example.com/v1", "Foo"));
        assert!(!defines(&objects, "example.com/v2", "Foo"));
    }

    #[test]
    fn bad_streams_are_refused() {
        let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n";
        let table = [
            ("a: [".to_owned(), "not valid YAML"),
            ("kind: A\nmetadata: { name: a }".to_owned(), "Document 1: A manifest needs apiVersion and kind."),
            (format!("{config_map}---\n{config_map}"), "ConfigMap a stands in the content twice."),
            ("apiVersion: v1\nkind: A\nmetadata: { generateName: a- }".to_owned(), "needs metadata.name"),
        ];
        for (content, expected) in table {
            let message = parse(&content, &FieldManager::default()).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn scalars_keep_their_types() {
        let content = "apiVersion: v1\nkind: A\nmetadata: { name: a }\nspec: { i: 1, f: 0.5, b: true, s: '1', o: 0644, n: null }\n";
        let objects = parse(content, &FieldManager::default()).unwrap();
        let spec = &objects[0].manifest["spec"];
        assert_eq!((&spec["i"], &spec["b"], &spec["s"]), (&serde_json::json!(1), &serde_json::json!(true), &serde_json::json!("1")));
        assert_eq!(spec["f"].to_string(), "0.5");
        assert_eq!(spec.get("n"), None);
    }
}
