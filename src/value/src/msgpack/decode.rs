//! Reading MessagePack.

use super::{
    KEY_IS_NULL, KEY_LENGTH_MAXIMUM, KEY_LENGTH_MINIMUM, KEY_MAXIMUM, KEY_MINIMUM, KEY_PREFIX,
    REFINED_EXTENSION,
};
use crate::json::type_from_json;
use crate::{CodecError, Name, Number, ObjectType, PathStep, Refinements, Type, Value};
use rmp::Marker;
use rmp::decode;

/// The greatest length of what is known of an unknown, in bytes.
const REFINEMENTS_MAXIMUM: u32 = 1024;

/// How deep values may lie in each other.
const DEPTH_MAXIMUM: u32 = 512;

/// Reads a value of a type.
pub fn decode_msgpack(bytes: &[u8], value_type: &Type) -> Result<Value, CodecError> {
    let mut reader = Reader { input: bytes, depth: 0 };
    let value = reader.value(value_type)?;
    if reader.input.is_empty() { Ok(value) } else { Err(CodecError::new("unexpected bytes after the value")) }
}

struct Reader<'a> {
    input: &'a [u8],
    depth: u32,
}

impl<'a> Reader<'a> {
    fn marker(&self) -> Result<Marker, CodecError> {
        self.input
            .first()
            .map(|byte| Marker::from_u8(*byte))
            .ok_or_else(|| CodecError::new("unexpected end of input"))
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], CodecError> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) =
            self.input.split_at_checked(length).ok_or_else(|| CodecError::new("unexpected end of input"))?;
        self.input = rest;
        Ok(taken)
    }

    fn text(&mut self, fault: &str) -> Result<&'a str, CodecError> {
        let length = decode::read_str_len(&mut self.input).map_err(|_| CodecError::new(fault))?;
        std::str::from_utf8(self.take(length)?).map_err(|_| CodecError::new("text is not valid UTF-8"))
    }

    fn value(&mut self, value_type: &Type) -> Result<Value, CodecError> {
        self.depth += 1;
        if self.depth > DEPTH_MAXIMUM {
            return Err(CodecError::new("values are nested too deeply"));
        }
        let value = self.value_at_depth(value_type)?;
        self.depth -= 1;
        Ok(value)
    }

    fn value_at_depth(&mut self, value_type: &Type) -> Result<Value, CodecError> {
        match self.marker()? {
            Marker::FixExt1
            | Marker::FixExt2
            | Marker::FixExt4
            | Marker::FixExt8
            | Marker::FixExt16
            | Marker::Ext8
            | Marker::Ext16
            | Marker::Ext32 => return self.unknown(value_type),
            Marker::Null => {
                self.take(1)?;
                return Ok(Value::null(value_type.clone()));
            }
            _ => {}
        }
        match value_type {
            Type::Dynamic => self.dynamic(),
            Type::Bool => decode::read_bool(&mut self.input)
                .map(Value::bool)
                .map_err(|_| CodecError::new("bool is required")),
            Type::Number => self.number().map(Value::number),
            Type::String => self.text("string is required").map(Value::string),
            Type::List(element) => {
                Ok(Value::list((**element).clone(), self.items(element, "a list is required")?))
            }
            Type::Set(element) => {
                Ok(Value::set((**element).clone(), self.items(element, "a set is required")?))
            }
            Type::Map(element) => self.map(element),
            Type::Tuple(elements) => self.tuple(elements),
            Type::Object(object) => self.object(object),
        }
    }

    fn number(&mut self) -> Result<Number, CodecError> {
        let fault = || CodecError::new("number is required");
        match self.marker()? {
            Marker::F32 => {
                let float = decode::read_f32(&mut self.input).map_err(|_| fault())?;
                Number::from_f64(f64::from(float)).ok_or_else(fault)
            }
            Marker::F64 => {
                let float = decode::read_f64(&mut self.input).map_err(|_| fault())?;
                Number::from_f64(float).ok_or_else(fault)
            }
            Marker::U64 => decode::read_u64(&mut self.input).map(Number::from).map_err(|_| fault()),
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                Number::parse(self.text("number is required")?).ok_or_else(fault)
            }
            _ => decode::read_int::<i64, _>(&mut self.input).map(Number::Word).map_err(|_| fault()),
        }
    }

    fn array_length(&mut self, fault: &str) -> Result<u32, CodecError> {
        decode::read_array_len(&mut self.input).map_err(|_| CodecError::new(fault))
    }

    fn map_length(&mut self, fault: &str) -> Result<u32, CodecError> {
        decode::read_map_len(&mut self.input).map_err(|_| CodecError::new(fault))
    }

    /// Room for as many elements as are claimed, at most for as many as the input can hold.
    fn room<T>(&self, claimed: u32) -> Vec<T> {
        Vec::with_capacity(usize::try_from(claimed).unwrap_or(usize::MAX).min(self.input.len()))
    }

    fn items(&mut self, element: &Type, fault: &str) -> Result<Vec<Value>, CodecError> {
        let length = self.array_length(fault)?;
        let mut items = self.room(length);
        for at in 0..length {
            items.push(self.value(element).map_err(|error| error.under(PathStep::Index(at.into())))?);
        }
        Ok(items)
    }

    fn tuple(&mut self, elements: &[Type]) -> Result<Value, CodecError> {
        let length = self.array_length("a tuple is required")?;
        if usize::try_from(length) != Ok(elements.len()) {
            return Err(CodecError::new(format!("a tuple of length {} is required", elements.len())));
        }
        let mut items = Vec::with_capacity(elements.len());
        for (at, element) in elements.iter().enumerate() {
            items.push(self.value(element).map_err(|error| error.under(PathStep::Index(at as u64)))?);
        }
        Ok(Value::tuple(items))
    }

    fn map(&mut self, element: &Type) -> Result<Value, CodecError> {
        let length = self.map_length("a map is required")?;
        let mut entries = self.room(length);
        for _ in 0..length {
            let name = crate::value::normalize(Name::from(self.text("all keys must be strings")?));
            let item = self.value(element).map_err(|error| error.under(PathStep::Key(name.clone())))?;
            entries.push((name, item));
        }
        Ok(Value::map(element.clone(), entries))
    }

    fn object(&mut self, object: &ObjectType) -> Result<Value, CodecError> {
        let known = object.attributes();
        let length = self.map_length("an object is required")?;
        if usize::try_from(length) != Ok(known.len()) {
            let message = format!("an object with {} attributes is required ({length} given)", known.len());
            return Err(CodecError::new(message));
        }
        let mut attributes = Vec::with_capacity(known.len());
        for expected in 0..known.len() {
            let key = self.text("all keys must be strings")?;
            // Attributes are sent in order, so the next one is tried before a search.
            let place = Some(expected).filter(|at| known[*at].0.as_str() == key);
            let place = place.or_else(|| known.binary_search_by(|(name, _)| name.as_str().cmp(key)).ok());
            let (name, kind) = place.map(|at| &known[at]).ok_or_else(|| {
                CodecError::new("unsupported attribute").under(PathStep::Attribute(key.into()))
            })?;
            let item = self.value(kind).map_err(|error| error.under(PathStep::Attribute(name.clone())))?;
            attributes.push((name.clone(), item));
        }
        let object = Value::object(attributes);
        match object.entries() {
            Some(entries) if entries.len() == known.len() => Ok(object),
            _ => Err(CodecError::new("an attribute is given twice")),
        }
    }

    fn dynamic(&mut self) -> Result<Value, CodecError> {
        let fault = "dynamic value array must have exactly two elements";
        if self.array_length(fault)? != 2 {
            return Err(CodecError::new(fault));
        }
        let length = match self.marker()? {
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => decode::read_bin_len(&mut self.input).ok(),
            _ => decode::read_str_len(&mut self.input).ok(),
        };
        let length = length.ok_or_else(|| CodecError::new("the type of a dynamic value is required"))?;
        let json = std::str::from_utf8(self.take(length)?)
            .map_err(|_| CodecError::new("the type of a dynamic value is not valid UTF-8"))?;
        let kind = type_from_json(json)?;
        self.value(&kind)
    }

    fn unknown(&mut self, value_type: &Type) -> Result<Value, CodecError> {
        let extension = decode::read_ext_meta(&mut self.input)
            .map_err(|_| CodecError::new("extension code is required for unknown value"))?;
        if extension.size <= 1 {
            self.take(extension.size)?;
            return Ok(Value::unknown(value_type.clone()));
        }
        if extension.typeid != REFINED_EXTENSION {
            return Err(CodecError::new(format!("unsupported extension type {}", extension.typeid)));
        }
        if extension.size > REFINEMENTS_MAXIMUM {
            return Err(CodecError::new("oversize unknown value refinement"));
        }
        let mut body = Reader { input: self.take(extension.size)?, depth: 0 };
        if *value_type == Type::Dynamic {
            return Ok(Value::unknown(Type::Dynamic));
        }
        body.refined(value_type)
    }

    fn refined(&mut self, value_type: &Type) -> Result<Value, CodecError> {
        let fault = |what: &str| CodecError::new(format!("failed to decode msgpack extension body: {what}"));
        let count = self.map_length("failed to decode msgpack extension body: not a map")?;
        let mut known = Refinements::NONE;
        for _ in 0..count {
            let key: i64 = decode::read_int(&mut self.input).map_err(|_| fault("non-integer key in map"))?;
            match key {
                KEY_IS_NULL => {
                    let is_null = decode::read_bool(&mut self.input)
                        .map_err(|_| fault("null refinement is not boolean"))?;
                    if is_null {
                        return Ok(Value::null(value_type.clone()));
                    }
                    known.not_null = true;
                }
                KEY_PREFIX if *value_type == Type::String => {
                    let prefix =
                        self.text("failed to decode msgpack extension body: prefix is not a string")?;
                    known = known.with_prefix(crate::value::normalize(prefix.into()));
                }
                KEY_MINIMUM | KEY_MAXIMUM if *value_type == Type::Number => {
                    let (number, inclusive) =
                        self.bound().map_err(|_| fault("a bound must be [number, bool]"))?;
                    known = if key == KEY_MINIMUM {
                        known.at_least(number, inclusive)
                    } else {
                        known.at_most(number, inclusive)
                    };
                }
                KEY_LENGTH_MINIMUM | KEY_LENGTH_MAXIMUM if value_type.is_collection() => {
                    let length: u64 = decode::read_int(&mut self.input)
                        .map_err(|_| fault("a length must be an integer"))?;
                    known = if key == KEY_LENGTH_MINIMUM {
                        known.length_between(length, None)
                    } else {
                        known.length_between(0, Some(length))
                    };
                }
                KEY_PREFIX..=KEY_LENGTH_MAXIMUM => return Err(fault("it does not fit the type")),
                // Keys to come: their values cannot be skipped without knowing them, and what is known so far holds.
                _ => break,
            }
        }
        Ok(Value::unknown(value_type.clone()).refine(&known))
    }

    fn bound(&mut self) -> Result<(Number, bool), CodecError> {
        if self.array_length("a bound")? != 2 {
            return Err(CodecError::new("a bound"));
        }
        let number = self.number()?;
        let inclusive = decode::read_bool(&mut self.input).map_err(|_| CodecError::new("a bound"))?;
        Ok((number, inclusive))
    }
}
