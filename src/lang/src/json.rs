//! JSON syntax of the language: a document becomes the same tree that native syntax does.
//!
//! Invariant: every node has its span in the document, also inside of strings with escapes. Reading is linear and
//! its depth bounded. A property named `//` is a comment wherever a body is read.

mod body;
mod expression;
mod reader;
mod shape;

pub(crate) use body::{blocks_of, body};
pub(crate) use reader::read;
pub(crate) use shape::{ENCRYPTION, FILE, Shape, TEST_FILE};

use arcstr::ArcStr;
use formwork_diagnostic::Span;
use formwork_value::{Number, Type, Value};
use std::sync::Arc;

/// One value of a document.
#[derive(Debug, Clone)]
pub(crate) struct Json {
    pub(crate) kind: JsonKind,
    pub(crate) span: Span,
}

#[derive(Debug, Clone)]
pub(crate) enum JsonKind {
    Null,
    Bool(bool),
    Number(Number),
    String(JsonText),
    Array(Arc<[Json]>),
    Object(Arc<[Member]>),
}

/// One property of an object.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: JsonText,
    pub(crate) name_span: Span,
    pub(crate) value: Json,
}

/// A string with its escapes resolved, and the way back to the document.
#[derive(Debug, Clone)]
pub(crate) struct JsonText {
    pub(crate) text: ArcStr,
    pub(crate) places: Places,
}

/// Which byte of the file a byte of a resolved text came from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(Arc<[(u32, u32)]>);

impl Places {
    /// From pairs (byte of the text, byte of the file): from each pair to the next both run alike.
    fn new(pairs: Vec<(u32, u32)>) -> Self {
        Self(pairs.into())
    }

    /// Of a text that stands in the file as it is, from a byte on.
    pub(crate) fn from_start(start: u32) -> Self {
        Self::new(vec![(0, start)])
    }

    /// The file's byte.
    pub(crate) fn in_file(&self, offset: u32) -> u32 {
        let after = self.0.partition_point(|(text, _)| *text <= offset);
        match after.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((text, file)) => file + (offset - text),
            None => offset,
        }
    }
}

impl Json {
    /// What it is called in messages.
    fn word(&self) -> &'static str {
        match self.kind {
            JsonKind::Null => "null",
            JsonKind::Bool(_) => "a boolean",
            JsonKind::Number(_) => "a number",
            JsonKind::String(_) => "a string",
            JsonKind::Array(_) => "an array",
            JsonKind::Object(_) => "an object",
        }
    }

    /// The value, strings taken as they stand.
    pub(crate) fn literal(&self) -> Value {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &self.kind {
            JsonKind::Null => Value::null(Type::Dynamic),
            JsonKind::Bool(bool) => Value::bool(*bool),
            JsonKind::Number(number) => Value::number(number.clone()),
            JsonKind::String(text) => Value::string(text.text.clone()),
            JsonKind::Array(items) => Value::tuple(items.iter().map(Self::literal).collect()),
            JsonKind::Object(members) => {
                let entry = |one: &Member| (one.name.text.clone(), one.value.literal());
                Value::object(members.iter().map(entry).collect())
            }
        })
    }
}
