//! Differences of attributes by their declared type.

use super::change::is_nested;
use super::sequence::pair_up;
use super::{Change, Diff, Shape, Verdict, document};
use formwork_value::{Type, Value};
use std::collections::BTreeMap;

impl Diff {
    pub(super) fn new(shape: Shape, verdict: Verdict, change: &Change<'_>) -> Self {
        Self { shape, verdict, replace: change.replace.is_here() }
    }
}

/// The difference of a value of no declared type: an output, or a dynamic attribute. That the whole forces
/// replacement is not said, as in OpenTofu; that a part of it does is.
pub(crate) fn dynamic(change: &Change<'_>) -> Diff {
    let mut change = change.clone();
    change.replace.drop_here();
    document::difference(&change)
}

/// A declared attribute: objects and collections of objects are laid out attribute by attribute.
pub(super) fn attribute(change: &Change<'_>, value_type: &Type) -> Diff {
    guarded(change, &|change| attribute(change, value_type), |change| match value_type {
        Type::Object(_) => object(change, value_type, true),
        Type::List(element) if is_nested(value_type) => nested_list(change, element),
        Type::Set(element) => set(change, element, is_nested(value_type)),
        Type::Map(element) => map(change, element, is_nested(value_type)),
        _ => plain(change, value_type),
    })
}

/// A value of a type inside an attribute.
fn typed(change: &Change<'_>, value_type: &Type) -> Diff {
    guarded(change, &|change| typed(change, value_type), |change| match value_type {
        Type::Object(_) => object(change, value_type, false),
        Type::Set(element) => set(change, element, false),
        Type::Map(element) => map(change, element, false),
        _ => plain(change, value_type),
    })
}

fn plain(change: &Change<'_>, value_type: &Type) -> Diff {
    match value_type {
        Type::List(element) => list(change, element),
        Type::Tuple(elements) => tuple(change, elements),
        Type::Bool | Type::Number | Type::String => scalar(change, change.verdict()),
        _ => dynamic(change),
    }
}

