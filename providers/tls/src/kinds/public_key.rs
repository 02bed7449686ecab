//! `tls_public_key`: the public key of a private one that is given.

use super::private_key::public;
use super::{check_key, read_key};
use formwork_sdk::values::{Findings, Seed, ValueSource, given, object};
use formwork_sdk::{Attribute, Block, KindSchema, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

resource "tls_private_key" "node" {
  algorithm = "ED25519"
}

data "tls_public_key" "node" {
  private_key_openssh = tls_private_key.node.private_key_openssh
}
"#;

const KEYS: [&str; 2] = ["private_key_pem", "private_key_openssh"];

pub(super) struct PublicKey;

impl ValueSource for PublicKey {
    fn name(&self) -> &'static str {
        "tls_public_key"
    }

    fn schema(&self) -> KindSchema {
        let shown = |doc| Attribute::computed(Type::String, doc);
        let block = Block::new([
            ("private_key_pem", Attribute::optional(Type::String, "The private key in PEM.").sensitive()),
            (
                "private_key_openssh",
                Attribute::optional(Type::String, "The private key as OpenSSH keeps it.").sensitive(),
            ),
            ("algorithm", shown("`RSA`, `ECDSA` or `ED25519`.")),
            ("public_key_pem", shown("The public key in PEM.")),
            ("public_key_openssh", shown("The public key as a line of `authorized_keys`.")),
            ("public_key_fingerprint_md5", shown("Its MD5 fingerprint, as OpenSSH writes it.")),
            ("public_key_fingerprint_sha256", shown("Its SHA-256 fingerprint, as OpenSSH writes it.")),
            ("id", shown("SHA-1 of the public key.")),
        ]);
        let mut schema = KindSchema::new(block, "The public key of a private one.");
        schema.example = EXAMPLE;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        let is_null = |name: &&str| configuration.get(name).is_none_or(Value::is_null);
        let left_out = KEYS.iter().filter(|name| is_null(name)).count();
        if left_out != 1 {
            found.refuse(KEYS[0], "Give one of private_key_pem and private_key_openssh.");
        }
        for name in KEYS {
            check_key(configuration, name, found);
        }
    }

    fn read(&self, configuration: &Value, _seed: &Seed) -> Result<Value, ProviderError> {
        let name = KEYS.into_iter().find(|name| given(configuration, name).is_some()).unwrap_or(KEYS[0]);
        let key = read_key(configuration, name)?;
        let mut values = vec![("algorithm", Value::from(key.algorithm()))];
        values.extend(given(configuration, name).cloned().map(|value| (name, value)));
        values.extend(public(&key)?);
        Ok(object(&self.schema(), &values))
    }
}
