//! Inventories as YAML files, and files of variables.

use super::{Inventory, names};
use serde_json::Value as Json;

/// A document as Ansible takes it.
pub(super) fn read(text: &str) -> Result<Json, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

pub(super) fn add(inventory: &mut Inventory, text: &str) -> Result<(), String> {
    match read(text)? {
        Json::Null => Ok(()),
        Json::Object(groups) => {
            groups.iter().try_for_each(|(name, group)| add_group(inventory, name, group, 0))
        }
        _ => Err("an inventory is groups by their names".to_owned()),
    }
}

fn add_group(inventory: &mut Inventory, name: &str, group: &Json, depth: usize) -> Result<(), String> {
    const DEPTH: usize = 64;
    inventory.group(name);
    let Some(parts) = of_mapping(group, name)?.filter(|_| depth < DEPTH) else { return Ok(()) };
    for (part, content) in parts {
        let what = format!("{part} of {name}");
        let content = of_mapping(content, &what)?.into_iter().flatten();
        match part.as_str() {
            "vars" => inventory
                .group(name)
                .variables
                .extend(content.map(|(name, value)| (name.clone(), value.clone()))),
            "children" => {
                for (child, inner) in content {
                    inventory.add_child(name, child);
                    add_group(inventory, child, inner, depth + 1)?;
                }
            }
            "hosts" => {
                for (pattern, variables) in content {
                    add_hosts(inventory, name, pattern, variables)?;
                }
            }
            _ => return Err(format!("{what}: a group has hosts, vars and children")),
        }
    }
    Ok(())
}

fn add_hosts(inventory: &mut Inventory, group: &str, pattern: &str, variables: &Json) -> Result<(), String> {
    let (names, port) = names::expand(pattern)?;
    let variables = of_mapping(variables, pattern)?;
    for name in names {
        let own = inventory.add_host(group, &name);
        if let Some(port) = port {
            own.insert("ansible_port".to_owned(), port.into());
        }
        own.extend(variables.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    }
    Ok(())
}

/// Nothing where there is nothing.
fn of_mapping<'a>(value: &'a Json, what: &str) -> Result<Option<&'a serde_json::Map<String, Json>>, String> {
    match value {
        Json::Null => Ok(None),
        Json::Object(found) => Ok(Some(found)),
        _ => Err(format!("{what} is no mapping")),
    }
}
