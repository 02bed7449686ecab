use super::*;
use crate::address::DeposedKey;
use crate::fixtures::{begin, done, intent, key, object, raw, start, token};
use crate::format_v4;
use crate::journal::rules::Violation;
use crate::journal::{Operation, Tail, encode, scan, write_frame};
use crate::model::{OutputValue, Target};
use proptest::prelude::*;

const SUBJECT: &str = "a.x";
const ASIDE: &str = "00000001";

fn aside() -> ObjectKey {
    key(&format!("{SUBJECT} (deposed {ASIDE})"))
}

/// What may hold of the subject before a record.
#[derive(Debug, Clone, Copy)]
enum Before {
    Closed,
    Idle,
    Open,
    OtherToken,
}

fn world(before: Before, is_there: bool, has_aside: bool) -> Folded {
    let mut folded = Folded::new(State::new("lineage"));
    if is_there {
        folded.state.insert(key(SUBJECT), object(1));
    }
    if has_aside {
        folded.state.insert(aside(), object(2));
    }
    if matches!(before, Before::Closed) {
        return folded;
    }
    fold(&mut folded, &begin("run", "")).unwrap();
    let operation = if is_there { Operation::Update } else { Operation::Create };
    let mut opened = intent(SUBJECT, operation, 7);
    match before {
        Before::Open => fold(&mut folded, &Record::Intent(Box::new(opened))).unwrap(),
        Before::OtherToken => {
            opened.token = token("other");
            fold(&mut folded, &Record::Intent(Box::new(opened))).unwrap();
        }
        _ => {}
    }
    folded
}

fn deposed(operation: Operation) -> Record {
    Record::Deposed { deposed: DeposedKey(ASIDE.into()), intent: Box::new(intent(SUBJECT, operation, 1)) }
}

/// Every kind of record, and where it is legal: `+` or `-` for no run, a run in which the subject is idle, has this
/// open step, has another open step; each first without and then with the object in state.
fn table() -> Vec<(Record, &'static str)> {
    let (id, cursor) = ("id".to_owned(), raw("1"));
    let output = OutputValue { value: raw("1"), value_type: raw("\"number\""), sensitive: false };
    let address = || SUBJECT.parse().unwrap();
    vec![
        (begin("next", ""), "++------"),
        (start(SUBJECT, Operation::Create, 1), "--+-----"),
        (start(SUBJECT, Operation::Update, 1), "---+----"),
        (start(SUBJECT, Operation::Delete, 1), "---+----"),
        (start(SUBJECT, Operation::Read, 1), "--++----"),
        (Record::Accepted { key: key(SUBJECT), token: token(SUBJECT), id: id.clone() }, "----++--"),
        (Record::Progress { key: key(SUBJECT), token: token(SUBJECT), id, cursor }, "----++--"),
        (done(SUBJECT, Some(3)), "----++--"),
        (done(SUBJECT, None), "-----+--"),
        (Record::Failed { key: key(SUBJECT), token: token(SUBJECT), object: None }, "----++--"),
        (deposed(Operation::Create), "---+----"),
        (deposed(Operation::Update), "--------"),
        (Record::Restored { address: address(), deposed: DeposedKey(ASIDE.into()) }, "--+-----"),
        (Record::Moved { from: address(), to: "a.y".parse().unwrap() }, "---+----"),
        (Record::Moved { from: "a.z".parse().unwrap(), to: address() }, "--------"),
        (Record::Imported { key: key(SUBJECT), object: object(3) }, "--+-----"),
        (Record::Forgotten { key: key(SUBJECT), step: Some(1) }, "--++----"),
        (Record::Tainted { key: key(SUBJECT) }, "---+----"),
        (Record::Untainted { key: key(SUBJECT) }, "---+----"),
        (Record::Refreshed { objects: vec![(key(SUBJECT), None)] }, "--++----"),
        (Record::Outputs { outputs: vec![("o".into(), Some(output))] }, "--++++++"),
        (Record::NodeEdges { edges: [("local.x".into(), Vec::new())].into() }, "--++++++"),
        (Record::Providers { targets: IndexMap::new(), configurations: [].into() }, "--++++++"),
        (Record::Checks { results: raw("[]") }, "--++++++"),
        (Record::StageFinished { stage: 0 }, "--++----"),
        (Record::StageFinished { stage: 1 }, "--------"),
        (Record::Finished { errored: false }, "--++----"),
    ]
}

#[test]
fn every_row_of_the_table_of_transitions() {
    let setups = [Before::Closed, Before::Idle, Before::Open, Before::OtherToken];
    let mut rows = 0;
    for (record, expected) in table() {
        rows += 1;
        let has_aside = matches!(record, Record::Restored { .. });
        let verdict = |(before, is_there): (Before, bool)| {
            let mut folded = world(before, is_there, has_aside);
            let untouched = format!("{folded:?}");
            let outcome = fold(&mut folded, &record);
            assert!(outcome.is_ok() || format!("{folded:?}") == untouched, "{record:?} changed something");
            if outcome.is_ok() { '+' } else { '-' }
        };
        let found: String =
            setups.into_iter().flat_map(|before| [(before, false), (before, true)]).map(verdict).collect();
        assert_eq!(found, expected, "{record:?}");
    }
    assert!(rows >= super::rules::TABLE.len());
}

