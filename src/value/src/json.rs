//! Values as JSON: cty's encoding, driven by a type.
//!
//! Invariants: numbers keep every digit; a value is read without a tree of JSON in between; what is written escapes
//! what Go escapes, so that texts compare. Where the type says `any`, the value is wrapped with its type.

mod decode;
mod encode;
mod path;
mod types;

pub use decode::{decode, decode_implied};
pub use encode::{encode, encode_plain};
pub use path::{path_from_json, path_to_json};
pub use types::{type_from_json, type_to_json};

#[cfg(test)]
mod tests;
