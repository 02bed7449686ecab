//! Types: what a value may be. A type is two words and a clone is O(1).

use crate::Name;
use std::fmt;
use std::sync::Arc;

/// A type in cty's sense.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// A placeholder for any type: only unknown values, nulls and constraints have it.
    Dynamic,
    /// `true` or `false`.
    Bool,
    /// A number of 512 binary digits.
    Number,
    /// Unicode text, normalised to NFC.
    String,
    /// A sequence of one type.
    List(Arc<Type>),
    /// A set of one type.
    Set(Arc<Type>),
    /// Text keys to values of one type.
    Map(Arc<Type>),
    /// A sequence of a fixed length, a type each.
    Tuple(Arc<Vec<Type>>),
    /// Named attributes, a type each.
    Object(Arc<ObjectType>),
}

/// The attributes of an object type, sorted by name.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct ObjectType {
    attributes: Vec<(Name, Type)>,
    /// Names that may be missing when a value is converted to this type, sorted.
    optional: Vec<Name>,
}

impl ObjectType {
    /// All attributes in order of their names.
    pub fn attributes(&self) -> &[(Name, Type)] {
        &self.attributes
    }

    /// The type of one attribute.
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.attributes
            .binary_search_by(|(key, _)| key.as_str().cmp(name))
            .ok()
            .map(|at| &self.attributes[at].1)
    }

    /// Whether a conversion to this type may lack the attribute.
    pub fn is_optional(&self, name: &str) -> bool {
        self.optional.binary_search_by(|key| key.as_str().cmp(name)).is_ok()
    }

    /// Names that may be missing, in order.
    pub fn optional(&self) -> &[Name] {
        &self.optional
    }
}

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Self {
        Self::List(Arc::new(element))
    }

    /// `set(element)`
    pub fn set(element: Type) -> Self {
        Self::Set(Arc::new(element))
    }

    /// `map(element)`
    pub fn map(element: Type) -> Self {
        Self::Map(Arc::new(element))
    }

    /// `tuple([..])`
    pub fn tuple(elements: Vec<Type>) -> Self {
        Self::Tuple(Arc::new(elements))
    }

    /// `object({..})`; of two attributes of one name the last stays.
    pub fn object<N: Into<Name>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::object_with_optional(attributes, Vec::<Name>::new())
    }

    /// `object({..})` where some attributes may be missing in a conversion.
    pub fn object_with_optional<N: Into<Name>, O: Into<Name>>(
        attributes: impl IntoIterator<Item = (N, Type)>,
        optional: impl IntoIterator<Item = O>,
    ) -> Self {
        let mut attributes: Vec<(Name, Type)> =
            attributes.into_iter().map(|(name, kind)| (name.into(), kind)).collect();
        attributes.reverse();
        attributes.sort_by(|left, right| left.0.cmp(&right.0));
        attributes.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut optional: Vec<Name> = optional.into_iter().map(Into::into).collect();
        optional.sort();
        optional.dedup();
        Self::Object(Arc::new(ObjectType { attributes, optional }))
    }

    /// Whether it is bool, number or string.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Self::Bool | Self::Number | Self::String)
    }

    /// Whether it is a list, set or map.
    pub fn is_collection(&self) -> bool {
        matches!(self, Self::List(_) | Self::Set(_) | Self::Map(_))
    }

    /// The element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Self::List(element) | Self::Set(element) | Self::Map(element) => Some(element),
            _ => None,
        }
    }

    /// Whether the placeholder stands anywhere inside.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::Bool | Self::Number | Self::String => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_dynamic(),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
            Self::Object(object) => object.attributes.iter().any(|(_, kind)| kind.has_dynamic()),
        }
    }

    fn has_optional(&self) -> bool {
        match self {
            Self::Dynamic | Self::Bool | Self::Number | Self::String => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_optional(),
            Self::Tuple(elements) => elements.iter().any(Self::has_optional),
            Self::Object(object) => {
                !object.optional.is_empty() || object.attributes.iter().any(|(_, kind)| kind.has_optional())
            }
        }
    }

    /// The same type with no optional marks at any depth: the type of values, not of constraints.
    #[must_use]
    pub fn without_optional(&self) -> Self {
        if !self.has_optional() {
            return self.clone();
        }
        match self {
            Self::Dynamic | Self::Bool | Self::Number | Self::String => self.clone(),
            Self::List(element) => Self::list(element.without_optional()),
            Self::Set(element) => Self::set(element.without_optional()),
            Self::Map(element) => Self::map(element.without_optional()),
            Self::Tuple(elements) => Self::tuple(elements.iter().map(Self::without_optional).collect()),
            Self::Object(object) => Self::object(
                object.attributes.iter().map(|(name, kind)| (name.clone(), kind.without_optional())),
            ),
        }
    }

    /// How messages name it: `string`, `list of string`, `object`, `tuple`.
    pub fn friendly_name(&self) -> String {
        match self {
            Self::Dynamic => "dynamic".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Number => "number".to_owned(),
            Self::String => "string".to_owned(),
            Self::List(element) => format!("list of {}", element.friendly_name()),
            Self::Set(element) => format!("set of {}", element.friendly_name()),
            Self::Map(element) => format!("map of {}", element.friendly_name()),
            Self::Tuple(_) => "tuple".to_owned(),
            Self::Object(_) => "object".to_owned(),
        }
    }
}

/// The type as the language writes it: `list(object({a = string}))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dynamic => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Tuple(elements) => {
                f.write_str("tuple([")?;
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
            Self::Object(object) => {
                f.write_str("object({")?;
                for (at, (name, kind)) in object.attributes.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    if object.is_optional(name) {
                        write!(f, "{comma}{name} = optional({kind})")?;
                    } else {
                        write!(f, "{comma}{name} = {kind}")?;
                    }
                }
                f.write_str("})")
            }
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
