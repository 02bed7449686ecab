//! Every record in every situation: what may stand where, and what it makes of the state.

use crate::records::*;
use formwork_state::journal::fold;
use formwork_state::{Folded, Intent, ObjectKey, Operation, Record, State};

/// In order: no run; a run without acts; an act on object 0 with token `a`; one on object 0 with token `b`; one on
/// object 1. Object 0 stands in all of them, objects 1 and 2 in none.
fn situations() -> Vec<Folded> {
    let mut idle = Folded { state: State::new(LINEAGE), ..Folded::default() };
    idle.state.insert(key(0), object("zero"));
    let after = |records: &[Record]| {
        let mut folded = idle.clone();
        for record in records {
            fold(&mut folded, record).unwrap();
        }
        folded
    };
    vec![
        after(&[]),
        after(&[begin("r")]),
        after(&[begin("r"), intent(0, "a")]),
        after(&[begin("r"), intent(0, "b")]),
        after(&[begin("r"), intent(1, "a")]),
    ]
}

/// A record, and for each situation whether it may stand there.
fn table() -> Vec<(Record, &'static str)> {
    vec![
        (begin("r"), "+----"),
        (intent(0, "a"), "-+--+"),
        (accepted(0, "a"), "--+--"),
        (progress(0, "a", 1), "--+--"),
        (done(0, "a", Some(object("new"))), "--+--"),
        (done(0, "a", None), "--+--"),
        (failed(0, "a", None), "--+--"),
        (failed(0, "a", Some(tainted("half"))), "--+--"),
        (deposed(0, "c"), "-+--+"),
        (deposed(1, "c"), "-+++-"),
        (Record::Restored { address: address(0), deposed: deposed_key() }, "-+--+"),
        (Record::Restored { address: address(1), deposed: deposed_key() }, "-+++-"),
        (Record::Moved { from: address(0), to: address(2) }, "++--+"),
        (Record::Moved { from: address(0), to: address(1) }, "++---"),
        (Record::Moved { from: address(2), to: address(0) }, "++--+"),
        (Record::Imported { key: key(1), object: object("one") }, "++++-"),
        (Record::Imported { key: key(0), object: object("one") }, "-----"),
        (Record::Forgotten { key: key(0), step: None }, "+++++"),
        (Record::Tainted { key: key(0) }, "++--+"),
        (Record::Untainted { key: key(0) }, "++--+"),
        (Record::Refreshed { objects: vec![(key(0), None)] }, "+++++"),
        (outputs("x"), "+++++"),
        (Record::NodeEdges { edges: [].into() }, "+++++"),
        (providers(), "+++++"),
        (Record::Checks { results: raw("[]") }, "+++++"),
        (Record::StageFinished { stage: 0 }, "-+---"),
        (Record::StageFinished { stage: 1 }, "-----"),
        (Record::Finished { errored: false }, "-+---"),
    ]
}

#[test]
fn each_record_stands_where_the_table_says() {
    for (record, expected) in table() {
        let found: String = situations()
            .iter_mut()
            .map(|folded| {
                let before = picture(folded);
                let is_legal = fold(folded, &record).is_ok();
                assert!(is_legal || picture(folded) == before, "a refused {} changes nothing", record.name());
                if is_legal { '+' } else { '-' }
            })
            .collect();
        assert_eq!(found, expected, "{record:?}");
    }
}

#[test]
fn the_table_has_every_record() {
    let mut names: Vec<&str> = table().iter().map(|(record, _)| record.name()).collect();
    names.sort_unstable();
    names.dedup();
    let expected = [
        "accepted",
        "begin",
        "checks",
        "deposed",
        "done",
        "failed",
        "finished",
        "forgotten",
        "imported",
        "intent",
        "moved",
        "node-edges",
        "outputs",
        "progress",
        "providers",
        "refreshed",
        "restored",
        "stage-finished",
        "tainted",
        "untainted",
    ];
    assert_eq!(names, expected);
}

