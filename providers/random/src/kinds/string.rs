//! `random_string`: letters that are no secret.

use super::{schema, text};
use crate::draw::Draw;
use formwork_sdk::values::{Findings, Seed, ValueKind, fill};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_string" "suffix" {
  length  = 6
  upper   = false
  special = false
}
"#;

pub(super) struct Text;

impl ValueKind for Text {
    fn name(&self) -> &'static str {
        "random_string"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = text::arguments();
        attributes.push(("result", Attribute::computed(Type::String, "The letters.")));
        attributes.push(("id", Attribute::computed(Type::String, "The letters.")));
        let mut schema =
            schema(attributes, "Letters that are no secret; `random_password` is for secrets.", EXAMPLE);
        schema.import_id = "The letters.";
        // The form that `hashicorp/random` stores has this version, and is the same.
        schema.version = 2;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        text::validate(configuration, found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        text::adjust(&self.schema(), request, planned);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let result = text::draw(planned, &mut Draw::new(seed))?;
        Ok(fill(planned, &[("result", result.as_str().into()), ("id", result.as_str().into())]))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        Ok(text::imported(&self.schema(), id, &[("id", id.into())]))
    }
}
