//! `host_inventory`: the hosts, groups and variables of an Ansible or kubespray inventory.
//!
//! What Ansible does with an inventory is followed to the letter, merging included; the cases beside this file are what
//! `ansible-inventory` of ansible-core 2.19 says of the same files. Templates stay the texts that they are: only Ansible
//! evaluates them.

mod files;
mod ini;
mod literal;
mod names;
mod yaml;

use crate::data::{HostData, Hosts};
use formwork_sdk::values::{Findings, text, truth};
use formwork_sdk::{Attribute, Block, KindSchema, Permission, ProviderError};
use formwork_value::{Name, Type, Value, decode_implied};
use futures::future::BoxFuture;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

data "host_inventory" "cluster" {
  content = <<-END
    [kube_node]
    node[1:2] ansible_user=admin

    [kube_node:vars]
    pool=gpu
  END
}

resource "host_sysctl" "forwarding" {
  for_each = toset(data.host_inventory.cluster.groups["kube_node"])
  host     = data.host_inventory.cluster.hosts[each.key].host
  name     = "net.ipv4.ip_forward"
  value    = "1"
}
"#;

/// The data source's name.
const PATH: &str = "path";
const CONTENT: &str = "content";
const SKIP: &str = "skip_encrypted";

pub(crate) type Variables = Map<String, Json>;

/// A group as it was read.
#[derive(Debug, Default)]
struct Group {
    hosts: Vec<String>,
    children: BTreeSet<String>,
    variables: Variables,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    groups: BTreeMap<String, Group>,
    /// With the variables that stand beside each.
    hosts: BTreeMap<String, Variables>,
}

impl Inventory {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// A host of a group; of none where the group is `all`.
    fn add_host(&mut self, group: &str, name: &str) -> &mut Variables {
        let hosts = &mut self.group(group).hosts;
        if !hosts.iter().any(|one| one == name) {
            hosts.push(name.to_owned());
        }
        self.hosts.entry(name.to_owned()).or_default()
    }

    fn add_child(&mut self, group: &str, child: &str) {
        self.group(child);
        if group != "all" {
            self.group(group).children.insert(child.to_owned());
        }
    }

    /// All hosts of a group, those of its children too; each once.
    fn hosts_of(&self, group: &str, seen: &mut BTreeSet<String>) -> Vec<String> {
        let Some(found) = self.groups.get(group).filter(|_| seen.insert(group.to_owned())) else {
            return Vec::new();
        };
        let mut hosts = found.hosts.clone();
        for child in &found.children {
            let more = self.hosts_of(child, seen);
            hosts.extend(more.into_iter().filter(|one| !hosts.contains(one)).collect::<Vec<_>>());
        }
        hosts
    }

    /// How far each group is from `all`, which is above those that no other is above.
    fn depths(&self) -> Result<BTreeMap<&str, usize>, String> {
        let mut depths: BTreeMap<&str, usize> = self.groups.keys().map(|name| (name.as_str(), 1)).collect();
        for _ in 0..=self.groups.len() {
            let mut is_changed = false;
            for (name, group) in &self.groups {
                let depth = depths[name.as_str()] + 1;
                for child in &group.children {
                    if let Some(found) = depths.get_mut(child.as_str()).filter(|found| **found < depth) {
                        (*found, is_changed) = (depth, true);
                    }
                }
            }
            if !is_changed {
                return Ok(depths);
            }
        }
        Err("its groups are each other's children".to_owned())
    }

    /// The groups of each host, in the order in which their variables are laid over each other.
    fn memberships(&self) -> Result<BTreeMap<String, Vec<&str>>, String> {
        let depths = self.depths()?;
        let mut order: Vec<&str> =
            self.groups.keys().map(String::as_str).filter(|name| *name != "all").collect();
        let priority = |name: &str| {
            self.groups[name].variables.get("ansible_group_priority").and_then(Json::as_i64).unwrap_or(1)
        };
        order.sort_by_key(|name| (depths[name], priority(name), *name));
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for group in order {
            for host in self.hosts_of(group, &mut BTreeSet::new()) {
                found.entry(host).or_default().push(group);
            }
        }
        Ok(found)
    }
}

/// The data source.
pub(crate) struct Source;

impl HostData for Source {
    fn name(&self) -> &'static str {
        "host_inventory"
    }

    fn validate(&self, _: &Value, _: &mut Findings) {}

    fn read<'a>(
        &'a self,
        _: &'a Hosts,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(std::future::ready(Self::read_files(configuration)))
    }

    fn schema(&self) -> KindSchema {
        let attributes = [
            (
                PATH,
                Attribute::optional(
                    Type::String,
                    "The inventory: an INI or YAML file, or a folder of such; `group_vars` and `host_vars` beside it are read too.",
                ),
            ),
            (CONTENT, Attribute::optional(Type::String, "Its text instead, as INI or YAML.")),
            (
                SKIP,
                Attribute::with_default(
                    Type::Bool,
                    false,
                    "Whether files that are encrypted with Ansible Vault are passed over; they are an error, by itself.",
                ),
            ),
            (
                "hosts",
                Attribute::computed(
                    Type::Dynamic,
                    "Each host by its name: `host` (what the `host` of a resource takes), `groups`, `variables`.",
                ),
            ),
            (
                "groups",
                Attribute::computed(
                    Type::map(Type::list(Type::String)),
                    "The names of each group's hosts; `all` and `ungrouped` are there, too.",
                ),
            ),
        ];
        let mut kind = KindSchema::new(
            Block::new(attributes),
            "An Ansible or kubespray inventory, as Ansible reads it. Nothing of Ansible is needed; scripts and plugins that make inventories are not run, and templates in variables stay as they are.",
        );
        kind.example = EXAMPLE;
        kind.read_permissions = vec![Permission("Read the files on this machine.".to_owned())];
        kind
    }
}

