//! `random_bytes`: bytes for a key.

use super::schema;
use crate::draw::Draw;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_sdk::values::{Findings, Seed, ValueKind, fill, object, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_bytes" "key" {
  length = 32
}
"#;

/// Longer ones would fill the state.
const LENGTH_MAX: i64 = 65_536;

pub(super) struct Bytes;

impl ValueKind for Bytes {
    fn name(&self) -> &'static str {
        "random_bytes"
    }

    fn schema(&self) -> KindSchema {
        let attributes = vec![
            ("length", Attribute::required(Type::Number, "How many bytes.").replaces()),
            ("base64", Attribute::computed(Type::String, "The bytes in base64.").sensitive()),
            ("hex", Attribute::computed(Type::String, "The bytes in hexadecimal.").sensitive()),
        ];
        let mut schema = schema(attributes, "Bytes that nobody can guess, for a key.", EXAMPLE);
        schema.import_id = "The bytes in base64.";
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, "length", 1, LENGTH_MAX);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let length = whole_number(planned, "length").and_then(|length| usize::try_from(length).ok());
        let bytes = Draw::new(seed).bytes(length.unwrap_or_default());
        Ok(fill(planned, &forms(&bytes)))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        let bytes = STANDARD.decode(id).map_err(|_| {
            ProviderError::invalid("the id is no base64")
                .hint("Give the bytes in base64, with their padding.")
        })?;
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let mut values = vec![("length", Value::from(length))];
        values.extend(forms(&bytes));
        Ok(object(&self.schema(), &values))
    }
}

fn forms(bytes: &[u8]) -> [(&'static str, Value); 2] {
    [("base64", STANDARD.encode(bytes).into()), ("hex", hex(bytes).into())]
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
