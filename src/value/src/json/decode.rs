//! Reading JSON straight into values.

use super::types::type_from_json;
use crate::{CodecError, Name, Number, ObjectType, Path, PathStep, Type, Value, convert};
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The key under which `serde_json` hands over a number with all its digits.
const NUMBER_TOKEN: &str = "$serde_json::private::Number";

/// Reads a value of a type. Missing attributes of an object are null, unsupported ones an error; where the type is
/// `any`, the value is wrapped as `{"value": …, "type": …}`.
pub fn decode(text: &str, value_type: &Type) -> Result<Value, CodecError> {
    let mut path = Path::root();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = TypedSeed { value_type, path: &mut path };
    let value = seed.deserialize(&mut deserializer).map_err(|error| at(&path, &error))?;
    deserializer.end().map_err(|error| at(&Path::root(), &error))?;
    Ok(value)
}

/// Reads a value whose type its JSON implies: objects, tuples, text, numbers, bools; null is of dynamic type.
pub fn decode_implied(text: &str) -> Result<Value, CodecError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| at(&Path::root(), &error))?;
    implied(raw, 0)
}

/// Deeper documents are refused: reading one calls itself for every level.
const DEPTH_MAXIMUM: u32 = 500;

fn at(path: &Path, error: &serde_json::Error) -> CodecError {
    CodecError { path: path.clone(), message: error.to_string() }
}

fn implied(raw: &RawValue, depth: u32) -> Result<Value, CodecError> {
    if depth > DEPTH_MAXIMUM {
        return Err(CodecError::new(format!("the document is nested deeper than {DEPTH_MAXIMUM} levels")));
    }
    let text = raw.get();
    let malformed = |error: serde_json::Error| CodecError::new(error.to_string());
    match text.as_bytes().first() {
        Some(b'{') => {
            let entries: Members<'_> = serde_json::from_str(text).map_err(malformed)?;
            let parts = entries.0.into_iter().map(|(name, part)| {
                let name = normalize(&name);
                let value = implied(part, depth + 1)
                    .map_err(|error| error.under(PathStep::Attribute(name.clone())))?;
                Ok((name, value))
            });
            Ok(Value::object(parts.collect::<Result<_, CodecError>>()?))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
            let parts = items.into_iter().enumerate().map(|(at, part)| {
                implied(part, depth + 1).map_err(|error| error.under(PathStep::Index(at as u64)))
            });
            Ok(Value::tuple(parts.collect::<Result<_, CodecError>>()?))
        }
        Some(b'"') => serde_json::from_str::<String>(text).map(Value::string).map_err(malformed),
        Some(b't') => Ok(Value::bool(true)),
        Some(b'f') => Ok(Value::bool(false)),
        Some(b'n') => Ok(Value::null(Type::Dynamic)),
        _ => Number::parse(text).map(Value::number).ok_or_else(|| CodecError::new("a number is required")),
    }
}

/// An object's members in the order they were written.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

fn normalize(name: &str) -> Name {
    crate::value::normalize(Name::from(name))
}

/// A key, borrowed from the input where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(text.to_owned())))
    }
}

/// Reads a value of a type. The path is that of the value; after an error it is left where the error is.
struct TypedSeed<'a> {
    value_type: &'a Type,
    path: &'a mut Path,
}

impl<'de> DeserializeSeed<'de> for TypedSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.value_type {
            Type::Number => number(<&RawValue>::deserialize(deserializer)?),
            Type::Dynamic => dynamic(<&RawValue>::deserialize(deserializer)?, self.path),
            _ => deserializer.deserialize_any(self),
        }
    }
}

