//! `sim_secret`: keeps a value that it is told and never gives back. Its name is unique.

use super::{Attributes, Kind};
use crate::chance::digits;
use crate::finding::{Findings, check_name, fill, text, with_attribute};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_sdk::{
    Attribute, Block, KindSchema, Operation, PlanRequest, Planned, ProviderError, Recovery,
    mark_computed_unknown,
};
use formwork_value::{Type, Value};

const VALUE: &str = "value_wo";
const VERSION: &str = "value_wo_version";
const FINGERPRINT: &str = "fingerprint";
/// What [`VERSION`] was called in the first version of the schema, where it was a text.
const FORMER_VERSION: &str = "revision";

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

variable "password" {
  type      = string
  ephemeral = true
  default   = "only here for the example"
}

resource "sim_secret" "database" {
  name             = "database"
  value_wo         = var.password
  value_wo_version = 1
}
"#;

pub(super) struct Secret;

impl Kind for Secret {
    fn name(&self) -> &'static str {
        "sim_secret"
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The secret's id.")),
            ("name", Attribute::required(Type::String, "Unique in the datacentre.").replaces()),
            (VALUE, Attribute::optional(Type::String, "What is kept; sent and never stored.").write_only()),
            (VERSION, Attribute::optional(Type::Number, "A change of it sends the value again.")),
            (FINGERPRINT, Attribute::computed(Type::String, "Tells two values apart, and neither of them.")),
        ]);
        let mut schema = KindSchema::new(block, "A value that is kept and never given back.");
        schema.recovery = Recovery::NaturalKey;
        schema.example = EXAMPLE;
        schema.import_id = "The secret's id.";
        schema.version = 1;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
    }

    fn plan(&self, schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
        if planned.planned.is_null() || request.prior.get(VERSION) == planned.planned.get(VERSION) {
            return;
        }
        planned.planned =
            mark_computed_unknown(schema, &planned.planned, &request.configuration, FINGERPRINT);
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("secret", token)
    }

    fn create(
        &self,
        _world: &World,
        _settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let fingerprint = fingerprint(planned);
        Ok(without_value(&fill(planned, &[("id", id.into()), (FINGERPRINT, fingerprint)])))
    }

    fn update(
        &self,
        _world: &World,
        _settings: &Settings,
        _object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        Ok(without_value(&fill(planned, &[(FINGERPRINT, fingerprint(planned))])))
    }

    fn upgrade(&self, version: u64, attributes: &mut Attributes) {
        if let Some(revision) = attributes.remove(FORMER_VERSION).filter(|_| version == 0) {
            attributes.insert(VERSION.to_owned(), revision);
        }
    }

    fn steps(
        &self,
        operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["sealing the value"],
            Operation::Update | Operation::Delete => &[],
        }
    }
}

fn fingerprint(planned: &Value) -> Value {
    digits(0, &["fingerprint", text(planned, VALUE).map_or("", |value| value.as_str())]).into()
}

fn without_value(object: &Value) -> Value {
    with_attribute(object, VALUE, &Value::null(Type::String))
}
