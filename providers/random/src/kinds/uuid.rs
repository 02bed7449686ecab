//! `random_uuid`: a UUID of version 4.

use super::schema;
use crate::draw::Draw;
use formwork_sdk::values::{Seed, ValueKind, fill, object};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_uuid" "experiment" {}
"#;

pub(super) struct Uuid;

impl ValueKind for Uuid {
    fn name(&self) -> &'static str {
        "random_uuid"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("result", Attribute::computed(Type::String, "The UUID.")),
            ("id", Attribute::computed(Type::String, "The UUID.")),
        ];
        let mut schema = schema(attributes, "A UUID.", EXAMPLE);
        schema.import_id = "The UUID.";
        schema
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Draw::new(seed).bytes(16));
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
        Ok(fill(planned, &[("result", uuid.as_str().into()), ("id", uuid.as_str().into())]))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        let uuid = uuid::Uuid::parse_str(id).map_err(|_| {
            ProviderError::invalid(format!("{id:?} is no UUID")).hint("Give one, with its hyphens.")
        })?;
        let uuid = uuid.to_string();
        Ok(object(&self.schema(), &[("result", uuid.as_str().into()), ("id", uuid.as_str().into())]))
    }
}
