//! Where keys come from: passphrases, and programs of others.
//!
//! Invariants: a key is derived once a process for the same salt; a passphrase or key stands in no message.

use super::command::ask;
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

/// What key providers note beside what they encrypted with, each under its own name: JSON.
pub(super) type Metadata = BTreeMap<String, serde_json::Value>;

/// A key for a cipher.
pub(super) type Key = Arc<[u8]>;

const KEY_PROVIDER_MAGIC: &str = "OpenTofu-External-Key-Provider";
/// A passphrase that is shorter is guessed.
pub const PASSPHRASE_MINIMUM: usize = 16;
/// Fewer rounds of PBKDF2 are too cheap for whoever guesses.
pub const ITERATIONS_MINIMUM: u32 = 200_000;
/// What a file may ask of whoever reads it.
const ITERATIONS_MAXIMUM: u32 = 100_000_000;
const ARGON2_MEMORY_MAXIMUM_KIB: u32 = 4 * 1024 * 1024;
const KEY_LENGTH_MAXIMUM: usize = 1024;

/// Gives keys.
pub struct KeyProvider {
    /// What its notes are found under.
    name: String,
    source: KeySource,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Keys by what was noted with them.
    keys: BTreeMap<String, Key>,
    /// What this process encrypts with, and its notes.
    writing: Option<(serde_json::Value, Key)>,
}

/// How a key provider comes by a key.
pub enum KeySource {
    /// Derived from a passphrase.
    Passphrase(Passphrase, Derivation),
    /// Asked of a program, by OpenTofu's protocol.
    Command(Vec<String>),
}

/// What a key is derived from.
pub enum Passphrase {
    /// A text that people keep.
    Text(String),
    /// The key of another provider.
    Chain(Arc<KeyProvider>),
}

/// How a key is derived from a passphrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derivation {
    /// PBKDF2 (RFC 8018).
    Pbkdf2 {
        /// Bytes of the key.
        key_length: usize,
        /// Rounds.
        iterations: u32,
        /// `sha256` or `sha512`.
        hash: Hash,
        /// Bytes of the salt.
        salt_length: usize,
    },
    /// Argon2id (RFC 9106).
    Argon2 {
        /// Bytes of the key.
        key_length: usize,
        /// Memory, in KiB.
        memory_kib: u32,
        /// Passes.
        iterations: u32,
        /// Lanes.
        parallelism: u32,
        /// Bytes of the salt.
        salt_length: usize,
    },
}

/// A hash function for PBKDF2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What is noted of a derivation, in OpenTofu's words where it has it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Noted {
    Argon2 { salt: String, memory_kib: u32, iterations: u32, parallelism: u32, key_length: usize },
    Pbkdf2 { salt: String, iterations: u32, hash_function: Hash, key_length: usize },
}

#[derive(Deserialize)]
struct Answer {
    keys: AnsweredKeys,
    #[serde(default)]
    meta: serde_json::Value,
}

#[derive(Deserialize)]
struct AnsweredKeys {
    encryption_key: Option<String>,
    decryption_key: Option<String>,
}

impl KeyProvider {
    /// One whose notes stand under this name.
    pub fn new(name: impl Into<String>, source: KeySource) -> Self {
        Self { name: name.into(), source, known: Mutex::default() }
    }

    /// The key that this process encrypts with; what it notes is added.
    pub(super) fn for_writing(&self, metadata: &mut Metadata) -> Result<Key, String> {
        if let KeySource::Passphrase(Passphrase::Chain(chain), _) = &self.source {
            chain.for_writing(metadata)?;
        }
        let known = self.known().writing.clone();
        let (noted, key) = if let Some(known) = known {
            known
        } else {
            let made = self.make()?;
            self.known().keys.insert(made.0.to_string(), made.1.clone());
            self.known().writing.insert(made).clone()
        };
        if !noted.is_null() {
            metadata.insert(self.name.clone(), noted);
        }
        Ok(key)
    }

    /// The key that something was encrypted with, by what was noted then.
    pub(super) fn for_reading(&self, metadata: &Metadata) -> Result<Key, String> {
        let noted = metadata.get(&self.name).cloned().unwrap_or_default();
        let text = noted.to_string();
        if let Some(key) = self.known().keys.get(&text).cloned() {
            return Ok(key);
        }
        let key = self.find(&noted, metadata)?;
        let mut known = self.known();
        known.keys.insert(text, key.clone());
        // The salt may serve on: deriving another key takes half a second, and this one is good for 2^32 messages.
        if known.writing.is_none() && self.would_make(&noted) {
            known.writing = Some((noted, key.clone()));
        }
        Ok(key)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self) -> Result<(serde_json::Value, Key), String> {
        match &self.source {
            KeySource::Passphrase(passphrase, derivation) => {
                let noted = derivation.fresh()?;
                let key = match passphrase {
                    Passphrase::Text(text) => noted.key(text.as_bytes())?,
                    Passphrase::Chain(chain) => noted.key(&chain.for_writing(&mut Metadata::new())?)?,
                };
                let noted = serde_json::to_value(noted).map_err(|error| error.to_string())?;
                Ok((noted, key))
            }
            KeySource::Command(command) => {
                let answer: Answer = ask(command, KEY_PROVIDER_MAGIC, &serde_json::Value::Null)?;
                let key = decoded(answer.keys.encryption_key.as_deref());
                Ok((answer.meta, key.ok_or("the command gave no encryption key")?))
            }
        }
    }

