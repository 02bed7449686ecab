//! States that another engine wrote: kept without loss.

use formwork_state::{LANGUAGE_VERSION, format_v4};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The first and last place that OpenTofu 1.12's writer gives each key.
const TOP: &[&str] =
    &["version", "terraform_version", "serial", "lineage", "outputs", "resources", "check_results"];
const RESOURCE: &[&str] = &["module", "mode", "type", "name", "provider", "instances"];
const INSTANCE: &[&str] = &[
    "index_key",
    "status",
    "deposed",
    "schema_version",
    "attributes",
    "sensitive_attributes",
    "identity_schema_version",
    "identity",
    "private",
    "dependencies",
    "create_before_destroy",
];

fn corpora() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let given = std::env::var_os("FORMWORK_CORPORA").map(PathBuf::from);
    given.into_iter().chain([beside]).find(|folder| folder.join("equivalence").is_dir())
}

fn states(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "tfstate") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn without_ours(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("formwork");
    document["terraform_version"] = LANGUAGE_VERSION.into();
    for resource in document["resources"].as_array_mut().unwrap() {
        // Written by versions before 0.14, and read by none since.
        resource.as_object_mut().unwrap().remove("each");
    }
    sort(document)
}

/// Resources come in the order of their addresses here, and in the order of their making there.
fn sort(mut document: Value) -> Value {
    document["resources"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    document
}

#[test]
fn every_state_of_the_corpora_survives() {
    let Some(folder) = corpora() else {
        println!("not run: no data");
        return;
    };
    let states = states(&folder);
    assert!(states.len() >= 20, "{} in {}", states.len(), folder.display());
    for path in &states {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).unwrap();
        let first =
            format_v4::read(&name, &bytes).unwrap_or_else(|diagnostic| panic!("{}", diagnostic.detail)).state;
        let written = format_v4::write(&first, first.serial, None, "0.1.0").unwrap();
        let again = format_v4::read(&name, &written).unwrap().state;
        assert_eq!(
            format_v4::write(&again, again.serial, None, "0.1.0").unwrap(),
            written,
            "{name}: byte-stable"
        );
        let (expected, found): (Value, Value) =
            (serde_json::from_slice(&bytes).unwrap(), serde_json::from_slice(&written).unwrap());
        assert_eq!(without_ours(found), without_ours(expected), "{name}");
        assert_order(&written, &name);
        assert!(is_same_text(&bytes, &written), "{name}: bytes differ besides our key and the version");
    }
    println!("{} states survive", states.len());
}

/// Where the resources' order is the same, only the version's line and our own key differ.
fn is_same_text(before: &[u8], after: &[u8]) -> bool {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (before, after) = (text(before), text(after));
    let lines = |text: &str| {
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .filter(|line| !line.contains("\"terraform_version\""))
            .collect();
        lines.sort();
        lines
    };
    let end = after.find("  \"formwork\": {").unwrap_or(after.len());
    lines(&before) == lines(&format!("{}}}\n", &after[..end]))
}

/// Keys of each object stand in OpenTofu's order.
fn assert_order(bytes: &[u8], name: &str) {
    fn keys(text: &str) -> Vec<(usize, String)> {
        let own = |line: &str| {
            let trimmed = line.trim_start();
            let key = trimmed.strip_prefix('"')?.split_once("\": ")?.0;
            Some((line.len() - trimmed.len(), key.to_owned()))
        };
        text.lines().filter_map(own).collect()
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for (indent, order) in [(2, TOP), (6, RESOURCE), (10, INSTANCE)] {
        let mut last = None;
        for (found, key) in keys(&text) {
            if found < indent {
                last = None;
            }
            if found == indent
                && let Some(place) = order.iter().position(|known| *known == key)
            {
                let is_first = place == 0
                    || key == "mode"
                    || key == "module"
                    || key == "schema_version"
                    || key == "index_key"
                    || key == "deposed"
                    || key == "status";
                assert!(is_first || last < Some(place), "{name}: {key} after {last:?}");
                last = Some(place);
            }
        }
    }
}

/// Every key that an instance can have, in OpenTofu's order and form; the last brace is left off.
const EVERY_KEY: &str = r#"{
  "version": 4,
  "terraform_version": "VERSION",
  "serial": 12,
  "lineage": "4a0f03a7-03fd-9357-9fd2-b3405139fa1d",
  "outputs": {
    "b": {
      "value": [
        1,
        true
      ],
      "type": [
        "tuple",
        [
          "number",
          "bool"
        ]
      ]
    },
    "secret": {
      "value": "x",
      "type": "string",
      "sensitive": true
    }
  },
  "resources": [
    {
      "mode": "data",
      "type": "sim_image",
      "name": "ubuntu",
      "provider": "provider[\"registry.opentofu.org/formwork/sim\"].west",
      "instances": [
        {
          "schema_version": 0,
          "attributes": {
            "id": "i-1"
          },
          "sensitive_attributes": []
        }
      ]
    },
    {
      "module": "module.pool[\"a\"]",
      "mode": "managed",
      "type": "sim_machine",
      "name": "gpu",
      "provider": "module.pool.provider[\"registry.opentofu.org/formwork/sim\"]",
      "instances": [
        {
          "index_key": "k\u003e",
          "status": "tainted",
          "schema_version": 2,
          "attributes": {
            "big": 123456789012345678901234567890.5,
            "text": "a \u003c b é"
          },
          "sensitive_attributes": [
            [
              {
                "type": "get_attr",
                "value": "text"
              }
            ]
          ],
          "identity_schema_version": 1,
          "identity": {
            "id": "x"
          },
          "private": "AAEC",
          "dependencies": [
            "data.sim_image.ubuntu",
            "module.pool.sim_volume.disk"
          ],
          "create_before_destroy": true
        },
        {
          "index_key": "k\u003e",
          "deposed": "1a2b3c4d",
          "schema_version": 2,
          "attributes": {},
          "sensitive_attributes": []
        }
      ]
    }
  ],
  "check_results": null"#;

#[test]
fn the_bytes_are_opentofus() {
    let text = EVERY_KEY.replace("VERSION", LANGUAGE_VERSION);
    let state = format_v4::read("s", format!("{text}\n}}\n").as_bytes()).unwrap().state;
    let written = String::from_utf8(format_v4::write(&state, 12, None, "0.1.0").unwrap()).unwrap();
    let ours = ",\n  \"formwork\": {\n    \"version\": \"0.1.0\"\n  }\n}\n";
    assert_eq!(written, format!("{text}{ours}"));
}
