//! Types and values with go-cty's semantics, in a representation of our own made for sharing.
//!
//! Invariants: a clone is O(1); whether a value is wholly known or holds a mark is O(1), since every composite
//! node carries both as flags made at construction; sets iterate in cty's order; strings are NFC; `Debug` and
//! `Display` redact what is marked sensitive, and [`Value::reveal`] is the only way past. No IO, and nothing here
//! knows what configuration is.

mod access;
#[cfg(test)]
mod arbitrary;
mod big_float;
mod codec;
mod convert;
mod decimal;
pub mod json;
#[cfg(test)]
mod laws;
mod marks;
mod mismatch;
mod msgpack;
mod number;
mod operations;
mod path;
mod set;
mod sort;
#[cfg(test)]
mod tables;
mod types;
mod unify;
mod unknown;
mod value;
mod walk;

pub use access::{get_attribute, index};
pub use big_float::BigFloat;
pub use codec::CodecError;
pub use convert::{ConvertError, can_convert, can_convert_safely, convert};
pub use json::{
    decode, decode_implied, encode, encode_plain, path_from_json, path_to_json, type_from_json, type_to_json,
};
pub use marks::{Mark, MarkKind, Marks};
pub use mismatch::mismatch_message;
pub use msgpack::{decode_msgpack, encode_msgpack};
pub use number::Number;
pub use operations::{
    Operand, OperationError, Outcome, add, and, divide, equals, greater_than, greater_than_or_equal,
    has_element, length, less_than, less_than_or_equal, modulo, multiply, negate, not, not_equals, or,
    subtract,
};
pub use path::{Path, PathStep};
pub use sort::TypeSort;
pub use types::{ObjectType, Type};
pub use unify::{Safety, unify, unify_safe};
pub use unknown::Refinements;
pub use value::{Entries, Kind, Value};

/// A shared name: attribute, map key, text. A clone is O(1), comparing clones is O(1) when they share.
pub type Name = arcstr::ArcStr;