    fn find(&self, noted: &serde_json::Value, metadata: &Metadata) -> Result<Key, String> {
        match &self.source {
            KeySource::Passphrase(passphrase, _) => {
                let noted = Noted::deserialize(noted)
                    .map_err(|_| format!("nothing of the key provider {} was noted with it", self.name))?;
                match passphrase {
                    Passphrase::Text(text) => noted.key(text.as_bytes()),
                    Passphrase::Chain(chain) => noted.key(&chain.for_reading(metadata)?),
                }
            }
            KeySource::Command(command) => {
                let answer: Answer = ask(command, KEY_PROVIDER_MAGIC, noted)?;
                let key = decoded(answer.keys.decryption_key.as_deref());
                let key = key.or_else(|| decoded(answer.keys.encryption_key.as_deref()));
                key.ok_or_else(|| "the command gave no decryption key".to_owned())
            }
        }
    }

    /// Whether this provider would note the same today, the salt apart.
    fn would_make(&self, noted: &serde_json::Value) -> bool {
        let KeySource::Passphrase(Passphrase::Text(_), derivation) = &self.source else { return false };
        Noted::deserialize(noted).is_ok_and(|noted| noted.is_of(derivation))
    }
}

fn decoded(text: Option<&str>) -> Option<Key> {
    STANDARD.decode(text?).ok().filter(|bytes| !bytes.is_empty()).map(Key::from)
}

impl Derivation {
    /// OpenTofu's own.
    pub const PBKDF2: Self =
        Self::Pbkdf2 { key_length: 32, iterations: 600_000, hash: Hash::Sha512, salt_length: 32 };
    /// The second recommended choice of RFC 9106, section 4.
    pub const ARGON2: Self =
        Self::Argon2 { key_length: 32, memory_kib: 65_536, iterations: 3, parallelism: 4, salt_length: 32 };

    /// What is noted of it with a salt of its own.
    fn fresh(&self) -> Result<Noted, String> {
        let salt = |length: usize| {
            let mut bytes = vec![0; length];
            getrandom::fill(&mut bytes).map_err(|error| format!("the system gave no randomness: {error}"))?;
            Ok::<_, String>(STANDARD.encode(bytes))
        };
        Ok(match *self {
            Self::Pbkdf2 { key_length, iterations, hash, salt_length } => {
                Noted::Pbkdf2 { salt: salt(salt_length)?, iterations, hash_function: hash, key_length }
            }
            Self::Argon2 { key_length, memory_kib, iterations, parallelism, salt_length } => {
                Noted::Argon2 { salt: salt(salt_length)?, memory_kib, iterations, parallelism, key_length }
            }
        })
    }
}

impl Noted {
    fn key(&self, passphrase: &[u8]) -> Result<Key, String> {
        let mut key = vec![0; self.checked_length()?];
        match self {
            Self::Pbkdf2 { salt, iterations, hash_function, .. } => {
                let algorithm = match hash_function {
                    Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
                    Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
                };
                let iterations =
                    NonZeroU32::new(*iterations).filter(|count| count.get() <= ITERATIONS_MAXIMUM);
                let iterations = iterations.ok_or("its number of iterations is out of bounds")?;
                pbkdf2::derive(algorithm, iterations, &salt_bytes(salt)?, passphrase, &mut key);
            }
            Self::Argon2 { salt, memory_kib, iterations, parallelism, .. } => {
                if *memory_kib > ARGON2_MEMORY_MAXIMUM_KIB || *iterations > ITERATIONS_MAXIMUM {
                    return Err("what it asks of Argon2 is out of bounds".to_owned());
                }
                let parameters = argon2::Params::new(*memory_kib, *iterations, *parallelism, Some(key.len()))
                    .map_err(|error| format!("what it asks of Argon2 is not possible: {error}"))?;
                argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
                    .hash_password_into(passphrase, &salt_bytes(salt)?, &mut key)
                    .map_err(|error| format!("Argon2 failed: {error}"))?;
            }
        }
        Ok(key.into())
    }

    fn checked_length(&self) -> Result<usize, String> {
        let (Self::Pbkdf2 { key_length, .. } | Self::Argon2 { key_length, .. }) = self;
        if (1..=KEY_LENGTH_MAXIMUM).contains(key_length) {
            Ok(*key_length)
        } else {
            Err("its key's length is out of bounds".to_owned())
        }
    }

    fn is_of(&self, derivation: &Derivation) -> bool {
        match (self, derivation) {
            (
                Self::Pbkdf2 { salt, iterations, hash_function, key_length },
                Derivation::Pbkdf2 { key_length: wanted, iterations: rounds, hash, salt_length },
            ) => {
                (key_length, iterations, hash_function) == (wanted, rounds, hash)
                    && salt_bytes(salt).is_ok_and(|salt| salt.len() == *salt_length)
            }
            (
                Self::Argon2 { salt, memory_kib, iterations, parallelism, key_length },
                Derivation::Argon2 {
                    key_length: wanted,
                    memory_kib: memory,
                    iterations: passes,
                    parallelism: lanes,
                    salt_length,
                },
            ) => {
                (key_length, memory_kib, iterations, parallelism) == (wanted, memory, passes, lanes)
                    && salt_bytes(salt).is_ok_and(|salt| salt.len() == *salt_length)
            }
            _ => false,
        }
    }
}

fn salt_bytes(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| "its salt is no base64".to_owned())
}