fn folded(records: &[Record]) -> Folded {
    let mut folded = Folded::new(State::new("lineage"));
    for record in records {
        fold(&mut folded, record).unwrap();
    }
    folded
}

fn violation(records: &[Record], next: &Record) -> Violation {
    fold(&mut folded(records), next).unwrap_err().violation
}

#[test]
fn refusals_say_why() {
    let made = [begin("run", ""), start("a.x", Operation::Create, 3), done("a.x", Some(1))];
    let mut later = intent("a.y", Operation::Create, 0);
    later.stage = 1;
    let cases = [
        (&made[..0], start("a.x", Operation::Create, 0), Violation::NoRunIsOpen),
        (&made[..1], begin("next", ""), Violation::RunIsOpen),
        (&made[..2], start("a.x", Operation::Create, 4), Violation::StepIsOpen),
        (&made[..2], Record::Finished { errored: true }, Violation::StepsAreOpen),
        (&made[..2], done("a.x", None), Violation::OtherOutcome),
        (&made[..], start("a.y", Operation::Create, 3), Violation::StepIsFinished),
        (&made[..], done("a.x", Some(1)), Violation::NoStepIsOpen),
        (&made[..], start("a.x", Operation::Create, 4), Violation::ObjectExists),
        (&made[..], start("a.y", Operation::Delete, 4), Violation::NoSuchObject),
        (&made[..1], Record::Intent(Box::new(later)), Violation::OtherStage),
    ];
    for (records, next, expected) in cases {
        assert_eq!(violation(records, &next), expected, "{next:?}");
    }
    let mut other = Folded::new(State::new("elsewhere"));
    assert_eq!(fold(&mut other, &begin("run", "")).unwrap_err().violation, Violation::OtherLineage);
}

#[test]
fn outcomes_change_state() {
    let made = [begin("run", ""), start("a.x", Operation::Create, 0), done("a.x", Some(1))];
    let after = |more: &[Record]| folded(&[&made[..], more].concat());
    let numbers = |folded: &Folded| -> Vec<(String, u64)> {
        folded.state.objects().map(|(key, object)| (key.to_string(), object.schema_version)).collect()
    };
    let failed = |object| Record::Failed { key: key("a.x"), token: token("a.x"), object };
    let replaced = [deposed(Operation::Create), done("a.x", Some(2))];
    let restored = Record::Restored { address: "a.x".parse().unwrap(), deposed: DeposedKey(ASIDE.into()) };
    let aside_name = format!("a.x (deposed {ASIDE})");
    let cases: Vec<(Vec<Record>, Vec<(&str, u64)>)> = vec![
        (vec![], vec![("a.x", 1)]),
        (vec![start("a.x", Operation::Delete, 1), done("a.x", None)], vec![]),
        (vec![start("a.x", Operation::Update, 1), failed(Some(object(5)))], vec![("a.x", 5)]),
        (vec![start("a.x", Operation::Update, 1), failed(None)], vec![("a.x", 1)]),
        (replaced.to_vec(), vec![(&aside_name, 1), ("a.x", 2)]),
        (vec![deposed(Operation::Create), failed(None), restored], vec![("a.x", 1)]),
        (vec![Record::Forgotten { key: key("a.x"), step: None }], vec![]),
        (
            vec![Record::Refreshed { objects: vec![(key("a.x"), None), (key("a.y"), Some(object(9)))] }],
            vec![("a.y", 9)],
        ),
        (
            vec![Record::Moved { from: "a.x".parse().unwrap(), to: "a.z[0]".parse().unwrap() }],
            vec![("a.z[0]", 1)],
        ),
    ];
    for (more, expected) in cases {
        let mut found = numbers(&after(&more));
        found.sort();
        let mut expected: Vec<(String, u64)> =
            expected.into_iter().map(|(name, number)| (name.to_owned(), number)).collect();
        expected.sort();
        assert_eq!(found, expected, "{more:?}");
    }
    let tainted = after(&[Record::Tainted { key: key("a.x") }]);
    assert_eq!(tainted.state.object(&key("a.x")).unwrap().status, Status::Tainted);
}

#[test]
fn what_is_open_is_known() {
    let waiting =
        Record::Progress { key: key("a.x"), token: token("a.x"), id: "i".into(), cursor: raw("[1]") };
    let folded = folded(&[begin("run", ""), start("a.x", Operation::Create, 4), waiting]);
    let run = folded.run.unwrap();
    let step = &run.open[&key("a.x")];
    assert_eq!((step.accepted.as_deref(), step.cursor.as_ref().unwrap().get()), (Some("i"), "[1]"));
    assert!(run.finished_steps.is_empty() && !folded.is_changed);
}

