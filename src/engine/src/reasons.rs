//! Which places in the configuration are behind a change.
//!
//! Invariants: a cause names attributes, places and references, never a value; an instance that does not differ
//! costs one comparison; a change has at most [`CAUSES_MAXIMUM`] causes.

use crate::model::Cause;
use formwork_diagnostic::{Sources, Span};
use formwork_lang::Resource;
use formwork_value::{Entries, Kind, MarkKind, Name, Path, PathStep, Value};

/// The most causes one change has: beyond, a list explains nothing.
pub const CAUSES_MAXIMUM: usize = 20;

/// Reads what [`Path`]'s `Display` writes: `.a[0]["k"]`. Where it cannot go on, as at a set's element, which is never
/// printed, the path read so far is the answer.
pub fn parse_path(text: &str) -> Path {
    let mut path = Path::root();
    let mut rest = text;
    while let Some((step, after)) = parse_step(rest) {
        path.0.push(step);
        rest = after;
    }
    path
}

fn parse_step(text: &str) -> Option<(PathStep, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        return (!name.is_empty()).then(|| (PathStep::Attribute(name.into()), after));
    }
    let rest = text.strip_prefix('[')?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (key, after) = parse_quoted(quoted)?;
        return Some((PathStep::Key(key.into()), after.strip_prefix(']')?));
    }
    let (digits, after) = rest.split_once(']')?;
    Some((PathStep::Index(digits.parse().ok()?), after))
}

/// The text up to the closing quote, in Rust's escapes, and what follows it.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut key = String::new();
    let mut rest = text;
    loop {
        let at = rest.find(['"', '\\'])?;
        key.push_str(&rest[..at]);
        if rest[at..].starts_with('"') {
            return Some((key, &rest[at + 1..]));
        }
        let (character, after) = parse_escape(&rest[at + 1..])?;
        key.push(character);
        rest = after;
    }
}

fn parse_escape(text: &str) -> Option<(char, &str)> {
    if let Some(code) = text.strip_prefix("u{") {
        let (digits, after) = code.split_once('}')?;
        return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after));
    }
    let escaped = text.chars().next()?;
    let character = match escaped {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        other => other,
    };
    Some((character, &text[escaped.len_utf8()..]))
}

/// The places whose values differ between an object as it is and as it is planned, each at the deepest attribute that
/// has an expression of its own. Something unknown differs from everything. A create or delete has none.
pub fn causes(
    resource: &Resource,
    before: &Value,
    after: &Value,
    replace_paths: &[Path],
    sources: &Sources,
) -> Vec<Cause> {
    let written = Written {
        span_of: &|path| resource.body.span_of(path),
        is_attribute: &|name| resource.body.just_attributes().iter().any(|attribute| attribute.name == name),
    };
    let places = differing_places(before, after, &written);
    if places.is_empty() {
        return Vec::new();
    }
    let references = resource.body.references();
    let cause = |place: &Place| {
        let file = sources.get(place.span.file)?;
        let mut reads: Vec<String> = Vec::new();
        for reference in references.iter().filter(|reference| holds(place.span, reference.span)) {
            let text = reference.to_string();
            if !reads.contains(&text) {
                reads.push(text);
            }
        }
        Some(Cause {
            attribute: place.path.to_string(),
            file: file.name().to_owned(),
            line: file.position(place.span.start).line,
            reads,
            forces_replacement: replace_paths.iter().any(|forced| place.is_forced_by(forced)),
        })
    };
    places.iter().filter_map(cause).collect()
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

/// An expression behind a difference.
#[derive(Debug, PartialEq)]
struct Place {
    path: Path,
    span: Span,
    /// What differs directly below the path and has no place of its own; nothing when the whole of it differs.
    inside: Vec<PathStep>,
}

impl Place {
    /// Whether a path that forces replacement is this place, holds it, or lies in a part that differs here.
    fn is_forced_by(&self, forced: &Path) -> bool {
        if forced.is_prefix_of(&self.path) {
            return true;
        }
        let leads_here = self.path.is_prefix_of(forced);
        let next = forced.steps().get(self.path.steps().len());
        leads_here
            && (self.inside.is_empty()
                || next.is_some_and(|next| self.inside.iter().any(|step| step.matches(next))))
    }
}

fn differing_places(before: &Value, after: &Value, written: &Written<'_>) -> Vec<Place> {
    if before.is_same_node(after) || before.is_null() || after.is_null() {
        return Vec::new();
    }
    let mut search = Search { written, places: Vec::new() };
    for (step, old, new) in differing_parts(before, after) {
        search.enter(&Path(vec![step]), None, 0, &old, &new);
    }
    search.places.truncate(CAUSES_MAXIMUM);
    search.places
}

/// What a body says of its text.
struct Written<'a> {
    /// Where the value at a path was written.
    span_of: &'a dyn Fn(&Path) -> Option<Span>,
    /// Whether a name at the top is an attribute and not a block.
    is_attribute: &'a dyn Fn(&str) -> bool,
}

