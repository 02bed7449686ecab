//! Bodies: attributes and nested blocks before a schema is known.
use crate::expression::Expression;
use crate::schema::BlockSchema;
use crate::scope::{Reference, Scope};
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostics, Span};
use formwork_value::{Path, Type, Value};

/// What stands between a block's braces, meta-arguments taken out.
#[derive(Debug, Clone)]
pub struct Body {
    span: Span,
}

/// One attribute of a body.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name.
    pub name: ArcStr,
    /// The name's text.
    pub name_span: Span,
    /// Its value.
    pub expression: Expression,
}

impl Body {
    /// Its text, braces included.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The attributes at the top.
    pub fn just_attributes(&self) -> &[Attribute] {
        &[]
    }

    /// Everything it names, nested blocks included.
    pub fn references(&self) -> Vec<&Reference> {
        Vec::new()
    }

    /// Where the value at a path was written.
    pub fn span_of(&self, _path: &Path) -> Option<Span> {
        None
    }

    /// Its value by a schema.
    pub fn decode(&self, schema: &BlockSchema, _scope: &dyn Scope) -> (Value, Diagnostics) {
        let _ = schema;
        (Value::unknown(Type::Dynamic), Diagnostics::new())
    }
}
