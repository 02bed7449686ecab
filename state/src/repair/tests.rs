use super::*;
use crate::Record;
use crate::backend::MemoryBackend;
use crate::fixtures::{key, object, raw};
use crate::journal::{Intent, Operation, Token};

fn snapshot() -> Vec<u8> {
    let mut state = State::new("l");
    state.insert(key("sim_bucket.old"), object(1));
    format_v4::write(&state, 4, None, "0").unwrap()
}

fn intent(name: &str, step: u32) -> Record {
    Record::Intent(Box::new(Intent {
        key: key(name),
        token: Token(format!("token-{step}").into()),
        operation: Operation::Create,
        step,
        attempt: 0,
        stage: 0,
        time: String::new(),
        followed_by: 0,
        recipe: raw("{}"),
    }))
}

fn refreshed(name: &str, number: u64) -> Record {
    Record::Refreshed { objects: vec![(key(name), Some(object(number)))] }
}

/// A journal that follows a snapshot: begun, one object seen, one in flight.
fn journal(follows: &str) -> Vec<Vec<u8>> {
    let header = Header { lineage: "l".to_owned(), serial: 4, digest: follows.to_owned() };
    let begin = Record::Begin {
        run: "run".into(),
        lineage: "l".into(),
        base_serial: 4,
        base_digest: follows.to_owned(),
        time: String::new(),
        plan: raw("{}"),
    };
    let records = [begin, refreshed("sim_bucket.old", 2), intent("sim_bucket.new", 0)];
    let encoded = std::iter::once(line::encode(&header).unwrap())
        .chain(records.iter().map(|record| line::encode(record).unwrap()));
    let lined = |(durable, text): (usize, Vec<u8>)| {
        let mut out = Vec::new();
        line::write(&mut out, durable as u64, &text);
        out
    };
    encoded.enumerate().map(lined).collect()
}

fn damaged(mut lines: Vec<Vec<u8>>, at: usize) -> Vec<u8> {
    let middle = lines[at].len() / 2;
    lines[at][middle] ^= 0x20;
    lines.concat()
}

#[test]
fn what_folds_is_taken_and_the_rest_is_named() {
    let (good, whole) = (snapshot(), journal(&digest(&snapshot())));
    let cut = &good[..good.len() / 2];
    for (name, wreck, in_hand, expected) in [
        ("nothing is wrong", (&good[..], whole.concat()), None, Ok((3, 0, 1))),
        ("the intent is damaged", (&good, damaged(whole.clone(), 3)), None, Ok((2, 0, 0))),
        ("what was seen is damaged", (&good, damaged(whole.clone(), 2)), None, Ok((2, 0, 1))),
        ("the beginning is damaged", (&good, damaged(whole.clone(), 1)), None, Ok((1, 1, 1))),
        ("the header is damaged", (&good, damaged(whole.clone(), 0)), None, Ok((3, 1, 1))),
        ("of another snapshot", (&good, journal("other").concat()), None, Ok((3, 1, 1))),
        ("the snapshot is cut", (cut, whole.concat()), None, Err("-from=FILE")),
        ("and one is in hand", (cut, whole.concat()), Some(&good), Ok((3, 0, 1))),
    ] {
        let wreck = Wreck::in_clear(Some(wreck.0.to_vec()), wreck.1);
        let found = salvage("state", &wreck, in_hand.map(Vec::as_slice));
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let counts = (found.taken, found.left.len(), found.in_flight.len());
                assert_eq!(counts, expected, "{name}: {:?}", found.left);
                assert!(found.state.object(&key("sim_bucket.old")).is_some(), "{name}");
            }
            (Err(diagnostic), Err(part)) => {
                assert!(diagnostic.hint.as_deref().unwrap_or_default().contains(part), "{name}");
            }
            (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn what_was_taken_stands_in_place_of_the_wreck() {
    let backend = MemoryBackend::default();
    let opening = Opening {
        lock: true,
        lock_timeout_ms: 0,
        holder: crate::backend::Holder::default(),
        version: "0".to_owned(),
        new_lineage: "new".to_owned(),
        faults: None,
    };
    let fence = backend.lease(&opening.holder, 0).unwrap();
    backend.snapshot(fence, "", b"{ \"version\": 4, ").unwrap();
    backend.append(fence, 0, &damaged(journal(&digest(&snapshot())), 3)).unwrap();
    backend.release(fence);
    let wreck = backend.wreck().unwrap();
    let good = snapshot();
    let taken = salvage("state", &wreck, Some(&good)).unwrap();
    restore(&backend, &opening, &wreck, &taken).unwrap();
    let loaded = backend.load().unwrap();
    assert!(loaded.journal.is_empty());
    let read = format_v4::read("state", &loaded.snapshot.unwrap()).unwrap();
    assert_eq!(read.state.serial, 5);
    assert_eq!(read.state.object(&key("sim_bucket.old")).unwrap().schema_version, 2);
    // Whoever read it before does not write over it.
    assert!(restore(&backend, &opening, &wreck, &taken).is_err());
}
