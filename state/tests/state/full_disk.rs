//! A disk that is full, or that refuses.

use crate::records::*;
use formwork_state::Record;
use formwork_state::simulated::{Request, SimulatedFiles};

fn finish_first_run(files: &SimulatedFiles) {
    let store = open(files).unwrap();
    for record in [
        begin("first"),
        intent(0, "a"),
        done(0, "a", Some(object("zero"))),
        Record::Finished { errored: false },
    ] {
        store.append(&record).wait().unwrap();
    }
    store.finish().unwrap();
}

/// Every amount of room from none to enough: the record is whole or not there, and the next run goes on.
#[test]
fn a_journal_that_does_not_fit_is_cut_back_to_its_last_whole_record() {
    let mut refused = 0;
    for room in (0..).step_by(13) {
        let files = SimulatedFiles::default();
        let store = open(&files).unwrap();
        store.append(&begin("r")).wait().unwrap();
        let before = files.content(JOURNAL).unwrap();
        files.limit_room(Some(room));
        let outcome = store.append(&intent(0, "a")).wait();
        let Err(diagnostic) = outcome else { break };
        refused += 1;
        assert_eq!(diagnostic.code, "journal-unwritable");
        assert!(diagnostic.detail.contains("no storage space"), "{}", diagnostic.detail);
        assert_eq!(files.content(JOURNAL).unwrap(), before, "room for {room} bytes");
        let next = store.append(&intent(1, "b")).wait();
        assert!(next.is_err(), "nothing is written after a failure");
        assert_eq!(store.finish().unwrap_err().iter().next().unwrap().code, "journal-unwritable");
        files.limit_room(None);
        let store = open(&files).unwrap();
        assert!(store.folded().run.as_ref().unwrap().open.is_empty());
        for record in [intent(0, "a"), done(0, "a", Some(object("x"))), Record::Finished { errored: false }] {
            store.append(&record).wait().unwrap();
        }
        store.finish().unwrap();
        assert_eq!(open(&files).unwrap().folded().state.len(), 1);
    }
    assert!(refused > 5, "{refused}");
}

#[test]
fn a_failure_that_nobody_waited_for_is_told_at_the_end() {
    let files = SimulatedFiles::default();
    finish_first_run(&files);
    let before = files.content(PATH);
    let store = open(&files).unwrap();
    files.limit_room(Some(0));
    drop(store.append(&outputs("x")));
    let diagnostics = store.finish().unwrap_err();
    assert_eq!(diagnostics.iter().next().unwrap().code, "journal-unwritable");
    assert_eq!(files.content(PATH), before);
}

/// Makes a disk refuse.
type Refusal = fn(&SimulatedFiles);

/// Each kind of refusal, while the second snapshot is written.
#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_old_one_and_the_journal() {
    let all: [(&str, Refusal); 7] = [
        ("no room at all", |files| files.limit_room(Some(0))),
        ("room for the backup alone", |files| {
            let room = files.content(PATH).unwrap().len() + 10;
            files.limit_room(Some(room));
        }),
        ("open", |files| files.refuse(Some(Request::Open))),
        ("append", |files| files.refuse(Some(Request::Append))),
        ("flush", |files| files.refuse(Some(Request::Flush))),
        ("rename", |files| files.refuse(Some(Request::Rename))),
        ("read", |files| files.refuse(Some(Request::Read))),
    ];
    for (name, refuse) in all {
        let files = SimulatedFiles::default();
        finish_first_run(&files);
        let before = files.content(PATH).unwrap();
        let store = open(&files).unwrap();
        for record in [
            begin("second"),
            intent(1, "b"),
            done(1, "b", Some(object("one"))),
            Record::Finished { errored: false },
        ] {
            store.append(&record).wait().unwrap();
        }
        let expected = picture(&store.folded());
        refuse(&files);
        let diagnostics = store.finish().unwrap_err();
        let codes: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code.as_str()).collect();
        assert_eq!(codes, ["state-unwritable"], "{name}");
        assert_eq!(files.content(PATH).unwrap(), before, "{name}");
        let left: Vec<_> =
            files.names().into_iter().filter(|path| path.to_string_lossy().ends_with(".new")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
        files.limit_room(None);
        files.refuse(None);
        let store = open(&files).unwrap();
        assert_eq!(picture(&store.folded()), expected, "{name}");
        store.finish().unwrap();
        assert_eq!(files.content(JOURNAL), None, "{name}");
        assert_eq!(open(&files).unwrap().folded().state.len(), 2, "{name}");
    }
}

/// The snapshot stands, the journal cannot be ended: the next run reads it once, not twice.
#[test]
fn a_journal_that_cannot_be_removed_is_not_read_again() {
    for request in [Request::Remove, Request::FlushFolder] {
        let files = SimulatedFiles::default();
        let store = open(&files).unwrap();
        for record in [
            begin("first"),
            intent(0, "a"),
            done(0, "a", Some(object("zero"))),
            Record::Finished { errored: false },
        ] {
            store.append(&record).wait().unwrap();
        }
        let expected = picture(&store.folded());
        files.refuse(Some(request));
        assert!(store.finish().is_err());
        files.refuse(None);
        let store = open(&files).unwrap();
        assert_eq!(picture(&store.folded()), expected);
        store.finish().unwrap();
        assert_eq!(files.content(JOURNAL), None);
    }
}

#[test]
fn what_another_program_wrote_meanwhile_is_not_overwritten() {
    let files = SimulatedFiles::default();
    finish_first_run(&files);
    let store = open(&files).unwrap();
    store.append(&outputs("x")).wait().unwrap();
    files.put(PATH, b"{\"version\": 4}");
    let diagnostics = store.finish().unwrap_err();
    let diagnostic = diagnostics.iter().next().unwrap();
    assert_eq!(diagnostic.code, "state-unwritable");
    assert!(diagnostic.detail.contains("another process replaced the snapshot"), "{}", diagnostic.detail);
    assert_eq!(files.content(PATH).unwrap(), b"{\"version\": 4}");
    assert!(files.content(JOURNAL).is_some());
}
