//! What is known of an unknown value.

use crate::value::normalize;
use crate::{Kind, Name, Number, Type, Value};
use std::cmp::Ordering;
use unicode_segmentation::UnicodeSegmentation;

/// Bounds that the final value is promised to keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Refinements {
    /// It will not be null.
    pub not_null: bool,
    /// A string begins so.
    pub prefix: Option<Name>,
    /// A number is at least this; `true` when equal is allowed.
    pub minimum: Option<(Number, bool)>,
    /// A number is at most this; `true` when equal is allowed.
    pub maximum: Option<(Number, bool)>,
    /// A collection has at least so many elements.
    pub length_minimum: u64,
    /// A collection has at most so many elements.
    pub length_maximum: Option<u64>,
}

impl Refinements {
    /// Nothing is known.
    pub const NONE: Self = Self {
        not_null: false,
        prefix: None,
        minimum: None,
        maximum: None,
        length_minimum: 0,
        length_maximum: None,
    };

    /// Only that it will not be null.
    pub const NOT_NULL: Self = Self {
        not_null: true,
        prefix: None,
        minimum: None,
        maximum: None,
        length_minimum: 0,
        length_maximum: None,
    };
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnknownNode {
    pub(crate) value_type: Type,
    pub(crate) refinements: Refinements,
}

/// Unknown lists of a promised length become lists of unknowns up to this length.
const COLLAPSE_MAXIMUM: u64 = 65_536;

/// Characters that no following one changes.
const CLOSED_CHARACTERS: [&str; 30] = [
    "-", "_", ":", ";", "/", "\\", ",", ".", "(", ")", "{", "}", "[", "]", "|", "?", "!", "~", " ", "\t",
    "@", "#", "$", "%", "^", "&", "*", "+", "\"", "'",
];

impl Refinements {
    /// With the promise that it is at least `bound`.
    #[must_use]
    pub fn at_least(mut self, bound: Number, inclusive: bool) -> Self {
        let tighter = self.minimum.as_ref().is_none_or(|(have, have_inclusive)| match bound.cmp(have) {
            Ordering::Greater => true,
            Ordering::Equal => *have_inclusive,
            Ordering::Less => false,
        });
        if tighter && bound != Number::infinity(true) {
            self.minimum = Some((bound, inclusive));
        }
        self
    }

    /// With the promise that it is at most `bound`.
    #[must_use]
    pub fn at_most(mut self, bound: Number, inclusive: bool) -> Self {
        let tighter = self.maximum.as_ref().is_none_or(|(have, have_inclusive)| match bound.cmp(have) {
            Ordering::Less => true,
            Ordering::Equal => *have_inclusive,
            Ordering::Greater => false,
        });
        if tighter && bound != Number::infinity(false) {
            self.maximum = Some((bound, inclusive));
        }
        self
    }

    /// With the promise that the text begins so, to the letter: a caller that appends unknown text cuts the prefix
    /// where what follows could still change its last character.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<Name>) -> Self {
        let prefix = prefix.into();
        if self.prefix.as_ref().is_none_or(|have| prefix.starts_with(have.as_str())) && !prefix.is_empty() {
            self.prefix = Some(prefix);
        }
        self
    }

    /// As [`Refinements::with_prefix`] for text that goes on with something unknown: without the last character where
    /// what follows could still change it (cty's `SafeKnownPrefix`).
    #[must_use]
    pub fn with_open_prefix(self, prefix: &str) -> Self {
        let prefix = normalize(prefix.into());
        let last = prefix.graphemes(true).next_back().unwrap_or("");
        let kept = if CLOSED_CHARACTERS.contains(&last) { prefix.len() } else { prefix.len() - last.len() };
        self.with_prefix(&prefix[..kept])
    }

    /// With the promise that it has at least `minimum` elements, and at most `maximum` where one is given.
    #[must_use]
    pub fn length_between(mut self, minimum: u64, maximum: Option<u64>) -> Self {
        self.length_minimum = self.length_minimum.max(minimum);
        self.length_maximum = match (self.length_maximum, maximum) {
            (Some(have), Some(more)) => Some(have.min(more)),
            (have, more) => have.or(more),
        };
        self
    }

    /// With the promise that it will not be null.
    #[must_use]
    pub fn and_not_null(mut self) -> Self {
        self.not_null = true;
        self
    }

