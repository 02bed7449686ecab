//! Paths into a value.

use crate::{Name, Number, Value};
use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum PathStep {
    /// An object's attribute.
    Attribute(Name),
    /// A map's key.
    Key(Name),
    /// A list's or tuple's index.
    Index(u64),
    /// A set's element, by its value.
    Element(Value),
}

/// Steps from a value to something inside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path(pub Vec<PathStep>);

impl Path {
    /// The value itself.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// One more attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<Name>) -> Self {
        self.0.push(PathStep::Attribute(name.into()));
        self
    }

    /// One more index.
    #[must_use]
    pub fn index(mut self, index: u64) -> Self {
        self.0.push(PathStep::Index(index));
        self
    }

    /// One more map key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Name>) -> Self {
        self.0.push(PathStep::Key(key.into()));
        self
    }

    /// This path and then the steps of another.
    #[must_use]
    pub fn join(mut self, below: &Self) -> Self {
        self.0.extend_from_slice(&below.0);
        self
    }

    /// The steps.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Whether this path is the other or leads to something that holds it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(|(left, right)| left.matches(right))
    }

    /// What stands at the path, when all of it is there. Marks on the way are kept on the result.
    pub fn get(&self, value: &Value) -> Option<Value> {
        let mut at = value.clone();
        for step in &self.0 {
            at = step.get(&at)?;
        }
        Some(at)
    }
}

impl PathStep {
    /// Whether both name the same place; an attribute and a key of one name do.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Attribute(left) | Self::Key(left), Self::Attribute(right) | Self::Key(right)) => {
                left == right
            }
            (left, right) => left == right,
        }
    }

    fn get(&self, value: &Value) -> Option<Value> {
        let (inner, marks) = value.unmark();
        let found = match self {
            Self::Attribute(name) | Self::Key(name) => inner.get(name.as_str()).cloned(),
            Self::Index(index) => {
                inner.items().and_then(|items| items.get(usize::try_from(*index).ok()?)).cloned()
            }
            Self::Element(element) => {
                inner.items().and_then(|items| items.iter().find(|item| *item == element)).cloned()
            }
        }?;
        Some(found.with_marks(&marks))
    }
}

/// `.a[0]["k"]`; a set's element is never printed, since it may hold a secret.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                PathStep::Attribute(name) => write!(f, ".{name}")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Element(_) => f.write_str("[...]")?,
            }
        }
        Ok(())
    }
}

impl From<&Number> for PathStep {
    /// The index of a whole number; others are clamped to 0, since no list has them.
    fn from(number: &Number) -> Self {
        Self::Index(number.to_i64().and_then(|index| u64::try_from(index).ok()).unwrap_or(0))
    }
}
