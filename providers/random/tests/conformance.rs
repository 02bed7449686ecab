//! Every kind through the conformance kit, and what is drawn held to what was asked for.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use formwork_provider_random::random;
use formwork_sdk::conformance::{Sample, Subject, Verdict, create, run};
use formwork_sdk::{Connection, Provider, Request, Response};
use formwork_value::{Path, Type, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes.map(|(name, value)| (name.into(), value)).to_vec())
}

fn provider() -> Arc<dyn Provider> {
    Arc::new(random())
}

fn length(length: i64) -> Value {
    object([("length", length.into())])
}

fn list(texts: &[&str]) -> Value {
    Value::list(Type::String, texts.iter().map(|text| Value::from(*text)).collect())
}

fn path(name: &str) -> Path {
    Path::root().attribute(name)
}

fn string(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{name} is no text")).to_string()
}

fn integer_import(object: &Value) -> String {
    ["result", "min", "max"]
        .map(|name| object.get(name).and_then(Value::as_number).unwrap().to_string())
        .join(",")
}

fn samples() -> Vec<Sample> {
    let none = || object([("length", 4.into())]);
    vec![
        Sample::new("random_bytes", length(32))
            .imports_by(|object| string(object, "base64"))
            .bad(length(0), path("length")),
        Sample::new("random_id", object([("byte_length", 8.into())]))
            .bad(object([("byte_length", 0.into())]), path("byte_length")),
        Sample::new("random_integer", object([("min", (-5).into()), ("max", 5.into())]))
            .imports_by(integer_import)
            .bad(object([("min", 5.into()), ("max", 4.into())]), path("max")),
        Sample::new("random_password", length(24))
            .imports_as(none())
            .bad(length(0), path("length"))
            .bad(
                object([("length", 3.into()), ("min_lower", 2.into()), ("min_upper", 2.into())]),
                path("length"),
            )
            .bad(
                object([("length", 8.into()), ("number", true.into()), ("numeric", true.into())]),
                path("number"),
            ),
        Sample::new("random_pet", object([("prefix", "ml".into())])).bad(length(0), path("length")),
        Sample::new("random_shuffle", object([("input", list(&["a", "b", "c"]))]))
            .bad(object([("input", list(&["a"])), ("result_count", (-1).into())]), path("result_count")),
        Sample::new("random_string", length(12)).bad(length(-1), path("length")),
        Sample::new("random_uuid", object([])),
    ]
}

#[tokio::test]
async fn every_kind_conforms() {
    let samples: Vec<Sample> = samples().into_iter().map(Sample::is_only_a_value).collect();
    let subject = Subject { open: &provider, configuration: object([]), samples };
    let report = run(&subject).await;
    assert!(report.is_conforming(), "{report}");
    let kinds: BTreeSet<&str> = report.checks.iter().map(|check| check.kind.as_str()).collect();
    assert_eq!(kinds.len(), provider().schema().resources.len(), "{kinds:?}");
    let not_imported = report.checks.iter().filter(|check| check.name.starts_with("import"));
    let not_imported: Vec<&str> = not_imported
        .filter(|check| matches!(check.verdict, Verdict::NotMade(_)))
        .map(|check| check.kind.as_str())
        .collect();
    assert_eq!(not_imported, ["random_pet", "random_shuffle"]);
}

async fn made(kind: &str, configuration: Value) -> Value {
    create(&provider(), &object([]), kind, &configuration).await.unwrap()
}

