//! Passes over a value: visiting, rebuilding, taking marks off and putting them back.
//!
//! Invariant: a pass that changes nothing hands back the same nodes, and no pass enters a part that its flags say
//! cannot concern it.

use crate::{Kind, Mark, MarkKind, Marks, Name, Path, PathStep, Type, Value};
use rustc_hash::FxHashMap;

impl Value {
    /// Visits the value and everything in it, from the outside in; where the visitor answers `false`, what is
    /// inside is passed over. A marked value is visited once, with its marks on.
    pub fn walk(&self, visit: &mut dyn FnMut(&Path, &Value) -> bool) {
        walk_at(&mut Path::root(), self, visit);
    }

    /// Rebuilds the value from the inside out: the function sees each part with its own parts done already. What it
    /// leaves as it is stays shared. The items of a list, set or map must keep one type.
    #[must_use]
    pub fn transform(&self, change: &mut dyn FnMut(&Path, Value) -> Value) -> Self {
        transform_at(&mut Path::root(), self, change)
    }

    /// The same value with unknowns as nulls of their types.
    #[must_use]
    pub fn unknown_as_null(&self) -> Self {
        if self.is_wholly_known() {
            return self.clone();
        }
        match self.kind() {
            Kind::Unknown(value_type, _) => Self::null(value_type.clone()),
            Kind::Marked(inner, marks) => inner.unknown_as_null().with_marks(marks),
            _ => self.map_parts(&mut |_, part| part.unknown_as_null()),
        }
    }

    /// The value without any marks, and which marks stood where; O(1) when there are none.
    pub fn unmark_deep(&self) -> (Self, Vec<(Path, Marks)>) {
        let mut found = Vec::new();
        let bare = unmark_at(&mut Path::root(), self, &mut found);
        (bare, found)
    }

    /// The value with marks put at paths, each where the path leads to something; others are passed over. A mark on
    /// a set's element goes to the set.
    #[must_use]
    pub fn mark_paths(&self, marks: &[(Path, Marks)]) -> Self {
        let all: Vec<(&[PathStep], &Marks)> =
            marks.iter().map(|(path, marks)| (path.steps(), marks)).collect();
        mark_under(self, &all)
    }

    /// The value with its marks of one kind alone.
    #[must_use]
    pub fn keep_marks(&self, kind: MarkKind) -> Self {
        let (bare, marks) = self.unmark_deep();
        let of_kind =
            |marks: &Marks| -> Marks { marks.iter().filter(|mark| mark.kind == kind).cloned().collect() };
        let kept = marks.iter().map(|(path, marks)| (path.clone(), of_kind(marks)));
        let kept: Vec<(Path, Marks)> = kept.filter(|(_, marks)| !marks.is_empty()).collect();
        bare.mark_paths(&kept)
    }

    /// Whether the value or anything in it has a mark of the kind; O(1) when it has none at all.
    pub fn has_mark_deep(&self, kind: MarkKind) -> bool {
        if !self.has_marks() {
            return false;
        }
        match self.kind() {
            Kind::Marked(inner, marks) => marks.has(kind) || inner.has_mark_deep(kind),
            _ => self.parts().any(|part| part.has_mark_deep(kind)),
        }
    }

    /// All marks of the value and of everything in it; O(1) when there are none.
    pub fn gather_marks(&self) -> Marks {
        let mut found: Vec<Mark> = Vec::new();
        gather(self, &mut found);
        found.into_iter().collect()
    }

    /// What the value holds directly; nothing for a marked one.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Value> {
        let items = self.items().unwrap_or(&[]);
        let entries = self.entries().map_or(&[][..], |entries| entries.as_slice());
        items.iter().chain(entries.iter().map(|(_, part)| part))
    }

    /// The value with each of its direct parts changed; the same node where none was.
    fn map_parts(&self, change: &mut dyn FnMut(PathStep, &Value) -> Value) -> Self {
        match self.kind() {
            Kind::List(items) | Kind::Tuple(items) => {
                let step = |at: usize, _: &Value| PathStep::Index(at as u64);
                map_items(items, step, change).map_or_else(|| self.clone(), |items| self.with_items(items))
            }
            Kind::Set(items) => {
                let step = |_: usize, item: &Value| PathStep::Element(item.clone());
                map_items(items, step, change).map_or_else(|| self.clone(), |items| self.with_items(items))
            }
            Kind::Map(entries) => {
                let changed = map_entries(entries.as_slice(), PathStep::Key, change);
                changed.map_or_else(|| self.clone(), |entries| self.with_entries(entries))
            }
            Kind::Object(entries) => {
                let changed = map_entries(entries.as_slice(), PathStep::Attribute, change);
                changed.map_or_else(|| self.clone(), Value::object)
            }
            _ => self.clone(),
        }
    }

    fn with_items(&self, items: Vec<Value>) -> Self {
        match self.value_type() {
            Type::List(element) => Self::list(item_type(&element, items.iter()), items),
            Type::Set(element) => Self::set(item_type(&element, items.iter()), items),
            _ => Self::tuple(items),
        }
    }

    fn with_entries(&self, entries: Vec<(Name, Value)>) -> Self {
        let element = self.value_type().element().cloned().unwrap_or(Type::Dynamic);
        Self::map(item_type(&element, entries.iter().map(|(_, part)| part)), entries)
    }

    /// Whether a change left a value as it was, as far as that can be told without looking inside.
    fn is_untouched(&self, after: &Self) -> bool {
        match self.kind() {
            Kind::List(_)
            | Kind::Set(_)
            | Kind::Tuple(_)
            | Kind::Map(_)
            | Kind::Object(_)
            | Kind::Marked(..) => self.is_same_node(after),
            _ => self == after,
        }
    }
}

