use super::dependencies::CLOSURE_LIMIT;
use super::*;
use crate::address::{BlockAddress, Edge, Key};
use crate::fixtures::{key, object, raw};
use crate::model::{LANGUAGE_VERSION, Object, State, Status, Target};
use formwork_value::Path;
use serde_json::{Value, json};
use std::sync::Arc;

/// All that another engine may have written, some of it unknown here.
const FOREIGN: &str = r#"{
  "version": 4,
  "terraform_version": "1.3.7",
  "serial": 7,
  "lineage": "l",
  "outputs": {
    "big": {"value": 123456789012345678901234567890.123, "type": "number"},
    "secret": {"value": "a < b & c", "type": "string", "sensitive": true}
  },
  "resources": [
    {
      "mode": "data", "type": "d", "name": "n",
      "instances": [
        {"schema_version": 0, "attributes": {}, "sensitive_attributes": [], "instance_provider": "provider[\"example.com/a/b\"].east[\"k\"]"}
      ]
    },
    {
      "mode": "managed", "type": "t", "name": "n", "provider": "module.p.provider[\"example.com/a/b\"].east",
      "instances": [
        {"index_key": "a \"quoted\" ${key}", "schema_version": 2, "attributes": {"n": 1e400}, "sensitive_attributes": [[]]}
      ]
    },
    {
      "module": "module.a[\"k\"]",
      "mode": "managed", "type": "t", "name": "n", "each": "list",
      "provider": "provider[\"example.com/a/b\"]",
      "instances": [
        {"index_key": 0, "status": "tainted", "schema_version": 2,
         "attributes": {"big": 123456789012345678901234567890, "s": "\u00e9 \u003c \u2028", "empty": {}, "list": [1, []]},
         "sensitive_attributes": [[{"type": "get_attr", "value": "s"}], [{"type": "get_attr", "value": "list"}, {"type": "index", "value": {"value": 0, "type": "number"}}]],
         "private": "AAEC", "dependencies": ["t.other", "data.d.n"],
         "create_before_destroy": true, "identity_schema_version": 3, "identity": {"id": 1}, "skip_destroy": true},
        {"index_key": 0, "deposed": "1a2b3c4d", "schema_version": 2, "attributes": {}, "sensitive_attributes": []},
        {"index_key": 10, "schema_version": 0, "attributes": {}, "sensitive_attributes": []}
      ],
      "unknown": [1]
    }
  ],
  "check_results": [{"object_kind": "var", "config_addr": "var.x", "status": "pass", "objects": null}],
  "future": {"a": 1}
}"#;

fn rewrite(bytes: &[u8]) -> Vec<u8> {
    let snapshot = read("s", bytes).unwrap();
    write(&snapshot.state, snapshot.state.serial, snapshot.follows.as_deref(), "0.1.0").unwrap()
}

/// A file without what a writer puts there itself, and without what stands for nothing.
fn essence(bytes: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    let top = value.as_object_mut().unwrap();
    top.remove(ours::KEY);
    top.remove("terraform_version");
    top.entry("check_results").or_insert(Value::Null);
    for resource in value["resources"].as_array_mut().unwrap() {
        for instance in resource["instances"].as_array_mut().unwrap() {
            instance.as_object_mut().unwrap().entry("sensitive_attributes").or_insert(json!([]));
        }
    }
    value
}

#[test]
fn what_another_engine_wrote_survives() {
    let written = rewrite(FOREIGN.as_bytes());
    assert_eq!(essence(&written), essence(FOREIGN.as_bytes()));
    assert_eq!(rewrite(&written), written, "writing is stable to the byte");
    assert!(
        String::from_utf8(written)
            .unwrap()
            .contains(&format!("\"terraform_version\": \"{LANGUAGE_VERSION}\""))
    );
}

