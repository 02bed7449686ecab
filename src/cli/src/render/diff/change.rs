//! The two sides of one place in an object, marks and unknowns taken apart.

use super::Verdict;
use formwork_value::{Entries, Kind, MarkKind, Path, PathStep, Type, Value};

/// One side: what stands there, when it is known and not null.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side<'a> {
    /// The value without marks; none for null, absent and unknown.
    pub(crate) value: Option<&'a Value>,
    /// Whether it is sensitive as a whole.
    pub(crate) sensitive: bool,
    /// Whether null here is a value someone wrote, not an absence.
    pub(crate) explicit: bool,
}

/// The two sides with what is known of the second.
#[derive(Debug, Clone)]
pub(crate) struct Change<'a> {
    pub(crate) before: Side<'a>,
    pub(crate) after: Side<'a>,
    /// Whether the second side is known only after apply.
    pub(crate) unknown: bool,
    /// Whether the attributes of the second side are known only after apply, the whole being so.
    pub(crate) unknown_children: bool,
    pub(crate) replace: Matcher<'a>,
}

/// Paths that force replacement, as seen from one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matcher<'a>(Vec<&'a [PathStep]>);

impl<'a> Matcher<'a> {
    /// All paths, seen from the object.
    pub(crate) fn new(paths: &'a [Path]) -> Self {
        Self(paths.iter().map(Path::steps).collect())
    }

    /// Whether a path ends here.
    pub(crate) fn is_here(&self) -> bool {
        self.0.iter().any(|steps| steps.is_empty())
    }

    /// Forgets the paths that end here.
    pub(crate) fn drop_here(&mut self) {
        self.0.retain(|steps| !steps.is_empty());
    }

    fn child(&self, matches: impl Fn(&PathStep) -> bool) -> Self {
        if self.0.is_empty() {
            return Self::default();
        }
        Self(
            self.0
                .iter()
                .filter_map(|steps| {
                    steps.split_first().filter(|(first, _)| matches(first)).map(|(_, rest)| rest)
                })
                .collect(),
        )
    }
}

struct Seen<'a> {
    value: Option<&'a Value>,
    sensitive: bool,
    unknown: bool,
}

fn see(value: Option<&Value>) -> Seen<'_> {
    let mut seen = Seen { value, sensitive: false, unknown: false };
    while let Some(at) = seen.value {
        match at.kind() {
            Kind::Marked(inner, marks) => {
                seen.sensitive |= marks.has(MarkKind::Sensitive);
                seen.value = Some(inner);
            }
            Kind::Null(_) => seen.value = None,
            Kind::Unknown(..) => {
                seen.unknown = true;
                seen.value = None;
            }
            _ => break,
        }
    }
    seen
}

impl<'a> Change<'a> {
    /// The change of a whole object, or of an output.
    pub(crate) fn new(before: Option<&'a Value>, after: Option<&'a Value>, replace: Matcher<'a>) -> Self {
        let (before, after) = (see(before), see(after));
        Self {
            before: Side { value: before.value, sensitive: before.sensitive, explicit: false },
            after: Side { value: after.value, sensitive: after.sensitive, explicit: false },
            unknown: after.unknown,
            unknown_children: false,
            replace,
        }
    }

    fn inside(&self, before: Option<&'a Value>, after: Option<&'a Value>, replace: Matcher<'a>) -> Self {
        let mut child = Self::new(before, after, replace);
        child.unknown |= self.unknown_children;
        child
    }

    /// An attribute; null on either side is an absence.
    pub(crate) fn attribute(&self, name: &str) -> Self {
        let get = |side: &Side<'a>| side.value.and_then(|value| value.get(name));
        self.inside(get(&self.before), get(&self.after), self.replace.child(|step| names(step, name)))
    }

    /// A map's entry; null is a value where the key stands.
    pub(crate) fn entry(&self, key: &str) -> Self {
        let get = |side: &Side<'a>| side.value.and_then(|value| value.get(key));
        let (before, after) = (get(&self.before), get(&self.after));
        let mut child = self.inside(before, after, self.replace.child(|step| names(step, key)));
        (child.before.explicit, child.after.explicit) = (before.is_some(), after.is_some());
        child
    }

