//! Values and paths in the plan file.
//!
//! A null of no type, a bool, a small whole number and a string stand as they are in JSON. Any other value is an
//! object: the number of its type, MessagePack in base64, and the marks inside it by path. Types are numbered in the
//! order of their first use; the first use carries the type itself.
//!
//! Invariants: values are read in the order in which they were written, or type numbers would lead astray; what is
//! marked ephemeral is written as null.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formwork_value::{
    Kind, Mark, MarkKind, Marks, Path, PathStep, Type, Value, decode_msgpack, encode_msgpack, type_to_json,
};
use rustc_hash::FxHashMap;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::RefCell;

/// Whole numbers up to this size stand as they are: every JSON reader keeps them.
const PLAIN_NUMBER_MAXIMUM: i64 = 1 << 53;

/// The types written so far.
#[derive(Default)]
pub(super) struct WrittenTypes(RefCell<FxHashMap<Type, u32>>);

impl WrittenTypes {
    /// The type's number, and whether this is its first use.
    fn number(&self, value_type: Type) -> (u32, bool) {
        let mut numbers = self.0.borrow_mut();
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry(value_type).or_insert(next);
        (number, number == next)
    }
}

/// A value to be written.
pub(super) struct WriteValue<'a> {
    pub(super) value: &'a Value,
    pub(super) types: &'a WrittenTypes,
}

#[derive(Serialize)]
struct TypedForm<'a> {
    #[serde(rename = "type")]
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    defines: Option<Box<RawValue>>,
    value: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<(WritePath<'a>, MarksForm)>,
}

impl Serialize for WriteValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value.kind() {
            Kind::Null(Type::Dynamic) => serializer.serialize_unit(),
            Kind::Bool(bool) => serializer.serialize_bool(bool),
            Kind::String(text) => serializer.serialize_str(text),
            Kind::Number(number) if is_plain(&number) => {
                serializer.serialize_i64(number.to_i64().unwrap_or(0))
            }
            _ => self.serialize_typed(serializer),
        }
    }
}

/// Negative zero is not inline and not plain.
fn is_plain(number: &formwork_value::Number) -> bool {
    matches!(number, formwork_value::Number::Int(int) | formwork_value::Number::Word(int) if (-PLAIN_NUMBER_MAXIMUM..=PLAIN_NUMBER_MAXIMUM).contains(int))
}

impl WriteValue<'_> {
    fn serialize_typed<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (bare, marks) = without_ephemeral(self.value).unmark_deep();
        let value_type = bare.value_type();
        let encoded = encode_msgpack(&bare, &value_type).map_err(S::Error::custom)?;
        let (number, is_first) = self.types.number(value_type.clone());
        let defines = is_first.then(|| RawValue::from_string(type_to_json(&value_type)));
        let form = TypedForm {
            number,
            defines: defines.transpose().map_err(S::Error::custom)?,
            value: STANDARD.encode(encoded),
            marks: marks.iter().map(|(path, marks)| (self.path(path), MarksForm::from(marks))).collect(),
        };
        form.serialize(serializer)
    }

    fn path<'b>(&'b self, path: &'b Path) -> WritePath<'b> {
        WritePath { path, types: self.types }
    }
}

/// The value with everything that is marked ephemeral as null, marks kept.
pub(crate) fn without_ephemeral(value: &Value) -> Cow<'_, Value> {
    if !value.has_mark_deep(MarkKind::Ephemeral) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.transform(&mut |_, part| {
        if part.is_marked(MarkKind::Ephemeral) { withheld(&part) } else { part }
    }))
}

/// What stands for a value that is not written: a null of its type, with all marks of it.
pub(super) fn withheld(value: &Value) -> Value {
    Value::null(value.value_type()).with_marks(&value.gather_marks())
}

/// A path to be written.
pub(super) struct WritePath<'a> {
    pub(super) path: &'a Path,
    pub(super) types: &'a WrittenTypes,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WriteStep<'a> {
    Attribute(&'a str),
    Key(&'a str),
    Index(u64),
    Element(WriteValue<'a>),
}

impl Serialize for WritePath<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.path.steps().iter().map(|step| match step {
            PathStep::Attribute(name) => WriteStep::Attribute(name),
            PathStep::Key(name) => WriteStep::Key(name),
            PathStep::Index(index) => WriteStep::Index(*index),
            PathStep::Element(value) => WriteStep::Element(WriteValue { value, types: self.types }),
        }))
    }
}

