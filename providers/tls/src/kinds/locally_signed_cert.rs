//! `tls_locally_signed_cert`: a certificate that an authority's key signs, as a request asked for it.

use super::{check_key, private_key, read_key};
use crate::certificate::{self, Order};
use formwork_sdk::values::{Clock, Findings, Seed, ValueKind, fill, text};
use formwork_sdk::{Attribute, Block, KindSchema, PlanRequest, Planned, ProviderError, Recovery};
use formwork_value::{Path, Type, Value};
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::request::CertReq;

const EXTENSIONS_OF_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const OTHER_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

const EXAMPLE: &str = r#"terraform {
  required_providers {
    tls = { source = "formwork/tls" }
  }
}

resource "tls_private_key" "key" {
  for_each  = toset(["authority", "server"])
  algorithm = "ED25519"
}

resource "tls_self_signed_cert" "authority" {
  private_key_pem       = tls_private_key.key["authority"].private_key_pem
  is_ca_certificate     = true
  validity_period_hours = 8760
  allowed_uses          = ["cert_signing"]

  subject {
    common_name = "Platform authority"
  }
}

resource "tls_cert_request" "server" {
  private_key_pem = tls_private_key.key["server"].private_key_pem
  dns_names       = ["models.example.com"]
}

resource "tls_locally_signed_cert" "server" {
  cert_request_pem      = tls_cert_request.server.cert_request_pem
  ca_cert_pem           = tls_self_signed_cert.authority.cert_pem
  ca_private_key_pem    = tls_private_key.key["authority"].private_key_pem
  validity_period_hours = 2160
  early_renewal_hours   = 360
  allowed_uses          = ["digital_signature", "server_auth"]
}
"#;

pub(super) struct LocallySigned {
    pub(super) clock: Clock,
}

impl ValueKind for LocallySigned {
    fn name(&self) -> &'static str {
        "tls_locally_signed_cert"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            ("cert_request_pem", Attribute::required(Type::String, "The request in PEM.").replaces()),
            (
                "ca_cert_pem",
                Attribute::required(Type::String, "The authority's certificate in PEM.").replaces(),
            ),
            ("ca_private_key_pem", private_key("The authority's private key in PEM.")),
        ];
        attributes.extend(certificate::attributes());
        attributes.push((
            "ca_key_algorithm",
            Attribute::computed(Type::String, "Algorithm of the authority's key."),
        ));
        let mut schema =
            KindSchema::new(Block::new(attributes), "A certificate that an authority's key signs.");
        schema.recovery = Recovery::Replay;
        schema.example = EXAMPLE;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_key(configuration, "ca_private_key_pem", found);
        certificate::validate(configuration, found);
        if text(configuration, "cert_request_pem").is_some_and(|pem| CertReq::from_pem(pem).is_err()) {
            found.refuse("cert_request_pem", "This is no certificate request in PEM: give one.");
        }
        if text(configuration, "ca_cert_pem").is_some_and(|pem| Certificate::from_pem(pem).is_err()) {
            found.refuse("ca_cert_pem", "This is no certificate in PEM: give the authority's.");
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        certificate::adjust(&self.schema(), self.clock, request, planned);
    }

    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError> {
        let unreadable = |name: &'static str| {
            move |error| {
                ProviderError::invalid(format!("`{name}` cannot be read: {error}"))
                    .at(Path::root().attribute(name))
            }
        };
        let key = read_key(planned, "ca_private_key_pem")?;
        let request = CertReq::from_pem(text(planned, "cert_request_pem").unwrap_or_default())
            .map_err(unreadable("cert_request_pem"))?;
        let authority = Certificate::from_pem(text(planned, "ca_cert_pem").unwrap_or_default())
            .map_err(unreadable("ca_cert_pem"))?;
        let authority = authority.tbs_certificate();
        let is_its_key = authority
            .subject_public_key_info()
            .to_der()
            .is_ok_and(|der| key.public_der().is_ok_and(|own| own == der));
        if !is_its_key {
            return Err(ProviderError::invalid(
                "the private key is not the one of the authority's certificate",
            )
            .at(Path::root().attribute("ca_private_key_pem"))
            .hint("Give the key that belongs to ca_cert_pem."));
        }
        let names_key = authority.get_extension::<SubjectKeyIdentifier>().ok().flatten();
        let order = Order {
            issuer: authority.subject().clone(),
            alternatives: other_names(&request),
            subject: request.info.subject,
            public: request.info.public_key,
            authority: names_key.map(|(_, identifier)| identifier.0.as_bytes().to_vec()),
        };
        let mut values = certificate::issue(planned, order, &key, seed)?;
        values.push(("ca_key_algorithm", key.algorithm().into()));
        Ok(fill(planned, &values))
    }
}

/// The other names that a request asks for, as they stand there.
fn other_names(request: &CertReq) -> Option<Extension> {
    let asked = request.info.attributes.iter().find(|one| one.oid == EXTENSIONS_OF_REQUEST)?;
    let encoded = asked.values.get(0)?.to_der().ok()?;
    let extensions = Extensions::from_der(&encoded).ok()?;
    extensions.into_iter().find(|one| one.extn_id == OTHER_NAMES)
}
