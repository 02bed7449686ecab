//! `random_id`: an id in several forms. No secret.

use super::bytes::hex;
use super::schema;
use crate::draw::Draw;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use formwork_sdk::values::{Findings, Seed, ValueKind, fill, object, text, whole_number};
use formwork_sdk::{Attribute, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use num_bigint::BigUint;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_id" "bucket" {
  byte_length = 4
  prefix      = "datasets-"
}
"#;

const LENGTH_MAX: i64 = 65_536;

pub(super) struct Id;

impl ValueKind for Id {
    fn name(&self) -> &'static str {
        "random_id"
    }

    fn schema(&self) -> KindSchema {
        let form = |doc| Attribute::computed(Type::String, doc);
        let attributes = vec![
            ("byte_length", Attribute::required(Type::Number, "How many bytes are drawn.").replaces()),
            ("prefix", Attribute::optional(Type::String, "Stands before every form but `id`.").replaces()),
            ("b64_std", form("The id in base64.")),
            ("b64_url", form("The id in base64 for URLs, without padding.")),
            ("dec", form("The id as a decimal number.")),
            ("hex", form("The id in hexadecimal.")),
            ("id", form("The id in base64 for URLs, without the prefix.")),
        ];
        let mut schema = schema(attributes, "An id that nothing else has; no secret.", EXAMPLE);
        schema.import_id = "`id`, or the prefix, a comma and `id`.";
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        found.check_number(configuration, "byte_length", 1, LENGTH_MAX);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let length = whole_number(planned, "byte_length").and_then(|length| usize::try_from(length).ok());
        let bytes = Draw::new(seed).bytes(length.unwrap_or_default());
        Ok(fill(planned, &forms(&bytes, text(planned, "prefix").unwrap_or_default())))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        let (prefix, encoded) = id.rsplit_once(',').map_or((None, id), |(prefix, id)| (Some(prefix), id));
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| {
            ProviderError::invalid("the id is no base64 for URLs").hint("Give `id`, or `PREFIX,ID`.")
        })?;
        let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let mut values = vec![("byte_length", Value::from(length))];
        values.extend(prefix.map(|prefix| ("prefix", prefix.into())));
        values.extend(forms(&bytes, prefix.unwrap_or_default()));
        Ok(object(&self.schema(), &values))
    }
}

fn forms(bytes: &[u8], prefix: &str) -> [(&'static str, Value); 5] {
    let url = URL_SAFE_NO_PAD.encode(bytes);
    let prefixed = |form: &str| Value::from(format!("{prefix}{form}"));
    [
        ("b64_std", prefixed(&STANDARD.encode(bytes))),
        ("b64_url", prefixed(&url)),
        ("dec", prefixed(&BigUint::from_bytes_be(bytes).to_string())),
        ("hex", prefixed(&hex(bytes))),
        ("id", url.into()),
    ]
}
