use super::{Source, files, merged};
use formwork_value::{Type, Value, encode_plain};
use std::path::Path;

fn cases() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/inventory/cases"))
}

/// `expected.json` is what `ansible-inventory --list` of ansible-core 2.19.14 says of the files, a host an entry.
#[test]
fn an_inventory_is_read_as_ansible_reads_it() {
    for path in ["ini/hosts.ini", "yaml/hosts.yaml"] {
        let path = cases().join(path);
        let (inventory, folders) = files::read(&path, false).unwrap();
        let found = merged(&inventory, &folders).unwrap();
        let found: serde_json::Map<_, _> = found
            .into_iter()
            .map(|(name, host)| {
                (name, serde_json::json!({ "groups": host.groups, "variables": host.variables }))
            })
            .collect();
        let expected = std::fs::read_to_string(path.with_file_name("expected.json")).unwrap();
        let expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&expected).unwrap();
        for (name, host) in &expected {
            assert_eq!(found.get(name), Some(host), "{name} of {}", path.display());
        }
        assert_eq!(found.len(), expected.len());
    }
}

fn read(path: &str) -> Result<String, String> {
    let configuration = Value::object(vec![
        ("path".into(), Value::from(path)),
        ("skip_encrypted".into(), Value::from(false)),
    ]);
    let found = Source::read_files(&configuration).map_err(|error| error.message)?;
    let groups = found.get("groups").unwrap().value_type();
    assert_eq!(groups, Type::map(Type::list(Type::String)), "what the schema says");
    Ok(encode_plain(&found).unwrap())
}

#[test]
fn hosts_are_what_resources_take() {
    let said = read(cases().join("ini/hosts.ini").to_str().unwrap()).unwrap();
    for part in [
        r#""gateway":{"groups":[],"host":{"address":"gateway","bastion":null,"become":null,"connection":null,"host_key":null,"port":2222,"user":null}"#,
        r#""host":{"address":"10.0.0.1","#,
        r#""port":null,"user":"trainer"}"#,
        r#""storage":["bare","store1"]"#,
        r#""cluster":["gpu01","gpu02","gpu03","gpu-a.example.org","gpu-c.example.org","bare","store1"]"#,
        r#""ungrouped":["gateway"]"#,
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn a_text_is_an_inventory_too() {
    for text in ["[gpu]\na rack=1\n", "gpu:\n  hosts:\n    a: {rack: 1}\n"] {
        let configuration = Value::object(vec![("content".into(), Value::from(text))]);
        let said = encode_plain(&Source::read_files(&configuration).ok().unwrap()).unwrap();
        assert!(said.contains(r#""groups":{"all":["a"],"gpu":["a"],"ungrouped":[]}"#), "{said}");
        assert!(said.contains(r#""variables":{"rack":1}"#), "{said}");
    }
    let neither = Source::read_files(&Value::object(vec![])).err().unwrap();
    assert!(neither.message.contains("give one of path and content"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, text, expected) in [
        ("a", "[g\nx", "line 1: "),
        ("b", "x y", "line 1: NAME=VALUE is expected, not y"),
        ("c", "[g:vars]\nx", "line 2: NAME=VALUE is expected"),
        ("d", "[g:hosts:more]", "line 1: a section is"),
        ("e.yml", "all: {hosts: [a]}", "hosts of all is no mapping"),
        ("f.yml", "all: {host: {a: }}", "host of all: a group has hosts, vars and children"),
        ("g.yml", "a: {children: {b: }}\nb: {children: {a: }}", "its groups are each other's children"),
        ("h", "#!/bin/sh\n", "it is a program"),
        ("i", "g[9:1]", "is no range"),
    ] {
        std::fs::write(path(name), text).unwrap();
        let error = read(&path(name)).unwrap_err();
        assert!(error.contains(expected) && error.contains(&path(name)), "{name}: {error}");
    }
    assert!(read(&path("nowhere")).unwrap_err().contains("No such file"));
}
