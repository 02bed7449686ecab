//! The proposed value: prior and configuration merged as the plugin protocol says, and the checks on what a
//! provider plans and makes of it.
//!
//! Invariant: no unknown is put in here; that is the provider's to do.

use arcstr::ArcStr;
use formwork_sdk::{Attribute, Block, NestedBlock, Nesting, Presence};
use formwork_value::{Kind, Path, PathStep, Type, Value};

/// Merges prior and configuration: what the configuration says wins, what it leaves out and the provider computes
/// stays as it was.
pub fn proposed(block: &Block, prior: &Value, configuration: &Value) -> Value {
    if configuration.is_null() || !configuration.is_known() {
        return if prior.is_null() { configuration.clone() } else { prior.clone() };
    }
    proposed_block(block, prior, configuration)
}

fn proposed_block(block: &Block, prior: &Value, configuration: &Value) -> Value {
    let Some(entries) = configuration.entries() else { return configuration.clone() };
    let merged = entries.iter().map(|(name, given)| {
        let before = prior.get(name);
        let value = if let Some(attribute) = block.attributes.get(name.as_str()) {
            proposed_attribute(attribute, before, given)
        } else if let Some(nested) = block.blocks.get(name.as_str()) {
            proposed_nested(nested, before, given)
        } else {
            given.clone()
        };
        (name.clone(), value)
    });
    Value::object(merged.collect())
}

fn proposed_attribute(attribute: &Attribute, before: Option<&Value>, given: &Value) -> Value {
    match (before, &attribute.nested) {
        (Some(before), nested) if attribute.is_computed() && given.is_null() => {
            let was_given = |nested: &NestedBlock| holds_given(nested, before);
            let is_left_out = attribute.presence == Presence::OptionalComputed
                && nested.as_ref().is_some_and(|nested| was_given(nested));
            if is_left_out { given.clone() } else { before.clone() }
        }
        (_, Some(nested)) => proposed_nested(nested, before, given),
        _ => given.clone(),
    }
}

/// Whether objects hold something that only a configuration gives: then it gave them, and leaving them out takes them
/// away.
fn holds_given(nested: &NestedBlock, before: &Value) -> bool {
    let of_one = |object: &Value| {
        nested.block.attributes.iter().any(|(name, attribute)| {
            let Some(value) = object.get(name).filter(|value| !value.is_null()) else { return false };
            !attribute.is_computed()
                || attribute.nested.as_ref().is_some_and(|inner| holds_given(inner, value))
        })
    };
    match (nested.nesting, before.kind()) {
        (_, Kind::List(items) | Kind::Set(items) | Kind::Tuple(items)) => items.iter().any(of_one),
        (Nesting::Map, Kind::Map(entries) | Kind::Object(entries)) => {
            entries.iter().any(|(_, one)| of_one(one))
        }
        (_, Kind::Object(_)) => of_one(before),
        _ => false,
    }
}

fn proposed_nested(nested: &NestedBlock, before: Option<&Value>, given: &Value) -> Value {
    let nothing = Value::null(Type::Dynamic);
    if given.is_null() || !given.is_known() {
        return given.clone();
    }
    let inner = |before: Option<&Value>, given: &Value| {
        proposed_block(&nested.block, before.unwrap_or(&nothing), given)
    };
    match (nested.nesting, given.kind()) {
        (Nesting::Single | Nesting::Group, _) => inner(before, given),
        (Nesting::List, Kind::List(items) | Kind::Tuple(items)) => {
            let prior = before.and_then(Value::items).unwrap_or(&[]);
            let merged = items.iter().enumerate().map(|(at, item)| inner(prior.get(at), item)).collect();
            sequence_like(given, merged)
        }
        (Nesting::Map, Kind::Map(entries) | Kind::Object(entries)) => {
            let merged: Vec<(ArcStr, Value)> = entries
                .iter()
                .map(|(key, item)| (key.clone(), inner(before.and_then(|before| before.get(key)), item)))
                .collect();
            match given.value_type() {
                Type::Map(element) => Value::map((*element).clone(), merged),
                _ => Value::object(merged),
            }
        }
        (Nesting::Set, Kind::Set(items)) => proposed_set(nested, before, items, &given.value_type()),
        _ => given.clone(),
    }
}

fn sequence_like(shape: &Value, items: Vec<Value>) -> Value {
    match shape.value_type() {
        Type::List(element) => Value::list((*element).clone(), items),
        _ => Value::tuple(items),
    }
}

