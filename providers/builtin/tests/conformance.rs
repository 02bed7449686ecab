//! `terraform_data` through the conformance kit, and its plans as a table.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use formwork_provider_builtin::BuiltinProvider;
use formwork_sdk::conformance::{Sample, Subject, run};
use formwork_sdk::{
    ApplyRequest, Connection, Operation, PlanRequest, Planned, Progress, Provider, Request, Response, Token,
};
use formwork_value::{Path, Type, Value};
use std::sync::Arc;

fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes.map(|(name, value)| (name.into(), value)).to_vec())
}

#[tokio::test]
async fn conforms() {
    let sample =
        Sample::new("terraform_data", object([("input", "a".into()), ("triggers_replace", 1.into())]))
            .update(object([("input", object([("b", Value::bool(true))])), ("triggers_replace", 1.into())]))
            .update(object([("triggers_replace", 1.into())]))
            .imports_as(object([]))
            .is_only_a_value();
    let open = || -> Arc<dyn Provider> { Arc::new(BuiltinProvider::new()) };
    let report = run(&Subject { open: &open, configuration: object([]), samples: vec![sample] }).await;
    assert!(report.is_conforming(), "{report}");
}

async fn connect() -> Arc<dyn Connection> {
    BuiltinProvider::new().configure(object([])).await.expect("nothing can be wrong")
}

fn data(id: Value, input: Value, output: Value, trigger: Value) -> Value {
    object([("id", id), ("input", input), ("output", output), ("triggers_replace", trigger)])
}

async fn plan(connection: &Arc<dyn Connection>, prior: Value, input: Value, trigger: Value) -> Planned {
    let kept = |name| prior.get(name).cloned();
    let null = Value::null(Type::Dynamic);
    let configuration = data(Value::null(Type::String), input.clone(), null.clone(), trigger.clone());
    let proposed =
        data(kept("id").unwrap_or(Value::null(Type::String)), input, kept("output").unwrap_or(null), trigger);
    let request = PlanRequest {
        kind: "terraform_data".to_owned(),
        prior,
        proposed,
        configuration,
        private: Vec::new(),
        owner: String::new(),
        identity: None,
    };
    match connection.call(Request::Plan(Box::new(request))).await {
        Response::Planned(Ok(planned)) => *planned,
        _ => panic!("a plan was expected"),
    }
}

#[tokio::test]
async fn plans_as_upstream() {
    let connection = connect().await;
    let id = || Value::string("6f1e");
    let null = || Value::null(Type::Dynamic);
    let nothing = || Value::null(Type::object([("id", Type::String)]));
    let existing = || data(id(), "a".into(), "a".into(), 1.into());
    let unknown_text = || Value::unknown(Type::String);
    // (prior, input, trigger) → (id stays, output, replaced)
    let cases = [
        ("create", nothing(), "a".into(), null(), false, unknown_text(), false),
        ("create without input", nothing(), null(), null(), false, null(), false),
        ("no change", existing(), "a".into(), 1.into(), true, "a".into(), false),
        ("input changed", existing(), "b".into(), 1.into(), true, unknown_text(), false),
        (
            "input of another type",
            existing(),
            Value::bool(true),
            1.into(),
            true,
            Value::unknown(Type::Bool),
            false,
        ),
        ("input removed", existing(), null(), 1.into(), true, null(), false),
        ("trigger changed", existing(), "a".into(), 2.into(), false, unknown_text(), true),
        (
            "trigger unknown",
            existing(),
            "a".into(),
            Value::unknown(Type::Number),
            false,
            unknown_text(),
            true,
        ),
    ];
    for (name, prior, input, trigger, id_stays, output, is_replaced) in cases {
        let planned = plan(&connection, prior, input, trigger).await;
        assert_eq!(planned.planned.get("id").is_some_and(Value::is_known), id_stays, "{name}: id");
        assert_eq!(planned.planned.get("output"), Some(&output), "{name}: output");
        let replaced =
            if is_replaced { vec![Path::root().attribute("triggers_replace")] } else { Vec::new() };
        assert_eq!(planned.requires_replace, replaced, "{name}: replacement");
    }
}

#[tokio::test]
async fn one_token_is_one_id() {
    let connection = connect().await;
    let planned = data(Value::unknown(Type::String), "a".into(), Value::unknown(Type::String), 1.into());
    let mut ids = Vec::new();
    for token in ["t1", "t1", "t2"] {
        let request = ApplyRequest {
            operation: Operation::Create,
            kind: "terraform_data".to_owned(),
            prior: Value::null(planned.value_type()),
            planned: planned.clone(),
            configuration: planned.clone(),
            private: Vec::new(),
            token: Token(token.to_owned()),
            owner: String::new(),
            identity: None,
            import_id: None,
        };
        match connection.call(Request::Apply(Box::new(request))).await {
            Response::Progress(Ok(Progress::Done(applied))) => {
                assert_eq!(applied.object.get("output"), Some(&"a".into()));
                ids.push(applied.object.get("id").and_then(Value::as_str).cloned().expect("an id"));
            }
            _ => panic!("{token}: an object was expected"),
        }
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn stored_objects_keep_their_types() {
    let connection = connect().await;
    let stored = r#"{"id":"6f1e","input":{"value":["x"],"type":["list","string"]},"output":null,"triggers_replace":null}"#;
    let upgrade = |stored: &str| {
        let request =
            Request::Upgrade { kind: "terraform_data".to_owned(), version: 0, stored: stored.to_owned() };
        connection.call(request)
    };
    match upgrade(stored).await {
        Response::Upgraded(Ok(object)) => {
            assert_eq!(object.get("input"), Some(&Value::list(Type::String, vec!["x".into()])));
        }
        _ => panic!("an object was expected"),
    }
    assert!(matches!(upgrade("{\"id\":[]}").await, Response::Upgraded(Err(_))));
}