    /// All promises of both; where they contradict each other, those of `self` stay.
    #[must_use]
    pub fn merge(&self, more: &Self) -> Self {
        let mut merged = self.clone().length_between(more.length_minimum, more.length_maximum);
        merged.not_null |= more.not_null;
        if let Some((bound, inclusive)) = &more.minimum {
            merged = merged.at_least(bound.clone(), *inclusive);
        }
        if let Some((bound, inclusive)) = &more.maximum {
            merged = merged.at_most(bound.clone(), *inclusive);
        }
        if let Some(prefix) = &more.prefix {
            merged = merged.with_prefix(prefix.clone());
        }
        if merged.is_contradictory() { self.clone() } else { merged }
    }

    fn is_contradictory(&self) -> bool {
        let numbers =
            matches!((&self.minimum, &self.maximum), (Some((low, _)), Some((high, _))) if low > high);
        numbers || self.length_maximum.is_some_and(|maximum| maximum < self.length_minimum)
    }

    /// The promises that mean something for a type.
    fn for_type(self, value_type: &Type) -> Self {
        let mut kept = if self.not_null { Self::NOT_NULL } else { Self::NONE };
        match value_type {
            Type::String => kept.prefix = self.prefix,
            Type::Number => (kept.minimum, kept.maximum) = (self.minimum, self.maximum),
            Type::List(_) | Type::Set(_) | Type::Map(_) => {
                (kept.length_minimum, kept.length_maximum) = (self.length_minimum, self.length_maximum);
            }
            _ => {}
        }
        kept
    }
}

impl Value {
    /// The same value with more known of it. A known or null value stays as it is; an unknown one becomes known
    /// where the promises leave one value only, as in cty.
    #[must_use]
    pub fn refine(&self, more: &Refinements) -> Self {
        let (inner, marks) = self.unmark();
        let Kind::Unknown(value_type, have) = inner.kind() else { return self.clone() };
        if *value_type == Type::Dynamic {
            return self.clone();
        }
        let merged = have.merge(more).for_type(value_type);
        if merged == *have {
            return self.clone();
        }
        collapse(value_type, &merged)
            .unwrap_or_else(|| Self::unknown_with(value_type.clone(), merged))
            .with_marks(&marks)
    }

    /// The same value, promised not to be null.
    #[must_use]
    pub fn refine_not_null(&self) -> Self {
        self.refine(&Refinements::NOT_NULL)
    }

    /// What is known of it, also of a known value; nothing for an unknown of dynamic type. Marks are looked through.
    pub fn range(&self) -> Refinements {
        match self.unmark().0.kind() {
            Kind::Null(_) => Refinements::NONE,
            Kind::Unknown(_, refinements) => refinements.clone(),
            Kind::String(text) => Refinements::NOT_NULL.with_prefix(text.clone()),
            Kind::Number(number) => {
                Refinements::NOT_NULL.at_least(number.clone(), true).at_most(number, true)
            }
            Kind::List(items) => {
                Refinements::NOT_NULL.length_between(items.len() as u64, Some(items.len() as u64))
            }
            Kind::Set(items) if items.len() == 1 || self.is_wholly_known() => {
                Refinements::NOT_NULL.length_between(items.len() as u64, Some(items.len() as u64))
            }
            Kind::Map(entries) => {
                Refinements::NOT_NULL.length_between(entries.len() as u64, Some(entries.len() as u64))
            }
            _ => Refinements::NOT_NULL,
        }
    }
}

fn collapse(value_type: &Type, refinements: &Refinements) -> Option<Value> {
    if !refinements.not_null {
        return None;
    }
    if let (Some((low, true)), Some((high, true))) = (&refinements.minimum, &refinements.maximum)
        && low == high
    {
        return Some(Value::number(low.clone()));
    }
    let length = refinements.length_maximum.filter(|maximum| *maximum == refinements.length_minimum)?;
    match value_type {
        Type::List(element) if length <= COLLAPSE_MAXIMUM => {
            let unknown = Value::unknown((**element).clone());
            let count = usize::try_from(length).unwrap_or(0);
            Some(Value::list((**element).clone(), vec![unknown; count]))
        }
        Type::Set(element) if length <= 1 => {
            let unknown = (length == 1).then(|| Value::unknown((**element).clone()));
            Some(Value::set((**element).clone(), unknown.into_iter().collect()))
        }
        Type::Map(element) if length == 0 => Some(Value::map((**element).clone(), Vec::new())),
        _ => None,
    }
}
