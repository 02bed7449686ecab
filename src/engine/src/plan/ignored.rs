//! `ignore_changes`: prior values put back into a configuration where the user asks for it.
//!
//! Invariant: computed attributes keep what the configuration gives.

use crate::schema::Kind;
use formwork_lang::IgnoreChanges;
use formwork_value::{Kind as ValueKind, PathStep, Value};

/// The configuration with prior values put back where changes are ignored.
pub(crate) fn ignore_changes(
    ignored: &IgnoreChanges,
    prior: &Value,
    configuration: &Value,
    kind: &Kind,
) -> Value {
    match ignored {
        IgnoreChanges::None => configuration.clone(),
        IgnoreChanges::All => {
            let Some(entries) = configuration.entries() else { return configuration.clone() };
            let kept = entries.iter().map(|(name, given)| {
                let is_settable = kind
                    .decode
                    .attribute(name)
                    .is_none_or(|attribute| attribute.optional || attribute.required);
                let value = if is_settable { prior.get(name).unwrap_or(given) } else { given };
                (name.clone(), value.clone())
            });
            Value::object(kept.collect())
        }
        IgnoreChanges::Paths(paths) => paths
            .iter()
            .fold(configuration.clone(), |value, (path, _)| replace_at(&value, prior, path.steps())),
    }
}

fn replace_at(value: &Value, prior: &Value, steps: &[PathStep]) -> Value {
    let Some((step, rest)) = steps.split_first() else { return prior.clone() };
    match (step, value.kind()) {
        (
            PathStep::Attribute(name) | PathStep::Key(name),
            ValueKind::Object(entries) | ValueKind::Map(entries),
        ) => {
            let before = prior.get(name);
            let mut replaced: Vec<_> = entries.iter().filter(|(key, _)| key != name).cloned().collect();
            let merged = match (entries.get(name), before) {
                (Some(now), Some(before)) => Some(replace_at(now, before, rest)),
                (None, Some(before)) if rest.is_empty() => Some(before.clone()),
                (Some(now), None) if !rest.is_empty() => Some(now.clone()),
                _ => None,
            };
            replaced.extend(merged.map(|merged| (name.clone(), merged)));
            match value.value_type() {
                formwork_value::Type::Map(element) => Value::map((*element).clone(), replaced),
                _ => Value::object(replaced),
            }
        }
        (PathStep::Index(index), ValueKind::List(items) | ValueKind::Tuple(items)) => {
            let at = usize::try_from(*index).unwrap_or(usize::MAX);
            let (Some(_), Some(before)) = (items.get(at), prior.items().and_then(|items| items.get(at)))
            else {
                return value.clone();
            };
            let mut replaced = items.to_vec();
            replaced[at] = replace_at(&items[at], before, rest);
            match value.value_type() {
                formwork_value::Type::List(element) => Value::list((*element).clone(), replaced),
                _ => Value::tuple(replaced),
            }
        }
        _ => value.clone(),
    }
}
