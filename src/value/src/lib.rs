//! Types and values with go-cty's semantics, in a representation of our own made for sharing.
//!
//! Invariants: a clone is O(1); whether a value is wholly known or holds a mark is O(1), since every composite
//! node carries both as flags made at construction; sets iterate in cty's order; strings are NFC; `Debug` and
//! `Display` redact what is marked sensitive, and [`Value::reveal`] is the only way past. No IO, and nothing here
//! knows what configuration is.

mod big_float;
mod decimal;
mod marks;
mod number;
mod path;
mod types;
mod unknown;
mod value;

pub use marks::{Mark, MarkKind, Marks};
pub use big_float::BigFloat;
pub use number::Number;
pub use path::{Path, PathStep};
pub use types::{ObjectType, Type};
pub use unknown::Refinements;
pub use value::{Entries, Kind, Value};

/// A shared name: attribute, map key, text. A clone is O(1), comparing clones is O(1) when they share.
pub type Name = arcstr::ArcStr;
