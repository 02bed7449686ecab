//! The kinds, one file each.

mod bytes;
mod id;
mod integer;
mod password;
mod pet;
mod shuffle;
mod string;
mod text;
mod uuid;

use formwork_sdk::values::{ValueKind, ValueSource};
use formwork_sdk::{Attribute, Block, KindSchema, Recovery};
use formwork_value::Type;

pub(crate) fn resources() -> Vec<Box<dyn ValueKind>> {
    vec![
        Box::new(bytes::Bytes),
        Box::new(id::Id),
        Box::new(integer::Integer),
        Box::new(password::Password),
        Box::new(pet::Pet),
        Box::new(shuffle::Shuffle),
        Box::new(string::Text),
        Box::new(uuid::Uuid),
    ]
}

pub(crate) fn ephemeral() -> Vec<Box<dyn ValueSource>> {
    vec![Box::new(password::EphemeralPassword)]
}

/// A kind with `keepers`, and attributes of its own.
fn schema(
    attributes: Vec<(&'static str, Attribute)>,
    doc: &'static str,
    example: &'static str,
) -> KindSchema {
    let keepers =
        Attribute::optional(Type::map(Type::String), "Any values; when they change, a value is drawn anew.");
    let block = Block::new([("keepers", keepers.replaces())].into_iter().chain(attributes));
    KindSchema { recovery: Recovery::Replay, example, ..KindSchema::new(block, doc) }
}
