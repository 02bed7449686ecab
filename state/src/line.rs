//! One record a line, guarded by its length and a checksum.

use crate::json_text::write_compact;
use formwork_diagnostic::Diagnostic;

/// What a line's guard takes at most, its end with it.
pub(crate) const GUARD_BYTES: usize = 48;

/// What most records take.
const RECORD_BYTES: usize = 2048;

/// The text of a record, on one line whatever the spacing of the JSON in it.
pub(crate) fn encode(record: &impl serde::Serialize) -> Result<Vec<u8>, Diagnostic> {
    let mut text = Vec::with_capacity(RECORD_BYTES);
    serde_json::to_writer(&mut text, record).map_err(|error| {
        Diagnostic::error("journal-unwritable", "Journal record cannot be written", error.to_string())
    })?;
    if !text.contains(&b'\n') && !text.contains(&b'\r') {
        return Ok(text);
    }
    // Attributes keep the spacing that they had in the file they came from.
    let mut compact = Vec::with_capacity(text.len());
    write_compact(&mut compact, &text);
    Ok(compact)
}

/// Appends a line: how many lines are known to be durable, length, checksum, text.
pub(crate) fn write(out: &mut Vec<u8>, durable: u64, text: &[u8]) {
    out.extend_from_slice(guard(durable, text).as_bytes());
    out.extend_from_slice(text);
    out.push(b'\n');
}

fn guard(durable: u64, text: &[u8]) -> String {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&durable.to_le_bytes());
    checksum.update(text);
    format!("{durable:x} {:x} {:08x} ", text.len(), checksum.finalize())
}

/// The lines of a journal: those that are whole, and where the good part ends.
pub(crate) struct Lines<'a> {
    pub(crate) texts: Vec<&'a [u8]>,
    pub(crate) good_length: u64,
}

/// Splits a journal. A crash may lose any part of what was not flushed, also a page in the middle of it, so a damaged
/// line and what follows it are left out; unless a later line says that the damaged one had been durable.
pub(crate) fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<Lines<'a>, Diagnostic> {
    let mut texts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match one(&bytes[at..]) {
            Some((_, text, length)) => {
                texts.push(text);
                at += length;
            }
            None if was_durable(&bytes[at..], texts.len() as u64) => {
                return Err(damaged(name, texts.len() + 1));
            }
            None => break,
        }
    }
    Ok(Lines { texts, good_length: at as u64 })
}

/// Every whole line, wherever it stands, with its number by the ends of lines before it: for what is damaged.
pub(crate) fn whole(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut found, mut at, mut number) = (Vec::new(), 0, 1);
    while at < bytes.len() {
        if let Some((_, text, length)) = one(&bytes[at..]) {
            found.push((number, text));
            at += length;
        } else {
            // A line that lost its end runs into the next.
            let next = (at + 1..bytes.len()).find(|next| one(&bytes[*next..]).is_some());
            at = next.unwrap_or(bytes.len());
        }
        number += 1;
    }
    found
}

fn one(bytes: &[u8]) -> Option<(u64, &[u8], usize)> {
    // Two numbers of 16 digits, one of 8, three spaces.
    const LONGEST: usize = 43;
    let head = &bytes[..bytes.len().min(LONGEST)];
    let mut spaces = head.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let (first, second, third) = (spaces.next()?, spaces.next()?, spaces.next()?);
    let number =
        |from: usize, to: usize| u64::from_str_radix(std::str::from_utf8(&head[from..to]).ok()?, 16).ok();
    let (durable, length) = (number(0, first)?, usize::try_from(number(first + 1, second)?).ok()?);
    let end = (third + 1).checked_add(length)?;
    let text = bytes.get(third + 1..end)?;
    // Compared as text: a number can be written in more than one way, and only ours is no damage.
    let is_whole = bytes.get(end) == Some(&b'\n') && guard(durable, text).as_bytes() == &head[..=third];
    is_whole.then_some((durable, text, end + 1))
}

/// Whether a whole line after the damage says that more than `count` lines were durable. Every byte is tried, since the
/// damage may have taken the end of its line.
fn was_durable(bytes: &[u8], count: u64) -> bool {
    (1..bytes.len()).filter_map(|at| one(&bytes[at..])).any(|(durable, ..)| durable > count)
}

fn damaged(name: &str, line: usize) -> Diagnostic {
    Diagnostic::error("journal-damaged", "Journal is damaged", format!("{name}: line {line} is damaged, and what follows it shows that it had been stored safely."))
        .hint("Keep the file. Restore it from a copy, or move it away and import what the last run made; the line's neighbours say what that was.")
}

/// The first line of a journal: the snapshot that its records follow.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Header {
    /// Which line of states it belongs to.
    pub(crate) lineage: String,
    /// The snapshot's serial.
    pub(crate) serial: u64,
    /// The snapshot's digest; empty where there is none.
    pub(crate) digest: String,
}

/// A header or a record from its line's text.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(
    name: &str,
    line: usize,
    text: &[u8],
) -> Result<T, Diagnostic> {
    serde_json::from_slice(text).map_err(|error| {
        Diagnostic::error(
            "journal-unreadable",
            "Journal cannot be read",
            format!("{name}: line {line}: {error}."),
        )
        .hint("It was written by another version; finish the run with the version that began it.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of which each was durable before the next was written, or none was.
    fn journal(is_flushed: bool) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), vec![0]);
        for number in 0..4 {
            let text = encode(&format!("record {number}")).unwrap();
            write(&mut bytes, if is_flushed { number } else { 0 }, &text);
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    #[test]
    fn a_cut_tail_is_dropped_at_every_byte() {
        let (bytes, ends) = journal(true);
        for cut in 0..=bytes.len() {
            let found = split("j", &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!((found.texts.len(), found.good_length), (whole, ends[whole] as u64), "cut at {cut}");
        }
    }

    #[test]
    fn damage_to_what_was_durable_is_an_error() {
        let (bytes, ends) = journal(true);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            let found =
                split("j", &damaged).map(|lines| lines.texts.len()).map_err(|error| error.code.clone());
            // Nobody is left to say that the last line was durable.
            let expected = if at < ends[3] { Err("journal-damaged".to_owned()) } else { Ok(3) };
            assert_eq!(found, expected, "damage at {at}");
        }
    }

    #[test]
    fn a_page_lost_from_one_flush_is_a_torn_tail() {
        let (mut bytes, ends) = journal(false);
        bytes[ends[1]..ends[2]].fill(0);
        let found = split("j", &bytes).unwrap();
        assert_eq!((found.texts.len(), found.good_length), (1, ends[1] as u64));
    }

    #[test]
    fn a_record_is_one_line() {
        let raw =
            serde_json::value::RawValue::from_string("{\n  \"a\": \"x\\ny\",\r\n \"b\": [ 1 ]\n}".to_owned());
        assert_eq!(String::from_utf8(encode(&raw.unwrap()).unwrap()).unwrap(), r#"{"a":"x\ny","b":[1]}"#);
    }
}
