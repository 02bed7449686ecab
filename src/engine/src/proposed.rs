//! The proposed value: prior and configuration merged as the plugin protocol says, and the checks on what a
//! provider plans and makes of it.
//!
//! Invariant: no unknown is put in here; that is the provider's to do.

use arcstr::ArcStr;
use formwork_sdk::{Attribute, Block, NestedBlock, Nesting};
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
    match before {
        Some(before) if attribute.is_computed() && given.is_null() => before.clone(),
        _ => given.clone(),
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
        if !is_allowed {
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
        let below = at.clone().attribute(name.clone());
        let nothing = Value::null(Type::Dynamic);
        let before = prior.get(name).unwrap_or(&nothing);
        match nested.nesting {
            Nesting::Single | Nesting::Group if !given.is_null() && given.is_known() => {
                check_block(&nested.block, before, given, after, &below, faults);
            }
            Nesting::List => {
                let (Some(given), Some(after)) = (given.items(), after.items()) else { continue };
                if given.len() != after.len() {
                    faults.push((
                        below,
                        "the number of blocks planned differs from the number configured".to_owned(),
                    ));
                    continue;
                }
                for (index, (given, after)) in (0u64..).zip(given.iter().zip(after)) {
                    let before = before
                        .items()
                        .and_then(|items| items.get(usize::try_from(index).ok()?))
                        .unwrap_or(&nothing);
                    check_block(&nested.block, before, given, after, &below.clone().index(index), faults);
                }
            }
            _ => {}
        }
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
