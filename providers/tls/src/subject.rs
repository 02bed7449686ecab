//! Who or what a certificate speaks of: the `subject` block, and names of hosts, addresses and URIs.

use formwork_sdk::values::{Findings, text, texts};
use formwork_sdk::{Attribute, Block, NestedBlock, Nesting, PlanRequest, Planned, ProviderError};
use formwork_value::{Path, Type, Value};
use std::net::IpAddr;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, Ia5String, ObjectIdentifier, PrintableString, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// Argument and object identifier, in the order in which they stand in a name.
const PARTS: [(&str, &str); 9] = [
    ("country", "2.5.4.6"),
    ("organization", "2.5.4.10"),
    ("organizational_unit", "2.5.4.11"),
    ("locality", "2.5.4.7"),
    ("province", "2.5.4.8"),
    ("street_address", "2.5.4.9"),
    ("postal_code", "2.5.4.17"),
    ("common_name", "2.5.4.3"),
    ("serial_number", "2.5.4.5"),
];
const LISTS: [(&str, &str); 3] = [
    ("dns_names", "Names of hosts that it is for."),
    ("ip_addresses", "Addresses that it is for."),
    ("uris", "URIs that it is for."),
];

/// The arguments beside the block.
pub(crate) fn arguments() -> Vec<(&'static str, Attribute)> {
    let list = |(name, doc)| (name, Attribute::optional(Type::list(Type::String), doc).replaces());
    LISTS.into_iter().map(list).collect()
}

/// The `subject` block.
pub(crate) fn block() -> NestedBlock {
    let attributes = PARTS.map(|(name, _)| {
        let (value_type, doc) = match name {
            "street_address" => (Type::list(Type::String), "Lines of the street address."),
            "common_name" => (Type::String, "The common name."),
            "country" => (Type::String, "The country, in two letters."),
            _ => (Type::String, "That part of the name."),
        };
        (name, Attribute::optional(value_type, doc).replaces())
    });
    NestedBlock { nesting: Nesting::List, block: Block::new(attributes), min_items: 0, max_items: 1 }
}

pub(crate) fn validate(configuration: &Value, found: &mut Findings) {
    for address in texts(configuration, "ip_addresses").filter(|text| text.parse::<IpAddr>().is_err()) {
        found.refuse(
            "ip_addresses",
            format!("{address:?} is no address: give one of IPv4 or IPv6, without a length."),
        );
    }
    for (name, _) in LISTS {
        for text in texts(configuration, name).filter(|text| !text.is_ascii() || text.is_empty()) {
            found.refuse(
                name,
                format!("{text:?} is not written in ASCII: give it in the form that protocols use."),
            );
        }
    }
}

/// A block that is added or taken away makes another certificate.
pub(crate) fn adjust(request: &PlanRequest, planned: &mut Planned) {
    let count = |object: &Value| object.get("subject").and_then(Value::items).map_or(0, <[Value]>::len);
    if !request.prior.is_null() && count(&request.prior) != count(&planned.planned) {
        planned.requires_replace.push(Path::root().attribute("subject"));
    }
}

/// The distinguished name.
pub(crate) fn name(object: &Value) -> Result<Name, ProviderError> {
    let Some(block) = object.get("subject").and_then(Value::items).and_then(<[Value]>::first) else {
        return Ok(Name::default());
    };
    let mut sequence = RdnSequence::default();
    for (argument, identifier) in PARTS {
        let values: Vec<&str> = text(block, argument).into_iter().chain(texts(block, argument)).collect();
        if values.is_empty() {
            continue;
        }
        let part = values.iter().map(|value| attribute(identifier, value)).collect::<Result<Vec<_>, _>>();
        let part = part.and_then(|part| RelativeDistinguishedName::try_from(part).map_err(|_| ()));
        sequence.push(part.map_err(|()| unusable(argument))?);
    }
    let encoded = sequence.to_der().map_err(|_| unusable("subject"))?;
    Name::from_der(&encoded).map_err(|_| unusable("subject"))
}

fn unusable(argument: &str) -> ProviderError {
    ProviderError::invalid(format!("`{argument}` of the subject cannot be part of a name"))
        .at(Path::root().attribute("subject"))
}

fn attribute(identifier: &str, text: &str) -> Result<AttributeTypeAndValue, ()> {
    let value = match PrintableString::new(text) {
        Ok(printable) => Any::encode_from(&printable),
        Err(_) => Utf8StringRef::new(text).and_then(|text| Any::encode_from(&text)),
    };
    let oid = ObjectIdentifier::new(identifier).map_err(|_| ())?;
    Ok(AttributeTypeAndValue { oid, value: value.map_err(|_| ())? })
}

/// The other names, where there are any.
pub(crate) fn alternatives(object: &Value) -> Result<Option<SubjectAltName>, ProviderError> {
    let plain = |name: &'static str| {
        texts(object, name).map(move |text| {
            Ia5String::new(text).map_err(|_| {
                ProviderError::invalid(format!("{text:?} is not written in ASCII"))
                    .at(Path::root().attribute(name))
            })
        })
    };
    let mut all = Vec::new();
    for host in plain("dns_names") {
        all.push(GeneralName::DnsName(host?));
    }
    for text in texts(object, "ip_addresses") {
        let address: IpAddr = text.parse().map_err(|_| {
            ProviderError::invalid(format!("{text:?} is no address"))
                .at(Path::root().attribute("ip_addresses"))
        })?;
        all.push(GeneralName::from(address));
    }
    for uri in plain("uris") {
        all.push(GeneralName::UniformResourceIdentifier(uri?));
    }
    Ok((!all.is_empty()).then_some(SubjectAltName(all)))
}
