//! Marks: what travels with a value through every operation.

use crate::Name;
use std::sync::Arc;

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// Never shown.
    Sensitive,
    /// Never stored.
    Ephemeral,
    /// Using it gives a warning.
    Deprecated,
}

/// One mark with where it came from: `var.password`, an attribute's path, a deprecation's message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// What it says.
    pub kind: MarkKind,
    /// Where it came from.
    pub origin: Name,
}

impl Mark {
    /// A mark of one kind from one origin.
    pub fn new(kind: MarkKind, origin: impl Into<Name>) -> Self {
        Self { kind, origin: origin.into() }
    }

    /// A sensitive mark without a named origin.
    pub fn sensitive() -> Self {
        Self { kind: MarkKind::Sensitive, origin: Name::new() }
    }
}

/// A set of marks; a clone is O(1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Marks(Option<Arc<Vec<Mark>>>);

impl Marks {
    /// No marks.
    pub const NONE: Self = Self(None);

    /// One mark.
    pub fn one(mark: Mark) -> Self {
        Self(Some(Arc::new(vec![mark])))
    }

    /// One sensitive mark without a named origin.
    pub fn sensitive() -> Self {
        Self::one(Mark::sensitive())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether a mark of the kind is there.
    pub fn has(&self, kind: MarkKind) -> bool {
        self.iter().any(|mark| mark.kind == kind)
    }

    /// All marks, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Mark> {
        self.0.iter().flat_map(|marks| marks.iter())
    }

    /// All marks of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (_, None) => self.clone(),
            (None, _) => other.clone(),
            (Some(left), Some(right)) if Arc::ptr_eq(left, right) => self.clone(),
            (Some(left), Some(right)) => {
                let mut all: Vec<Mark> = left.iter().chain(right.iter()).cloned().collect();
                all.sort();
                all.dedup();
                Self(Some(Arc::new(all)))
            }
        }
    }

    /// The marks that are not of the kind.
    #[must_use]
    pub fn without(&self, kind: MarkKind) -> Self {
        let rest: Vec<Mark> = self.iter().filter(|mark| mark.kind != kind).cloned().collect();
        if rest.is_empty() { Self::NONE } else { Self(Some(Arc::new(rest))) }
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        let mut all: Vec<Mark> = marks.into_iter().collect();
        all.sort();
        all.dedup();
        if all.is_empty() { Self::NONE } else { Self(Some(Arc::new(all))) }
    }
}
