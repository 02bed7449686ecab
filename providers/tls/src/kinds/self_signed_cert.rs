//! `tls_self_signed_cert`: a certificate that its own key signs.

use super::{check_key, private_key, read_key};
use crate::certificate::{self, Order};
use crate::subject;
use formwork_sdk::values::{Clock, Findings, Seed, ValueKind, fill};
use formwork_sdk::{Attribute, Block, KindSchema, PlanRequest, Planned, ProviderError, Recovery};
use formwork_value::{Type, Value};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

resource "tls_private_key" "authority" {
  algorithm = "ED25519"
}

resource "tls_self_signed_cert" "authority" {
  private_key_pem       = tls_private_key.authority.private_key_pem
  is_ca_certificate     = true
  validity_period_hours = 8760
  early_renewal_hours   = 720
  allowed_uses          = ["cert_signing", "crl_signing"]

  subject {
    common_name  = "Platform authority"
    organization = "Example"
  }
}
"#;

pub(super) struct SelfSigned {
    pub(super) clock: Clock,
}

impl ValueKind for SelfSigned {
    fn name(&self) -> &'static str {
        "tls_self_signed_cert"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![("private_key_pem", private_key("The private key that signs it, in PEM."))];
        attributes.extend(subject::arguments());
        attributes.extend(certificate::attributes());
        attributes.push((
            "set_authority_key_id",
            Attribute::with_default(Type::Bool, false, "Whether it names the key that signed it.").replaces(),
        ));
        attributes.push(("key_algorithm", Attribute::computed(Type::String, "The key's algorithm.")));
        let block = Block::new(attributes).with_block("subject", subject::block());
        let mut schema = KindSchema::new(block, "A certificate that its own key signs.");
        schema.recovery = Recovery::Replay;
        schema.example = EXAMPLE;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_key(configuration, "private_key_pem", found);
        subject::validate(configuration, found);
        certificate::validate(configuration, found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        subject::adjust(request, planned);
        certificate::adjust(&self.schema(), self.clock, request, planned);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let key = read_key(planned, "private_key_pem")?;
        let subject = subject::name(planned)?;
        let alternatives = subject::alternatives(planned)?;
        let alternatives =
            alternatives.map(|names| certificate::alternatives(&names, &subject)).transpose()?;
        let public = SubjectPublicKeyInfoOwned::from_der(&key.public_der()?)
            .map_err(|error| ProviderError::bug(format!("the public key cannot be read: {error}")))?;
        let order = Order { issuer: subject.clone(), subject, public, alternatives, authority: None };
        let mut values = certificate::issue(planned, order, &key, seed)?;
        values.push(("key_algorithm", key.algorithm().into()));
        Ok(fill(planned, &values))
    }
}
