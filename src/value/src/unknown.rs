//! What is known of an unknown value.

use crate::{Name, Number, Type};

/// Bounds that the final value is promised to keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Refinements {
    /// It will not be null.
    pub not_null: bool,
    /// A string begins so.
    pub prefix: Option<Name>,
    /// A number is at least this; `true` when equal is allowed.
    pub minimum: Option<(Number, bool)>,
    /// A number is at most this; `true` when equal is allowed.
    pub maximum: Option<(Number, bool)>,
    /// A collection has at least so many elements.
    pub length_minimum: u64,
    /// A collection has at most so many elements.
    pub length_maximum: Option<u64>,
}

impl Refinements {
    /// Nothing is known.
    pub const NONE: Self =
        Self { not_null: false, prefix: None, minimum: None, maximum: None, length_minimum: 0, length_maximum: None };

    /// Only that it will not be null.
    pub const NOT_NULL: Self =
        Self { not_null: true, prefix: None, minimum: None, maximum: None, length_minimum: 0, length_maximum: None };
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnknownNode {
    pub(crate) value_type: Type,
    pub(crate) refinements: Refinements,
}
