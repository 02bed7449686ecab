//! Whether a history is what was written.

use super::document::decode;
use std::fmt;

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not there, and one before it and one after it are.
    Missing(u64),
    /// Nobody can read it.
    Unreadable(u64, String),
    /// Its text is not what its digest was taken of.
    Changed(u64),
    /// It stands at this number and says that it is another.
    Misplaced(u64, u64),
    /// The entry before it is not the one that it was written after.
    Unlinked(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(number) => write!(f, "entry {number} is missing"),
            Self::Unreadable(number, reason) => write!(f, "entry {number} cannot be read: {reason}"),
            Self::Changed(number) => write!(f, "entry {number} was changed after it was written"),
            Self::Misplaced(number, says) => {
                write!(f, "entry {number} stands in another's place: it was written as entry {says}")
            }
            Self::Unlinked(number) => {
                write!(
                    f,
                    "entry {number} was written after another entry {} than the one that is there",
                    number - 1
                )
            }
        }
    }
}

/// What is wrong with the entries of a history, given by the numbers that they are kept under, in order. What the first
/// of them follows was pruned and is not looked for.
pub fn verify<'a>(entries: impl Iterator<Item = (u64, &'a [u8])>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut before: Option<(u64, Option<String>)> = None;
    for (number, bytes) in entries {
        if let Some((last, _)) = &before {
            faults.extend((last + 1..number).map(Fault::Missing));
        }
        let follows = before.take().filter(|(last, _)| last + 1 == number).and_then(|(_, digest)| digest);
        let digest = match decode(bytes) {
            Err(reason) => {
                faults.push(Fault::Unreadable(number, reason));
                None
            }
            Ok(document) => {
                let entry = &document.entry;
                if !document.is_intact {
                    faults.push(Fault::Changed(number));
                } else if entry.number != number {
                    faults.push(Fault::Misplaced(number, entry.number));
                } else if follows.is_some_and(|digest| digest != entry.previous) {
                    faults.push(Fault::Unlinked(number));
                }
                // Of one that was changed or misplaced the next cannot say what it followed.
                (document.is_intact && entry.number == number).then_some(document.digest)
            }
        };
        before = Some((number, digest));
    }
    faults
}