/// The element type of changed items: what it was, unless they have another.
fn item_type<'a>(before: &Type, mut items: impl Iterator<Item = &'a Value>) -> Type {
    match items.find(|item| item.value_type() != Type::Dynamic) {
        Some(item) => item.value_type(),
        None => before.clone(),
    }
}

fn map_items(
    items: &[Value],
    step: impl Fn(usize, &Value) -> PathStep,
    change: &mut dyn FnMut(PathStep, &Value) -> Value,
) -> Option<Vec<Value>> {
    let mut changed: Option<Vec<Value>> = None;
    for (at, item) in items.iter().enumerate() {
        let after = change(step(at, item), item);
        match &mut changed {
            Some(changed) => changed.push(after),
            None if item.is_untouched(&after) => {}
            None => {
                let mut all = Vec::with_capacity(items.len());
                all.extend_from_slice(&items[..at]);
                all.push(after);
                changed = Some(all);
            }
        }
    }
    changed
}

fn map_entries(
    entries: &[(Name, Value)],
    step: fn(Name) -> PathStep,
    change: &mut dyn FnMut(PathStep, &Value) -> Value,
) -> Option<Vec<(Name, Value)>> {
    let mut changed: Option<Vec<(Name, Value)>> = None;
    for (at, (name, item)) in entries.iter().enumerate() {
        let after = change(step(name.clone()), item);
        match &mut changed {
            Some(changed) => changed.push((name.clone(), after)),
            None if item.is_untouched(&after) => {}
            None => {
                let mut all = Vec::with_capacity(entries.len());
                all.extend_from_slice(&entries[..at]);
                all.push((name.clone(), after));
                changed = Some(all);
            }
        }
    }
    changed
}

fn walk_at(path: &mut Path, value: &Value, visit: &mut dyn FnMut(&Path, &Value) -> bool) {
    if !visit(path, value) {
        return;
    }
    let inner = value.reveal_node();
    let mut under = |step: PathStep, part: &Value| {
        path.0.push(step);
        walk_at(path, part, visit);
        path.0.pop();
    };
    match inner.kind() {
        Kind::List(items) | Kind::Tuple(items) => {
            items.iter().enumerate().for_each(|(at, item)| under(PathStep::Index(at as u64), item));
        }
        Kind::Set(items) => items.iter().for_each(|item| under(PathStep::Element(item.clone()), item)),
        Kind::Map(entries) => {
            entries.iter().for_each(|(name, item)| under(PathStep::Key(name.clone()), item));
        }
        Kind::Object(entries) => {
            entries.iter().for_each(|(name, item)| under(PathStep::Attribute(name.clone()), item));
        }
        _ => {}
    }
}

fn transform_at(path: &mut Path, value: &Value, change: &mut dyn FnMut(&Path, Value) -> Value) -> Value {
    let mut under = |step: PathStep, part: &Value| {
        path.0.push(step);
        let after = transform_at(path, part, change);
        path.0.pop();
        after
    };
    let rebuilt = match value.kind() {
        Kind::Marked(inner, marks) => {
            let after = inner.map_parts(&mut under);
            if inner.is_untouched(&after) { value.clone() } else { after.with_marks(marks) }
        }
        _ => value.map_parts(&mut under),
    };
    change(path, rebuilt)
}

fn unmark_at(path: &mut Path, value: &Value, found: &mut Vec<(Path, Marks)>) -> Value {
    if !value.has_marks() {
        return value.clone();
    }
    if let Kind::Marked(inner, marks) = value.kind() {
        found.push((path.clone(), marks.clone()));
        return unmark_at(path, inner, found);
    }
    value.map_parts(&mut |step, part| {
        path.0.push(step);
        let bare = unmark_at(path, part, found);
        path.0.pop();
        bare
    })
}

fn mark_under(value: &Value, all: &[(&[PathStep], &Marks)]) -> Value {
    let mut here = value.marks();
    let mut named: FxHashMap<&str, Vec<(&[PathStep], &Marks)>> = FxHashMap::default();
    let mut placed: FxHashMap<u64, Vec<(&[PathStep], &Marks)>> = FxHashMap::default();
    for (steps, marks) in all {
        match steps.split_first() {
            // Elements of a set cannot be marked alone.
            None | Some((PathStep::Element(_), _)) => here = here.union(marks),
            Some((PathStep::Attribute(name) | PathStep::Key(name), rest)) => {
                named.entry(name.as_str()).or_default().push((rest, marks));
            }
            Some((PathStep::Index(at), rest)) => placed.entry(*at).or_default().push((rest, marks)),
        }
    }
    let bare = value.reveal_node();
    let inside = if named.is_empty() && placed.is_empty() {
        bare.clone()
    } else {
        bare.map_parts(&mut |step, part| {
            let more = match &step {
                PathStep::Attribute(name) | PathStep::Key(name) => named.get(name.as_str()),
                PathStep::Index(at) => placed.get(at),
                PathStep::Element(_) => None,
            };
            more.map_or_else(|| part.clone(), |more| mark_under(part, more))
        })
    };
    inside.with_marks(&here)
}

fn gather(value: &Value, found: &mut Vec<Mark>) {
    if !value.has_marks() {
        return;
    }
    if let Kind::Marked(inner, marks) = value.kind() {
        found.extend(marks.iter().cloned());
        gather(inner, found);
    }
    value.parts().for_each(|part| gather(part, found));
}