impl Source {
    fn read_files(configuration: &Value) -> Result<Value, ProviderError> {
        let skips = truth(configuration, SKIP).unwrap_or(false);
        let (path, content) = (text(configuration, PATH), text(configuration, CONTENT));
        let whose = path.map_or_else(|| "the inventory".to_owned(), |path| format!("the inventory {path}"));
        let wrong = |why: String| ProviderError::invalid(format!("{whose}: {why}"));
        let (inventory, files) = match (path, content) {
            (Some(path), None) => files::read(path.as_ref(), skips),
            (None, Some(content)) => files::of_text(content),
            _ => Err("it is given in one way: give one of path and content".to_owned()),
        }
        .map_err(wrong)?;
        let merged = merged(&inventory, &files).map_err(wrong)?;
        let hosts =
            merged.iter().map(|(name, host)| Ok((Name::from(name.as_str()), host_value(name, host)?)));
        let hosts = hosts.collect::<Result<Vec<_>, String>>().map_err(wrong)?;
        let names = |hosts: Vec<String>| {
            Value::list(Type::String, hosts.iter().map(|one| Value::from(one.as_str())).collect())
        };
        let mut groups: Vec<(Name, Value)> = inventory
            .groups
            .keys()
            .filter(|name| !["all", "ungrouped"].contains(&name.as_str()))
            .map(|name| (Name::from(name.as_str()), names(inventory.hosts_of(name, &mut BTreeSet::new()))))
            .collect();
        let lone = merged.iter().filter(|(_, host)| host.groups.is_empty()).map(|(name, _)| name.clone());
        groups.push(("ungrouped".into(), names(lone.collect())));
        groups.push(("all".into(), names(merged.keys().cloned().collect())));
        let given =
            |name: &str| text(configuration, name).map_or_else(|| Value::null(Type::String), Value::from);
        Ok(Value::object(vec![
            (PATH.into(), given(PATH)),
            (CONTENT.into(), given(CONTENT)),
            (SKIP.into(), Value::from(skips)),
            ("hosts".into(), Value::object(hosts)),
            ("groups".into(), Value::map(Type::list(Type::String), groups)),
        ]))
    }
}

/// A host with all that is said of it.
#[derive(Debug)]
struct Host {
    /// Sorted.
    groups: Vec<String>,
    variables: Variables,
}

/// Lays the variables of groups and files over each other, as Ansible does: what stands in inventories, `all` first and
/// then group after group, then the same of `group_vars`, then what stands beside the host, then `host_vars`.
fn merged(inventory: &Inventory, files: &files::Folders) -> Result<BTreeMap<String, Host>, String> {
    let memberships = inventory.memberships()?;
    // Each file once, however many hosts its group has.
    let all = inventory.groups.keys().map(String::as_str).chain(["all", "ungrouped"]);
    let of_files = all.map(|group| Ok((group, files.of_group(group)?)));
    let of_files = of_files.collect::<Result<BTreeMap<_, _>, String>>()?;
    let mut found = BTreeMap::new();
    for (name, own) in &inventory.hosts {
        let mut groups: Vec<&str> = memberships.get(name).cloned().unwrap_or_default();
        groups.retain(|group| *group != "ungrouped");
        let order: Vec<&str> =
            if groups.is_empty() { vec!["all", "ungrouped"] } else { [&["all"], groups.as_slice()].concat() };
        let mut variables = Variables::new();
        for group in &order {
            let said = inventory.groups.get(*group).map(|group| group.variables.clone()).unwrap_or_default();
            variables.extend(said.into_iter().filter(|(name, _)| name != "ansible_group_priority"));
        }
        for group in &order {
            variables.extend(of_files[group].clone());
        }
        variables.extend(own.clone());
        variables.extend(files.of_host(name)?);
        let mut groups: Vec<String> = groups.into_iter().map(ToOwned::to_owned).collect();
        groups.sort();
        found.insert(name.clone(), Host { groups, variables });
    }
    Ok(found)
}

fn host_value(name: &str, host: &Host) -> Result<Value, String> {
    let said = |names: &[&str]| names.iter().find_map(|name| host.variables.get(*name));
    let word = |names: &[&str]| said(names).and_then(Json::as_str).filter(|text| !text.contains("{{"));
    let port = said(&["ansible_port", "ansible_ssh_port"]).and_then(|port| match port {
        Json::String(text) => text.parse::<u16>().ok(),
        port => port.as_u64().and_then(|port| u16::try_from(port).ok()),
    });
    let named = &["ansible_host", "ansible_ssh_host"];
    // An address that only Ansible can evaluate is none here.
    let address = if said(named).is_some() { word(named) } else { Some(name) };
    let address = address.map_or_else(|| Value::null(Type::String), Value::from);
    let user = word(&["ansible_user", "ansible_ssh_user"]);
    let mut place = crate::place::host_of(name, port, user);
    let is_local = word(&["ansible_connection"]) == Some("local");
    let connection = if is_local { Value::from("local") } else { Value::null(Type::String) };
    place = crate::kinds::with(&place, &[("address", address), ("connection", connection)]);
    let text = serde_json::to_string(&host.variables).map_err(|error| error.to_string())?;
    let variables = decode_implied(&text).map_err(|error| format!("the variables of {name}: {error}"))?;
    let groups = Value::list(Type::String, host.groups.iter().map(|one| Value::from(one.as_str())).collect());
    Ok(Value::object(vec![
        ("host".into(), place),
        ("groups".into(), groups),
        ("variables".into(), variables),
    ]))
}

#[cfg(test)]
mod tests;
