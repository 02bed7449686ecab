//! Certificates: what they may be used for, how long, and when they are to be made anew.

use crate::key::PrivateKey;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use formwork_sdk::values::{Clock, Findings, Seed, set_planned, text, texts, truth, whole_number};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Path, Type, Value};
use num_bigint::BigUint;
use sha1::{Digest as _, Sha1};
use std::time::Duration;
use x509_cert::TbsCertificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{self, CertificateBuilder};
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::{DateTime, Encode as _};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

const HOUR_SECONDS: i64 = 3600;
/// Longer than any key is good for, and no calendar's end.
const HOURS_MAX: i64 = 8_000_000;
const SERIAL_BYTES: usize = 16;

const KEY_USES: [(&str, KeyUsages); 10] = [
    ("digital_signature", KeyUsages::DigitalSignature),
    ("content_commitment", KeyUsages::NonRepudiation),
    ("key_encipherment", KeyUsages::KeyEncipherment),
    ("data_encipherment", KeyUsages::DataEncipherment),
    ("key_agreement", KeyUsages::KeyAgreement),
    ("cert_signing", KeyUsages::KeyCertSign),
    ("crl_signing", KeyUsages::CRLSign),
    ("encipher_only", KeyUsages::EncipherOnly),
    ("decipher_only", KeyUsages::DecipherOnly),
    // Upstream's older name of the second.
    ("non_repudiation", KeyUsages::NonRepudiation),
];
const EXTENDED_USES: [(&str, &str); 14] = [
    ("any_extended", "2.5.29.37.0"),
    ("server_auth", "1.3.6.1.5.5.7.3.1"),
    ("client_auth", "1.3.6.1.5.5.7.3.2"),
    ("code_signing", "1.3.6.1.5.5.7.3.3"),
    ("email_protection", "1.3.6.1.5.5.7.3.4"),
    ("ipsec_end_system", "1.3.6.1.5.5.7.3.5"),
    ("ipsec_tunnel", "1.3.6.1.5.5.7.3.6"),
    ("ipsec_user", "1.3.6.1.5.5.7.3.7"),
    ("timestamping", "1.3.6.1.5.5.7.3.8"),
    ("ocsp_signing", "1.3.6.1.5.5.7.3.9"),
    ("microsoft_server_gated_crypto", "1.3.6.1.4.1.311.10.3.3"),
    ("netscape_server_gated_crypto", "2.16.840.1.113730.4.1"),
    ("microsoft_commercial_code_signing", "1.3.6.1.4.1.311.2.1.22"),
    ("microsoft_kernel_code_signing", "1.3.6.1.4.1.311.61.1.1"),
];

/// What both kinds of certificate take and have.
pub(crate) fn attributes() -> Vec<(&'static str, Attribute)> {
    let truth = |doc| Attribute::with_default(Type::Bool, false, doc).replaces();
    let text = |doc| Attribute::computed(Type::String, doc);
    vec![
        (
            "validity_period_hours",
            Attribute::required(Type::Number, "How many hours it is valid.").replaces(),
        ),
        (
            "allowed_uses",
            Attribute::required(
                Type::list(Type::String),
                "What its key may be used for: `server_auth` and others.",
            )
            .replaces(),
        ),
        (
            "early_renewal_hours",
            Attribute::with_default(Type::Number, 0, "How many hours before its end it is made anew."),
        ),
        ("is_ca_certificate", truth("Whether its key may sign other certificates.")),
        ("set_subject_key_id", truth("Whether it names its key; one that signs others always does.")),
        ("cert_pem", text("The certificate in PEM.")),
        ("validity_start_time", text("From when it is valid, RFC 3339.")),
        ("validity_end_time", text("Until when it is valid, RFC 3339.")),
        (
            "ready_for_renewal",
            Attribute::computed(Type::Bool, "Whether the time has come to make it anew; a plan then does."),
        ),
        ("id", text("Its serial number.")),
    ]
}

pub(crate) fn validate(configuration: &Value, found: &mut Findings) {
    found.check_number(configuration, "validity_period_hours", 0, HOURS_MAX);
    found.check_number(configuration, "early_renewal_hours", 0, HOURS_MAX);
    let names = || KEY_USES.iter().map(|(name, _)| *name).chain(EXTENDED_USES.iter().map(|(name, _)| *name));
    for wrong in texts(configuration, "allowed_uses").filter(|wanted| names().all(|name| name != *wanted)) {
        let known: Vec<&str> = names().collect();
        found.refuse("allowed_uses", format!("There is no use {wrong:?}; there are {}.", known.join(", ")));
    }
}

/// Plans a new certificate where the old one is at its end.
pub(crate) fn adjust(schema: &KindSchema, clock: Clock, request: &PlanRequest, planned: &mut Planned) {
    let end = text(&request.prior, "validity_end_time").and_then(|text| text.parse::<DateTime>().ok());
    let Some(end) = end.filter(|_| !request.prior.is_null()) else { return };
    let end = i64::try_from(end.unix_duration().as_secs()).unwrap_or(i64::MAX);
    let early = whole_number(&planned.planned, "early_renewal_hours").unwrap_or_default();
    if clock() >= end.saturating_sub(early.saturating_mul(HOUR_SECONDS)) {
        set_planned(schema, request, planned, "ready_for_renewal", &Value::unknown(Type::Bool));
        planned.requires_replace.push(Path::root().attribute("ready_for_renewal"));
    }
}

