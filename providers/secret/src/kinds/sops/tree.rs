//! A document of any format, its entries in their order: the authentication code depends on it.

use serde_json::{Map, Number, Value as Json};

/// A value of a document.
#[derive(Clone, PartialEq)]
pub(super) enum Node {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(Leaf),
}

/// A value that has no parts.
#[derive(Clone, PartialEq)]
pub(super) enum Leaf {
    Null,
    Text(String),
    /// What is no text.
    Bytes(Vec<u8>),
    /// In the shortest digits that are it, without an exponent.
    Number(String),
    Truth(bool),
}

impl Leaf {
    /// What the authentication code covers.
    pub(super) fn hashed(&self) -> &[u8] {
        match self {
            Self::Null => b"",
            Self::Text(text) | Self::Number(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Truth(true) => b"True",
            Self::Truth(false) => b"False",
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
            Self::Truth(truth) => Json::Bool(*truth),
            Self::Text(text) => Json::String(text.clone()),
            // What JSON has no number for is given as text.
            Self::Number(text) => {
                serde_json::from_str::<Number>(text).map_or_else(|_| text.as_str().into(), Json::Number)
            }
        }
    }

    /// A float in the digits that sops writes.
    pub(super) fn float(float: f64) -> Self {
        Self::Number(match float {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            _ => float.to_string(),
        })
    }
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Leaf(Leaf::Text(text.into()))
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(other, _)| other == name).map(|(_, node)| node)
    }

    /// What a leaf holds, byte for byte.
    pub(super) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Leaf(leaf @ (Leaf::Text(_) | Leaf::Bytes(_))) => Some(leaf.hashed()),
            _ => None,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Leaf(Leaf::Text(text) | Leaf::Number(text)) => Some(text),
            Self::Leaf(Leaf::Truth(true)) => Some("true"),
            Self::Leaf(Leaf::Truth(false)) => Some("false"),
            _ => None,
        }
    }

    /// Every leaf but null by its path, the names and indices joined by dots.
    pub(super) fn leaves(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.collect(".", ".", String::new(), &mut found);
        found
    }

    /// The same with names joined as sops flattens what describes a file.
    pub(super) fn flat(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        self.collect("__map_", "__list_", String::new(), &mut found);
        found
    }

    fn collect(&self, map: &str, list: &str, path: String, found: &mut Vec<(String, String)>) {
        let below = |joint: &str, name: &str| {
            if path.is_empty() { name.to_owned() } else { format!("{path}{joint}{name}") }
        };
        match self {
            Self::Map(entries) => {
                for (name, node) in entries {
                    node.collect(map, list, below(map, name), found);
                }
            }
            Self::List(items) => {
                for (index, node) in items.iter().enumerate() {
                    node.collect(map, list, below(list, &index.to_string()), found);
                }
            }
            Self::Leaf(_) => found.extend(self.as_text().map(|text| (path, text.to_owned()))),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Map(entries) => Json::Object(
                entries.iter().map(|(name, node)| (name.clone(), node.to_json())).collect::<Map<_, _>>(),
            ),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Leaf(leaf) => leaf.to_json(),
        }
    }
}
