//! Differences of whole objects and their nested blocks.

use super::compute::{attribute, each_of_set, each_place, sensitivity, unknown};
use super::{Body, Change, Diff, NestedBlocks, Shape, Verdict};
use formwork_sdk::{Attribute, Block, Nesting};
use formwork_value::{Kind, Name, Type, Value};
use std::collections::BTreeMap;

/// The difference of an object. Without a schema every attribute is laid out by the type of its value.
pub(crate) fn block(change: &Change<'_>, schema: Option<&Block>) -> Diff {
    let again = |change: &Change<'_>| block(change, schema);
    if let Some((inner, verdict)) = sensitivity(change, &again) {
        let (before, after) = (change.before.sensitive, change.after.sensitive);
        return Diff::new(Shape::SensitiveBody { inner, before, after }, verdict, change);
    }
    if change.unknown {
        return unknown(change, &|change| {
            let mut inside = change.clone();
            inside.unknown_children = true;
            again(&inside)
        });
    }
    let mut verdict = change.starting_verdict();
    let mut body = Body::default();
    match schema {
        Some(schema) => {
            attributes(change, schema, &mut body, &mut verdict);
            nested_blocks(change, schema, &mut body, &mut verdict);
        }
        None => untyped_attributes(change, &mut body, &mut verdict),
    }
    Diff::new(Shape::Body(Box::new(body)), verdict, change)
}

/// An attribute of a block: null and empty text both mean that nothing was written.
fn child<'a>(change: &Change<'a>, name: &str) -> Change<'a> {
    let mut child = change.attribute(name);
    for side in [&mut child.before, &mut child.after] {
        if side.value.is_some_and(|value| matches!(value.kind(), Kind::String(text) if text.is_empty())) {
            side.value = None;
        }
    }
    child
}

fn attributes(change: &Change<'_>, schema: &Block, body: &mut Body, verdict: &mut Verdict) {
    let (write_only, stored): (Vec<_>, Vec<_>) =
        schema.attributes.iter().partition(|(_, attribute)| attribute.write_only);
    for (name, declared) in stored {
        add(&child(change, name), name, &declared.value_type, body, verdict);
    }
    for (name, _) in write_only as Vec<(&Name, &Attribute)> {
        let child = change.attribute(name);
        let shown =
            if *verdict == Verdict::Same && child.replace.is_here() { Verdict::Update } else { *verdict };
        *verdict = verdict.joined(shown);
        body.attributes.insert(name.clone(), Diff::new(Shape::WriteOnly, shown, &child));
    }
}

fn untyped_attributes(change: &Change<'_>, body: &mut Body, verdict: &mut Verdict) {
    for name in change.keys() {
        let child = child(change, name);
        let value_type = child.after.value.or(child.before.value).map_or(Type::Dynamic, Value::value_type);
        add(&child, name, &value_type, body, verdict);
    }
}

fn add(child: &Change<'_>, name: &Name, value_type: &Type, body: &mut Body, verdict: &mut Verdict) {
    let diff = attribute(child, value_type);
    if diff.verdict == Verdict::Same && child.is_absent() {
        return;
    }
    *verdict = verdict.joined(diff.verdict);
    body.attributes.insert(name.clone(), diff);
}

fn nested_blocks(change: &Change<'_>, schema: &Block, body: &mut Body, verdict: &mut Verdict) {
    for (name, nested) in &schema.blocks {
        let child = change.attribute(name);
        if child.is_absent() {
            continue;
        }
        let items = items(&child, nested.nesting, &nested.block);
        *verdict =
            items.iter().fold(verdict.joined(starting(&child, nested.nesting)), |verdict, (_, diff)| {
                verdict.joined(diff.verdict)
            });
        let blocks = NestedBlocks {
            items,
            is_set: nested.nesting == Nesting::Set,
            replace: child.replace.is_here(),
            before_sensitive: child.before.sensitive,
            after_sensitive: child.after.sensitive,
        };
        body.blocks.insert(name.clone(), blocks);
    }
}

fn starting(child: &Change<'_>, nesting: Nesting) -> Verdict {
    if matches!(nesting, Nesting::Single | Nesting::Group) { Verdict::Same } else { child.starting_verdict() }
}

fn items(change: &Change<'_>, nesting: Nesting, schema: &Block) -> Vec<(Option<Name>, Diff)> {
    let change = &change.without_sensitivity();
    let of = |change: &Change<'_>| block(change, Some(schema));
    if change.unknown {
        return vec![(None, of(change))];
    }
    match nesting {
        Nesting::Single | Nesting::Group => vec![(None, of(change))],
        Nesting::List => each_place(change).map(|(_, element)| (None, of(&element))).collect(),
        Nesting::Set => each_of_set(change).iter().map(|element| (None, of(element))).collect(),
        Nesting::Map => {
            let entries: BTreeMap<Name, Diff> =
                change.keys().into_iter().map(|key| (key.clone(), of(&change.attribute(key)))).collect();
            entries.into_iter().map(|(key, diff)| (Some(key), diff)).collect()
        }
    }
}
