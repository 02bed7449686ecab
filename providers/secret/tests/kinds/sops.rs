//! Files made by sops 3.13 (`fixtures/make` says how), read, and refused where something of them was changed.

use super::{answer, connection, entry, faults, list, nothing, opened, text, words};
use formwork_value::Value;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

const KIND: &str = "secret_sops";
const OTHER_KEY: &str = "AGE-SECRET-KEY-1PMVXESYNRE6S9EAUGEG026GRXXFUN7FV74AFQMC3N6UCVUTDL4JSQ6U55R";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn key() -> String {
    std::fs::read_to_string(fixture("key.txt")).unwrap()
}

fn given(path: &Path) -> [(&'static str, Value); 2] {
    [("path", path.to_str().unwrap().into()), ("identities", list(&[&key()]))]
}

async fn json_of(name: &str) -> (Value, Json) {
    let found = opened(KIND, &given(&fixture(name))).await.map_err(|error| words(&error)).unwrap();
    let document = serde_json::from_str(&text(&found, "json").unwrap()).unwrap();
    (found, document)
}

#[tokio::test]
async fn a_document_is_read_whole_and_by_its_paths() {
    let document = json!({
        "database": { "password": "t1.677844965c5c", "port": 5432, "ratio": 0.25, "is_open": true, "empty": "", "none": null },
        "hosts": ["a.example", "b.example", { "name": "c" }],
        "certificate": "-----BEGIN-----\nabc\n-----END-----\n",
        "note_unencrypted": { "text": "in clear", "count": 7, "share": 1.5, "is_old": false },
    });
    for name in ["values.yaml", "values.json"] {
        let (found, read) = json_of(name).await;
        assert_eq!(read, document, "{name}");
        for (path, value) in [
            ("database.password", "t1.677844965c5c"),
            ("database.port", "5432"),
            ("database.ratio", "0.25"),
            ("database.is_open", "true"),
            ("database.empty", ""),
            ("hosts.1", "b.example"),
            ("hosts.2.name", "c"),
            ("note_unencrypted.count", "7"),
        ] {
            assert_eq!(entry(&found, "data", path).as_deref(), Some(value), "{name}: {path}");
        }
        assert_eq!(entry(&found, "data", "database.none"), None);
        assert!(found.get("content").unwrap().is_null() && found.get("content_base64").unwrap().is_null());
    }
}

#[tokio::test]
async fn every_rule_of_what_is_encrypted_is_followed() {
    let document = json!({ "data": { "password": "hunter2", "size": 3 }, "kind": "Secret", "when": "2026-11-27T00:00:00Z" });
    for name in ["regex.yaml", "mac-only.yaml", "suffix.yaml", "unencrypted-regex.yaml"] {
        let mut expected = document.clone();
        if name == "suffix.yaml" {
            expected = json!({ "data_secret": { "password": "hunter2", "size": 3 }, "kind": "Secret", "when": "2026-11-27T00:00:00Z" });
        }
        assert_eq!(json_of(name).await.1, expected, "{name}");
    }
}

#[tokio::test]
async fn flat_files_and_whole_files_are_read() {
    let (found, _) = json_of("values.env").await;
    assert_eq!(entry(&found, "data", "PASSWORD").as_deref(), Some("t1.677844965c5c"));
    assert_eq!(entry(&found, "data", "LINES").as_deref(), Some("a\nb=c"));
    assert_eq!(entry(&found, "data", "MODE_unencrypted").as_deref(), Some("in clear"));
    let (found, _) = json_of("values.ini").await;
    for (path, value) in [
        ("DEFAULT.top", "level"),
        ("database.password", "t1.677844965c5c"),
        ("database.comment", "a # b ; c"),
        ("database.mode_unencrypted", "with # and = in it"),
        ("other.spaces", "  kept  "),
    ] {
        assert_eq!(entry(&found, "data", path).as_deref(), Some(value), "{path}");
    }
    for (name, content, encoded) in
        [("text.bin", Some("hunter2\n"), "aHVudGVyMgo="), ("bytes.bin", None, "/wD+")]
    {
        let found = opened(KIND, &given(&fixture(name))).await.map_err(|error| words(&error)).unwrap();
        assert_eq!(text(&found, "content").as_deref(), content);
        assert_eq!(text(&found, "content_base64").as_deref(), Some(encoded));
        assert!(found.get("data").unwrap().is_null() && found.get("json").unwrap().is_null());
    }
}

/// The file with each of the first texts replaced by the second.
async fn changed(name: &str, change: impl Fn(&str) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let before = std::fs::read_to_string(fixture(name)).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "{name}: nothing was changed");
    std::fs::write(&path, after).unwrap();
    words(&opened(KIND, &given(&path)).await.unwrap_err())
}

fn line<'t>(text: &'t str, name: &str) -> &'t str {
    text.lines().find(|line| line.trim_start().starts_with(name)).unwrap()
}

