//! `secret_vault` on a real server: needs `tests/lab/openbao`.

use super::{answer, connection, entry, nothing, text, words};
use formwork_provider_secret::secret;
use formwork_sdk::values::object;
use formwork_sdk::{ErrorKind, Provider as _, Request, Response};
use formwork_value::Value;
use std::collections::BTreeMap;

const KIND: &str = "secret_vault";

/// What the lab's file says, or nothing where no lab is up and none is asked for.
fn lab() -> Option<BTreeMap<String, String>> {
    let path = std::env::var("FORMWORK_LAB_OPENBAO").ok();
    let is_needed = std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == "openbao"));
    assert!(path.is_some() || !is_needed, "FORMWORK_LAB=openbao, but no lab is up");
    let text = std::fs::read_to_string(path?).unwrap();
    let file: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let texts = file.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    Some(texts.collect())
}

#[tokio::test]
async fn a_real_server_gives_its_secrets() {
    let Some(lab) = lab() else { return };
    let roots = std::fs::read_to_string(&lab["ca"]).unwrap();
    let place = || {
        vec![
            ("address", Value::from(lab["address"].as_str())),
            ("ca_certificate", Value::from(roots.as_str())),
        ]
    };
    let token = || ("token", Value::from(lab["token"].as_str()));
    let path = |path: &str| ("path", Value::from(path));
    let database = || path("platform/database");
    for (name, more, expected) in [
        ("the newest", vec![token(), database()], ("second", Some(2))),
        ("an older one", vec![token(), database(), ("version", 1.into())], ("first", Some(1))),
        (
            "of engine 1",
            vec![token(), database(), ("mount", "kv1".into()), ("kv_version", 1.into())],
            ("old", None),
        ),
        ("of a namespace", vec![token(), database(), ("namespace", "team".into())], ("team's", Some(1))),
    ] {
        let given = [place(), more].concat();
        let found = answer(&connection(nothing).await, KIND, &given).await;
        let (found, _) = found.unwrap_or_else(|error| panic!("{name}: {}", words(&error)));
        let (password, version) = expected;
        assert_eq!(entry(&found, "data", "password").as_deref(), Some(password), "{name}");
        assert_eq!(found.get("version").and_then(Value::as_i64), version, "{name}");
        assert_eq!(text(&found, "created_time").is_some(), version.is_some(), "{name}");
    }
    for (name, more, kind) in [
        ("no such secret", vec![token(), path("platform/none")], ErrorKind::NotFound),
        ("no such version", vec![token(), database(), ("version", 9.into())], ErrorKind::NotFound),
        ("no such mount", vec![token(), database(), ("mount", "none".into())], ErrorKind::NotFound),
        ("another's token", vec![("token", "s.nobody".into()), database()], ErrorKind::Denied),
    ] {
        let given = [place(), more].concat();
        let error = answer(&connection(nothing).await, KIND, &given).await.map(drop).unwrap_err();
        assert_eq!(error.kind, kind, "{name}: {}", words(&error));
        assert!(!words(&error).contains(lab["token"].as_str()), "{name}");
    }
    let given = [("address", lab["address"].as_str().into()), token(), database()];
    let error = answer(&connection(nothing).await, KIND, &given).await.map(drop).unwrap_err();
    assert!(words(&error).contains("certificate"), "whose certificate is not known: {}", words(&error));
}

/// A role reads what it may, with a token of its own that is worth nothing once that is closed.
#[tokio::test]
async fn a_real_role_reads_what_it_may() {
    let Some(lab) = lab() else { return };
    let roots = std::fs::read_to_string(&lab["ca"]).unwrap();
    let schema = secret(nothing).schema();
    let role = |secret_id: &str| {
        let block = schema.ephemeral_resources[KIND].block.blocks["app_role"].block.clone();
        let given = [("role_id", lab["role_id"].as_str().into()), ("secret_id", secret_id.into())];
        object(&formwork_sdk::KindSchema::new(block, ""), &given)
    };
    let given = |path: &str, secret_id: &str| {
        [
            ("address", Value::from(lab["address"].as_str())),
            ("ca_certificate", Value::from(roots.as_str())),
            ("path", path.into()),
            ("app_role", role(secret_id)),
        ]
    };
    let connection = connection(nothing).await;
    let found = answer(&connection, KIND, &given("platform/database", &lab["secret_id"])).await;
    let (found, private) = found.unwrap_or_else(|error| panic!("{}", words(&error)));
    assert_eq!(entry(&found, "data", "password").as_deref(), Some("second"));
    for (path, secret_id) in [("private/key", lab["secret_id"].as_str()), ("platform/database", "wrong")] {
        let error = answer(&connection, KIND, &given(path, secret_id)).await.map(drop).unwrap_err();
        assert!(!words(&error).contains(lab["secret_id"].as_str()), "{}", words(&error));
    }
    let own: serde_json::Value = serde_json::from_slice(&private).unwrap();
    let with_own = [
        ("address", Value::from(lab["address"].as_str())),
        ("ca_certificate", Value::from(roots.as_str())),
        ("path", "platform/database".into()),
        ("token", own["token"].as_str().unwrap().into()),
    ];
    assert!(answer(&connection, KIND, &with_own).await.is_ok());
    let closing = Request::CloseEphemeral { kind: KIND.to_owned(), private };
    assert!(matches!(connection.call(closing).await, Response::Renewed(Ok(None))));
    let error = answer(&connection, KIND, &with_own).await.map(drop).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "it was revoked: {}", words(&error));
}