#[test]
fn what_is_read_is_understood() {
    let state = read("s", FOREIGN.as_bytes()).unwrap().state;
    let first = state.object(&key("module.a[\"k\"].t.n[0]")).unwrap();
    assert_eq!(
        (first.status, first.schema_version, first.private.as_deref()),
        (Status::Tainted, 2, Some(&[0, 1, 2][..]))
    );
    let paths = [Path::root().attribute("s"), Path::root().attribute("list").index(0)];
    assert_eq!(first.sensitive_paths, paths);
    assert_eq!(
        (first.identity.as_ref().unwrap().get(), first.identity_schema_version),
        ("{\"id\": 1}", Some(3))
    );
    assert!(first.create_before_destroy && first.skip_destroy);
    assert!(state.object(&key("module.a[\"k\"].t.n[0] (deposed 1a2b3c4d)")).is_some());
    let root: BlockAddress = "t.n".parse().unwrap();
    let other = state.current(&root.instance(Key::Text("a \"quoted\" ${key}".into()))).unwrap();
    assert_eq!(other.sensitive_paths, [Path::root()], "the whole object is sensitive");
    assert_eq!(other.provider.to_string(), "module.p.provider[\"example.com/a/b\"].east");
    let data = state.object(&key("data.d.n")).unwrap();
    assert_eq!(data.provider.to_string(), "provider[\"example.com/a/b\"].east[\"k\"]");
    assert_eq!((state.serial, state.outputs["secret"].sensitive), (7, true));
}

#[test]
fn the_layout_is_the_one_users_know() {
    let mut state = State::new("l");
    let one = Object {
        attributes: raw("{\"b\":[],\"a\":\"<\"}"),
        edges: vec!["object a.y".parse().unwrap()],
        ..Object::default()
    };
    state.insert(key("a.x[0]"), Arc::new(one));
    state.targets.insert("p".into(), Target { id: "i".into(), words: "w".into() });
    let expected = r#"{
  "version": 4,
  "terraform_version": "LANGUAGE",
  "serial": 3,
  "lineage": "l",
  "outputs": {},
  "resources": [
    {
      "mode": "managed",
      "type": "a",
      "name": "x",
      "provider": "provider[\"terraform.io/builtin/terraform\"]",
      "instances": [
        {
          "index_key": 0,
          "schema_version": 0,
          "attributes": {
            "b": [],
            "a": "\u003c"
          },
          "sensitive_attributes": [],
          "dependencies": [
            "a.y"
          ],
          "formwork": {
            "edges": [
              "object a.y"
            ]
          }
        }
      ]
    }
  ],
  "check_results": null,
  "formwork": {
    "version": "0.1.0",
    "follows": "r",
    "targets": {
      "p": {
        "id": "i",
        "words": "w"
      }
    }
  }
}
"#;
    let text = String::from_utf8(write(&state, 3, Some("r"), "0.1.0").unwrap()).unwrap();
    assert_eq!(text, expected.replace("LANGUAGE", LANGUAGE_VERSION));
    assert_eq!(read("s", text.as_bytes()).unwrap().follows.as_deref(), Some("r"));
}

#[test]
fn damage_has_a_place_and_no_secret() {
    let resource = |instance: &str| {
        format!(
            "{{\"version\":4,\n\"resources\":[{{\"mode\":\"managed\",\"type\":\"t\",\"name\":\"n\",\"provider\":\"provider[\\\"a/b\\\"]\",\"instances\":[{instance}]}}]}}"
        )
    };
    let twice = "{\"schema_version\":0,\"attributes\":{}},{\"schema_version\":0,\"attributes\":{}}";
    let cases = [
        ("{\"version\": 4,".to_owned(), "line 1, column 14: EOF"),
        (String::new(), "line 1, column 0: EOF"),
        ("{}".to_owned(), "there is no \"version\""),
        ("[]".to_owned(), "expected a state object"),
        ("{\"version\": 3}".to_owned(), "version 3 of the state format is from before Terraform 0.12"),
        ("{\"version\": 5}".to_owned(), "version 5 of the state format is newer than this program"),
        ("{\"version\": \"4\"}".to_owned(), "no whole number"),
        ("{\"version\":4,\"serial\":-1}".to_owned(), "line 1, column 25: \"serial\" must not be negative"),
        ("{\"version\":4,\"serial\":1.5}".to_owned(), "\"serial\" must be a whole number"),
        ("{\"encrypted_data\":\"hunter2\"}".to_owned(), "is encrypted"),
        ("{\"version\":4,\"lineage\":[]}".to_owned(), "invalid type: sequence"),
        ("{\"version\":4}\n{}".to_owned(), "line 2, column 1: trailing characters"),
        ("{\"version\":4,\"outputs\":\"hunter2\"}".to_owned(), "invalid type: string, expected"),
        (
            "{\"version\":4,\"resources\":[\"hunter2\"]}".to_owned(),
            "invalid type: string, expected a resource",
        ),
        ("{\"version\":4,\"resources\":[{\"mode\":\"hunter2\"}]}".to_owned(), "neither managed nor data"),
        ("{\"version\":4,\"resources\":[{\"mode\":\"data\"}]}".to_owned(), "lacks its mode, type or name"),
        (resource("{\"index_key\":true}"), "line 2, column "),
        (resource("{\"index_key\":-1}"), "neither a whole number nor a text"),
        (resource("{\"status\":\"hunter2\"}"), "a status that is not \"tainted\""),
        (resource("{\"deposed\":\"1234\"}"), "eight hexadecimal digits"),
        (resource("{\"private\":\"hunter2!\"}"), "private bytes are no base64"),
        (resource("{\"sensitive_attributes\":[1]}"), "no list of paths"),
        (resource("{\"attributes_flat\":{\"a\":[\"hunter2\"]}}"), "invalid type: sequence"),
        (resource(twice), "t.n appears twice"),
    ];
    for (text, expected) in cases {
        let diagnostic = read("s", text.as_bytes()).unwrap_err();
        assert!(diagnostic.detail.contains(expected), "{expected} in {}", diagnostic.detail);
        assert!(
            diagnostic.detail.starts_with("s, line ") && !diagnostic.detail.contains("hunter2"),
            "{}",
            diagnostic.detail
        );
    }
}

