//! `tls_private_key`: a key, kept in the state, or made for a run and kept nowhere.

use crate::key::{ALGORITHMS, CURVES, PrivateKey, public_pem_and_id};
use crate::openssh;
use formwork_sdk::values::{
    Findings, Seed, ValueKind, ValueSource, fill, given, object, set_planned, text, whole_number,
};
use formwork_sdk::{Attribute, Block, KindSchema, PlanRequest, Planned, ProviderError, Recovery};
use formwork_value::{Type, Value};

const KIND: &str = "tls_private_key";
const RSA_BITS: i64 = 2048;
/// Fewer protect nothing; more take minutes.
const RSA_BITS_RANGE: (i64, i64) = (2048, 8192);
const CURVE: &str = "P256";

const EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

resource "tls_private_key" "node" {
  algorithm = "ED25519"
}

output "authorized_key" {
  value = tls_private_key.node.public_key_openssh
}
"#;
const EPHEMERAL_EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

ephemeral "tls_private_key" "once" {
  algorithm = "ED25519"
}
"#;

pub(super) struct Key;

pub(super) struct EphemeralKey;

fn attributes() -> Vec<(&'static str, Attribute)> {
    let shown = |doc| Attribute::computed(Type::String, doc);
    let secret = |doc| shown(doc).sensitive();
    vec![
        ("algorithm", Attribute::required(Type::String, "`RSA`, `ECDSA` or `ED25519`.").replaces()),
        (
            "rsa_bits",
            Attribute::with_default(Type::Number, RSA_BITS, "Length of an RSA key, in bits.").replaces(),
        ),
        (
            "ecdsa_curve",
            Attribute::optional_computed(
                Type::String,
                "Curve of an ECDSA key: `P256`, the default, `P384` or `P521`.",
            )
            .replaces(),
        ),
        ("private_key_pem", secret("The private key in PEM.")),
        ("private_key_openssh", secret("The private key as OpenSSH keeps it.")),
        ("private_key_pem_pkcs8", secret("The private key in PKCS#8, in PEM.")),
        ("public_key_pem", shown("The public key in PEM.")),
        ("public_key_openssh", shown("The public key as a line of `authorized_keys`.")),
        ("public_key_fingerprint_md5", shown("The public key's MD5 fingerprint, as OpenSSH writes it.")),
        (
            "public_key_fingerprint_sha256",
            shown("The public key's SHA-256 fingerprint, as OpenSSH writes it."),
        ),
        ("id", shown("SHA-1 of the public key.")),
    ]
}

fn validate(configuration: &Value, found: &mut Findings) {
    found.check_choice(configuration, "algorithm", &ALGORITHMS);
    found.check_number(configuration, "rsa_bits", RSA_BITS_RANGE.0, RSA_BITS_RANGE.1);
    if text(configuration, "ecdsa_curve") == Some("P224") {
        found.refuse("ecdsa_curve", "Keys on P224 are not made: give P256, P384 or P521.");
    } else {
        found.check_choice(configuration, "ecdsa_curve", &CURVES);
    }
}

fn made(arguments: &Value, seed: &Seed) -> Result<Vec<(&'static str, Value)>, ProviderError> {
    let bits = whole_number(arguments, "rsa_bits").unwrap_or(RSA_BITS);
    let curve = text(arguments, "ecdsa_curve").unwrap_or(CURVE);
    let algorithm = text(arguments, "algorithm").unwrap_or_default();
    let key = PrivateKey::generate(algorithm, usize::try_from(bits).unwrap_or_default(), curve, seed.bytes)?;
    let mut values: Vec<(&'static str, Value)> = vec![
        ("private_key_pem", key.pem()?.into()),
        ("private_key_openssh", openssh::private(&key)?.into()),
        ("private_key_pem_pkcs8", key.pkcs8_pem()?.into()),
    ];
    values.extend(public(&key)?);
    Ok(values)
}

/// The public key in every form.
pub(super) fn public(key: &PrivateKey) -> Result<[(&'static str, Value); 5], ProviderError> {
    let (pem, id) = public_pem_and_id(&key.public_der()?)?;
    let forms = openssh::public(key);
    Ok([
        ("public_key_pem", pem.into()),
        ("public_key_openssh", forms.line.into()),
        ("public_key_fingerprint_md5", forms.md5.into()),
        ("public_key_fingerprint_sha256", forms.sha256.into()),
        ("id", id.into()),
    ])
}

impl ValueKind for Key {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> KindSchema {
        let mut schema = KindSchema::new(Block::new(attributes()), "A key, kept in the state.");
        schema.recovery = Recovery::Replay;
        schema.example = EXAMPLE;
        // The form that `hashicorp/tls` stores has this version, and is the same.
        schema.version = 1;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        validate(configuration, found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let is_open = request.configuration.get("ecdsa_curve").is_none_or(Value::is_null);
        // A key that stands keeps what it was made with.
        if request.prior.is_null() && is_open {
            set_planned(&self.schema(), request, planned, "ecdsa_curve", &CURVE.into());
        }
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        Ok(fill(planned, &made(planned, seed)?))
    }
}

impl ValueSource for EphemeralKey {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> KindSchema {
        let attributes = attributes().into_iter().filter(|(name, _)| *name != "id");
        let doc = "A key, made anew in every run and kept nowhere.";
        KindSchema { example: EPHEMERAL_EXAMPLE, ..KindSchema::new(Block::new(attributes), doc) }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        validate(configuration, found);
    }

    fn read(&self, configuration: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let mut values = made(configuration, seed)?;
        let argument = |name, default: Value| (name, given(configuration, name).cloned().unwrap_or(default));
        values.push(argument("algorithm", "".into()));
        values.push(argument("rsa_bits", RSA_BITS.into()));
        values.push(argument("ecdsa_curve", CURVE.into()));
        Ok(object(&self.schema(), &values))
    }
}