#[test]
fn only_what_differs_is_a_change() {
    let same = Arc::new(Object { attributes: raw("{ \"number\" : 1 }"), ..Object::clone(&object(1)) });
    let target = |id: &str| Target { id: id.into(), words: String::new() };
    let targets = |id: &str| Record::Providers {
        targets: [("p".into(), target(id))].into(),
        configurations: [].into(),
    };
    let cases = [
        (Record::Refreshed { objects: vec![(key(SUBJECT), Some(same))] }, false),
        (Record::Refreshed { objects: vec![(key(SUBJECT), Some(object(2)))] }, true),
        (Record::Refreshed { objects: vec![(key("a.y"), None)] }, false),
        (Record::Untainted { key: key(SUBJECT) }, false),
        (Record::Tainted { key: key(SUBJECT) }, true),
        (Record::NodeEdges { edges: [].into() }, false),
        (Record::Outputs { outputs: vec![("o".into(), None)] }, false),
        (targets("same"), false),
        (targets("other"), true),
    ];
    for (record, expected) in cases {
        let mut folded = world(Before::Closed, true, false);
        folded.state.targets.insert("p".into(), target("same"));
        fold(&mut folded, &begin("run", "")).unwrap();
        fold(&mut folded, &record).unwrap();
        assert_eq!(folded.is_changed, expected, "{record:?}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let mut secret = intent("a.x", Operation::Create, 0);
    secret.recipe = raw("\"hunter2\"");
    let Record::Begin { plan, .. } = &mut begin("run", "") else { unreachable!() };
    *plan = raw("\"hunter2\"");
    let records =
        [begin("run", ""), Record::Intent(Box::new(secret)), Record::Checks { results: raw("\"hunter2\"") }];
    let text = format!("{records:?} {:?}", folded(&records));
    assert!(text.contains("a.x") && !text.contains("hunter2"), "{text}");
}

/// One choice of a random run: which of eight objects, and what to do with it.
fn choose(folded: &Folded, object_at: u8, action: u8) -> Record {
    let name = format!("a.x[{}]", object_at % 8);
    let subject = key(&name);
    let number = u64::from(action);
    let step = 1000 + u32::from(object_at) * 256 + u32::from(action);
    let has_step = folded.run.as_ref().is_some_and(|run| run.open.contains_key(&subject));
    let is_there = folded.state.object(&subject).is_some();
    match (folded.run.is_some(), has_step, is_there, action % 4) {
        (false, ..) => begin(&format!("run-{number}"), ""),
        (_, true, _, 0) => Record::Accepted { key: subject, token: token(&name), id: format!("id {number}") },
        (_, true, _, 1) => Record::Failed { key: subject, token: token(&name), object: None },
        (_, true, ..) => match folded.run.as_ref().unwrap().open[&subject].intent.operation {
            Operation::Delete => done(&name, None),
            _ => done(&name, Some(number)),
        },
        (_, _, true, 0) => start(&name, Operation::Update, step),
        (_, _, true, 1) => start(&name, Operation::Delete, step),
        (_, _, true, 2) => Record::Tainted { key: subject },
        (_, _, true, _) => Record::Refreshed { objects: vec![(subject, Some(object(number)))] },
        (_, _, false, 3) => Record::Finished { errored: false },
        (_, _, false, _) => start(&name, Operation::Create, step),
    }
}

/// All that a fold gives, as text.
fn summary(folded: &Folded) -> String {
    let bytes = format_v4::write(&folded.state, 0, "", "").unwrap();
    format!("{}{:?}", String::from_utf8(bytes).unwrap(), folded.run)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_journal_cut_anywhere_folds_to_a_prefix(choices in prop::collection::vec((any::<u8>(), any::<u8>()), 1..40), cut in any::<prop::sample::Index>()) {
        let mut folded = Folded::new(State::new("lineage"));
        let (mut bytes, mut ends, mut summaries) = (Vec::new(), vec![0], vec![summary(&folded)]);
        for (object_at, action) in choices {
            let record = choose(&folded, object_at, action);
            // The finish of a run with open steps is the one choice that may be out of order.
            if fold(&mut folded, &record).is_ok() {
                let sequence = ends.len() as u64;
                write_frame(&mut bytes, sequence, sequence - 1, &encode(&record).unwrap());
                ends.push(bytes.len());
                summaries.push(summary(&folded));
            }
        }
        let cut = cut.index(bytes.len() + 1);
        let scanned = scan(&bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        prop_assert_eq!(scanned.records.len(), whole);
        prop_assert_eq!(scanned.tail == Tail::Whole, ends[whole] == cut);
        let mut again = Folded::new(State::new("lineage"));
        for record in &scanned.records {
            fold(&mut again, record).unwrap();
        }
        prop_assert_eq!(summary(&again), summaries[whole].clone());
    }
}