/// Marks as kind and origin.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct MarksForm(Vec<(MarkWord, String)>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MarkWord {
    Sensitive,
    Ephemeral,
    Deprecated,
}

impl From<&Marks> for MarksForm {
    fn from(marks: &Marks) -> Self {
        let word = |mark: &Mark| match mark.kind {
            MarkKind::Sensitive => MarkWord::Sensitive,
            MarkKind::Ephemeral => MarkWord::Ephemeral,
            MarkKind::Deprecated => MarkWord::Deprecated,
        };
        Self(marks.iter().map(|mark| (word(mark), mark.origin.to_string())).collect())
    }
}

impl From<MarksForm> for Marks {
    fn from(form: MarksForm) -> Self {
        let kind = |word: MarkWord| match word {
            MarkWord::Sensitive => MarkKind::Sensitive,
            MarkWord::Ephemeral => MarkKind::Ephemeral,
            MarkWord::Deprecated => MarkKind::Deprecated,
        };
        form.0.into_iter().map(|(word, origin)| Mark::new(kind(word), origin)).collect()
    }
}

/// The types read so far, by number.
#[derive(Default)]
pub(super) struct ReadTypes(Vec<Type>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadTyped<'a> {
    #[serde(rename = "type")]
    number: u32,
    #[serde(default)]
    defines: Option<Type>,
    #[serde(borrow)]
    value: &'a str,
    #[serde(default, borrow)]
    marks: Vec<(ReadPath<'a>, MarksForm)>,
}

/// A path as it was read.
pub(super) type ReadPath<'a> = Vec<ReadStep<'a>>;

/// A step of a path as it was read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadStep<'a> {
    Attribute(#[serde(borrow)] Cow<'a, str>),
    Key(#[serde(borrow)] Cow<'a, str>),
    Index(u64),
    Element(#[serde(borrow)] &'a RawValue),
}

impl ReadTypes {
    /// The value that was written so.
    pub(super) fn value(&mut self, raw: &RawValue) -> serde_json::Result<Value> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Value::null(Type::Dynamic)),
            Some(b't') => Ok(Value::bool(true)),
            Some(b'f') => Ok(Value::bool(false)),
            Some(b'"') => Ok(Value::string(serde_json::from_str::<Cow<'_, str>>(text)?.into_owned())),
            Some(b'{') => self.typed(serde_json::from_str(text)?),
            _ => Ok(Value::number(serde_json::from_str::<i64>(text)?)),
        }
    }

    fn typed(&mut self, form: ReadTyped<'_>) -> serde_json::Result<Value> {
        let number = form.number as usize;
        if let Some(value_type) = form.defines {
            if number != self.0.len() {
                return Err(fault("a type is defined out of order"));
            }
            self.0.push(value_type);
        }
        let value_type = self.0.get(number).cloned().ok_or_else(|| fault("a type was never defined"))?;
        let encoded = STANDARD.decode(form.value).map_err(|_| fault("not base64"))?;
        let value = decode_msgpack(&encoded, &value_type).map_err(fault)?;
        if form.marks.is_empty() {
            return Ok(value);
        }
        let marks: Vec<(Path, Marks)> = form
            .marks
            .into_iter()
            .map(|(path, marks)| Ok((self.path(path)?, Marks::from(marks))))
            .collect::<serde_json::Result<_>>()?;
        Ok(value.mark_paths(&marks))
    }

    /// The path that was written so.
    pub(super) fn path(&mut self, steps: ReadPath<'_>) -> serde_json::Result<Path> {
        let step = |step: ReadStep<'_>| {
            Ok(match step {
                ReadStep::Attribute(name) => PathStep::Attribute(name.into_owned().into()),
                ReadStep::Key(name) => PathStep::Key(name.into_owned().into()),
                ReadStep::Index(index) => PathStep::Index(index),
                ReadStep::Element(raw) => PathStep::Element(self.value(raw)?),
            })
        };
        steps.into_iter().map(step).collect::<serde_json::Result<_>>().map(Path)
    }
}

fn fault(message: impl std::fmt::Display) -> serde_json::Error {
    serde::de::Error::custom(message)
}
