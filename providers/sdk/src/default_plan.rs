//! The plan that most kinds want: what the provider computes stays or becomes unknown, and an attribute that says
//! so forces replacement.

use crate::{Attribute, Block, Change, KindSchema, NestedBlock, Nesting, PlanRequest, Planned};
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostics;
use formwork_value::{Path, Value};

/// Plans by the schema alone. On create every computed attribute that the configuration leaves out is unknown (or
/// its default). On update they keep their prior values, which are in the proposed value already; the caller makes
/// those unknown that the change will move ([`mark_computed_unknown`]).
pub fn default_plan(schema: &KindSchema, request: &PlanRequest) -> Planned {
    let mut requires_replace = Vec::new();
    let planned = if request.proposed.is_null() {
        request.proposed.clone()
    } else if request.prior.is_null() {
        fill_block(&schema.block, &request.proposed, &request.configuration, true)
    } else {
        let planned = fill_block(&schema.block, &request.proposed, &request.configuration, false);
        collect_replacements(&schema.block, &request.prior, &planned, &Path::root(), &mut requires_replace);
        planned
    };
    Planned {
        planned,
        requires_replace,
        private: request.private.clone(),
        lenient: false,
        identity: None,
        deferred: None,
        diagnostics: Diagnostics::new(),
    }
}

/// Makes one computed top-level attribute unknown where the configuration leaves it out.
#[must_use]
pub fn mark_computed_unknown(
    schema: &KindSchema,
    planned: &Value,
    configuration: &Value,
    name: &str,
) -> Value {
    let Some(entries) = planned.entries() else { return planned.clone() };
    let is_given = configuration.get(name).is_some_and(|value| !value.is_null());
    let Some(attribute) = schema.block.attributes.get(name).filter(|_| !is_given) else {
        return planned.clone();
    };
    let replaced = entries.iter().map(|(key, value)| {
        let value =
            if key == name { Value::unknown(attribute.value_type.without_optional()) } else { value.clone() };
        (key.clone(), value)
    });
    Value::object(replaced.collect())
}

fn fill_block(block: &Block, proposed: &Value, configuration: &Value, is_create: bool) -> Value {
    let Some(entries) = proposed.entries() else { return proposed.clone() };
    let filled = entries.iter().map(|(name, value)| {
        let given = configuration.get(name);
        let value = if let Some(attribute) = block.attributes.get(name.as_str()) {
            fill_attribute(attribute, value, given, is_create)
        } else if let Some(nested) = block.blocks.get(name.as_str()) {
            fill_nested(nested, value, given, is_create)
        } else {
            value.clone()
        };
        (name.clone(), value)
    });
    Value::object(filled.collect())
}

fn fill_attribute(attribute: &Attribute, proposed: &Value, given: Option<&Value>, is_create: bool) -> Value {
    let is_left_out = given.is_none_or(Value::is_null);
    if attribute.write_only {
        return Value::null(attribute.value_type.without_optional());
    }
    if !is_left_out || !attribute.is_computed() {
        return proposed.clone();
    }
    if let Some(default) = &attribute.default {
        return default.clone();
    }
    if is_create { Value::unknown(attribute.value_type.without_optional()) } else { proposed.clone() }
}

fn fill_nested(nested: &NestedBlock, proposed: &Value, given: Option<&Value>, is_create: bool) -> Value {
    let empty = Value::null(formwork_value::Type::Dynamic);
    match nested.nesting {
        Nesting::Single | Nesting::Group => {
            if proposed.is_null() || !proposed.is_known() {
                return proposed.clone();
            }
            fill_block(&nested.block, proposed, given.unwrap_or(&empty), is_create)
        }
        Nesting::List => {
            let Some(items) = proposed.items() else { return proposed.clone() };
            let given = given.and_then(Value::items).unwrap_or(&[]);
            let filled: Vec<Value> = items
                .iter()
                .enumerate()
                .map(|(at, item)| fill_block(&nested.block, item, given.get(at).unwrap_or(&empty), is_create))
                .collect();
            match proposed.value_type() {
                formwork_value::Type::List(element) => Value::list((*element).clone(), filled),
                _ => Value::tuple(filled),
            }
        }
        Nesting::Map => {
            let Some(entries) = proposed.entries() else { return proposed.clone() };
            let filled: Vec<(ArcStr, Value)> = entries
                .iter()
                .map(|(key, item)| {
                    let given = given.and_then(|given| given.get(key)).unwrap_or(&empty);
                    (key.clone(), fill_block(&nested.block, item, given, is_create))
                })
                .collect();
            match proposed.value_type() {
                formwork_value::Type::Map(element) => Value::map((*element).clone(), filled),
                _ => Value::object(filled),
            }
        }
        Nesting::Set => proposed.clone(),
    }
}

fn collect_replacements(block: &Block, prior: &Value, planned: &Value, at: &Path, found: &mut Vec<Path>) {
    for (name, attribute) in &block.attributes {
        if attribute.change == Change::Replace && prior.get(name) != planned.get(name) {
            found.push(at.clone().attribute(name.clone()));
        }
    }
    for (name, nested) in &block.blocks {
        let (Some(before), Some(after)) = (prior.get(name), planned.get(name)) else { continue };
        let below = at.clone().attribute(name.clone());
        match nested.nesting {
            Nesting::Single | Nesting::Group => {
                collect_replacements(&nested.block, before, after, &below, found);
            }
            Nesting::List => {
                let (before, after) = (before.items().unwrap_or(&[]), after.items().unwrap_or(&[]));
                for (index, (before, after)) in (0u64..).zip(before.iter().zip(after)) {
                    collect_replacements(&nested.block, before, after, &below.clone().index(index), found);
                }
            }
            Nesting::Set | Nesting::Map => {}
        }
    }
}