/// Each configured element takes its computed leaves from the first unused prior element that differs in nothing
/// else.
fn proposed_set(nested: &NestedBlock, before: Option<&Value>, items: &[Value], set_type: &Type) -> Value {
    let prior = before.and_then(Value::items).unwrap_or(&[]);
    let mut used = vec![false; prior.len()];
    let nothing = Value::null(Type::Dynamic);
    let merged = items.iter().map(|item| {
        let found = (0..prior.len())
            .find(|at| !used[*at] && differs_only_in_computed(&nested.block, &prior[*at], item));
        let before = found.map_or(&nothing, |at| {
            used[at] = true;
            &prior[at]
        });
        proposed_block(&nested.block, before, item)
    });
    Value::set(set_type.element().cloned().unwrap_or(Type::Dynamic), merged.collect())
}

fn differs_only_in_computed(block: &Block, prior: &Value, given: &Value) -> bool {
    let Some(entries) = given.entries() else { return prior == given };
    entries.iter().all(|(name, value)| {
        let before = prior.get(name);
        let is_computed = block.attributes.get(name.as_str()).is_some_and(Attribute::is_computed);
        (is_computed && value.is_null()) || before == Some(value)
    })
}

/// Where a planned value breaks the protocol's promise: each planned leaf must be the configuration's, or the prior
/// one, or computed. Returns the paths at fault with a sentence each.
pub fn plan_faults(
    block: &Block,
    prior: &Value,
    configuration: &Value,
    planned: &Value,
) -> Vec<(Path, String)> {
    let mut faults = Vec::new();
    check_block(block, prior, configuration, planned, &Path::root(), &mut faults);
    faults
}

fn check_block(
    block: &Block,
    prior: &Value,
    configuration: &Value,
    planned: &Value,
    at: &Path,
    faults: &mut Vec<(Path, String)>,
) {
    for (name, attribute) in &block.attributes {
        let (Some(given), Some(after)) = (configuration.get(name), planned.get(name)) else { continue };
        if given.is_same_node(after) {
            continue;
        }
        let before = prior.get(name);
        let is_allowed = if attribute.write_only {
            after.is_null()
        } else {
            after == given
                || (given.is_null() && attribute.is_computed())
                || (before == Some(after) && !given.is_null())
                || !given.is_wholly_known()
        };
        let nested = attribute.nested.as_ref().filter(|_| !attribute.write_only && !given.is_null());
        if let (Some(nested), false) = (nested, is_allowed) {
            check_nested(nested, before, given, after, at.clone().attribute(name.clone()), faults);
        } else if !is_allowed {
            let sentence = if attribute.write_only {
                "a write-only attribute must be planned as null"
            } else {
                "the planned value is neither the configured one nor the prior one"
            };
            faults.push((at.clone().attribute(name.clone()), sentence.to_owned()));
        }
    }
    for (name, nested) in &block.blocks {
        let (Some(given), Some(after)) = (configuration.get(name), planned.get(name)) else { continue };
        check_nested(nested, prior.get(name), given, after, at.clone().attribute(name.clone()), faults);
    }
}

/// Elements of sets are not held against each other: nobody can say which belong together.
fn check_nested(
    nested: &NestedBlock,
    before: Option<&Value>,
    given: &Value,
    after: &Value,
    below: Path,
    faults: &mut Vec<(Path, String)>,
) {
    let nothing = Value::null(Type::Dynamic);
    let before = before.unwrap_or(&nothing);
    let miscounted =
        |below| (below, "the number of blocks planned differs from the number configured".to_owned());
    match nested.nesting {
        Nesting::Single | Nesting::Group if !given.is_null() && given.is_known() => {
            check_block(&nested.block, before, given, after, &below, faults);
        }
        Nesting::List => {
            let (Some(given), Some(after)) = (given.items(), after.items()) else { return };
            if given.len() != after.len() {
                faults.push(miscounted(below));
                return;
            }
            for (index, (given, after)) in (0u64..).zip(given.iter().zip(after)) {
                let before = before
                    .items()
                    .and_then(|items| items.get(usize::try_from(index).ok()?))
                    .unwrap_or(&nothing);
                check_block(&nested.block, before, given, after, &below.clone().index(index), faults);
            }
        }
        Nesting::Map => {
            let (Some(given), Some(after)) = (given.entries(), after.entries()) else { return };
            if given.len() != after.len() {
                faults.push(miscounted(below));
                return;
            }
            for (key, given) in given {
                let Some(after) = after.get(key) else {
                    faults.push(miscounted(below.clone().key(key.clone())));
                    continue;
                };
                let before = before.get(key).unwrap_or(&nothing);
                check_block(&nested.block, before, given, after, &below.clone().key(key.clone()), faults);
            }
        }
        _ => {}
    }
}

