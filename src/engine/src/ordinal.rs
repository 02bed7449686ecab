//! Numbers of nodes, rows, instances and steps: 32 bits each, since a plan holds many of them.
//!
//! Invariant: a number that would not fit becomes the greatest one, never a small one; memory ends long before.

/// A place or count in a list as such a number.
pub(crate) fn ordinal(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
