//! Sealing what is stored: states, their journals and histories, plan files.
//!
//! What is written has OpenTofu's form, so that each engine reads what the other sealed by a method that both have.
//!
//! Invariant: no key and no passphrase stands in a message, an argument of a program, or beside what it seals.

mod command;
mod keys;
mod method;
pub mod settings;

pub use keys::{
    Derivation, Hash, ITERATIONS_MINIMUM, KeyProvider, KeySource, PASSPHRASE_MINIMUM, Passphrase,
};
pub use method::Method;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::Diagnostic;
use keys::Metadata;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The one version of the form.
const VERSION: &str = "v0";

/// How one kind of thing is sealed: the method that writes, and those that may read besides.
pub struct Encryption {
    methods: Vec<Method>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'b> {
    /// In clear.
    pub bytes: Cow<'b, [u8]>,
    /// Whether it was sealed by the method that writes.
    pub is_current: bool,
}

/// What stands beside what is sealed, for people and for other engines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// A state's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// A state's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    #[serde(flatten)]
    label: Label,
    #[serde(default)]
    meta: BTreeMap<String, serde_json::Value>,
    encrypted_data: String,
    encryption_version: String,
}

/// Whether these bytes are sealed.
pub fn is_sealed(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        encryption_version: Option<serde::de::IgnoredAny>,
    }
    // Most are not, and may be large: looked at as text first.
    let mark = b"\"encryption_version\"";
    memchr::memmem::find(bytes, mark).is_some()
        && serde_json::from_slice::<Probe>(bytes).is_ok_and(|probe| probe.encryption_version.is_some())
}

/// That something is sealed and nothing is said of how it is opened.
pub fn unconfigured(name: &str) -> Diagnostic {
    let detail = format!("{name} is encrypted, and the configuration says nothing of how it is decrypted.");
    Diagnostic::error("encryption-unconfigured", "Encrypted, and no encryption is configured", detail)
        .hint("Put the encryption block that it was written with into the terraform block, or its content into the variable TF_ENCRYPTION.")
}

impl Encryption {
    /// The first method writes; each may read. None means: not at all.
    pub fn new(methods: Vec<Method>) -> Self {
        Self { methods }
    }

    /// Whether what is written is sealed.
    pub fn seals(&self) -> bool {
        self.methods.first().is_some_and(|method| !method.is_unencrypted())
    }

    /// Seals bytes, if the first method does.
    pub fn seal<'b>(&self, plain: &'b [u8], label: Label) -> Result<Cow<'b, [u8]>, Diagnostic> {
        let Some(method) = self.methods.first().filter(|method| !method.is_unencrypted()) else {
            return Ok(Cow::Borrowed(plain));
        };
        let mut metadata = Metadata::new();
        let sealed = method.encrypt(plain, &mut metadata).map_err(|error| unsealable(&error))?;
        let meta =
            metadata.iter().map(|(name, noted)| (name.clone(), STANDARD.encode(noted.to_string()).into()));
        let envelope = Envelope {
            label,
            meta: meta.collect(),
            encrypted_data: STANDARD.encode(sealed),
            encryption_version: VERSION.to_owned(),
        };
        serde_json::to_vec(&envelope).map(Cow::Owned).map_err(|error| unsealable(&error.to_string()))
    }

    /// Opens what was sealed by one of the methods; what was not sealed passes where one of them is to leave things as
    /// they are.
    pub fn open<'b>(&self, name: &str, bytes: &'b [u8]) -> Result<Opened<'b>, Diagnostic> {
        if !is_sealed(bytes) {
            return self.pass(name, bytes);
        }
        if self.methods.iter().all(Method::is_unencrypted) {
            return Err(unconfigured(name));
        }
        let envelope: Envelope =
            serde_json::from_slice(bytes).map_err(|error| unopened(name, &[error.to_string()]))?;
        if envelope.encryption_version != VERSION {
            let reason =
                format!("its form is {:?}, and only {VERSION:?} is known", envelope.encryption_version);
            return Err(unopened(name, &[reason]));
        }
        let sealed = STANDARD.decode(&envelope.encrypted_data);
        let sealed = sealed.map_err(|_| unopened(name, &["its data is no base64".to_owned()]))?;
        let metadata = envelope.meta.into_iter().map(|(name, noted)| (name, read_noted(noted))).collect();
        let mut reasons = Vec::new();
        for (at, method) in self.methods.iter().enumerate().filter(|(_, method)| !method.is_unencrypted()) {
            match method.decrypt(&sealed, &metadata) {
                Ok(plain) => return Ok(Opened { bytes: Cow::Owned(plain), is_current: at == 0 }),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(unopened(name, &reasons))
    }

    fn pass<'b>(&self, name: &str, bytes: &'b [u8]) -> Result<Opened<'b>, Diagnostic> {
        let at = self.methods.iter().position(Method::is_unencrypted);
        if at.is_none() && !self.methods.is_empty() {
            let detail = format!("{name} is not encrypted, and the configuration wants it to be.");
            return Err(Diagnostic::error("not-encrypted", "Not encrypted", detail).hint(
                "If it is yours, let it be read once: add method \"unencrypted\" \"migrate\" {}, and fallback { method = method.unencrypted.migrate } beside the method. The next apply encrypts it; take the fallback away then.",
            ));
        }
        Ok(Opened { bytes: Cow::Borrowed(bytes), is_current: at.unwrap_or_default() == 0 })
    }
}

/// Notes as older and newer versions write them: as a document, or the same in base64.
fn read_noted(noted: serde_json::Value) -> serde_json::Value {
    let decoded = noted.as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(noted)
}

fn unsealable(error: &str) -> Diagnostic {
    Diagnostic::error("encryption-failed", "Encryption failed", format!("Nothing was written: {error}."))
        .hint("Correct the encryption block, or what it asks for keys; then run the command again.")
}

fn unopened(name: &str, reasons: &[String]) -> Diagnostic {
    let reasons: Vec<String> = reasons.iter().map(|reason| format!("  - {reason}")).collect();
    let detail =
        format!("{name} could not be decrypted by any method that is configured:\n{}", reasons.join("\n"));
    Diagnostic::error("decryption-failed", "Decryption failed", detail).hint(
        "Configure the method and keys that it was written with; those of before go into a fallback block.",
    )
}

#[cfg(test)]
mod tests;
