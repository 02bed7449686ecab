//! `random_password`: letters that are a secret, kept in the state, or made for a run and kept nowhere.

use super::{schema, text};
use crate::draw::Draw;
use formwork_sdk::values::{Findings, Seed, ValueKind, ValueSource, fill, object};
use formwork_sdk::{Attribute, Block, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

resource "random_password" "database" {
  length      = 24
  min_numeric = 2
}
"#;
const EPHEMERAL_EXAMPLE: &str = r#"terraform {
  required_providers {
    random = { source = "formwork/random" }
  }
}

ephemeral "random_password" "once" {
  length = 24
}
"#;

const KIND: &str = "random_password";
const ROUNDS: u32 = 10;
/// bcrypt reads no further.
const HASHED_BYTES: usize = 72;

pub(super) struct Password;

pub(super) struct EphemeralPassword;

fn results() -> [(&'static str, Attribute); 2] {
    [
        ("result", Attribute::computed(Type::String, "The letters.").sensitive()),
        (
            "bcrypt_hash",
            Attribute::computed(Type::String, "Their bcrypt hash; bcrypt reads the first 72 bytes.")
                .sensitive(),
        ),
    ]
}

fn made(arguments: &Value, seed: &Seed) -> Result<[(&'static str, Value); 2], ProviderError> {
    let mut draw = Draw::new(seed);
    let result = text::draw(arguments, &mut draw)?;
    let hash = hash(&result, &mut draw)?;
    Ok([("result", result.into()), ("bcrypt_hash", hash.into())])
}

fn hash(result: &str, draw: &mut Draw) -> Result<String, ProviderError> {
    let mut salt = [0; 16];
    salt.copy_from_slice(&draw.bytes(16));
    let bytes = result.as_bytes();
    let hashed = bcrypt::hash_with_salt(&bytes[..bytes.len().min(HASHED_BYTES)], ROUNDS, salt)
        .map_err(|error| ProviderError::bug(format!("bcrypt: {error}")))?;
    Ok(hashed.format_for_version(bcrypt::Version::TwoA))
}

impl ValueKind for Password {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = text::arguments();
        attributes.extend(results());
        attributes.push(("id", Attribute::computed(Type::String, "Always `none`: an id is shown.")));
        let mut schema = schema(attributes, "Letters that are a secret, kept in the state.", EXAMPLE);
        schema.import_id = "The letters.";
        // The form that `hashicorp/random` stores has this version, and is the same.
        schema.version = 3;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        text::validate(configuration, found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        text::adjust(&self.schema(), request, planned);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let [result, hash] = made(planned, seed)?;
        Ok(fill(planned, &[result, hash, ("id", "none".into())]))
    }

    fn import(&self, id: &str) -> Result<Value, ProviderError> {
        let hash = hash(id, &mut Draw::new(&Seed::draw(0)?))?;
        Ok(text::imported(&self.schema(), id, &[("bcrypt_hash", hash.into()), ("id", "none".into())]))
    }
}

impl ValueSource for EphemeralPassword {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> KindSchema {
        let attributes = text::arguments().into_iter().filter(|(name, _)| *name != "number").chain(results());
        let doc = "Letters that are a secret, made anew in every run and kept nowhere.";
        KindSchema { example: EPHEMERAL_EXAMPLE, ..KindSchema::new(Block::new(attributes), doc) }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        text::validate(configuration, found);
    }

    fn read(&self, configuration: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let schema = self.schema();
        let given = |name: &str| configuration.get(name).filter(|value| !value.is_null()).cloned();
        let arguments = schema.block.attributes.iter().filter_map(|(name, attribute)| {
            given(name).or_else(|| attribute.default.clone()).map(|value| (name.as_str(), value))
        });
        let arguments = object(&schema, &arguments.collect::<Vec<_>>());
        let made = made(&arguments, seed)?;
        let values = arguments.entries().into_iter().flat_map(|entries| entries.iter());
        let mut values: Vec<(&str, Value)> = values
            .map(|(name, value)| (name.as_str(), value.clone()))
            .filter(|(name, _)| made.iter().all(|(made, _)| made != name))
            .collect();
        values.extend(made.iter().cloned());
        Ok(object(&schema, &values))
    }
}
