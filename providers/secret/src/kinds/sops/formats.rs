//! Texts of each format to documents. What describes the file stands in the document as the map `sops`.
//!
//! What a format leaves to its reader is read as sops reads it, since the authentication code covers the outcome.

mod ini;
mod yaml;

use super::tree::{Leaf, Node};
use serde::Deserialize as _;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Deeper documents are refused.
const DEPTH_MAXIMUM: usize = 64;
/// Before the names that describe a dotenv file.
const DOTENV_PREFIX: &str = "sops_";

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
    Dotenv,
    Ini,
    Binary,
}

impl Format {
    pub(super) const NAMES: [&str; 5] = ["yaml", "json", "dotenv", "ini", "binary"];

    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "yaml" => Self::Yaml,
            "json" => Self::Json,
            "dotenv" => Self::Dotenv,
            "ini" => Self::Ini,
            "binary" => Self::Binary,
            _ => return None,
        })
    }

    /// What a file's name says.
    pub(super) fn of(path: &str) -> Self {
        let endings = [
            (".yaml", Self::Yaml),
            (".yml", Self::Yaml),
            (".json", Self::Json),
            (".env", Self::Dotenv),
            (".ini", Self::Ini),
        ];
        endings.iter().find(|(ending, _)| path.ends_with(ending)).map_or(Self::Binary, |(_, format)| *format)
    }

    pub(super) fn read(self, text: &str) -> Result<Node, String> {
        match self {
            Self::Yaml => yaml::read(text),
            Self::Json | Self::Binary => {
                let raw: &RawValue = serde_json::from_str(text).map_err(|error| no_json(&error))?;
                json(raw, DEPTH_MAXIMUM)
            }
            Self::Dotenv => dotenv(text),
            Self::Ini => ini::read(text),
        }
    }
}

fn no_json(error: &serde_json::Error) -> String {
    format!("it is no JSON, at line {} column {}", error.line(), error.column())
}

/// The entries of an object, in their order.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

fn json(raw: &RawValue, depth: usize) -> Result<Node, String> {
    if depth == 0 {
        return Err(format!("it is nested deeper than {DEPTH_MAXIMUM} levels"));
    }
    let text = raw.get();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Ok(match text.bytes().next() {
        Some(b'{') => {
            let entries = deserializer.deserialize_map(InOrder).map_err(|error| no_json(&error))?;
            let entries = entries.into_iter().map(|(name, raw)| Ok((name, json(raw, depth - 1)?)));
            Node::Map(entries.collect::<Result<_, String>>()?)
        }
        Some(b'[') => {
            let items = Vec::<&RawValue>::deserialize(&mut deserializer).map_err(|error| no_json(&error))?;
            Node::List(items.into_iter().map(|raw| json(raw, depth - 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Node::text(String::deserialize(&mut deserializer).map_err(|error| no_json(&error))?),
        Some(b't') => Node::Leaf(Leaf::Truth(true)),
        Some(b'f') => Node::Leaf(Leaf::Truth(false)),
        Some(b'n') | None => Node::Leaf(Leaf::Null),
        Some(_) => Node::Leaf(number(text)),
    })
}

/// A number as sops keeps it: whole where it fits into 64 bits, else a float.
fn number(text: &str) -> Leaf {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(whole), _) => Leaf::Number(whole.to_string()),
        (_, Ok(float)) => Leaf::float(float),
        _ => Leaf::Text(text.to_owned()),
    }
}

fn dotenv(text: &str) -> Result<Node, String> {
    let (mut entries, mut described) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.split('\n')) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) =
            line.split_once('=').ok_or_else(|| format!("it is no dotenv file, at line {number}"))?;
        let value = Node::text(value.replace("\\n", "\n"));
        match name.strip_prefix(DOTENV_PREFIX) {
            Some(name) => described.push((name.to_owned(), value)),
            None => entries.push((name.to_owned(), value)),
        }
    }
    if !described.is_empty() {
        entries.push(("sops".to_owned(), Node::Map(described)));
    }
    Ok(Node::Map(entries))
}
