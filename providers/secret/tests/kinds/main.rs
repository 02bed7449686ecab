//! Each kind through the provider's one door.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod file;
mod openbao;
mod sops;
mod vault;

use formwork_provider_secret::secret;
use formwork_sdk::values::object;
use formwork_sdk::{Connection, Provider, ProviderError, Request, Response};
use formwork_value::{Type, Value};
use std::sync::Arc;

fn nothing(_: &str) -> Option<String> {
    None
}

/// A configuration of a kind, null where nothing is given.
fn configuration(kind: &str, given: &[(&str, Value)]) -> Value {
    object(&secret(nothing).schema().ephemeral_resources[kind], given)
}

async fn connection(environment: fn(&str) -> Option<String>) -> Arc<dyn Connection> {
    secret(environment).configure(Value::object(Vec::new())).await.unwrap()
}

async fn answer(
    connection: &Arc<dyn Connection>,
    kind: &str,
    given: &[(&str, Value)],
) -> Result<(Value, Vec<u8>), ProviderError> {
    let configuration = configuration(kind, given);
    let found = secret(nothing).validate_resource(kind, &configuration);
    assert!(!found.has_errors(), "{found:?}");
    let request = Request::OpenEphemeral { kind: kind.to_owned(), configuration };
    let Response::Opened(opened) = connection.call(request).await else { panic!("{kind} is not opened") };
    opened.map(|(value, private, renew)| {
        assert!(renew.is_none() && value.is_wholly_known());
        (value, private)
    })
}

async fn opened(kind: &str, given: &[(&str, Value)]) -> Result<Value, ProviderError> {
    answer(&connection(nothing).await, kind, given).await.map(|(value, _)| value)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(ToString::to_string)
}

fn entry(value: &Value, map: &str, name: &str) -> Option<String> {
    text(value.get(map)?, name)
}

fn list(texts: &[&str]) -> Value {
    Value::list(Type::String, texts.iter().map(|text| Value::from(*text)).collect())
}

fn map(entries: &[(&str, &str)]) -> Value {
    Value::map(
        Type::String,
        entries.iter().map(|(name, text)| ((*name).into(), Value::from(*text))).collect(),
    )
}

/// An error's words: the message, its place and the hint.
fn words(error: &ProviderError) -> String {
    let place = error.path.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{} at {place}; {}", error.message, error.hint.as_deref().unwrap_or_default())
}

/// The attributes that validation refuses or warns of.
fn faults(kind: &str, given: &[(&str, Value)]) -> Vec<String> {
    let found = secret(nothing).validate_resource(kind, &configuration(kind, given));
    found.iter().filter_map(|one| one.attribute.clone()).collect()
}

#[tokio::test]
async fn what_is_secret_is_marked_so_and_other_requests_are_not_answered() {
    let schema = secret(nothing).schema();
    let plain = ["created_time", "version"];
    for (kind, schema) in &schema.ephemeral_resources {
        for (name, attribute) in &schema.block.attributes {
            let may_be_seen = !attribute.is_computed() || plain.contains(&name.as_str());
            assert!(may_be_seen || attribute.sensitive, "{kind}.{name}");
        }
        assert!(schema.example.contains(kind.as_str()), "{kind}");
    }
    let connection = connection(nothing).await;
    let request =
        Request::OpenEphemeral { kind: "secret_fle".to_owned(), configuration: Value::object(Vec::new()) };
    assert!(
        matches!(connection.call(request).await, Response::Opened(Err(error)) if error.message.contains("secret_fle"))
    );
    let request = Request::Import { kind: "secret_file".to_owned(), id: "x".to_owned() };
    assert!(matches!(connection.call(request).await, Response::Unsupported));
}