fn number<E: de::Error>(raw: &RawValue) -> Result<Value, E> {
    let text = raw.get();
    let parsed = match text.as_bytes().first() {
        Some(b'n') => return Ok(Value::null(Type::Number)),
        Some(b'"') => Number::parse(&serde_json::from_str::<Cow<'_, str>>(text).map_err(E::custom)?),
        Some(b'-' | b'0'..=b'9') => Number::parse(text),
        _ => return Err(E::custom("number is required")),
    };
    parsed.map(Value::number).ok_or_else(|| E::custom("a number is required"))
}

fn dynamic<E: de::Error>(raw: &RawValue, path: &mut Path) -> Result<Value, E> {
    if raw.get() == "null" {
        return Ok(Value::null(Type::Dynamic));
    }
    // The reader's own words for a wrong type would quote the value.
    if !raw.get().starts_with('{') {
        return Err(E::custom("an object with \"value\" and \"type\" is required"));
    }
    let members: Members<'_> = serde_json::from_str(raw.get()).map_err(E::custom)?;
    let (mut kind, mut value) = (None, None);
    for (name, part) in members.0 {
        match &*name {
            "type" => kind = Some(type_from_json(part.get()).map_err(E::custom)?),
            "value" => value = Some(part),
            _ => return Err(E::custom(format!("invalid key {name:?} in dynamically-typed value"))),
        }
    }
    let kind = kind.ok_or_else(|| E::custom("missing type in dynamically-typed value"))?;
    let value = value.ok_or_else(|| E::custom("missing value in dynamically-typed value"))?;
    decode(value.get(), &kind).map_err(|error| {
        path.0.extend(error.path.0);
        E::custom(error.message)
    })
}

impl TypedSeed<'_> {
    fn required<E: de::Error>(&self) -> E {
        E::custom(format!("{} is required", self.value_type.friendly_name()))
    }

    fn sequence<'de, A: SeqAccess<'de>>(
        &mut self,
        mut sequence: A,
        element: &Type,
    ) -> Result<Vec<Value>, A::Error> {
        let mut items = Vec::with_capacity(sequence.size_hint().unwrap_or(0));
        loop {
            self.path.0.push(PathStep::Index(items.len() as u64));
            let seed = TypedSeed { value_type: element, path: self.path };
            let Some(item) = sequence.next_element_seed(seed)? else { break };
            items.push(item);
            self.path.0.pop();
        }
        self.path.0.pop();
        Ok(items)
    }

    fn tuple<'de, A: SeqAccess<'de>>(
        &mut self,
        mut sequence: A,
        elements: &[Type],
    ) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            self.path.0.push(PathStep::Index(at as u64));
            let seed = TypedSeed { value_type: element, path: self.path };
            let item = sequence.next_element_seed(seed)?;
            self.path.0.pop();
            let missing =
                || de::Error::custom(format!("not enough tuple elements (need {})", elements.len()));
            items.push(item.ok_or_else(missing)?);
        }
        match sequence.next_element::<de::IgnoredAny>()? {
            None => Ok(Value::tuple(items)),
            Some(_) => Err(de::Error::custom(format!("too many tuple elements (need {})", elements.len()))),
        }
    }

    fn map<'de, A: MapAccess<'de>>(&mut self, mut map: A, element: &Type) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some(Key(key)) = map.next_key()? {
            let name = normalize(&key);
            self.path.0.push(PathStep::Key(name.clone()));
            let item = map.next_value_seed(TypedSeed { value_type: element, path: self.path })?;
            self.path.0.pop();
            entries.push((name, item));
        }
        Ok(Value::map(element.clone(), entries))
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut map: A, object: &ObjectType) -> Result<Value, A::Error> {
        let known = object.attributes();
        let mut read: Vec<Option<Value>> = vec![None; known.len()];
        // Attributes mostly come in order, so the next one is tried before a search.
        let mut expected = 0;
        while let Some(Key(key)) = map.next_key()? {
            let found = known.get(expected).filter(|(name, _)| name.as_str() == key).map(|_| expected);
            let found = found.or_else(|| known.binary_search_by(|(name, _)| name.as_str().cmp(&key)).ok());
            let Some(place) = found else {
                return Err(de::Error::custom(format!("unsupported attribute {key:?}")));
            };
            self.path.0.push(PathStep::Attribute(known[place].0.clone()));
            let seed = TypedSeed { value_type: &known[place].1, path: self.path };
            read[place] = Some(map.next_value_seed(seed)?);
            self.path.0.pop();
            expected = place + 1;
        }
        let attributes = known.iter().zip(read).map(|((name, kind), value)| {
            (name.clone(), value.unwrap_or_else(|| Value::null(kind.without_optional())))
        });
        Ok(Value::object(attributes.collect()))
    }
}

impl<'de> Visitor<'de> for TypedSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value_type.friendly_name())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::null(self.value_type.without_optional()))
    }

    fn visit_bool<E: de::Error>(self, bool: bool) -> Result<Value, E> {
        match self.value_type {
            Type::Bool => Ok(Value::bool(bool)),
            Type::String => Ok(Value::string(if bool { "true" } else { "false" })),
            _ => Err(self.required()),
        }
    }

    fn visit_u64<E: de::Error>(self, int: u64) -> Result<Value, E> {
        match self.value_type {
            Type::String => Ok(Value::string(int.to_string())),
            _ => Err(self.required()),
        }
    }

    fn visit_i64<E: de::Error>(self, int: i64) -> Result<Value, E> {
        match self.value_type {
            Type::String => Ok(Value::string(int.to_string())),
            _ => Err(self.required()),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        match self.value_type {
            Type::String => Ok(Value::string(text)),
            Type::Bool => {
                convert(&Value::string(text), &Type::Bool).map_err(|error| E::custom(error.message))
            }
            _ => Err(self.required()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, sequence: A) -> Result<Value, A::Error> {
        match self.value_type {
            Type::List(element) => Ok(Value::list((**element).clone(), self.sequence(sequence, element)?)),
            Type::Set(element) => Ok(Value::set((**element).clone(), self.sequence(sequence, element)?)),
            Type::Tuple(elements) => self.tuple(sequence, elements),
            _ => Err(self.required()),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        match self.value_type {
            Type::Map(element) => self.map(map, element),
            Type::Object(object) => self.object(map, object),
            Type::String => {
                // A number that is not a plain integer comes as a map; its digits are kept as they are written.
                let Some(Key(key)) = map.next_key()? else { return Err(self.required()) };
                if key != NUMBER_TOKEN {
                    return Err(self.required());
                }
                Ok(Value::string(map.next_value::<String>()?))
            }
            _ => Err(self.required()),
        }
    }
}
