use super::*;
use crate::fixtures::raw;

fn record(stage: u32) -> Record {
    Record::StageFinished { stage }
}

/// Frames in which each was flushed before the next was written, or none was.
fn journal(count: u32, flushed: bool) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    for number in 1..=count {
        let durable = if flushed { u64::from(number) - 1 } else { 0 };
        write_frame(&mut bytes, u64::from(number), durable, &encode(&record(number)).unwrap());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

#[test]
fn every_cut_gives_the_whole_records_before_it() {
    let (bytes, ends) = journal(5, true);
    for cut in 0..=bytes.len() {
        let scanned = scan(&bytes[..cut]).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!((scanned.records.len(), scanned.good_length), (whole, ends[whole]), "cut at {cut}");
        let torn = cut - ends[whole];
        assert_eq!(scanned.tail, if torn == 0 { Tail::Whole } else { Tail::Torn(torn) });
        assert_eq!(scanned.next_sequence, whole as u64 + 1);
    }
}

#[test]
fn damage_before_something_durable_is_an_error() {
    let (bytes, ends) = journal(4, true);
    // A record is known to have been durable from the one after it; the last two have nobody to say so.
    for at in 0..ends[3] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        let line = ends.iter().filter(|end| **end <= at).count();
        let error = scan(&damaged).unwrap_err();
        assert_eq!((error.line, error.offset), (line, ends[line - 1]), "damage at {at}: {error}");
    }
    for at in ends[3]..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        assert_eq!(scan(&damaged).unwrap().records.len(), 3, "damage at {at}");
    }
}

#[test]
fn a_page_lost_from_one_flush_is_a_torn_tail() {
    let (mut bytes, ends) = journal(4, false);
    bytes[ends[1]..ends[2]].fill(0);
    let scanned = scan(&bytes).unwrap();
    assert_eq!((scanned.records.len(), scanned.tail), (1, Tail::Torn(bytes.len() - ends[1])));
}

#[test]
fn a_missing_record_is_an_error() {
    let (bytes, ends) = journal(3, false);
    let without = [&bytes[..ends[1]], &bytes[ends[2]..]].concat();
    assert!(scan(&without).unwrap_err().message.contains("record 2 is expected"));
}

#[test]
fn an_unknown_record_is_an_error_without_its_content() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, 1, 0, b"{\"hunter2\":\"hunter2\"}");
    let message = scan(&bytes).unwrap_err().to_string();
    assert!(message.contains("does not know it") && !message.contains("hunter2"), "{message}");
}

#[test]
fn a_record_is_one_line() {
    let results = raw("{\n  \"a\": \"x\\ny\",\r\n  \"b\": [ 1 ]\n}");
    let body = encode(&Record::Checks { results }).unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), r#"{"checks":{"results":{"a":"x\ny","b":[1]}}}"#);
}
