//! Records as lines: `SEQUENCE DURABLE LENGTH CRC32 JSON`.
//!
//! Each line is guarded by its length and a checksum over its numbers and its JSON. `DURABLE` is the highest sequence
//! number that was known to be flushed when the line was written. A crash may lose any part of what was not flushed,
//! also a page in the middle of it; so a damaged line is a torn tail, and dropped, unless a later whole line says that
//! the damaged one had been durable: then bytes were lost that must not be lost, and that is an error.

use super::record::Record;
use crate::json_text::write_compact;
use std::fmt;

/// A journal that cannot be trusted: which record, where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameError {
    /// The line, from 1.
    pub line: usize,
    /// The byte at which the line begins.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FrameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {} (byte {}): {}", self.line, self.offset, self.message)
    }
}

impl std::error::Error for FrameError {}

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With a whole line.
    Whole,
    /// With bytes that were never durable; so many are dropped.
    Torn(usize),
}

/// A journal read.
#[derive(Debug)]
pub struct Scan {
    /// The records, in order.
    pub records: Vec<Record>,
    /// Where the last whole line ends.
    pub good_length: usize,
    /// The sequence number that the next record gets.
    pub next_sequence: u64,
    /// How it ends.
    pub tail: Tail,
}

/// The JSON of a record, on one line.
pub fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let body = serde_json::to_vec(record)?;
    if !body.contains(&b'\n') && !body.contains(&b'\r') {
        return Ok(body);
    }
    // Attributes keep the spacing that they had in the file they came from.
    let mut compact = Vec::with_capacity(body.len());
    write_compact(&mut compact, &body);
    Ok(compact)
}

/// Appends a line.
pub(crate) fn write_frame(out: &mut Vec<u8>, sequence: u64, durable: u64, body: &[u8]) {
    let checksum = checksum(sequence, durable, body);
    out.extend_from_slice(head(sequence, durable, body.len(), checksum).as_bytes());
    out.extend_from_slice(body);
    out.push(b'\n');
}

fn head(sequence: u64, durable: u64, length: usize, checksum: u32) -> String {
    format!("{sequence} {durable} {length:x} {checksum:08x} ")
}

fn checksum(sequence: u64, durable: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.to_le_bytes());
    hasher.update(&durable.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

struct Frame<'a> {
    sequence: u64,
    durable: u64,
    body: &'a [u8],
    length: usize,
}

fn read_frame(bytes: &[u8]) -> Option<Frame<'_>> {
    // Two numbers of 20 digits, one of 16, one of 8, four spaces.
    const LONGEST_HEAD: usize = 68;
    let mut parts = [0; 4];
    let mut start = 0;
    for part in &mut parts {
        let rest = &bytes[start..bytes.len().min(LONGEST_HEAD).max(start)];
        start += rest.iter().position(|byte| *byte == b' ')? + 1;
        *part = start;
    }
    let text = |from: usize, to: usize| std::str::from_utf8(&bytes[from..to - 1]).ok();
    let sequence = text(0, parts[0])?.parse().ok()?;
    let durable = text(parts[0], parts[1])?.parse().ok()?;
    let size = usize::from_str_radix(text(parts[1], parts[2])?, 16).ok()?;
    let expected = u32::from_str_radix(text(parts[2], parts[3])?, 16).ok()?;
    let body = bytes.get(start..start.checked_add(size)?)?;
    // Numbers can be written in more than one way, and only ours is no damage.
    let is_ours = bytes.starts_with(head(sequence, durable, size, expected).as_bytes());
    let is_whole =
        is_ours && bytes.get(start + size) == Some(&b'\n') && checksum(sequence, durable, body) == expected;
    is_whole.then_some(Frame { sequence, durable, body, length: start + size + 1 })
}

/// Reads a journal. Its first record has the sequence number 1.
pub fn scan(bytes: &[u8]) -> Result<Scan, FrameError> {
    let mut scan = Scan { records: Vec::new(), good_length: 0, next_sequence: 1, tail: Tail::Whole };
    while scan.good_length < bytes.len() {
        let fail =
            |message: String| FrameError { line: scan.records.len() + 1, offset: scan.good_length, message };
        let Some(frame) = read_frame(&bytes[scan.good_length..]) else {
            if was_durable(&bytes[scan.good_length..], scan.next_sequence) {
                return Err(fail(
                    "the line is damaged, and later lines show that it had been stored safely".into(),
                ));
            }
            scan.tail = Tail::Torn(bytes.len() - scan.good_length);
            break;
        };
        if frame.sequence != scan.next_sequence {
            let (expected, found) = (scan.next_sequence, frame.sequence);
            return Err(fail(format!("record {expected} is expected, and record {found} follows")));
        }
        let record = serde_json::from_slice(frame.body).map_err(|error| {
            fail(format!("the record is whole, but this version does not know it ({})", kind_of(&error)))
        })?;
        scan.records.push(record);
        scan.good_length += frame.length;
        scan.next_sequence += 1;
    }
    Ok(scan)
}

/// The error without the content that serde quotes, which may be secret.
fn kind_of(error: &serde_json::Error) -> String {
    format!("{:?} error at column {}", error.classify(), error.column()).to_lowercase()
}

/// Whether a whole line after the damage says that the record `sequence` had been flushed.
fn was_durable(damaged: &[u8], sequence: u64) -> bool {
    // Every byte is tried, since the damage may have taken the end of the line; a line's head tells at once.
    (1..damaged.len())
        .filter_map(|at| read_frame(&damaged[at..]))
        .any(|frame| frame.sequence > sequence && frame.durable >= sequence)
}

#[cfg(test)]
mod tests;
