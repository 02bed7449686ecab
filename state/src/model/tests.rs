use super::*;

fn object(number: u64) -> Arc<Object> {
    let provider = "provider[\"formwork/sim\"]".parse().unwrap();
    Arc::new(Object::new(provider, number, RawJson::parse(format!("{{\"n\":{number}}}")).unwrap()))
}

fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

#[test]
fn objects_keep_their_order_through_removal() {
    let mut state = State::new();
    for (text, number) in [("b.x[1]", 1), ("b.x[0]", 2), ("a.x", 3), ("b.x[1] (deposed 00000001)", 4)] {
        assert!(state.insert(key(text), object(number)).is_none());
    }
    assert_eq!(state.insert(key("a.x"), object(5)).unwrap().schema_version, 3);
    assert_eq!(state.remove(&key("b.x[0]")).unwrap().schema_version, 2);
    assert!(state.remove(&key("b.x[0]")).is_none());
    let texts = |state: &State| state.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&state), ["b.x[1]", "b.x[1] (deposed 00000001)", "a.x"]);
    assert_eq!(state.len(), 3);
    state.insert(key("b.x[0]"), object(6));
    assert_eq!(texts(&state), ["b.x[1]", "b.x[0]", "b.x[1] (deposed 00000001)", "a.x"]);
    let address: Address = "b.x[1]".parse().unwrap();
    assert_eq!(state.deposed(&address).count(), 1);
    assert_eq!(state.block(address.block()).count(), 3);
    assert_eq!(state.current(&address).unwrap().schema_version, 1);
}

#[test]
fn a_block_without_objects_is_none() {
    let mut state = State::new();
    state.insert(key("module.a[0].a.x"), object(1));
    state.insert(key("module.a[1].a.x"), object(1));
    state.remove(&key("module.a[0].a.x"));
    assert_eq!(state.blocks().map(ToString::to_string).collect::<Vec<_>>(), ["module.a[1].a.x"]);
    assert_eq!(state.modules().len(), 1);
    let by_configuration = state.by_configuration();
    let blocks = &by_configuration[&"module.a.a.x".parse::<BlockAddress>().unwrap()];
    assert_eq!(blocks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["module.a[1].a.x"]);
}

#[test]
fn dependencies_stand_in_for_edges() {
    let mut one = Object::clone(&object(1));
    one.dependencies = vec!["module.a.a.x".into(), "data.b.y".into()];
    let texts = |one: &Object| one.effective_edges().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&one), ["module.a.a.x[*]", "data.b.y[*]"]);
    one.provider_edges = vec![Edge::Node("local.x".into())];
    one.edges = vec!["a.x[0]".parse().unwrap()];
    assert_eq!(texts(&one), ["a.x[0]", "node:local.x"]);
}

#[test]
fn debug_shows_no_attribute() {
    let mut one = Object::clone(&object(1));
    one.attributes = RawJson::parse("{\"password\":\"hunter2\"}".into()).unwrap();
    one.private = Some(b"hunter2".to_vec());
    assert!(!format!("{one:?}").contains("hunter2"));
}

#[test]
fn an_object_survives_json() {
    let mut one = Object::clone(&object(1));
    one.status = Status::Tainted;
    one.private = Some(vec![0, 255]);
    one.sensitive_paths = Some(RawJson::parse("[[{\"type\":\"get_attr\",\"value\":\"x\"}]]".into()).unwrap());
    one.identity = Some(RawJson::parse("{\"id\":1e400}".into()).unwrap());
    one.identity_schema_version = Some(2);
    one.extra = vec![("future".into(), RawJson::parse("[1]".into()).unwrap())];
    one.create_before_destroy = true;
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Object>(&json).unwrap(), one);
}
