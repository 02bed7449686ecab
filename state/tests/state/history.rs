//! The history: one entry for each run and edit, wherever the power fails; and what was done to it is found.

use crate::records::*;
use formwork_state::backend::{Backend, Fence, FileBackend, Holder, MemoryBackend};
use formwork_state::history::{Chronicle, Fault, LazyOrigin, Origin, decode, verify};
use formwork_state::simulated::{Loss, SimulatedFiles};
use formwork_state::{Opening, Record, Store, digest};
use std::sync::Arc;

fn now() -> String {
    "2026-01-02T03:04:06Z".to_owned()
}

fn chronicle(id: &str) -> Chronicle {
    let origin = Origin { verb: id.to_owned(), user: "ada".to_owned(), pid: 7, ..Origin::default() };
    Chronicle { origin: LazyOrigin::new(Box::new(|| origin)), id: id.to_owned(), now, keep: None }
}

fn open_on(backend: &Arc<dyn Backend>, id: &str) -> Result<Store, String> {
    let opening = Opening {
        lock: false,
        lock_timeout_ms: 0,
        holder: Holder::default(),
        version: "0.1.0".to_owned(),
        new_lineage: LINEAGE.to_owned(),
        faults: None,
    };
    let store = Store::open_on(backend.clone(), opening).map_err(|found| format!("{found:?}"))?;
    Ok(store.with_chronicle(chronicle(id)))
}

fn on_disk(files: &SimulatedFiles) -> Arc<dyn Backend> {
    Arc::new(FileBackend::new(PATH, Arc::new(files.clone())))
}

/// A run that makes one object and fails at another, and an edit after it.
fn acts() -> [Vec<Record>; 2] {
    let run = vec![
        begin("run"),
        intent(0, "a"),
        Record::Answered { key: key(0), token: token("a"), requests: vec!["req-1".to_owned()] },
        accepted(0, "a"),
        done(0, "a", Some(object("zero"))),
        intent(1, "b"),
        failed(1, "b", None),
        Record::Finished { errored: true },
    ];
    [run, vec![Record::Tainted { key: key(0) }]]
}

/// Performs both; whether nothing failed.
fn perform(backend: &Arc<dyn Backend>) -> Result<(), String> {
    for (id, records) in ["run", "edit"].iter().zip(acts()) {
        let store = open_on(backend, id)?;
        let about = store.about(Some(id)).unwrap();
        drop(store.append(&Record::About(Box::new(about))));
        for record in records {
            store.append(&record).wait().map_err(|error| error.into_finding().detail)?;
        }
        store.finish().map_err(|found| format!("{found:?}"))?;
    }
    Ok(())
}

/// Ends what was cut off, as the next process does.
fn go_on(backend: &Arc<dyn Backend>) -> Result<(), String> {
    let store = open_on(backend, "later")?;
    let open: Vec<_> =
        store.folded().run.iter().flat_map(|run| run.open.values().map(|step| step.intent.clone())).collect();
    for intent in open {
        let record = Record::Failed { key: intent.key, token: intent.token, object: None };
        store.append(&record).wait().map_err(|error| error.into_finding().detail)?;
    }
    if store.folded().run.is_some() {
        let finished = Record::Finished { errored: true };
        store.append(&finished).wait().map_err(|error| error.into_finding().detail)?;
    }
    store.finish().map_err(|found| format!("{found:?}"))
}

fn entries(backend: &Arc<dyn Backend>) -> Vec<(u64, Vec<u8>)> {
    let numbers = backend.history().unwrap().unwrap();
    numbers.into_iter().map(|number| (number, backend.history_entry(number).unwrap().unwrap())).collect()
}

fn faults(entries: &[(u64, Vec<u8>)]) -> Vec<Fault> {
    verify(entries.iter().map(|(number, bytes)| (*number, bytes.as_slice())))
}

