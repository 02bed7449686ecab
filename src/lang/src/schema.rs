//! What a block may hold, as providers declare it: enough to check a body and to turn it into a value.

use arcstr::ArcStr;
use formwork_value::Type;

/// The arguments and nested blocks of one block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockSchema {
    /// Arguments and computed attributes.
    pub attributes: Vec<AttributeSchema>,
    /// Nested blocks.
    pub blocks: Vec<NestedSchema>,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeSchema {
    /// Its name.
    pub name: ArcStr,
    /// Its type; optional attributes of objects in it may be left out.
    pub value_type: Type,
    /// It must be set.
    pub required: bool,
    /// It may be set.
    pub optional: bool,
    /// The provider may choose it.
    pub computed: bool,
    /// What users are told who still set it.
    pub deprecated: Option<String>,
}

/// One kind of nested block.
#[derive(Debug, Clone, PartialEq)]
pub struct NestedSchema {
    /// The block's type.
    pub name: ArcStr,
    /// How several of it become one value.
    pub nesting: Nesting,
    /// What it holds.
    pub block: BlockSchema,
    /// At least so many must be there.
    pub min_items: u32,
    /// At most so many may be there; 0 for any number.
    pub max_items: u32,
}

/// How nested blocks become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// At most one: an object, null when absent.
    Single,
    /// At most one: an object also when absent, as if it were written empty.
    Group,
    /// Any number, in order.
    List,
    /// Any number, none twice.
    Set,
    /// Any number, keyed by the block's label.
    Map,
}

impl BlockSchema {
    /// The attribute of a name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeSchema> {
        self.attributes.iter().find(|one| one.name == name)
    }

    /// The nested block of a name.
    pub fn block(&self, name: &str) -> Option<&NestedSchema> {
        self.blocks.iter().find(|one| one.name == name)
    }

    /// The object type of a decoded body: each attribute's type and each block's collection. Where anything in a
    /// list or map block is dynamic, the block's own type is the placeholder, since its elements may differ.
    pub fn implied_type(&self) -> Type {
        let attributes =
            self.attributes.iter().map(|one| (one.name.clone(), one.value_type.without_optional()));
        let blocks = self.blocks.iter().map(|one| (one.name.clone(), one.implied_type()));
        Type::object(attributes.chain(blocks))
    }
}

impl NestedSchema {
    /// The type of all blocks of this kind together.
    pub fn implied_type(&self) -> Type {
        let inner = self.block.implied_type();
        match self.nesting {
            Nesting::Single | Nesting::Group => inner,
            Nesting::Set => Type::set(inner),
            Nesting::List | Nesting::Map if inner.has_dynamic() => Type::Dynamic,
            Nesting::List => Type::list(inner),
            Nesting::Map => Type::map(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(nesting: Nesting, value_type: Type) -> NestedSchema {
        let attribute = AttributeSchema {
            name: "a".into(),
            value_type,
            required: false,
            optional: true,
            computed: false,
            deprecated: None,
        };
        let block = BlockSchema { attributes: vec![attribute], blocks: Vec::new() };
        NestedSchema { name: "b".into(), nesting, block, min_items: 0, max_items: 0 }
    }

    #[test]
    fn implied_types_follow_nesting() {
        for (nesting, value_type, expected) in [
            (Nesting::Single, Type::String, "object({a = string})"),
            (Nesting::Group, Type::Dynamic, "object({a = any})"),
            (Nesting::List, Type::String, "list(object({a = string}))"),
            (Nesting::List, Type::Dynamic, "any"),
            (Nesting::Set, Type::Bool, "set(object({a = bool}))"),
            (Nesting::Map, Type::Number, "map(object({a = number}))"),
            (Nesting::Map, Type::list(Type::Dynamic), "any"),
        ] {
            assert_eq!(nested(nesting, value_type).implied_type().to_string(), expected);
        }
    }
}