fn with_edges(edges: &[&str]) -> Arc<Object> {
    let edges = edges.iter().map(|text| text.parse().unwrap()).collect();
    Arc::new(Object { edges, ..Object::clone(&object(0)) })
}

fn dependencies(state: &State, name: &str) -> Vec<String> {
    let bytes = write(state, 1, None, "").unwrap();
    let written: Value = serde_json::from_slice(&bytes).unwrap();
    let resources = written["resources"].as_array().unwrap();
    let resource = resources.iter().find(|resource| resource["name"] == name).unwrap();
    let found = resource["instances"][0]["dependencies"].as_array().cloned().unwrap_or_default();
    found.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn dependencies_are_the_closure_by_block() {
    let mut state = State::new("l");
    state.insert(key("t.a[0]"), with_edges(&[]));
    state.insert(key("module.m[1].t.b"), with_edges(&["object t.a[0]", "object t.a[1]"]));
    state.insert(key("t.c"), with_edges(&["node local.x", "block t.c"]));
    state.insert(key("data.t.d"), with_edges(&["object t.c"]));
    let old = Object { dependencies: vec!["t.z".into(), "t.a".into()], ..Object::clone(&object(0)) };
    state.insert(key("t.old"), Arc::new(old));
    state.insert(key("t.e"), with_edges(&["object t.old"]));
    let provider_edges = vec![Edge::Block("module.m[1].t.b".parse().unwrap())];
    state.insert(key("t.f"), Arc::new(Object { provider_edges, ..Object::clone(&object(0)) }));
    let edges = [Edge::Node("local.y".into())];
    state.node_edges.insert("local.x".into(), edges.to_vec());
    state.node_edges.insert(
        "local.y".into(),
        vec![Edge::Node("local.x".into()), "object module.m[1].t.b".parse().unwrap()],
    );
    let cases: [(&str, &[&str]); 7] = [
        ("a", &[]),
        ("b", &["t.a"]),
        ("c", &["module.m.t.b", "t.a"]),
        // Other engines keep nothing of data.
        ("d", &[]),
        ("old", &["t.z", "t.a"]),
        ("e", &["t.a", "t.old", "t.z"]),
        ("f", &["module.m.t.b", "t.a"]),
    ];
    for (name, expected) in cases {
        assert_eq!(dependencies(&state, name), expected, "{name}");
    }
}

#[test]
fn a_long_chain_stays_linear() {
    let mut state = State::new("l");
    let length = CLOSURE_LIMIT * 4;
    for at in 0..length {
        let before = format!("object t.x{}", at.saturating_sub(1));
        let edges: &[&str] = if at == 0 { &[] } else { &[&before] };
        state.insert(key(&format!("t.x{at}")), with_edges(edges));
    }
    assert_eq!(dependencies(&state, &format!("x{CLOSURE_LIMIT}")).len(), CLOSURE_LIMIT);
    assert_eq!(dependencies(&state, &format!("x{}", CLOSURE_LIMIT + 1)), [format!("t.x{CLOSURE_LIMIT}")]);
    assert_eq!(dependencies(&state, &format!("x{}", length - 1)), [format!("t.x{}", length - 2)]);
}