/// Where `actual` is not a completion of `planned`: a known planned leaf that came out otherwise.
pub fn completion_faults(planned: &Value, actual: &Value) -> Vec<Path> {
    let mut faults = Vec::new();
    complete(planned, actual, &mut Path::root(), &mut faults);
    faults
}

/// `at` is where the two stand; it comes back as it was.
fn complete(planned: &Value, actual: &Value, at: &mut Path, faults: &mut Vec<Path>) {
    if planned.is_same_node(actual) {
        return;
    }
    match (planned.kind(), actual.kind()) {
        (Kind::Unknown(..), _) => {}
        (Kind::Object(left), Kind::Object(right)) | (Kind::Map(left), Kind::Map(right)) => {
            if left.len() != right.len() {
                faults.push(at.clone());
                return;
            }
            for ((name, planned), (other, actual)) in left.iter().zip(right.iter()) {
                if name == other {
                    complete_part(PathStep::Attribute(name.clone()), planned, actual, at, faults);
                } else {
                    faults.push(at.clone().attribute(name.clone()));
                }
            }
        }
        (Kind::List(left), Kind::List(right)) | (Kind::Tuple(left), Kind::Tuple(right)) => {
            if left.len() != right.len() {
                faults.push(at.clone());
                return;
            }
            for (index, (planned, actual)) in (0u64..).zip(left.iter().zip(right)) {
                complete_part(PathStep::Index(index), planned, actual, at, faults);
            }
        }
        (Kind::Set(_), Kind::Set(_)) if !planned.is_wholly_known() => {}
        _ if planned == actual => {}
        _ => faults.push(at.clone()),
    }
}

fn complete_part(step: PathStep, planned: &Value, actual: &Value, at: &mut Path, faults: &mut Vec<Path>) {
    at.0.push(step);
    complete(planned, actual, at, faults);
    at.0.pop();
}

/// Where an object that was found is another than the one that was planned. What one of them leaves null or empty says
/// nothing: providers read back less than they are given.
pub fn first_other(planned: &Value, found: &Value) -> Option<Path> {
    let mut other = None;
    compare(planned, found, &mut Path::root(), &mut other);
    other
}

fn compare(planned: &Value, found: &Value, at: &mut Path, other: &mut Option<Path>) {
    if other.is_some() || says_nothing(planned) || says_nothing(found) {
        return;
    }
    match (planned.kind(), found.kind()) {
        (Kind::Object(left), Kind::Object(_)) | (Kind::Map(left), Kind::Map(_)) => {
            for (name, planned) in left {
                let Some(found) = found.get(name) else { continue };
                at.0.push(PathStep::Attribute(name.clone()));
                compare(planned, found, at, other);
                at.0.pop();
            }
        }
        (Kind::List(left), Kind::List(right)) | (Kind::Tuple(left), Kind::Tuple(right))
            if left.len() == right.len() =>
        {
            for (index, (planned, found)) in (0u64..).zip(left.iter().zip(right)) {
                at.0.push(PathStep::Index(index));
                compare(planned, found, at, other);
                at.0.pop();
            }
        }
        (Kind::Set(_), Kind::Set(_)) if !planned.is_wholly_known() => {}
        _ if planned == found => {}
        _ => *other = Some(at.clone()),
    }
}

