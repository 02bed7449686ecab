//! Types as JSON: `"string"`, `["list", …]`, `["object", {…}, […]]`.

use crate::{CodecError, Name, Type};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::fmt;

/// The type as JSON.
pub fn type_to_json(value_type: &Type) -> String {
    let mut out = String::new();
    write_type(value_type, &mut out);
    out
}

/// Reads a type.
pub fn type_from_json(text: &str) -> Result<Type, CodecError> {
    serde_json::from_str(text).map_err(|error| CodecError::new(error.to_string()))
}

fn write_type(value_type: &Type, out: &mut String) {
    match value_type {
        Type::Dynamic => out.push_str("\"dynamic\""),
        Type::Bool => out.push_str("\"bool\""),
        Type::Number => out.push_str("\"number\""),
        Type::String => out.push_str("\"string\""),
        Type::List(element) => write_collection("list", element, out),
        Type::Set(element) => write_collection("set", element, out),
        Type::Map(element) => write_collection("map", element, out),
        Type::Tuple(elements) => {
            out.push_str("[\"tuple\",[");
            for (at, element) in elements.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_type(element, out);
            }
            out.push_str("]]");
        }
        Type::Object(object) => {
            out.push_str("[\"object\",{");
            for (at, (name, kind)) in object.attributes().iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                super::encode::write_string(name, out);
                out.push(':');
                write_type(kind, out);
            }
            out.push('}');
            for (at, name) in object.optional().iter().enumerate() {
                out.push_str(if at > 0 { "," } else { ",[" });
                super::encode::write_string(name, out);
            }
            out.push_str(if object.optional().is_empty() { "]" } else { "]]" });
        }
    }
}

fn write_collection(kind: &str, element: &Type, out: &mut String) {
    out.push_str("[\"");
    out.push_str(kind);
    out.push_str("\",");
    write_type(element, out);
    out.push(']');
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Dynamic => serializer.serialize_str("dynamic"),
            Self::Bool => serializer.serialize_str("bool"),
            Self::Number => serializer.serialize_str("number"),
            Self::String => serializer.serialize_str("string"),
            Self::List(element) => ("list", &**element).serialize(serializer),
            Self::Set(element) => ("set", &**element).serialize(serializer),
            Self::Map(element) => ("map", &**element).serialize(serializer),
            Self::Tuple(elements) => ("tuple", &**elements).serialize(serializer),
            Self::Object(object) => {
                let count = if object.optional().is_empty() { 2 } else { 3 };
                let mut sequence = serializer.serialize_seq(Some(count))?;
                sequence.serialize_element("object")?;
                sequence.serialize_element(&Attributes(object.attributes()))?;
                if !object.optional().is_empty() {
                    let optional: Vec<&str> = object.optional().iter().map(Name::as_str).collect();
                    sequence.serialize_element(&optional)?;
                }
                sequence.end()
            }
        }
    }
}

struct Attributes<'a>(&'a [(Name, Type)]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, kind) in self.0 {
            map.serialize_entry(name.as_str(), kind)?;
        }
        map.end()
    }
}

impl<'de> de::Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypeVisitor)
    }
}

struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = Type;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Type, E> {
        match text {
            "dynamic" => Ok(Type::Dynamic),
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::String),
            _ => Err(E::custom(format!("invalid primitive type name {text:?}"))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Type, A::Error> {
        let short = || de::Error::custom("a complex type needs its kind and its parts");
        let kind: String = sequence.next_element()?.ok_or_else(short)?;
        let built = match kind.as_str() {
            "list" => Type::list(sequence.next_element()?.ok_or_else(short)?),
            "set" => Type::set(sequence.next_element()?.ok_or_else(short)?),
            "map" => Type::map(sequence.next_element()?.ok_or_else(short)?),
            "tuple" => Type::tuple(sequence.next_element()?.ok_or_else(short)?),
            "object" => {
                let attributes = sequence.next_element_seed(AttributesSeed)?.ok_or_else(short)?;
                let optional: Vec<String> = sequence.next_element()?.unwrap_or_default();
                Type::object_with_optional(attributes, optional)
            }
            _ => return Err(de::Error::custom(format!("invalid complex type kind {kind:?}"))),
        };
        match sequence.next_element::<de::IgnoredAny>()? {
            None => Ok(built),
            Some(_) => Err(de::Error::custom("unexpected part of a type")),
        }
    }
}

struct AttributesSeed;

impl<'de> DeserializeSeed<'de> for AttributesSeed {
    type Value = Vec<(Name, Type)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed {
    type Value = Vec<(Name, Type)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the attributes of an object type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Vec::new();
        while let Some((name, kind)) = map.next_entry::<String, Type>()? {
            attributes.push((name.into(), kind));
        }
        Ok(attributes)
    }
}
