use super::{answer, connection, entry, faults, nothing, text, words};
use formwork_provider_secret::secret;
use formwork_sdk::values::object;
use formwork_sdk::{ErrorKind, Provider as _, Request, Response};
use formwork_value::Value;
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

const KIND: &str = "secret_vault";
const KEY_VALUE_2: &str = r#"{"data": {"data": {"password": "hunter2", "port": 5432, "hosts": ["a"]},
    "metadata": {"version": 3, "created_time": "2026-11-27T01:00:00Z"}}}"#;

/// What a request said: its first line, its token and namespace, its body.
struct Asked {
    line: String,
    token: Option<String>,
    namespace: Option<String>,
    body: String,
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked { line: String::new(), token: None, namespace: None, body: String::new() };
    reader.read_line(&mut asked.line).ok()?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "x-vault-token" => asked.token = Some(value.to_owned()),
            "x-vault-namespace" => asked.namespace = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}

/// A server that gives these answers, one after the other: its address, and what it was asked.
fn server(answers: Vec<(&'static str, &'static str)>) -> (String, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let Some(asked) = read(&stream) else { return };
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
            let _ = sender.send(asked);
        }
    });
    (address, receiver)
}

#[tokio::test]
async fn a_secret_is_read_with_a_token() {
    let (address, asked) = server(vec![("200 OK", KEY_VALUE_2)]);
    let given = [
        ("address", format!("{address}/").into()),
        ("token", "s.token".into()),
        ("namespace", "team".into()),
        ("mount", "kv/".into()),
        ("path", "/platform/data base".into()),
        ("version", 3.into()),
    ];
    let (found, private) = answer(&connection(nothing).await, KIND, &given).await.unwrap();
    assert!(private.is_empty(), "there is nothing to give back");
    let asked = asked.recv().unwrap();
    assert_eq!(asked.line, "GET /v1/kv/data/platform/data%20base?version=3 HTTP/1.1\r\n");
    assert_eq!((asked.token.as_deref(), asked.namespace.as_deref()), (Some("s.token"), Some("team")));
    for (name, value) in [("password", "hunter2"), ("port", "5432"), ("hosts", "[\"a\"]")] {
        assert_eq!(entry(&found, "data", name).as_deref(), Some(value));
    }
    assert!(text(&found, "json").unwrap().contains("\"port\":5432"));
    assert_eq!(found.get("version").and_then(Value::as_i64), Some(3));
    assert_eq!(text(&found, "created_time").as_deref(), Some("2026-11-27T01:00:00Z"));
}