fn says_nothing(value: &Value) -> bool {
    let is_empty = match value.kind() {
        Kind::List(items) | Kind::Set(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
        _ => value.as_str().is_some_and(arcstr::ArcStr::is_empty),
    };
    value.is_null() || !value.is_known() || is_empty
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> Block {
        Block::new([
            ("id", Attribute::computed(Type::String, "")),
            ("name", Attribute::required(Type::String, "")),
            ("size", Attribute::optional_computed(Type::Number, "")),
            ("note", Attribute::optional(Type::String, "")),
        ])
    }

    #[test]
    fn another_object_is_told_from_the_planned_one() {
        let planned = object(&[
            ("id", Value::unknown(Type::String)),
            ("name", "a".into()),
            ("note", Value::null(Type::String)),
            ("tags", Value::list(Type::String, vec!["x".into()])),
        ]);
        let found = |name: &str, tags: Vec<Value>| {
            object(&[
                ("id", "1".into()),
                ("name", if name.is_empty() { Value::null(Type::String) } else { name.into() }),
                ("note", "made by the target".into()),
                ("tags", Value::list(Type::String, tags)),
            ])
        };
        for (found, expected) in [
            (found("a", vec!["x".into()]), None),
            (found("", vec![]), None),
            (found("b", vec!["x".into()]), Some(".name")),
            (found("a", vec!["y".into()]), Some(".tags[0]")),
            (found("a", vec!["x".into(), "y".into()]), Some(".tags")),
        ] {
            let other = first_other(&planned, &found).map(|path| path.to_string());
            assert_eq!(other.as_deref(), expected, "{found:?}");
        }
    }

    fn object(entries: &[(&str, Value)]) -> Value {
        Value::object(entries.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    }

    #[test]
    fn configuration_wins_and_computed_stays() {
        let null = |kind| Value::null(kind);
        let prior =
            object(&[("id", "a".into()), ("name", "x".into()), ("size", 3.into()), ("note", "old".into())]);
        let given = object(&[
            ("id", null(Type::String)),
            ("name", "y".into()),
            ("size", null(Type::Number)),
            ("note", null(Type::String)),
        ]);
        let expected = object(&[
            ("id", "a".into()),
            ("name", "y".into()),
            ("size", 3.into()),
            ("note", null(Type::String)),
        ]);
        assert_eq!(proposed(&block(), &prior, &given), expected);
    }

    #[test]
    fn a_changed_configured_leaf_is_a_fault() {
        let given = object(&[
            ("id", Value::null(Type::String)),
            ("name", "y".into()),
            ("size", 1.into()),
            ("note", "n".into()),
        ]);
        let planned = object(&[
            ("id", Value::unknown(Type::String)),
            ("name", "z".into()),
            ("size", 1.into()),
            ("note", "n".into()),
        ]);
        let faults = plan_faults(&block(), &Value::null(Type::Dynamic), &given, &planned);
        assert_eq!(faults.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), [".name"]);
    }

    /// An attribute that holds objects with a part given and a part computed.
    fn nesting(nesting: Nesting) -> (Block, Type) {
        let nested = NestedBlock {
            nesting,
            block: Block::new([
                ("id", Attribute::computed(Type::String, "")),
                ("name", Attribute::optional(Type::String, "")),
            ]),
            min_items: 0,
            max_items: 0,
        };
        let value_type = nested.implied_type();
        let mut attribute = Attribute::optional_computed(value_type.clone(), "");
        attribute.nested = Some(Box::new(nested));
        (Block::new([("part", attribute)]), value_type)
    }

    fn part(id: Value, name: Value) -> Value {
        object(&[("id", id), ("name", name)])
    }

    type Wrap<'a> = &'a dyn Fn(Value) -> Value;

    #[test]
    fn attributes_with_parts() {
        let null = || Value::null(Type::String);
        let element = || Type::object([("id", Type::String), ("name", Type::String)]);
        let single = |one: Value| one;
        let list = |one: Value| Value::list(element(), vec![one]);
        let map = |one: Value| Value::map(element(), vec![("k".into(), one)]);
        let set = |one: Value| Value::set(element(), vec![one]);
        let shapes: [(Nesting, Wrap<'_>); 4] =
            [(Nesting::Single, &single), (Nesting::List, &list), (Nesting::Map, &map), (Nesting::Set, &set)];
        for (shape, wrap) in shapes {
            let (block, value_type) = nesting(shape);
            let of = |value: Value| object(&[("part", value)]);
            let prior = of(wrap(part("a".into(), "x".into())));
            let same = of(wrap(part(null(), "x".into())));
            assert_eq!(proposed(&block, &prior, &same), prior, "{shape:?}: what is computed stays");
            let left_out = of(Value::null(value_type));
            assert_eq!(
                proposed(&block, &prior, &left_out),
                left_out,
                "{shape:?}: what was given is taken away"
            );
            let computed = of(wrap(part("a".into(), null())));
            assert_eq!(
                proposed(&block, &computed, &left_out),
                computed,
                "{shape:?}: what was computed stays"
            );
            let planned = of(wrap(part("b".into(), "x".into())));
            assert!(plan_faults(&block, &prior, &same, &planned).is_empty(), "{shape:?}");
            let planned = of(wrap(part("a".into(), "y".into())));
            let faults = plan_faults(&block, &prior, &same, &planned).len();
            assert_eq!(faults, usize::from(shape != Nesting::Set), "{shape:?}: what is given is kept");
        }
    }

    #[test]
    fn completions() {
        let planned = object(&[("a", Value::unknown(Type::String)), ("b", 1.into())]);
        for (actual, expected) in [
            (object(&[("a", "x".into()), ("b", 1.into())]), 0),
            (object(&[("a", "x".into()), ("b", 2.into())]), 1),
        ] {
            assert_eq!(completion_faults(&planned, &actual).len(), expected);
        }
    }
}