#[tokio::test]
async fn a_file_that_was_changed_is_refused() {
    let swapped = |text: &str| {
        let value = |name: &str| line(text, name).split_once(": ").unwrap().1.to_owned();
        text.replace(&value("password"), &value("port"))
    };
    let without = |name: &'static str| move |text: &str| text.replace(&format!("{}\n", line(text, name)), "");
    let mac = "changed after sops wrote it (MAC mismatch)";
    let place = "at .path";
    for (said, part) in [
        (changed("values.yaml", |text| text.replace("text: in clear", "text: in the clear")).await, mac),
        (changed("values.yaml", |text| text.replace("count: 7", "count: 8")).await, mac),
        (changed("values.yaml", without("ratio")).await, mac),
        (changed("values.yaml", without("mac")).await, "no authentication code"),
        (
            changed("values.yaml", without("lastmodified")).await,
            "its authentication code cannot be decrypted",
        ),
        (changed("values.yaml", swapped).await, "database.password cannot be decrypted"),
        (
            changed("values.yaml", |text| text.replace("password:", "pasword:")).await,
            "database.pasword cannot be decrypted",
        ),
        (
            changed("values.yaml", |text| text.replace("port: ENC[", "port: hunter2 # ENC[")).await,
            "database.port cannot be decrypted",
        ),
        (
            changed("values.yaml", |text| text.replace(line(text, "port"), "    port: 5432")).await,
            "database.port is not encrypted",
        ),
        (changed("values.env", |text| text.replace("in clear", "in the clear")).await, mac),
        (changed("values.ini", |text| text.replace("with #", "with another #")).await, mac),
        (
            changed("text.bin", |text| text.replace("\"data\":", "\"date\":")).await,
            "date cannot be decrypted",
        ),
        // What is not covered by a code of encrypted values alone is covered by nothing.
        (
            changed("mac-only.yaml", |text| {
                text.replace("mac_only_encrypted: true", "mac_only_encrypted: false")
            })
            .await,
            mac,
        ),
    ] {
        assert!(said.contains(part) && said.contains(place), "no {part:?} in {said}");
        assert!(!said.contains("hunter2") && !said.contains("t1.6778"), "{said}");
    }
}

#[tokio::test]
async fn what_is_not_read_here_says_what_reads_it() {
    let other =
        |service: &'static str| move |text: &str| text.replace("    age:\n", &format!("    {service}:\n"));
    for (said, part) in [
        (
            changed("values.yaml", other("kms")).await,
            "encrypted for AWS KMS, and only age keys are supported",
        ),
        (changed("values.yaml", other("pgp")).await, "encrypted for PGP"),
        (
            changed("values.yaml", |text| {
                text.replace("unencrypted_suffix: _unencrypted", "encrypted_comment_regex: x")
            })
            .await,
            "comments say which",
        ),
    ] {
        assert!(said.contains(part) && said.contains("secret_command") && said.contains("sops"), "{said}");
    }
    let shared = words(&opened(KIND, &given(&fixture("groups.yaml"))).await.unwrap_err());
    assert!(shared.contains("several groups") && shared.contains("secret_command"), "{shared}");
    let folder = tempfile::tempdir().unwrap();
    for (name, content, part) in [
        ("a.yaml", "a: 1\n", "not written by sops"),
        ("a.yaml", "a: [\n", "no YAML, at line"),
        ("a.yaml", "- a\n", "no map of values"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "several documents"),
        ("a.yaml", "", "it is empty"),
        ("a.json", "{", "no JSON, at line 1"),
        ("a.env", "A=1\nhunter2\n", "no dotenv file, at line 2"),
        ("a.ini", "[a]\nhunter2\n", "no INI file, at line 2"),
        ("a", "hunter2", "no JSON, at line 1 column 1"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let said = words(&opened(KIND, &given(&path)).await.unwrap_err());
        assert!(said.contains(part) && !said.contains("hunter2"), "{name}: no {part:?} in {said}");
    }
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for name in ["deep.json", "deep.yaml"] {
        std::fs::write(folder.path().join(name), &deep).unwrap();
        assert!(opened(KIND, &given(&folder.path().join(name))).await.is_err());
    }
}

#[tokio::test]
async fn keys_come_from_the_configuration_or_else_from_the_environment() {
    fn key_itself(name: &str) -> Option<String> {
        (name == "SOPS_AGE_KEY").then(key)
    }
    fn key_file(name: &str) -> Option<String> {
        (name == "SOPS_AGE_KEY_FILE").then(|| fixture("key.txt").display().to_string())
    }
    fn nowhere(name: &str) -> Option<String> {
        (name == "SOPS_AGE_KEY_FILE").then(|| fixture("no-key.txt").display().to_string())
    }
    let path = || ("path", Value::from(fixture("values.yaml").to_str().unwrap()));
    for environment in [key_itself as fn(&str) -> Option<String>, key_file] {
        let (found, _) = answer(&connection(environment).await, KIND, &[path()]).await.unwrap();
        assert_eq!(entry(&found, "data", "database.password").as_deref(), Some("t1.677844965c5c"));
    }
    let file = ("identity_file", Value::from(fixture("key.txt").to_str().unwrap()));
    assert!(answer(&connection(nowhere).await, KIND, &[path(), file]).await.is_ok());
    for (environment, more, part) in [
        (nothing as fn(&str) -> Option<String>, None, "no age key to decrypt it with"),
        (nowhere, None, "no-key.txt cannot be read"),
        // What is given is all that is tried.
        (
            key_itself,
            Some(("identities", list(&[OTHER_KEY]))),
            "none of the identities is one of its recipients. It is for age1",
        ),
    ] {
        let given: Vec<_> = [path()].into_iter().chain(more).collect();
        let said = words(&answer(&connection(environment).await, KIND, &given).await.unwrap_err());
        assert!(said.contains(part) && !said.contains("AGE-SECRET"), "no {part:?} in {said}");
    }
    assert_eq!(faults(KIND, &[path(), ("identities", list(&["AGE-SECRET-KEY-1"]))]), [".identities"]);
    assert_eq!(faults(KIND, &[path(), ("format", "toml".into())]), [".format"]);
}
