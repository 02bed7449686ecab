//! `sim_bucket`: a store of objects by key. Its name is unique.

use super::Kind;
use crate::finding::{Findings, check_name, fill, text};
use crate::settings::Settings;
use crate::world::World;
use formwork_sdk::{
    Attribute, Block, IdentityAttribute, IdentitySchema, KindSchema, Operation, ProviderError, Recovery,
};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

resource "sim_bucket" "datasets" {
  name       = "datasets"
  versioning = true
  labels     = { team = "vision" }
}
"#;

pub(super) struct Bucket;

impl Kind for Bucket {
    fn name(&self) -> &'static str {
        "sim_bucket"
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The bucket's id.")),
            ("name", Attribute::required(Type::String, "Unique in the datacentre.").replaces()),
            (
                "versioning",
                Attribute::with_default(Type::Bool, false, "Whether older versions of objects are kept."),
            ),
            (
                "public",
                Attribute::optional(Type::Bool, "Whether anybody may read it; nobody where it is left out."),
            ),
            ("labels", Attribute::optional(Type::map(Type::String), "Words for people and tools.")),
            ("endpoint", Attribute::computed(Type::String, "Where it is reached.")),
        ]);
        let mut schema = KindSchema::new(block, "A store of objects by key.");
        schema.example = EXAMPLE;
        schema.import_id = "The bucket's id.";
        schema.identity =
            Some(IdentitySchema::new(1, [("id", IdentityAttribute::required(&["id"], "The bucket's id."))]));
        schema.recovery = Recovery::NaturalKey;
        schema.holds_data = true;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        if let Some(name) = text(configuration, "name")
            && name.len() < 3
        {
            found.refuse("name", format!("{name:?} is too short: a bucket's name has at least 3 letters."));
        }
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("bucket", token)
    }

    fn create(
        &self,
        _world: &World,
        _settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let name = text(planned, "name").map_or("", |name| name.as_str());
        let endpoint = format!("https://{name}.bucket.sim.internal");
        Ok(fill(planned, &[("id", id.into()), ("endpoint", endpoint.into())]))
    }

    /// The type that the kind was called before it had its name.
    fn takes_over(&self, type_name: &str) -> bool {
        type_name == "sim_object_store"
    }

    fn steps(
        &self,
        operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["reserving the name"],
            Operation::Update | Operation::Delete => &[],
        }
    }
}
