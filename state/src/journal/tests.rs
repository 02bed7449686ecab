use super::*;
use crate::fixtures::{key, object, raw};

fn begun(state: State) -> Folded {
    let mut folded = Folded { state, run: None, is_changed: false };
    fold(&mut folded, &begin("{}")).unwrap();
    folded
}

fn begin(plan: &str) -> Record {
    Record::Begin {
        run: "run".into(),
        lineage: "l".into(),
        base_serial: 0,
        base_digest: String::new(),
        time: String::new(),
        plan: raw(plan),
    }
}

#[test]
fn only_what_differs_is_a_change() {
    let respaced = Arc::new(Object { attributes: raw("{ \"number\" : 1 }"), ..Object::clone(&object(1)) });
    let target = |id: &str| Target { id: id.into(), words: String::new() };
    let targets = |id: &str| Record::Providers {
        targets: [("p".into(), target(id))].into(),
        configurations: [].into(),
    };
    let refreshed = |name: &str, object| Record::Refreshed { objects: vec![(key(name), object)] };
    let cases = [
        (refreshed("a.x", Some(respaced)), false),
        (refreshed("a.x", Some(object(2))), true),
        (refreshed("a.x", None), true),
        (refreshed("a.y", None), false),
        (Record::Untainted { key: key("a.x") }, false),
        (Record::Tainted { key: key("a.x") }, true),
        (Record::Forgotten { key: key("a.y"), step: None }, false),
        (Record::NodeEdges { edges: [].into() }, false),
        (Record::Outputs { outputs: vec![("o".into(), None)] }, false),
        (Record::Checks { results: raw("[ ]") }, false),
        (Record::Checks { results: raw("[1]") }, true),
        (targets("same"), false),
        (targets("other"), true),
    ];
    for (record, expected) in cases {
        let mut state = State::new("l");
        state.insert(key("a.x"), object(1));
        state.targets.insert("p".into(), target("same"));
        state.check_results = Some(raw("[]"));
        let mut folded = begun(state);
        fold(&mut folded, &record).unwrap();
        assert_eq!(folded.is_changed, expected, "{record:?}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let intent = Intent {
        key: key("a.x"),
        token: Token("t".into()),
        operation: Operation::Create,
        step: 0,
        attempt: 0,
        stage: 0,
        time: String::new(),
        followed_by: 0,
        recipe: raw("\"hunter2\""),
    };
    let mut folded = Folded::default();
    let records = [
        begin("\"hunter2\""),
        Record::Intent(Box::new(intent)),
        Record::Checks { results: raw("\"hunter2\"") },
    ];
    for record in &records {
        fold(&mut folded, record).unwrap();
    }
    let text = format!("{records:?} {folded:?}");
    assert!(text.contains("a.x") && !text.contains("hunter2"), "{text}");
}
