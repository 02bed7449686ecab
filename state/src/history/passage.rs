//! A history that goes along with its state to another place.
//!
//! Invariant: entries keep their numbers, their texts and so their chain; nothing of another history is continued.

use super::chain::{Fault, verify};
use super::document::decode;

/// Entries as they are kept, by number and in order.
pub(crate) type Entries = Vec<(u64, Vec<u8>)>;

/// Why a history cannot go on in another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is not what was written.
    Damaged(Vec<Fault>),
    /// The other place has this entry, which is no part of it.
    Other(u64),
}

fn faults(entries: &[(u64, Vec<u8>)]) -> Vec<Fault> {
    verify(entries.iter().map(|(number, bytes)| (*number, bytes.as_slice())))
}

/// The entries that the other place lacks: all where it has none, the later ones where it has the earlier, none where
/// there are none.
pub(crate) fn missing(from: Entries, to: &[(u64, Vec<u8>)]) -> Result<Entries, Obstacle> {
    let found = faults(&from);
    if !found.is_empty() {
        return Err(Obstacle::Damaged(found));
    }
    let Some((last, _)) = to.last().filter(|_| !from.is_empty()) else { return Ok(from) };
    // The bytes of one entry differ where the places are sealed with different keys.
    let digest = |bytes: &[u8]| decode(bytes).ok().filter(|one| one.is_intact).map(|one| one.digest);
    let is_in_both = |number: u64, bytes: &[u8]| {
        let other = from.iter().find(|(other, _)| *other == number);
        let pruned = from.first().is_some_and(|(first, _)| number < *first);
        pruned || other.is_some_and(|(_, other)| digest(other) == digest(bytes))
    };
    if let Some((number, _)) = to.iter().find(|(number, bytes)| !is_in_both(*number, bytes)) {
        return Err(Obstacle::Other(*number));
    }
    let missing: Entries = from.into_iter().filter(|(number, _)| number > last).collect();
    let joined: Entries = to.iter().chain(&missing).cloned().collect();
    if faults(&joined).is_empty() { Ok(missing) } else { Err(Obstacle::Other(*last)) }
}
