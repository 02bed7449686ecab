//! `sim_names`: the names of all objects of a kind that stand, whoever made them.

use crate::finding::{Findings, text};
use crate::world::World;
use formwork_sdk::{Attribute, Block, KindSchema, Permission};
use formwork_value::{Type, Value};

pub(crate) const DATA_KIND: &str = "sim_names";

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

data "sim_names" "machines" {
  kind = "sim_machine"
}

output "machines" {
  value = data.sim_names.machines.names
}
"#;

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        ("kind", Attribute::required(Type::String, "A type of resource, as `sim_machine`.")),
        ("names", Attribute::computed(Type::list(Type::String), "The names, in order.")),
    ]);
    let mut schema = KindSchema::new(block, "The names of all objects of a kind that stand.");
    schema.example = EXAMPLE;
    schema.read_permissions = vec![Permission("sim_names:read".to_owned())];
    schema
}

pub(crate) fn validate(configuration: &Value, found: &mut Findings) {
    if let Some(kind) = text(configuration, "kind").filter(|kind| super::find(kind).is_none()) {
        found.refuse("kind", format!("There is no type {kind:?} here."));
    }
}

pub(crate) fn read(world: &World, configuration: &Value) -> Value {
    let kind = text(configuration, "kind").map_or("", |kind| kind.as_str());
    let mut names: Vec<&str> = world.of_kind(kind).map(|object| object.name.as_str()).collect();
    names.sort_unstable();
    let names = names.into_iter().map(Value::from).collect();
    Value::object(vec![("kind".into(), kind.into()), ("names".into(), Value::list(Type::String, names))])
}