/// What a certificate is made of, beside the arguments.
pub(crate) struct Order {
    /// Whom it speaks of.
    pub(crate) subject: Name,
    /// Who says so.
    pub(crate) issuer: Name,
    /// The subject's key.
    pub(crate) public: SubjectPublicKeyInfoOwned,
    /// Other names of the subject.
    pub(crate) alternatives: Option<Extension>,
    /// How the issuer's certificate names its key.
    pub(crate) authority: Option<Vec<u8>>,
}

/// Takes names and extensions as they are.
struct Exactly {
    subject: Name,
    issuer: Name,
}

impl BuilderProfile for Exactly {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _spk: SubjectPublicKeyInfoRef<'_>,
        _issuer_spk: SubjectPublicKeyInfoRef<'_>,
        _tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}

/// The attributes of a certificate that is made as the arguments say.
pub(crate) fn issue(
    arguments: &Value,
    order: Order,
    signer: &PrivateKey,
    seed: &Seed,
) -> Result<Vec<(&'static str, Value)>, ProviderError> {
    let hours = whole_number(arguments, "validity_period_hours").unwrap_or_default();
    let (start, end) =
        (moment(seed.seconds)?, moment(seed.seconds.saturating_add(hours.saturating_mul(HOUR_SECONDS)))?);
    let mut serial = [0; SERIAL_BYTES];
    ChaCha20Rng::from_seed(seed.bytes).fill_bytes(&mut serial);
    // Positive, and of one length.
    serial[0] = (serial[0] & 0x7f) | 0x40;
    let extensions = extensions(arguments, &order).map_err(|error| refused(&error))?;
    let number = SerialNumber::new(&serial).map_err(|error| refused(&error))?;
    let validity = Validity::new(Time::from(start), Time::from(end));
    let profile = Exactly { subject: order.subject, issuer: order.issuer };
    let mut builder =
        CertificateBuilder::new(profile, number, validity, order.public).map_err(|error| refused(&error))?;
    for extension in extensions {
        builder.add_extension(extension).map_err(|error| refused(&error))?;
    }
    let certificate = signer.sign(builder)?.to_der().map_err(|error| refused(&error))?;
    Ok(vec![
        ("cert_pem", crate::pem::encode("CERTIFICATE", &certificate)?.into()),
        ("validity_start_time", start.to_string().into()),
        ("validity_end_time", end.to_string().into()),
        ("ready_for_renewal", false.into()),
        ("id", BigUint::from_bytes_be(&serial).to_string().into()),
    ])
}

fn refused(error: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::invalid(format!("no certificate can be made of this: {error}"))
}

fn moment(seconds: i64) -> Result<DateTime, ProviderError> {
    let seconds = u64::try_from(seconds).unwrap_or_default();
    DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(|error| {
        ProviderError::invalid(format!("it would be valid until no year that can be written: {error}"))
            .at(Path::root().attribute("validity_period_hours"))
    })
}

fn extensions(arguments: &Value, order: &Order) -> x509_cert::der::Result<Vec<Extension>> {
    let uses: Vec<&str> = texts(arguments, "allowed_uses").collect();
    let mut found = Vec::new();
    let usage: FlagSet<KeyUsages> = KEY_USES
        .iter()
        .filter(|(name, _)| uses.contains(name))
        .fold(FlagSet::default(), |all, (_, usage)| all | *usage);
    if !usage.is_empty() {
        found.push((&KeyUsage(usage)).to_extension(&order.subject, &found)?);
    }
    let extended = EXTENDED_USES.iter().filter(|(name, _)| uses.contains(name));
    let extended =
        extended.map(|(_, identifier)| ObjectIdentifier::new(identifier)).collect::<Result<Vec<_>, _>>()?;
    if !extended.is_empty() {
        found.push((&ExtendedKeyUsage(extended)).to_extension(&order.subject, &found)?);
    }
    let is_authority = truth(arguments, "is_ca_certificate").unwrap_or(false);
    let constraints = BasicConstraints { ca: is_authority, path_len_constraint: None };
    found.push((&constraints).to_extension(&order.subject, &found)?);
    let own = Sha1::digest(order.public.subject_public_key.raw_bytes());
    if is_authority || truth(arguments, "set_subject_key_id").unwrap_or(false) {
        found.push(
            (&SubjectKeyIdentifier(OctetString::new(own.as_slice())?))
                .to_extension(&order.subject, &found)?,
        );
    }
    let names_own = truth(arguments, "set_authority_key_id").unwrap_or(false).then(|| own.to_vec());
    if let Some(authority) = order.authority.clone().or(names_own) {
        let identifier = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(authority)?),
            ..AuthorityKeyIdentifier::default()
        };
        found.push((&identifier).to_extension(&order.subject, &found)?);
    }
    found.extend(order.alternatives.clone());
    Ok(found)
}

/// Other names as an extension.
pub(crate) fn alternatives(names: &SubjectAltName, subject: &Name) -> Result<Extension, ProviderError> {
    names.to_extension(subject, &[]).map_err(|error| refused(&error))
}