/// Sensitive and unknown values first, whatever their type. `again` is the same difference on other sides.
pub(super) fn guarded(
    change: &Change<'_>,
    again: &dyn Fn(&Change<'_>) -> Diff,
    known: impl FnOnce(&Change<'_>) -> Diff,
) -> Diff {
    if let Some((inner, verdict)) = sensitivity(change, again) {
        let (before, after) = (change.before.sensitive, change.after.sensitive);
        return Diff::new(Shape::Sensitive { inner, before, after }, verdict, change);
    }
    if change.unknown {
        return unknown(change, again);
    }
    known(change)
}

/// Where a side is sensitive: what happens to the content, and to the whole when its mark is counted too.
pub(super) fn sensitivity(
    change: &Change<'_>,
    again: &dyn Fn(&Change<'_>) -> Diff,
) -> Option<(Verdict, Verdict)> {
    let (before, after) = (change.before.sensitive, change.after.sensitive);
    if !before && !after {
        return None;
    }
    let inner = again(&change.without_sensitivity()).verdict;
    let is_nothing = change.is_absent() && !change.before.explicit && !change.after.explicit;
    let verdict =
        if inner == Verdict::Same && before != after && !is_nothing { Verdict::Update } else { inner };
    Some((inner, verdict))
}

pub(super) fn unknown(change: &Change<'_>, again: &dyn Fn(&Change<'_>) -> Diff) -> Diff {
    let before = change.before.value.map(|_| Box::new(again(&change.as_delete())));
    let verdict = if before.is_none() { Verdict::Create } else { Verdict::Update };
    Diff::new(Shape::Unknown(before), verdict, change)
}

pub(super) fn scalar(change: &Change<'_>, verdict: Verdict) -> Diff {
    let shape = Shape::Scalar { before: change.before.value.cloned(), after: change.after.value.cloned() };
    Diff::new(shape, verdict, change)
}

fn object(change: &Change<'_>, value_type: &Type, nested: bool) -> Diff {
    let Type::Object(object) = value_type else { return dynamic(change) };
    let mut verdict = change.starting_verdict();
    let mut attributes = BTreeMap::new();
    for (name, inner) in object.attributes() {
        let child = change.attribute(name);
        let diff = if nested { attribute(&child, inner) } else { typed(&child, inner) };
        if diff.verdict == Verdict::Same && child.is_absent() {
            continue;
        }
        verdict = verdict.joined(diff.verdict);
        attributes.insert(name.clone(), diff);
    }
    Diff::new(Shape::Object { attributes, nested }, verdict, change)
}

fn map(change: &Change<'_>, element: &Type, nested: bool) -> Diff {
    let mut verdict = change.starting_verdict();
    let mut entries = BTreeMap::new();
    for key in change.keys() {
        let mut child = change.entry(key);
        if nested {
            (child.before.explicit, child.after.explicit) = (false, false);
        }
        let diff = if nested { attribute(&child, element) } else { typed(&child, element) };
        verdict = verdict.joined(diff.verdict);
        entries.insert(key.clone(), diff);
    }
    Diff::new(Shape::Map { entries, nested }, verdict, change)
}

fn list(change: &Change<'_>, element: &Type) -> Diff {
    let is_object = matches!(element, Type::Object(_));
    elements_by_content(change, is_object, |child| typed(child, element))
}

/// A list whose elements are paired by their content, so that one inserted in the middle shows as one.
pub(super) fn elements_by_content(
    change: &Change<'_>,
    is_object: bool,
    diff_of: impl Fn(&Change<'_>) -> Diff,
) -> Diff {
    let mut verdict = change.starting_verdict();
    let mut elements = Vec::new();
    let is_related = |left: &Value, right: &Value| is_object || document::is_related(left, right);
    pair_up(
        change.before.items(),
        change.after.items(),
        super::change::is_same_data,
        is_related,
        |before, after| {
            let diff = diff_of(&change.element(before, after));
            verdict = verdict.joined(diff.verdict);
            elements.push(diff);
        },
    );
    Diff::new(Shape::List { elements, context: true }, verdict, change)
}

fn tuple(change: &Change<'_>, types: &[Type]) -> Diff {
    elements_by_place(change, true, |at, child| typed(child, types.get(at).unwrap_or(&Type::Dynamic)))
}

fn nested_list(change: &Change<'_>, element: &Type) -> Diff {
    elements_by_place(change, false, |_, child| attribute(child, element))
}

fn elements_by_place(
    change: &Change<'_>,
    context: bool,
    diff_of: impl Fn(usize, &Change<'_>) -> Diff,
) -> Diff {
    let mut verdict = change.starting_verdict();
    let elements = each_place(change)
        .map(|(at, child)| diff_of(at, &child))
        .inspect(|diff| verdict = verdict.joined(diff.verdict))
        .collect();
    Diff::new(Shape::List { elements, context }, verdict, change)
}

/// The elements of both sides place by place.
pub(super) fn each_place<'a>(change: &'a Change<'a>) -> impl Iterator<Item = (usize, Change<'a>)> {
    let (before, after) = (change.before.items().len(), change.after.items().len());
    (0..before.max(after))
        .map(move |at| (at, change.element((at < before).then_some(at), (at < after).then_some(at))))
}

fn set(change: &Change<'_>, element: &Type, nested: bool) -> Diff {
    let mut verdict = change.starting_verdict();
    let elements = each_of_set(change)
        .into_iter()
        .map(|child| if nested { attribute(&child, element) } else { typed(&child, element) })
        .inspect(|diff| verdict = verdict.joined(diff.verdict))
        .collect();
    Diff::new(Shape::Set { elements, nested }, verdict, change)
}

/// The elements of two sets: those in both, then what goes in the first set's order, then what comes.
pub(super) fn each_of_set<'a>(change: &Change<'a>) -> Vec<Change<'a>> {
    let (before, after) = (change.before.items(), change.after.items());
    let mut taken = vec![false; after.len()];
    let mut children = Vec::with_capacity(before.len().max(after.len()));
    let mut from = 0;
    for (at, element) in before.iter().enumerate() {
        // Both sets iterate in one order, so the search nearly always ends at its first step.
        let places = (from..after.len()).chain(0..from.min(after.len()));
        let found = places
            .into_iter()
            .find(|place| !taken[*place] && super::change::is_same_data(element, &after[*place]));
        if let Some(place) = found {
            taken[place] = true;
            from = place + 1;
        }
        children.push(change.element(Some(at), found));
    }
    children.extend((0..after.len()).filter(|at| !taken[*at]).map(|at| change.element(None, Some(at))));
    children
}