/// Where both stand, neither the object set aside nor the current one may be overwritten.
#[test]
fn no_object_is_lost_by_another_that_takes_its_place() {
    let mut folded = situations().remove(1);
    folded.state.insert(set_aside(0), object("old"));
    for record in [
        deposed(0, "c"),
        Record::Restored { address: address(0), deposed: deposed_key() },
        Record::Moved { from: address(0), to: address(0) },
    ] {
        let refusal = fold(&mut folded, &record).unwrap_err();
        assert!(refusal.reason.contains("would be lost"), "{refusal}");
    }
    assert_eq!(folded.state.len(), 2);
}

/// What stands after records, as `key=id status`.
fn stands(records: &[Record]) -> String {
    let mut folded = situations().remove(1);
    for record in records {
        fold(&mut folded, record).unwrap();
    }
    let mut lines: Vec<String> = folded
        .state
        .objects()
        .map(|(key, object)| format!("{key}={} {:?}", object.attributes.get(), object.status))
        .collect();
    lines.sort();
    lines.join("; ")
}

#[test]
fn what_records_make_of_the_state() {
    let zero = r#"sim_machine.gpu[0]={"id":"zero"} Ready"#;
    let cases: Vec<(Vec<Record>, String)> = vec![
        (vec![intent(0, "a"), done(0, "a", Some(object("new")))], r#"sim_machine.gpu[0]={"id":"new"} Ready"#.into()),
        (vec![intent(0, "a"), done(0, "a", None)], String::new()),
        (vec![intent(0, "a"), failed(0, "a", None)], zero.into()),
        (
            vec![intent(1, "a"), failed(1, "a", Some(tainted("half")))],
            format!(r#"{zero}; sim_machine.gpu[1]={{"id":"half"}} Tainted"#),
        ),
        (
            vec![deposed(0, "a"), done(0, "a", Some(object("new")))],
            r#"sim_machine.gpu[0] (deposed 1a2b3c4d)={"id":"zero"} Ready; sim_machine.gpu[0]={"id":"new"} Ready"#.into(),
        ),
        (
            vec![deposed(0, "a"), failed(0, "a", None), Record::Restored { address: address(0), deposed: deposed_key() }],
            zero.into(),
        ),
        (vec![Record::Moved { from: address(0), to: address(5) }], zero.replace("[0]", "[5]")),
        (vec![Record::Moved { from: address(4), to: address(5) }], zero.into()),
        (vec![Record::Forgotten { key: key(0), step: Some(1) }], String::new()),
        (vec![Record::Tainted { key: key(0) }], zero.replace("Ready", "Tainted")),
        (vec![Record::Tainted { key: key(0) }, Record::Untainted { key: key(0) }], zero.into()),
        (vec![Record::Refreshed { objects: vec![(key(0), None), (key(3), Some(object("three")))] }],
            r#"sim_machine.gpu[3]={"id":"three"} Ready"#.into()),
    ];
    for (records, expected) in cases {
        assert_eq!(stands(&records), expected, "{records:?}");
    }
}

#[test]
fn a_run_remembers_what_is_finished_and_what_is_open() {
    let mut folded = situations().remove(1);
    let mut take = |record: Record| {
        fold(&mut folded, &record).unwrap();
        let run = folded.run.as_ref();
        run.map(|run| {
            format!(
                "{} {:?} {:?}",
                run.stage,
                run.finished_steps,
                run.open.keys().map(ToString::to_string).collect::<Vec<_>>()
            )
        })
    };
    let at = |text: &str| Some(text.to_owned());
    assert_eq!(take(intent(1, "a")), at(r#"0 {} ["sim_machine.gpu[1]"]"#));
    assert_eq!(take(intent(2, "b")), at(r#"0 {} ["sim_machine.gpu[1]", "sim_machine.gpu[2]"]"#));
    assert_eq!(take(failed(1, "a", None)), at(r#"0 {} ["sim_machine.gpu[2]"]"#));
    assert_eq!(take(done(2, "b", Some(object("x")))), at("0 {2} []"));
    assert_eq!(take(Record::Forgotten { key: key(0), step: Some(5) }), at("0 {2, 5} []"));
    assert_eq!(take(intent(3, "c")), at(r#"0 {2, 5} ["sim_machine.gpu[3]"]"#));
    assert_eq!(
        take(Record::Forgotten { key: key(3), step: None }),
        at("0 {2, 5} []"),
        "forgotten while in flight"
    );
    assert_eq!(take(Record::StageFinished { stage: 0 }), at("1 {} []"));
    assert_eq!(take(Record::Finished { errored: false }), None);
}

#[test]
fn deposed_objects_are_found_by_their_instance() {
    let mut state = State::new(LINEAGE);
    let one = ObjectKey { address: address(0), deposed: Some(formwork_state::DeposedKey("00000001".into())) };
    state.insert(set_aside(0), object("a"));
    state.insert(one.clone(), object("b"));
    state.insert(set_aside(1), object("c"));
    let names =
        |state: &State| state.deposed(&address(0)).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&state), ["00000001", "1a2b3c4d"]);
    state.remove(&one);
    assert_eq!(names(&state), ["1a2b3c4d"]);
}

/// Acts of one step: `made` with two provisioners after it, two provisioners before a removal.
#[test]
fn a_step_is_finished_with_the_last_of_its_acts() {
    let act = |name: &str, operation: Operation, followed_by: u32| {
        Record::Intent(Box::new(Intent { followed_by, ..intent_of(0, name, operation) }))
    };
    let (create, provision, delete) = (Operation::Create, Operation::Provision, Operation::Delete);
    let ended = |name: &str| done(0, name, Some(object("new")));
    let cases: Vec<(Vec<Record>, &str)> = vec![
        (vec![act("a", create, 2)], "finished {} partial [] settled false"),
        (vec![act("a", create, 2), ended("a")], "finished {} partial [(true, 0)] settled false"),
        (
            vec![act("a", create, 2), ended("a"), act("b", provision, 1), ended("b")],
            "finished {} partial [(true, 1)] settled false",
        ),
        (
            vec![act("a", create, 1), ended("a"), act("b", provision, 0), ended("b")],
            "finished {0} partial [] settled true",
        ),
        (
            vec![
                act("a", create, 1),
                ended("a"),
                act("b", provision, 0),
                failed(0, "b", Some(tainted("new"))),
            ],
            "finished {} partial [] settled true",
        ),
        (
            vec![act("a", create, 1), ended("a"), Record::Tainted { key: key(0) }],
            "finished {} partial [] settled true",
        ),
        (
            vec![act("a", create, 1), ended("a"), Record::Forgotten { key: key(0), step: None }],
            "finished {} partial [] settled true",
        ),
        (
            vec![act("a", provision, 2), ended("a"), act("b", provision, 1), ended("b")],
            "finished {} partial [(false, 2)] settled true",
        ),
        (
            vec![act("a", provision, 1), ended("a"), act("b", delete, 0), done(0, "b", None)],
            "finished {0} partial [] settled true",
        ),
    ];
    for (records, expected) in cases {
        let mut folded = situations().remove(1);
        for record in &records {
            fold(&mut folded, record).unwrap();
        }
        let run = folded.run.as_ref().unwrap();
        let partial: Vec<_> = run.partial.values().map(|step| (step.is_made, step.provisioned)).collect();
        let found =
            format!("finished {:?} partial {partial:?} settled {}", run.finished_steps, run.is_settled());
        assert_eq!(found, expected, "{records:?}");
        let may_end = fold(&mut folded.clone(), &Record::Finished { errored: false }).is_ok();
        assert_eq!(may_end, run.is_settled(), "a run ends when nothing of it is in flight");
    }
}