#[test]
fn a_run_and_an_edit_leave_an_entry_each() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    perform(&backend).unwrap();
    let entries = entries(&backend);
    assert_eq!(faults(&entries), []);
    let read: Vec<_> = entries.iter().map(|(_, bytes)| decode(bytes).unwrap().entry).collect();
    let [run, edit] = read.as_slice() else { panic!("{} entries", read.len()) };
    assert_eq!((run.result.as_str(), run.counts.added, run.counts.failed), ("failed", 1, 1));
    let steps: Vec<String> = run
        .steps
        .iter()
        .map(|step| {
            let (named, accepted) = (step.requests.join(" "), &step.accepted);
            format!("{} {} {} {accepted:?} {named}", step.action, step.address, step.outcome)
        })
        .collect();
    assert_eq!(
        steps,
        ["create sim_machine.gpu[0] done Some(\"id-0\") req-1", "create sim_machine.gpu[1] failed None "]
    );
    assert_eq!((edit.origin.verb.as_str(), edit.edits[0].action.as_str()), ("edit", "taint"));
    assert_eq!(edit.previous, decode(&entries[0].1).unwrap().digest);
    assert_eq!(run.state.after, edit.state.before);
    assert_eq!(edit.state.after.digest, digest(&backend.load().unwrap().snapshot.unwrap()));
}

#[test]
fn there_is_one_entry_wherever_the_power_fails() {
    for seed in 0..8 {
        let requests = (0..1000).take_while(|after| is_cut_off(seed, *after)).count();
        assert!(requests > 30, "{requests}");
    }
}

/// Fails the power once, goes on, and looks at what stands; whether it failed before the end.
fn is_cut_off(seed: u64, after: u64) -> bool {
    let loss = match seed {
        0 => Loss::Everything,
        1 => Loss::Nothing,
        seed => Loss::Chance(seed * 1000 + after + 1),
    };
    let files = SimulatedFiles::default();
    files.fail_power_after(after);
    let outcome = perform(&on_disk(&files));
    let was_off = files.is_off();
    files.restart(loss);
    let backend = on_disk(&files);
    for _ in 0..2 {
        go_on(&backend).unwrap_or_else(|error| panic!("request {after}, {loss:?}: {error}"));
    }
    let entries = entries(&backend);
    assert_eq!(faults(&entries), [], "request {after}, {loss:?}");
    let runs: Vec<String> = entries.iter().map(|(_, bytes)| decode(bytes).unwrap().entry.run).collect();
    let names: Vec<&str> = runs.iter().map(String::as_str).collect();
    assert!(["run", "edit"].starts_with(&names), "request {after}, {loss:?}: {runs:?}");
    let stands = backend.load().unwrap().snapshot.as_deref().map(digest).unwrap_or_default();
    let ends = entries.last().map(|(_, bytes)| decode(bytes).unwrap().entry.state.after.digest);
    assert_eq!(ends.unwrap_or_default(), stands, "request {after}, {loss:?}: no entry of what stands");
    assert!(outcome.is_err() || runs.len() == 2, "request {after}, {loss:?}");
    was_off
}

/// What somebody does to entries.
type Change = fn(&mut Vec<(u64, Vec<u8>)>);

#[test]
fn what_was_done_to_a_history_is_found() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    for _ in 0..2 {
        perform(&backend).unwrap_or_else(|error| panic!("{error}"));
        // The same objects again.
        let store = open_on(&backend, "empty").unwrap();
        store.append(&Record::Forgotten { key: key(0), step: None }).wait().unwrap();
        store.finish().unwrap();
    }
    let whole = entries(&backend);
    assert!(whole.len() >= 3, "{}", whole.len());
    let cases: [(&str, Change, &[Fault]); 6] = [
        ("nothing", |_| (), &[]),
        ("the beginning was pruned", |entries| drop(entries.remove(0)), &[]),
        ("one is missing", |entries| drop(entries.remove(1)), &[Fault::Missing(2)]),
        (
            "one was changed",
            |entries| {
                let text = String::from_utf8(entries[1].1.clone()).unwrap();
                entries[1].1 = text.replace("\"ada\"", "\"bob\"").into_bytes();
            },
            &[Fault::Changed(2)],
        ),
        (
            "two changed places",
            |entries| {
                let (one, two) = (entries[0].1.clone(), entries[1].1.clone());
                (entries[0].1, entries[1].1) = (two, one);
            },
            &[Fault::Misplaced(1, 2), Fault::Misplaced(2, 1)],
        ),
        (
            "one was written anew, its digest too",
            |entries| {
                let document = decode(&entries[0].1).unwrap();
                let text = serde_json::to_string(&document.entry).unwrap().replace("\"ada\"", "\"bob\"");
                let digest = digest(text.as_bytes());
                entries[0].1 = format!(r#"{{"format":1,"digest":"{digest}","entry":{text}}}"#).into_bytes();
            },
            &[Fault::Unlinked(2)],
        ),
    ];
    for (name, change, expected) in cases {
        let mut entries = whole.clone();
        change(&mut entries);
        assert_eq!(faults(&entries), expected, "{name}");
    }
}

