//! `tls_cert_request`: a request for a certificate, for an authority to answer.

use super::{check_key, private_key, read_key};
use crate::{pem, subject};
use formwork_sdk::values::{Findings, Seed, ValueKind, fill};
use formwork_sdk::{Attribute, Block, KindSchema, PlanRequest, Planned, ProviderError, Recovery};
use formwork_value::{Type, Value};
use sha1::{Digest as _, Sha1};
use x509_cert::der::Encode as _;
use x509_cert::request::RequestBuilder;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

resource "tls_private_key" "server" {
  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_cert_request" "server" {
  private_key_pem = tls_private_key.server.private_key_pem
  dns_names       = ["models.example.com"]

  subject {
    common_name = "models.example.com"
  }
}
"#;

pub(super) struct Request;

impl ValueKind for Request {
    fn name(&self) -> &'static str {
        "tls_cert_request"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes =
            vec![("private_key_pem", private_key("The private key of whom it is for, in PEM."))];
        attributes.extend(subject::arguments());
        attributes.push(("key_algorithm", Attribute::computed(Type::String, "The key's algorithm.")));
        attributes.push(("cert_request_pem", Attribute::computed(Type::String, "The request in PEM.")));
        attributes.push(("id", Attribute::computed(Type::String, "SHA-1 of the request.")));
        let block = Block::new(attributes).with_block("subject", subject::block());
        let mut schema = KindSchema::new(block, "A request for a certificate.");
        schema.recovery = Recovery::Replay;
        schema.example = EXAMPLE;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_key(configuration, "private_key_pem", found);
        subject::validate(configuration, found);
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        subject::adjust(request, planned);
    }

    fn make(&self, planned: &Value, _seed: &Seed) -> Result<Value, ProviderError> {
        let key = read_key(planned, "private_key_pem")?;
        let refused = |error: &dyn std::fmt::Display| {
            ProviderError::invalid(format!("no request can be made of this: {error}"))
        };
        let mut builder = RequestBuilder::new(subject::name(planned)?).map_err(|error| refused(&error))?;
        if let Some(names) = subject::alternatives(planned)? {
            builder.add_extension(&names).map_err(|error| refused(&error))?;
        }
        let request = key.sign(builder)?.to_der().map_err(|error| refused(&error))?;
        let values = [
            ("key_algorithm", Value::from(key.algorithm())),
            ("cert_request_pem", pem::encode("CERTIFICATE REQUEST", &request)?.into()),
            ("id", pem::hex(&Sha1::digest(&request)).into()),
        ];
        Ok(fill(planned, &values))
    }
}
