//! Any legal row of records, and a journal that ends at any byte.

use crate::records::*;
use formwork_state::journal::fold;
use formwork_state::simulated::SimulatedFiles;
use formwork_state::{Folded, Record, State};
use proptest::prelude::*;

fn any_record() -> impl Strategy<Value = Record> {
    (0u64..3, "[ab]", 0usize..17, 0u32..3).prop_map(|(number, name, kind, small)| match kind {
        0 => begin("r"),
        1 | 2 => intent(number, &name),
        3 => accepted(number, &name),
        4 => progress(number, &name, small),
        5 | 6 => done(number, &name, Some(object(&format!("{name}-{small}")))),
        7 => done(number, &name, None),
        8 => failed(number, &name, (small == 0).then(|| tainted("half"))),
        9 => deposed(number, &name),
        10 => Record::Restored { address: address(number), deposed: deposed_key() },
        11 => Record::Moved { from: address(number), to: address(u64::from(small)) },
        12 => Record::Imported { key: key(number), object: object("imported") },
        13 => Record::Forgotten { key: set_aside(number), step: None },
        14 => outputs(&name),
        15 => Record::StageFinished { stage: small },
        _ => Record::Finished { errored: small == 0 },
    })
}

/// The legal ones of a row, with what stands after each; the first picture is of nothing.
fn legal(records: Vec<Record>) -> (Vec<Record>, Vec<String>) {
    let mut folded = Folded { state: State::new(LINEAGE), ..Folded::default() };
    let mut pictures = vec![picture(&folded)];
    let mut taken = Vec::new();
    for record in std::iter::once(begin("r")).chain(records) {
        if fold(&mut folded, &record).is_ok() {
            pictures.push(picture(&folded));
            taken.push(record);
        }
    }
    (taken, pictures)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_journal_cut_anywhere_is_a_prefix(records in prop::collection::vec(any_record(), 1..40)) {
        let (records, pictures) = legal(records);
        let files = SimulatedFiles::default();
        let store = open(&files).unwrap();
        for record in &records {
            store.append(record).wait().unwrap();
        }
        prop_assert_eq!(&picture(&store.folded()), pictures.last().unwrap());
        drop(store);
        let whole = files.content(JOURNAL).unwrap();
        let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
        prop_assert_eq!(ends.len(), records.len() + 1, "one line a record, and the header");
        for cut in 0..=whole.len() {
            let files = SimulatedFiles::default();
            files.put(JOURNAL, &whole[..cut]);
            let store = open(&files).unwrap();
            let lines = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(&picture(&store.folded()), &pictures[lines.saturating_sub(1)], "cut at {}", cut);
        }
    }

    #[test]
    fn what_was_cut_off_is_written_again(records in prop::collection::vec(any_record(), 1..20), cut in any::<prop::sample::Index>()) {
        let (records, pictures) = legal(records);
        let files = SimulatedFiles::default();
        let store = open(&files).unwrap();
        for record in &records {
            store.append(record).wait().unwrap();
        }
        drop(store);
        let whole = files.content(JOURNAL).unwrap();
        let cut = cut.index(whole.len() + 1);
        files.put(JOURNAL, &whole[..cut]);
        let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
        let store = open(&files).unwrap();
        for record in &records[lines.saturating_sub(1)..] {
            store.append(record).wait().unwrap();
        }
        drop(store);
        prop_assert_eq!(files.content(JOURNAL).unwrap(), whole, "the torn tail left no trace");
        prop_assert_eq!(&picture(&open(&files).unwrap().folded()), pictures.last().unwrap());
    }
}

/// A byte that is wrong, with whole records behind it, is damage and not a torn tail.
#[test]
fn damage_is_refused_and_nothing_is_changed() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    for record in [begin("r"), intent(0, "a"), done(0, "a", Some(object("x")))] {
        store.append(&record).wait().unwrap();
    }
    drop(store);
    let mut bytes = files.content(JOURNAL).unwrap();
    bytes[40] ^= 1;
    files.put(JOURNAL, &bytes);
    let refusal = open(&files).err().unwrap();
    assert!(refusal.starts_with("journal-damaged") && refusal.contains("line 1"), "{refusal}");
    assert_eq!(files.content(JOURNAL).unwrap(), bytes);
}

/// Two swaps in one journal: folding it twice would undo them.
#[test]
fn a_journal_that_the_snapshot_holds_is_not_folded_again() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    for number in [0, 1] {
        store
            .append(&Record::Imported { key: key(number), object: object(&number.to_string()) })
            .wait()
            .unwrap();
    }
    store.finish().unwrap();
    let store = open(&files).unwrap();
    for (from, to) in [(0, 2), (1, 0), (2, 1)] {
        store.append(&Record::Moved { from: address(from), to: address(to) }).wait().unwrap();
    }
    let swapped = picture(&store.folded());
    let journal = files.content(JOURNAL).unwrap();
    store.finish().unwrap();
    assert_eq!(files.content(JOURNAL), None);
    files.put(JOURNAL, &journal);
    let store = open(&files).unwrap();
    assert_eq!(picture(&store.folded()), swapped);
    store.append(&begin("next")).wait().unwrap();
    drop(store);
    let store = open(&files).unwrap();
    assert_eq!(store.folded().run.as_ref().map(|run| run.run.clone()), Some("next".to_owned()));
}

#[test]
fn a_snapshot_that_another_program_wrote_is_refused_with_what_is_in_flight() {
    let files = SimulatedFiles::default();
    let store = open(&files).unwrap();
    for record in [begin("r"), intent(0, "a"), intent(1, "b"), done(1, "b", Some(object("x")))] {
        store.append(&record).wait().unwrap();
    }
    drop(store);
    let journal = files.content(JOURNAL).unwrap();
    let other = br#"{"version":4,"terraform_version":"1.3.7","serial":3,"lineage":"other","outputs":{},"resources":[],"check_results":null}"#;
    files.put(PATH, other);
    let refusal = open(&files).err().unwrap();
    assert!(refusal.starts_with("state-moved-on"), "{refusal}");
    assert!(refusal.contains("sim_machine.gpu[0]") && !refusal.contains("sim_machine.gpu[1]"), "{refusal}");
    assert!(refusal.contains("lineage other with serial 3"), "{refusal}");
    assert_eq!(files.content(JOURNAL).unwrap(), journal);
    assert_eq!(files.content(PATH).unwrap(), other);
}