#[test]
fn only_so_many_entries_are_kept() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    perform(&backend).unwrap();
    let store = open_on(&backend, "prune").unwrap();
    assert_eq!(store.prune_history(1).unwrap(), Some((1, 1)));
    let left = entries(&backend);
    assert_eq!(left.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(faults(&left), []);
    let last = decode(&left[1].1).unwrap().entry;
    assert_eq!((last.edits[0].action.as_str(), last.edits[0].address.as_str()), ("prune", "entries 1 to 1"));

    let store =
        open_on(&backend, "set").unwrap().with_chronicle(Chronicle { keep: Some(2), ..chronicle("set") });
    drop(store.append(&Record::About(Box::new(store.about(None).unwrap()))));
    store.append(&Record::Untainted { key: key(0) }).wait().unwrap();
    store.finish().unwrap();
    assert_eq!(backend.history().unwrap(), Some(vec![3, 4]));
}

/// A place with these entries.
fn place(entries: &[(u64, Vec<u8>)]) -> Arc<dyn Backend> {
    let backend = MemoryBackend::default();
    for (number, bytes) in entries {
        backend.append_history(Fence::UNLOCKED, *number, bytes).unwrap();
    }
    Arc::new(backend)
}

#[test]
fn a_history_goes_along_to_a_place_that_has_no_other() {
    let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    perform(&backend).unwrap();
    let store = open_on(&backend, "third").unwrap();
    store.append(&Record::Untainted { key: key(0) }).wait().unwrap();
    store.finish().unwrap();
    let store = open_on(&backend, "prune").unwrap();
    store.prune_history(3).unwrap();
    let whole = entries(&backend);
    let other: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
    let store = open_on(&other, "other").unwrap();
    drop(store.append(&Record::About(Box::new(store.about(None).unwrap()))));
    store.append(&Record::Imported { key: key(0), object: object("zero") }).wait().unwrap();
    store.finish().unwrap();
    let other = entries(&other);
    let mut changed = whole.clone();
    changed[1].1 =
        String::from_utf8(changed[1].1.clone()).unwrap().replace("\"ada\"", "\"bob\"").into_bytes();
    let (first, last) = (whole[..1].to_vec(), whole[1..].to_vec());
    let further = [whole.clone(), vec![(whole.last().unwrap().0 + 1, b"{}".to_vec())]].concat();
    for (name, from, to, expected) in [
        ("nothing is there", &whole, &vec![], Ok(whole.len())),
        ("there is nothing", &vec![], &other, Ok(0)),
        ("neither has anything", &vec![], &vec![], Ok(0)),
        ("the beginning is there", &whole, &first, Ok(whole.len() - 1)),
        ("the beginning is there and was pruned here", &last, &first, Ok(last.len())),
        ("all of it is there", &whole, &whole, Ok(0)),
        ("another is there", &whole, &other, Err("Another history is there")),
        ("it went on there", &whole, &further, Err("Another history is there")),
        ("the beginning was changed there", &whole, &changed, Err("Another history is there")),
        ("it was changed", &changed, &vec![], Err("History is damaged")),
    ] {
        let (from_place, to_place) = (place(from), place(to));
        let (source, target) = (open_on(&from_place, "a").unwrap(), open_on(&to_place, "b").unwrap());
        let found = target.missing_history(&source);
        let found = found.map_err(|found| found.iter().map(|one| one.summary.clone()).collect::<String>());
        match (found, expected) {
            (Ok(missing), Ok(count)) => {
                assert_eq!(missing.documents().count(), count, "{name}");
                target.take_history(missing).unwrap();
                if !from.is_empty() {
                    assert!(entries(&to_place).ends_with(from), "{name}");
                }
            }
            (Err(summary), Err(expected)) => {
                assert_eq!(summary, expected, "{name}");
                assert_eq!(entries(&to_place), *to, "{name}: nothing was written");
            }
            (found, expected) => panic!("{name}: {:?}, not {expected:?}", found.map(|_| ())),
        }
    }
}