#[tokio::test]
async fn letters_are_of_the_classes_that_were_asked_for() {
    type Count = fn(&str) -> usize;
    let digits: Count = |text| text.chars().filter(char::is_ascii_digit).count();
    let lower: Count = |text| text.chars().filter(char::is_ascii_lowercase).count();
    let special: Count = |text| text.chars().filter(|one| !one.is_ascii_alphanumeric()).count();
    let all: Count = |text| text.chars().count();
    let cases: [(&str, Value, Count, std::ops::RangeInclusive<usize>); 7] = [
        ("no digits", object([("length", 64.into()), ("numeric", false.into())]), digits, 0..=0),
        ("no digits, by the alias", object([("length", 64.into()), ("number", false.into())]), digits, 0..=0),
        ("digits at least", object([("length", 8.into()), ("min_numeric", 7.into())]), digits, 7..=8),
        ("no signs", object([("length", 64.into()), ("special", false.into())]), special, 0..=0),
        (
            "signs of one's own",
            object([
                ("length", 9.into()),
                ("override_special", "é".into()),
                ("lower", false.into()),
                ("upper", false.into()),
                ("numeric", false.into()),
            ]),
            special,
            9..=9,
        ),
        (
            "nothing but small ones",
            object([
                ("length", 64.into()),
                ("special", false.into()),
                ("upper", false.into()),
                ("numeric", false.into()),
            ]),
            lower,
            64..=64,
        ),
        ("the length", object([("length", 64.into())]), all, 64..=64),
    ];
    for (name, configuration, count, expected) in cases {
        let result = string(&made("random_string", configuration).await, "result");
        assert!(expected.contains(&count(&result)), "{name}: {result}");
    }
}

#[tokio::test]
async fn forms_of_one_value_say_the_same() {
    let id = made("random_id", object([("byte_length", 4.into()), ("prefix", "x-".into())])).await;
    let hex = string(&id, "hex");
    let number = u32::from_str_radix(hex.strip_prefix("x-").unwrap(), 16).unwrap();
    assert_eq!(string(&id, "dec"), format!("x-{number}"));
    assert_eq!(string(&id, "b64_url"), format!("x-{}", string(&id, "id")));
    let bytes = made("random_bytes", length(16)).await;
    assert_eq!((string(&bytes, "hex").len(), string(&bytes, "base64").len()), (32, 24));
    let uuid = string(&made("random_uuid", object([])).await, "result");
    assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'), "{uuid}");
    let pet =
        string(&made("random_pet", object([("length", 3.into()), ("separator", "_".into())])).await, "id");
    assert_eq!(pet.split('_').count(), 3, "{pet}");
}

#[tokio::test]
async fn a_seed_of_ones_own_draws_the_same_and_none_draws_anew() {
    let bounds = |seed: Option<&str>| {
        let seed = seed.map_or(Value::null(Type::String), Value::from);
        object([("min", 0.into()), ("max", 1_000_000_000.into()), ("seed", seed)])
    };
    let result = |object: &Value| object.get("result").and_then(Value::as_i64).unwrap();
    let seeded =
        [made("random_integer", bounds(Some("a"))).await, made("random_integer", bounds(Some("a"))).await];
    assert_eq!(result(&seeded[0]), result(&seeded[1]));
    let drawn = [made("random_integer", bounds(None)).await, made("random_integer", bounds(None)).await];
    assert_ne!(result(&drawn[0]), result(&drawn[1]));
    let shuffled =
        made("random_shuffle", object([("input", list(&["a", "b"])), ("result_count", 5.into())])).await;
    let items = shuffled.get("result").and_then(Value::items).unwrap().to_vec();
    assert_eq!(items.len(), 5);
    assert!(items.contains(&"a".into()) && items.contains(&"b".into()));
}

#[tokio::test]
async fn a_password_has_its_hash_and_an_ephemeral_one_is_made_anew() {
    let kept = made("random_password", length(80)).await;
    let first = &string(&kept, "result")[..72];
    assert!(bcrypt::verify(first, &string(&kept, "bcrypt_hash")).unwrap());
    assert_eq!(string(&kept, "id"), "none");

    let connection: Arc<dyn Connection> = random().configure(object([])).await.unwrap();
    let schema = random().schema();
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let block = &schema.ephemeral_resources["random_password"].block;
        let attributes = block.attributes.iter().map(|(name, attribute)| {
            let value = if name == "length" { 20.into() } else { Value::null(attribute.value_type.clone()) };
            (name.clone(), value)
        });
        let configuration = Value::object(attributes.collect());
        let request = Request::OpenEphemeral { kind: "random_password".to_owned(), configuration };
        let Response::Opened(Ok((opened, private, renew))) = connection.call(request).await else {
            panic!("it is not opened");
        };
        assert!(private.is_empty() && renew.is_none());
        assert_eq!(string(&opened, "result").len(), 20);
        seen.insert(string(&opened, "result"));
    }
    assert_eq!(seen.len(), 2);
}
