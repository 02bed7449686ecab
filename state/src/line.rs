//! One record a line, guarded by its length and a checksum.

use formwork_diagnostic::Diagnostic;

/// What stands before each record: eight digits of length, a space, eight digits of checksum, a space.
const GUARD: usize = 18;

/// The line of a record.
pub(crate) fn encode(record: &impl serde::Serialize) -> Result<Vec<u8>, Diagnostic> {
    let text = serde_json::to_vec(record).map_err(|error| {
        Diagnostic::error("journal-unwritable", "Journal record cannot be written", error.to_string())
    })?;
    let mut line = format!("{:08x} {:08x} ", text.len(), crc32fast::hash(&text)).into_bytes();
    line.extend(text);
    line.push(b'\n');
    Ok(line)
}

/// The lines of a journal: those that are whole, and where the good part ends.
pub(crate) struct Lines<'a> {
    pub(crate) texts: Vec<&'a [u8]>,
    pub(crate) good_length: u64,
}

/// Splits a journal. A last line that was cut off by a crash is left out; damage before the end is an error.
pub(crate) fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<Lines<'a>, Diagnostic> {
    let mut texts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match one(&bytes[at..]) {
            Some((text, length)) => {
                texts.push(text);
                at += length;
            }
            None if is_torn(&bytes[at..]) => break,
            None => return Err(damaged(name, texts.len() + 1)),
        }
    }
    Ok(Lines { texts, good_length: at as u64 })
}

fn one(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let guard = std::str::from_utf8(bytes.get(..GUARD)?).ok()?;
    let length = usize::from_str_radix(guard.get(..8)?, 16).ok()?;
    let checksum = u32::from_str_radix(guard.get(9..17)?, 16).ok()?;
    let text = bytes.get(GUARD..GUARD + length)?;
    let is_whole = bytes.get(GUARD + length) == Some(&b'\n') && crc32fast::hash(text) == checksum;
    is_whole.then_some((text, GUARD + length + 1))
}

/// Whether nothing whole follows: then the rest is what a crash cut off, not damage.
fn is_torn(bytes: &[u8]) -> bool {
    let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    newlines.into_iter().all(|at| one(&bytes[at..]).is_none())
}

fn damaged(name: &str, line: usize) -> Diagnostic {
    Diagnostic::error("journal-damaged", "Journal is damaged", format!("{name}: line {line} does not match its checksum, and whole records follow it."))
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

    #[test]
    fn a_cut_tail_is_dropped_at_every_byte_and_damage_is_not() {
        let lines: Vec<Vec<u8>> = (0..3).map(|n| encode(&format!("record {n}")).unwrap()).collect();
        let whole = lines.concat();
        for cut in 0..=whole.len() {
            let found = split("j", &whole[..cut]).unwrap();
            let expected = lines
                .iter()
                .scan(0, |sum, line| {
                    *sum += line.len();
                    Some(*sum)
                })
                .filter(|end| *end <= cut)
                .count();
            assert_eq!(found.texts.len(), expected, "cut at {cut}");
        }
        let mut damaged = whole.clone();
        damaged[lines[0].len() + GUARD + 2] ^= 1;
        assert_eq!(split("j", &damaged).err().unwrap().code, "journal-damaged");
    }
}
