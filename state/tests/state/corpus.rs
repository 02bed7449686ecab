//! States that another engine wrote: kept without loss.

use formwork_state::{LANGUAGE_VERSION, format_v4};
use std::path::{Path, PathBuf};

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

/// The text less our own key and its spacing, with one version for all.
fn without_ours(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let text = match text.split_once(",\n  \"formwork\": {") {
        Some((before, _)) => format!("{before}\n}}\n"),
        None => text,
    };
    let is_version = |line: &&str| !line.starts_with("  \"terraform_version\"");
    let words = |line: &str| line.trim_start().replace("\": ", "\":");
    text.lines().filter(is_version).map(words).collect::<Vec<_>>().join("\n")
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
        assert_eq!(without_ours(&written), without_ours(&bytes), "{name}");
    }
    println!("{} states survive", states.len());
}

/// Every key that an instance can have, in OpenTofu's order and form.
const WHOLE: &str = r#"{
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
    let text = WHOLE.replace("VERSION", LANGUAGE_VERSION);
    let state = format_v4::read("s", format!("{text}\n}}\n").as_bytes()).unwrap().state;
    let written = String::from_utf8(format_v4::write(&state, 12, None, "0.1.0").unwrap()).unwrap();
    let ours = ",\n  \"formwork\": {\n    \"version\": \"0.1.0\"\n  }\n}\n";
    assert_eq!(written, format!("{text}{ours}"));
}