impl Written<'_> {
    /// Whether a path is a block's, which is no expression: a part of it that was not written is not its doing.
    fn is_block(&self, path: &Path) -> bool {
        let starts_with_attribute = match path.steps().first() {
            Some(PathStep::Attribute(name)) => (self.is_attribute)(name),
            _ => false,
        };
        let ends_with_name = matches!(path.steps().last(), Some(PathStep::Attribute(_)));
        !starts_with_attribute && (path.steps().len() == 1 || !ends_with_name)
    }
}

struct Search<'a> {
    written: &'a Written<'a>,
    places: Vec<Place>,
}

/// A list of blocks has no text of its own although each block has; below two levels without text there is none.
const UNWRITTEN_LEVELS_MAXIMUM: u32 = 1;

impl Search<'_> {
    /// Finds the places at and below a path; answers whether they cover all of the difference. `around` is the
    /// nearest expression around the path, `unwritten` how many levels lie between.
    fn enter(
        &mut self,
        path: &Path,
        around: Option<Span>,
        unwritten: u32,
        before: &Value,
        after: &Value,
    ) -> bool {
        let own = (self.written.span_of)(path).filter(|span| Some(*span) != around);
        if own.is_none() && unwritten >= UNWRITTEN_LEVELS_MAXIMUM {
            return false;
        }
        let parts = differing_parts(before, after);
        let is_whole = parts.is_empty();
        let mut inside = Vec::new();
        for (step, old, new) in parts {
            if self.places.len() >= CAUSES_MAXIMUM {
                return true;
            }
            let mut below = path.clone();
            below.0.push(step.clone());
            let unwritten = if own.is_some() { 0 } else { unwritten + 1 };
            if !self.enter(&below, own.or(around), unwritten, &old, &new) {
                inside.push(step);
            }
        }
        let is_covered = !is_whole && inside.is_empty();
        match own {
            _ if is_covered => true,
            Some(span) if is_whole || !self.written.is_block(path) => {
                self.places.push(Place { path: path.clone(), span, inside });
                true
            }
            _ => false,
        }
    }
}

/// The direct parts that differ, with null for a missing one; nothing where the two cannot be taken apart, which is
/// also where one of them is secret.
fn differing_parts(before: &Value, after: &Value) -> Vec<(PathStep, Value, Value)> {
    if before.is_marked(MarkKind::Sensitive) || after.is_marked(MarkKind::Sensitive) {
        return Vec::new();
    }
    let (before, after) = (before.unmark().0, after.unmark().0);
    match (before.kind(), after.kind()) {
        (Kind::Object(old), Kind::Object(new)) => differing_entries(old, new, PathStep::Attribute),
        (Kind::Map(old), Kind::Map(new)) => differing_entries(old, new, PathStep::Key),
        (Kind::List(old) | Kind::Tuple(old), Kind::List(new) | Kind::Tuple(new)) => differing_items(old, new),
        _ => Vec::new(),
    }
}

fn differing_items(old: &[Value], new: &[Value]) -> Vec<(PathStep, Value, Value)> {
    let length = old.len().max(new.len());
    let parts = (0..length).map(|at| (at, part(old.get(at)), part(new.get(at))));
    parts
        .filter(|(_, old, new)| differs(old, new))
        .map(|(at, old, new)| (PathStep::Index(at as u64), old, new))
        .collect()
}

fn differing_entries(
    old: &Entries,
    new: &Entries,
    step: fn(Name) -> PathStep,
) -> Vec<(PathStep, Value, Value)> {
    let kept = new.iter().map(|(name, value)| (name, part(old.get(name)), value.clone()));
    let gone = old.iter().filter(|(name, _)| new.get(name).is_none());
    let gone = gone.map(|(name, value)| (name, value.clone(), part(None)));
    kept.chain(gone)
        .filter(|(_, old, new)| differs(old, new))
        .map(|(name, old, new)| (step(name.clone()), old, new))
        .collect()
}

fn part(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or_else(|| Value::null(formwork_value::Type::Dynamic))
}

fn differs(before: &Value, after: &Value) -> bool {
    if !after.is_wholly_known() {
        return true;
    }
    if before.is_same_node(after) {
        return false;
    }
    before.unmark_deep().0 != after.unmark_deep().0 && !(before.is_null() && after.is_null())
}

#[cfg(test)]
mod tests;
