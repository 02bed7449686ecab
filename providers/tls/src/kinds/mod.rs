//! The kinds, one file each.

mod cert_request;
mod locally_signed_cert;
mod private_key;
mod public_key;
mod self_signed_cert;

use crate::key::PrivateKey;
use formwork_sdk::values::{Clock, Findings, ValueKind, ValueSource, text};
use formwork_sdk::{Attribute, ProviderError};
use formwork_value::{Path, Type, Value};

pub(crate) fn resources(clock: Clock) -> Vec<Box<dyn ValueKind>> {
    vec![
        Box::new(private_key::Key),
        Box::new(self_signed_cert::SelfSigned { clock }),
        Box::new(cert_request::Request),
        Box::new(locally_signed_cert::LocallySigned { clock }),
    ]
}

pub(crate) fn data_sources() -> Vec<Box<dyn ValueSource>> {
    vec![Box::new(public_key::PublicKey)]
}

pub(crate) fn ephemeral() -> Vec<Box<dyn ValueSource>> {
    vec![Box::new(private_key::EphemeralKey)]
}

/// A private key as an argument.
fn private_key(doc: &'static str) -> Attribute {
    Attribute::required(Type::String, doc).sensitive().replaces()
}

fn check_key(configuration: &Value, name: &str, found: &mut Findings) {
    if let Some(Err(error)) = text(configuration, name).map(PrivateKey::read) {
        let hint = error.hint.unwrap_or_default();
        found.refuse(name, format!("{}. {hint}", error.message));
    }
}

fn read_key(object: &Value, name: &str) -> Result<PrivateKey, ProviderError> {
    PrivateKey::read(text(object, name).unwrap_or_default())
        .map_err(|error| error.at(Path::root().attribute(name)))
}
