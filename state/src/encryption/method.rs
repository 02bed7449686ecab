//! How is encrypted.

use super::command::ask;
use super::keys::{Key, KeyProvider, Metadata};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_age::{self as age, Identity, Recipient};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const METHOD_MAGIC: &str = "OpenTofu-External-Encryption-Method";
const NONCE_BYTES: usize = 12;

/// How is encrypted.
pub enum Method {
    /// Not at all.
    Unencrypted,
    /// AES in Galois/counter mode (NIST SP 800-38D), with a nonce of 96 random bits before what it encrypts.
    AesGcm {
        /// Where its key comes from: of 16, 24 or 32 bytes.
        keys: Arc<KeyProvider>,
        /// What must be the same for whoever reads.
        additional: Vec<u8>,
    },
    /// Programs of others, by OpenTofu's protocol.
    Command {
        /// Where the key that they are given comes from.
        keys: Option<Arc<KeyProvider>>,
        /// Encrypts.
        encrypt: Vec<String>,
        /// Decrypts.
        decrypt: Vec<String>,
    },
    /// The age file format.
    Age {
        /// Whom is encrypted for.
        recipients: Vec<Recipient>,
        /// What is decrypted with.
        identities: Vec<Identity>,
    },
}

#[derive(Deserialize)]
struct Answer {
    payload: String,
}

impl Method {
    /// Whether it leaves things as they are.
    pub fn is_unencrypted(&self) -> bool {
        matches!(self, Self::Unencrypted)
    }

    /// Encrypts; what its keys are found by is added.
    pub(super) fn encrypt(&self, plain: &[u8], metadata: &mut Metadata) -> Result<Vec<u8>, String> {
        match self {
            Self::Unencrypted => Ok(plain.to_vec()),
            Self::AesGcm { keys, additional } => {
                let cipher = cipher(&keys.for_writing(metadata)?)?;
                let mut nonce = [0; NONCE_BYTES];
                getrandom::fill(&mut nonce)
                    .map_err(|error| format!("the system gave no randomness: {error}"))?;
                let mut out = Vec::with_capacity(NONCE_BYTES + plain.len() + 16);
                out.extend_from_slice(plain);
                let aad = Aad::from(additional.as_slice());
                let sealed =
                    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut out);
                sealed.map_err(|_| "AES-GCM refused".to_owned())?;
                out.splice(0..0, nonce);
                Ok(out)
            }
            Self::Command { keys, encrypt, .. } => {
                let key = keys.as_ref().map(|keys| keys.for_writing(metadata)).transpose()?;
                filter(encrypt, key.as_ref(), plain)
            }
            Self::Age { recipients, .. } => {
                if recipients.is_empty() {
                    return Err("the method age has no recipients to encrypt for".to_owned());
                }
                age::encrypt(recipients, plain).map_err(|error| error.to_string())
            }
        }
    }

    /// Decrypts, with the keys that were noted.
    pub(super) fn decrypt(&self, sealed: &[u8], metadata: &Metadata) -> Result<Vec<u8>, String> {
        match self {
            Self::Unencrypted => Err("it is encrypted".to_owned()),
            Self::AesGcm { keys, additional } => {
                let cipher = cipher(&keys.for_reading(metadata)?)?;
                let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or("it was cut short")?;
                let mut plain = rest.to_vec();
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let opened = cipher.open_in_place(nonce, Aad::from(additional.as_slice()), &mut plain);
                let length = opened.map_err(|_| "the key is another one, or it was changed")?.len();
                plain.truncate(length);
                Ok(plain)
            }
            Self::Command { keys, decrypt, .. } => {
                let key = keys.as_ref().map(|keys| keys.for_reading(metadata)).transpose()?;
                filter(decrypt, key.as_ref(), sealed)
            }
            Self::Age { identities, .. } => {
                if identities.is_empty() {
                    return Err("the method age has no identities to decrypt with".to_owned());
                }
                age::decrypt(identities, sealed).map_err(|error| error.to_string())
            }
        }
    }
}

fn filter(command: &[String], key: Option<&Key>, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut input = json!({ "payload": STANDARD.encode(payload) });
    if let Some(key) = key {
        input["key"] = STANDARD.encode(key).into();
    }
    let answer: Answer = ask(command, METHOD_MAGIC, &input)?;
    STANDARD.decode(answer.payload).map_err(|_| "the command's payload is no base64".to_owned())
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, String> {
    let algorithm: &'static Algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        other => return Err(format!("AES-GCM needs a key of 16, 24 or 32 bytes, and this one has {other}")),
    };
    let key = UnboundKey::new(algorithm, key).map_err(|_| "AES-GCM refused the key".to_owned())?;
    Ok(LessSafeKey::new(key))
}
