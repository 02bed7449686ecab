//! What sort of type a value has, without the types inside it.
//!
//! Invariant: O(1), where [`Value::value_type`] of a tuple or object visits everything in it when first asked.

use crate::{Kind, Type, Value};

/// A type without what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeSort {
    /// Any type: of unknown values and nulls alone.
    Dynamic,
    /// A bool.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A map.
    Map,
    /// A tuple.
    Tuple,
    /// An object.
    Object,
}

impl TypeSort {
    /// Whether it is bool, number or string.
    pub const fn is_primitive(self) -> bool {
        matches!(self, Self::Bool | Self::Number | Self::String)
    }
}

impl Type {
    /// Its sort.
    pub const fn sort(&self) -> TypeSort {
        match self {
            Self::Dynamic => TypeSort::Dynamic,
            Self::Bool => TypeSort::Bool,
            Self::Number => TypeSort::Number,
            Self::String => TypeSort::String,
            Self::List(_) => TypeSort::List,
            Self::Set(_) => TypeSort::Set,
            Self::Map(_) => TypeSort::Map,
            Self::Tuple(_) => TypeSort::Tuple,
            Self::Object(_) => TypeSort::Object,
        }
    }
}

impl Value {
    /// The sort of its type, seen through marks.
    pub fn sort(&self) -> TypeSort {
        match self.kind() {
            Kind::Null(value_type) | Kind::Unknown(value_type, _) => value_type.sort(),
            Kind::Bool(_) => TypeSort::Bool,
            Kind::Number(_) => TypeSort::Number,
            Kind::String(_) => TypeSort::String,
            Kind::List(_) => TypeSort::List,
            Kind::Set(_) => TypeSort::Set,
            Kind::Map(_) => TypeSort::Map,
            Kind::Tuple(_) => TypeSort::Tuple,
            Kind::Object(_) => TypeSort::Object,
            Kind::Marked(inner, _) => inner.sort(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Marks, Refinements, Type, Value};

    #[test]
    fn the_sort_of_a_value_is_that_of_its_type() {
        let element = || Type::String;
        for value in [
            Value::null(Type::Dynamic),
            Value::null(Type::list(element())),
            Value::unknown(Type::Dynamic),
            Value::unknown_with(Type::map(element()), Refinements::NOT_NULL),
            Value::bool(true),
            Value::from(1),
            Value::from("a"),
            Value::list(element(), vec!["a".into()]),
            Value::set(element(), vec!["a".into()]),
            Value::map(element(), vec![("a".into(), "b".into())]),
            Value::tuple(vec!["a".into()]),
            Value::object(vec![("a".into(), "b".into())]),
            Value::from("a").with_marks(&Marks::sensitive()),
        ] {
            assert_eq!(value.sort(), value.value_type().sort(), "{value}");
        }
    }
}
