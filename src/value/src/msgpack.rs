//! Values as MessagePack: the encoding of the provider protocol, driven by a type.
//!
//! Invariants: an unknown keeps what is known of it (extension 12) and is otherwise the three bytes of extension 0;
//! numbers keep every digit; a length that the input claims is never trusted before the input has been read.

mod decode;
mod encode;

pub use decode::decode_msgpack;
pub use encode::encode_msgpack;

/// Extension of an unknown of which something is known.
const REFINED_EXTENSION: i8 = 12;

/// Keys of what is known.
const KEY_IS_NULL: i64 = 1;
const KEY_PREFIX: i64 = 2;
const KEY_MINIMUM: i64 = 3;
const KEY_MAXIMUM: i64 = 4;
const KEY_LENGTH_MINIMUM: i64 = 5;
const KEY_LENGTH_MAXIMUM: i64 = 6;

#[cfg(test)]
mod tests;
