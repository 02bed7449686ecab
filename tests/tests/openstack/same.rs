//! The differential test: one configuration through the hosted and through the native provider leads to the same
//! objects, field by field. What is native is asked from the program; a kind that is not there yet is named.

use crate::life::PLATFORM;
use crate::pairs::{PAIRS, Pair};
use crate::{HOSTED, hosting, objects, written};
use formwork_tests::{Cloud, Project};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

const NATIVE: &str = "formwork/openstack";

/// What the API says, by type and attribute.
type Readings = BTreeMap<String, Json>;

#[test]
fn hosted_and_native_make_the_same() {
    let Some(cloud) = Cloud::find("same") else { return };
    let hosted = lived(&cloud, &hosting(&cloud, PLATFORM), |pair| pair.hosted);
    let there = native_kinds(&cloud);
    let missing: Vec<&str> =
        PAIRS.iter().map(|pair| pair.native).filter(|kind| !there.contains(*kind)).collect();
    if !missing.is_empty() {
        println!(
            "{} of {} kinds of {NATIVE} are not there yet: {}",
            missing.len(),
            PAIRS.len(),
            missing.join(", ")
        );
        return;
    }
    let project = written(&cloud, NATIVE, PLATFORM);
    project.run("init").expect("init", 0, &["successfully initialized"]);
    assert_eq!(lived(&cloud, &project, |pair| pair.native), hosted, "native and hosted differ");
}

/// Applies, reads, destroys.
fn lived(cloud: &Cloud, project: &Project, kind: impl Fn(&Pair) -> &'static str) -> Readings {
    cloud.said(
        project,
        &[
            ("apply -auto-approve", 0, &["Resources: 14 added, 0 changed, 0 destroyed"]),
            // What one object's making did to another is known after a look at it.
            ("apply -refresh-only -auto-approve", 0, &[]),
        ],
    );
    let readings = readings(cloud, project, kind);
    cloud.said(project, &[("destroy -auto-approve", 0, &["Destroy complete"])]);
    assert_eq!(cloud.holds(), Vec::<String>::new(), "left in the cloud");
    readings
}

/// Every field of every pair from the API, held against the state, with types in place of ids.
fn readings(cloud: &Cloud, project: &Project, kind: impl Fn(&Pair) -> &'static str) -> Readings {
    let objects = objects(cloud, project);
    let ids: Vec<(String, String)> = objects
        .iter()
        .filter_map(|(_, kind, values)| Some((values["id"].as_str()?.to_owned(), format!("<{kind}>"))))
        .collect();
    let (mut found, mut wrong) = (Readings::new(), Vec::new());
    for pair in PAIRS {
        let name = kind(pair);
        let object = objects.iter().find(|(_, kind, _)| kind == name);
        let (address, _, values) = object.unwrap_or_else(|| panic!("no {name} in the state"));
        let mut answers: BTreeMap<String, Json> = BTreeMap::new();
        for field in pair.fields {
            let (after, pointer) = field.reading.split_once('#').expect("a reading");
            let path = filled(pair.path, values) + after;
            let answer = answers.entry(path).or_insert_with_key(|path| cloud.get(pair.service, path));
            let told = sorted(answer.pointer(pointer).unwrap_or(&Json::Null).clone());
            let kept =
                sorted(values.pointer(&format!("/{}", field.attribute)).unwrap_or(&Json::Null).clone());
            if told != kept {
                wrong.push(format!("{address}.{}: the state has {kept}, the cloud {told}", field.attribute));
            }
            if field.is_repeatable {
                found.insert(format!("{name}.{}", field.attribute), without_ids(told, &ids));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    found
}

/// A path with attributes in it.
fn filled(path: &str, values: &Json) -> String {
    let Some((before, rest)) = path.split_once('{') else { return path.to_owned() };
    let (name, after) = rest.split_once('}').expect("a name in braces");
    format!("{before}{}{}", values[name].as_str().expect("an attribute of text"), filled(after, values))
}

/// A list in an order that is nobody's: the API has none, and a set of the state neither.
fn sorted(value: Json) -> Json {
    match value {
        Json::Array(mut items) => {
            items.sort_by_key(Json::to_string);
            Json::Array(items)
        }
        other => other,
    }
}

fn without_ids(value: Json, ids: &[(String, String)]) -> Json {
    match value {
        Json::String(text) => {
            Json::String(ids.iter().find(|(id, _)| *id == text).map_or(text, |(_, name)| name.clone()))
        }
        Json::Array(items) => Json::Array(items.into_iter().map(|item| without_ids(item, ids)).collect()),
        Json::Object(fields) => Json::Object(
            fields.into_iter().map(|(name, value)| (name, without_ids(value, ids))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

/// The kinds of the native provider; none where the program has no such provider.
fn native_kinds(cloud: &Cloud) -> BTreeSet<String> {
    let project = written(cloud, NATIVE, "");
    if project.run("init").code != 0 {
        return BTreeSet::new();
    }
    let output = project.command("providers schema -json").output().expect("the program");
    let shown: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let providers = shown["provider_schemas"].as_object().expect("providers");
    let kinds = providers.iter().filter(|(name, _)| name.ends_with(NATIVE) && !name.ends_with(HOSTED));
    kinds
        .filter_map(|(_, one)| one["resource_schemas"].as_object())
        .flat_map(|kinds| kinds.keys().cloned())
        .collect()
}

#[test]
fn the_table_names_each_kind_and_attribute_once() {
    let mut seen = BTreeSet::new();
    for pair in PAIRS {
        assert!(PLATFORM.contains(&format!("resource \"{}\"", pair.hosted)), "{} is not in use", pair.hosted);
        for field in pair.fields {
            assert!(
                seen.insert((pair.hosted, field.attribute)),
                "{}.{} stands twice",
                pair.hosted,
                field.attribute
            );
            assert!(field.reading.contains("#/"), "{}.{} reads nothing", pair.hosted, field.attribute);
        }
    }
}
