//! The state file, format version 4, as a superset: read what any engine wrote, write what every engine reads.
//!
//! Ours are the keys `formwork` at the top and in an instance; another engine drops them when it writes. Keys that
//! nobody here knows are kept. Flat attributes of old files are written as a tree. The order of keys, the indentation and the escapes are OpenTofu's.
//!
//! Invariant: reading is one pass that decodes no attributes, writing is one pass in order, and writing what was
//! written gives the same bytes.

mod dependencies;
mod flat;
mod ours;
mod read;
mod write;

pub use dependencies::Dependencies;
pub use read::{Snapshot, read};
pub use write::write;

/// The version of the format.
const VERSION: u64 = 4;

#[cfg(test)]
mod tests;