    /// The elements at two places; none for a side without one.
    pub(crate) fn element(&self, before: Option<usize>, after: Option<usize>) -> Self {
        let get = |side: &Side<'a>, at: Option<usize>| side.items().get(at?);
        let place = before.or(after).and_then(|at| u64::try_from(at).ok());
        let replace =
            self.replace.child(|step| matches!(step, PathStep::Index(index) if Some(*index) == place));
        let (left, right) = (get(&self.before, before), get(&self.after, after));
        let mut child = self.inside(left, right, replace);
        (child.before.explicit, child.after.explicit) = (left.is_some(), right.is_some());
        child
    }

    /// Only the first side: as if the second were deleted.
    pub(crate) fn as_delete(&self) -> Self {
        Self { after: Side::default(), unknown: false, unknown_children: false, ..self.clone() }
    }

    /// Only the second side: as if the first had never been.
    pub(crate) fn as_create(&self) -> Self {
        Self { before: Side::default(), ..self.clone() }
    }

    /// Neither side sensitive as a whole.
    pub(crate) fn without_sensitivity(&self) -> Self {
        let mut bare = self.clone();
        (bare.before.sensitive, bare.after.sensitive) = (false, false);
        bare
    }

    /// What a composite begins with before its children are seen.
    pub(crate) fn starting_verdict(&self) -> Verdict {
        match (self.before.value, self.after.value) {
            (None, Some(_)) => Verdict::Create,
            (Some(_), None) => Verdict::Delete,
            _ => Verdict::Same,
        }
    }

    /// What happens to a leaf.
    pub(crate) fn verdict(&self) -> Verdict {
        match (self.before.is_there(), self.after.is_there()) {
            (false, true) => Verdict::Create,
            (true, false) => Verdict::Delete,
            _ if self.before.explicit == self.after.explicit
                && self.before.sensitive == self.after.sensitive
                && same_optional(self.before.value, self.after.value) =>
            {
                Verdict::Same
            }
            _ => Verdict::Update,
        }
    }

    /// Whether nothing stands on either side.
    pub(crate) fn is_absent(&self) -> bool {
        self.before.value.is_none() && self.after.value.is_none() && !self.unknown
    }

    /// Every key of either side, in order, each once.
    pub(crate) fn keys(&self) -> Vec<&'a formwork_value::Name> {
        let entries =
            |side: &Side<'a>| side.value.and_then(Value::entries).map_or(&[][..], Entries::as_slice);
        let mut keys: Vec<_> =
            entries(&self.before).iter().chain(entries(&self.after)).map(|(name, _)| name).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl<'a> Side<'a> {
    fn is_there(&self) -> bool {
        self.value.is_some() || self.explicit
    }

    /// The elements, when it is a sequence.
    pub(crate) fn items(&self) -> &'a [Value] {
        self.value.and_then(Value::items).unwrap_or(&[])
    }
}

fn names(step: &PathStep, name: &str) -> bool {
    matches!(step, PathStep::Attribute(at) | PathStep::Key(at) if at == name)
}

fn same_optional(left: Option<&Value>, right: Option<&Value>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => is_same_data(left, right),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// Whether both hold the same data. Marks and the difference of list, set and tuple, or of map and object, do not
/// count; an unknown equals nothing.
pub(crate) fn is_same_data(left: &Value, right: &Value) -> bool {
    if left.is_same_node(right) && left.is_wholly_known() {
        return true;
    }
    match (left.kind(), right.kind()) {
        (Kind::Marked(inner, _), _) => is_same_data(inner, right),
        (_, Kind::Marked(inner, _)) => is_same_data(left, inner),
        (Kind::Null(_), Kind::Null(_)) => true,
        (Kind::Bool(left), Kind::Bool(right)) => left == right,
        (Kind::Number(left), Kind::Number(right)) => left == right,
        (Kind::String(left), Kind::String(right)) => left == right,
        (
            Kind::List(left) | Kind::Set(left) | Kind::Tuple(left),
            Kind::List(right) | Kind::Set(right) | Kind::Tuple(right),
        ) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same_data(left, right))
        }
        (Kind::Map(left) | Kind::Object(left), Kind::Map(right) | Kind::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right.iter())
                    .all(|((key, left), (other, right))| key == other && is_same_data(left, right))
        }
        _ => false,
    }
}

/// Whether a declared type is laid out attribute by attribute: an object, or a collection of objects.
pub(crate) fn is_nested(value_type: &Type) -> bool {
    matches!(value_type.element().unwrap_or(value_type), Type::Object(_))
}