#[tokio::test]
async fn engine_1_has_no_versions() {
    let (address, asked) = server(vec![("200 OK", r#"{"data": {"version": "of the user", "data": "x"}}"#)]);
    let given =
        [("address", address.into()), ("token", "t".into()), ("path", "a".into()), ("kv_version", 1.into())];
    let (found, _) = answer(&connection(nothing).await, KIND, &given).await.unwrap();
    assert_eq!(asked.recv().unwrap().line, "GET /v1/secret/a HTTP/1.1\r\n");
    assert_eq!(entry(&found, "data", "version").as_deref(), Some("of the user"));
    assert!(found.get("version").unwrap().is_null() && found.get("created_time").unwrap().is_null());
}

#[tokio::test]
async fn a_token_of_a_role_is_revoked_when_it_is_closed() {
    let login = r#"{"auth": {"client_token": "s.short"}}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "account-token\n").unwrap();
    let schema = secret(nothing).schema();
    let block = |name: &str, given: &[(&str, Value)]| {
        let block = schema.ephemeral_resources[KIND].block.blocks[name].block.clone();
        object(&formwork_sdk::KindSchema::new(block, ""), given)
    };
    let role = block("app_role", &[("role_id", "r".into()), ("secret_id", "the-secret-id".into())]);
    let account = block(
        "kubernetes",
        &[("role", "planner".into()), ("token_file", file.to_str().unwrap().into()), ("mount", "k8s".into())],
    );
    for (name, block, line, body) in [
        (
            "app_role",
            role,
            "POST /v1/auth/approle/login",
            json!({ "role_id": "r", "secret_id": "the-secret-id" }),
        ),
        (
            "kubernetes",
            account,
            "POST /v1/auth/k8s/login",
            json!({ "role": "planner", "jwt": "account-token" }),
        ),
    ] {
        let (address, asked) =
            server(vec![("200 OK", login), ("200 OK", KEY_VALUE_2), ("204 No Content", "")]);
        let given = [("address", address.into()), ("path", "a".into()), (name, block)];
        let connection = connection(nothing).await;
        let (_, private) = answer(&connection, KIND, &given).await.map_err(|error| words(&error)).unwrap();
        let first = asked.recv().unwrap();
        assert!(first.line.starts_with(line) && first.token.is_none(), "{}", first.line);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&first.body).unwrap(), body);
        assert_eq!(asked.recv().unwrap().token.as_deref(), Some("s.short"));
        let closing = Request::CloseEphemeral { kind: KIND.to_owned(), private };
        assert!(matches!(connection.call(closing).await, Response::Renewed(Ok(None))));
        let last = asked.recv().unwrap();
        assert!(
            last.line.starts_with("POST /v1/auth/token/revoke-self")
                && last.token.as_deref() == Some("s.short")
        );
    }
}

#[tokio::test]
async fn a_refusal_has_its_kind_the_servers_words_and_no_secret() {
    let denied = r#"{"errors": ["permission denied"]}"#;
    let deleted = r#"{"data": {"data": null, "metadata": {"deletion_time": "x"}}}"#;
    for (status, body, kind, parts) in [
        ("403 Forbidden", denied, ErrorKind::Denied, ["permission denied", "at .token"]),
        ("404 Not Found", "{\"errors\": []}", ErrorKind::NotFound, ["404", "at .path"]),
        ("404 Not Found", deleted, ErrorKind::NotFound, ["deleted", "at .path"]),
        ("429 Too Many\r\nRetry-After: 2", "", ErrorKind::Throttled, ["429", "at .address"]),
        (
            "503 Unavailable",
            "{\"errors\": [\"Vault is sealed\"]}",
            ErrorKind::Transient,
            ["Vault is sealed", "503"],
        ),
        (
            "307 Moved\r\nLocation: http://127.0.0.1:1/",
            "",
            ErrorKind::Invalid,
            ["another server", "at .address"],
        ),
        ("200 OK", "<html>hunter2</html>", ErrorKind::Invalid, ["no JSON", "at .address"]),
        (
            "200 OK",
            r#"{"data": {"password": "hunter2"}}"#,
            ErrorKind::Invalid,
            ["kv_version", "secret/data/a"],
        ),
    ] {
        let (address, _asked) = server(vec![(status, body)]);
        let given = [("address", address.into()), ("token", "the-token".into()), ("path", "a".into())];
        let error = answer(&connection(nothing).await, KIND, &given).await.unwrap_err();
        let said = words(&error);
        assert_eq!(error.kind, kind, "{status}: {said}");
        assert_eq!(error.retry_after_ms, (kind == ErrorKind::Throttled).then_some(2000), "{said}");
        for part in parts {
            assert!(said.contains(part), "{status}: no {part:?} in {said}");
        }
        assert!(!said.contains("hunter2") && !said.contains("the-token"), "{said}");
    }
    let given =
        [("address", "http://127.0.0.1:1".into()), ("token", "the-token".into()), ("path", "a".into())];
    let error = answer(&connection(nothing).await, KIND, &given).await.unwrap_err();
    assert!(error.is_retryable() && words(&error).contains("gave no answer"), "{}", words(&error));
}

#[tokio::test]
async fn the_environment_says_what_the_configuration_does_not() {
    fn incomplete(name: &str) -> Option<String> {
        (name == "BAO_ADDR").then(|| "http://127.0.0.1:1".to_owned())
    }
    let given = [("path", "a".into())];
    let error = answer(&connection(nothing).await, KIND, &given).await.unwrap_err();
    assert!(words(&error).contains("BAO_ADDR") && words(&error).contains("at .address"));
    let error = answer(&connection(incomplete).await, KIND, &given).await.unwrap_err();
    assert!(words(&error).contains("VAULT_TOKEN") && words(&error).contains("at .token"));
    let given = [("path", "a".into()), ("token", "t".into()), ("ca_certificate", "nonsense".into())];
    let error = answer(&connection(incomplete).await, KIND, &given).await.unwrap_err();
    assert!(words(&error).contains("no certificate in it") && words(&error).contains("at .ca_certificate"));
}

#[test]
fn a_bad_configuration_is_refused_at_its_attribute() {
    let path = || ("path", Value::from("a"));
    for (given, expected) in [
        (vec![path()], vec![]),
        (vec![("path", "/".into())], vec![".path"]),
        (vec![path(), ("kv_version", 3.into())], vec![".kv_version"]),
        (vec![path(), ("kv_version", 1.into()), ("version", 2.into())], vec![".version"]),
        (vec![path(), ("version", 0.into())], vec![".version"]),
        (vec![path(), ("address", "vault:8200".into())], vec![".address"]),
        (vec![path(), ("token", "a".into()), ("token_file", "b".into())], vec![".token_file"]),
    ] {
        assert_eq!(faults(KIND, &given), expected, "{given:?}");
    }
}
