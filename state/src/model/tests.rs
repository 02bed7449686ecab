use super::*;
use crate::fixtures::{key, object, raw};

#[test]
fn objects_keep_their_order_through_removal() {
    let mut state = State::new("l");
    for (text, number) in [("b.x[1]", 1), ("b.x[0]", 2), ("a.x", 3), ("b.x[1] (deposed 00000001)", 4)] {
        state.insert(key(text), object(number));
    }
    state.insert(key("a.x"), object(5));
    assert_eq!(state.remove(&key("b.x[0]")).unwrap().schema_version, 2);
    assert!(state.remove(&key("b.x[0]")).is_none());
    let texts = |state: &State| state.objects().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&state), ["b.x[1]", "a.x", "b.x[1] (deposed 00000001)"]);
    assert_eq!((state.len(), state.objects().len()), (3, 3));
    state.insert(key("b.x[0]"), object(6));
    assert_eq!(texts(&state), ["b.x[1]", "b.x[0]", "a.x", "b.x[1] (deposed 00000001)"]);
    let address: Address = "b.x[1]".parse().unwrap();
    assert_eq!(state.deposed(&address), [DeposedKey("00000001".into())]);
    let instances = state.block_instances(&address.block());
    assert_eq!(instances.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [Key::Int(0), Key::Int(1)]);
    assert_eq!(state.current(&address).unwrap().schema_version, 1);
}

#[test]
fn a_block_without_objects_is_none() {
    let mut state = State::new("l");
    state.insert(key("module.a[0].a.x"), object(1));
    state.insert(key("module.a[1].a.x"), object(1));
    state.remove(&key("module.a[0].a.x"));
    assert_eq!(state.blocks().map(ToString::to_string).collect::<Vec<_>>(), ["module.a[1].a.x"]);
}

#[test]
fn dependencies_stand_in_for_edges() {
    let mut one = Object::clone(&object(1));
    one.dependencies = vec!["module.a.a.x".into(), "data.b.y".into()];
    let texts = |one: &Object| one.effective_edges().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&one), ["block module.a.a.x", "block data.b.y"]);
    one.provider_edges = vec![Edge::Node("local.x".into())];
    one.edges = vec!["object a.x[0]".parse().unwrap()];
    assert_eq!(texts(&one), ["object a.x[0]", "node local.x"]);
}

#[test]
fn debug_shows_no_attribute() {
    let mut one = Object::clone(&object(1));
    one.attributes = raw("{\"password\":\"hunter2\"}");
    one.private = Some(b"hunter2".to_vec());
    let output = OutputValue { value: raw("\"hunter2\""), value_type: raw("\"string\""), sensitive: true };
    assert!(!format!("{one:?} {output:?}").contains("hunter2"));
}

#[test]
fn an_object_survives_json() {
    let mut one = Object::clone(&object(1));
    one.status = Status::Tainted;
    one.private = Some(vec![0, 255]);
    one.sensitive_paths = vec![Path::root().attribute("x").index(0)];
    one.identity = Some(raw("{\"id\":1e400}"));
    one.identity_schema_version = Some(2);
    one.extra.insert("future".into(), serde_json::json!([1]));
    one.create_before_destroy = true;
    let json = serde_json::to_string(&one).unwrap();
    assert!(serde_json::from_str::<Object>(&json).unwrap().is_same(&one));
    assert!(!Object::clone(&one).is_same(&object(1)));
}
