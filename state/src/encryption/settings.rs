//! What may be set of key providers and methods, and what is made of it.
//!
//! Invariant: one table of a kind says what its settings are; reading, refusing and documenting them all go by it.

use super::keys::{
    Derivation, Hash, ITERATIONS_MINIMUM, KeyProvider, KeySource, PASSPHRASE_MINIMUM, Passphrase,
};
use super::method::Method;
use crate::storage::{Setting, SettingType, Settings, Surroundings, Table};
use formwork_age::{Identity, Recipient};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_value::Value;
use std::sync::Arc;

/// A kind of key provider or method: data alone.
pub struct Part {
    /// Its block's first label.
    pub name: &'static str,
    /// Whether OpenTofu has it too.
    pub is_everywhere: bool,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// The argument that names a key provider, if it has one, and what that says.
    pub reference: Option<(&'static str, &'static str)>,
    /// What else may be set.
    pub settings: &'static [Setting],
}

const ALIAS: Setting = Setting::text(
    "encrypted_metadata_alias",
    "What its notes beside the data are called, so that the block can be renamed; `key_provider.TYPE.NAME` where it is left out.",
);
const PASSPHRASE: Setting = Setting::text(
    "passphrase",
    "What the key is derived from, of 16 characters or more; best a variable that is ephemeral.",
)
.sensitive();
const KEY_LENGTH: Setting = Setting::number("key_length", "Bytes of the key.").or("32");
const SALT_LENGTH: Setting = Setting::number("salt_length", "Bytes of the salt.").or("32");

/// Kinds of key providers.
pub const KEY_PROVIDERS: [Part; 3] = [
    Part {
        name: "pbkdf2",
        is_everywhere: true,
        doc: "A key derived from a passphrase by PBKDF2.",
        reference: Some(("chain", "A key provider whose key takes the passphrase's place.")),
        settings: &[
            PASSPHRASE,
            KEY_LENGTH,
            Setting::number("iterations", "Rounds, 200,000 or more.").or("600000"),
            Setting::text("hash_function", "`sha256` or `sha512`.").or("sha512"),
            SALT_LENGTH,
            ALIAS,
        ],
    },
    Part {
        name: "argon2",
        is_everywhere: false,
        doc: "A key derived from a passphrase by Argon2id, which costs whoever guesses memory, too.",
        reference: Some(("chain", "A key provider whose key takes the passphrase's place.")),
        settings: &[
            PASSPHRASE,
            KEY_LENGTH,
            Setting::number("memory_kib", "Memory, in KiB, 8 or more for each lane.").or("65536"),
            Setting::number("iterations", "Passes over it.").or("3"),
            Setting::number("parallelism", "Lanes.").or("4"),
            SALT_LENGTH,
            ALIAS,
        ],
    },
    Part {
        name: "external",
        is_everywhere: true,
        doc: "A key that a program gives, by OpenTofu's protocol: for key services and hardware.",
        reference: None,
        settings: &[
            Setting::of(SettingType::Texts, "command", "The program and its arguments.").required(),
            ALIAS,
        ],
    },
];

/// Kinds of methods.
pub const METHODS: [Part; 4] = [
    Part {
        name: "aes_gcm",
        is_everywhere: true,
        doc: "AES in Galois/counter mode, with a key of 16, 24 or 32 bytes.",
        reference: Some(("keys", "The key provider. Required.")),
        settings: &[Setting::of(
            SettingType::Numbers,
            "aad",
            "Bytes that must be the same for whoever reads.",
        )],
    },
    Part {
        name: "age",
        is_everywhere: false,
        doc: "The age file format: whoever writes needs public keys alone.",
        reference: None,
        settings: &[
            Setting::of(SettingType::Texts, "recipients", "Public keys (`age1...`) of all who may read.")
                .required(),
            Setting::of(SettingType::Texts, "identities", "Secret keys to read with.").sensitive(),
            Setting::text("identity_file", "A file with secret keys, as age-keygen writes it.")
                .from(&["FORMWORK_AGE_KEY_FILE", "SOPS_AGE_KEY_FILE"]),
        ],
    },
    Part {
        name: "external",
        is_everywhere: true,
        doc: "Programs that encrypt and decrypt, by OpenTofu's protocol.",
        reference: Some(("keys", "A key provider whose key they are given.")),
        settings: &[
            Setting::of(
                SettingType::Texts,
                "encrypt_command",
                "The program that encrypts, and its arguments.",
            )
            .required(),
            Setting::of(
                SettingType::Texts,
                "decrypt_command",
                "The program that decrypts, and its arguments.",
            )
            .required(),
        ],
    },
    Part {
        name: "unencrypted",
        is_everywhere: true,
        doc: "No encryption: as a fallback to read what was never encrypted, or as the method to go back to that.",
        reference: None,
        settings: &[],
    },
];

/// Key providers of OpenTofu that there are none of here.
const OTHERS: [&str; 4] = ["aws_kms", "azure_vault", "gcp_kms", "openbao"];

/// The kind of this name in a table; `noun` is `key_provider` or `method`.
pub fn part(noun: &'static str, kind: &str) -> Result<&'static Part, Diagnostic> {
    static PROVIDERS: [Part; 3] = KEY_PROVIDERS;
    static ALL_METHODS: [Part; 4] = METHODS;
    let table: &'static [Part] = if noun == "method" { &ALL_METHODS } else { &PROVIDERS };
    table.iter().find(|part| part.name == kind).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|part| part.name).collect();
        let diagnostic = Diagnostic::error(
            "unknown-encryption-part",
            format!("Unknown {noun} type"),
            format!("There is no {noun} of type \"{kind}\"."),
        );
        if noun == "key_provider" && OTHERS.contains(&kind) {
            return diagnostic.hint("Ask the key service through a program: key_provider \"external\" with a command of yours, which may call the service's own tool.");
        }
        diagnostic.hint(format!("There are: {}.", names.join(", ")))
    })
}

impl Part {
    /// How its settings are read.
    pub fn table(&self, noun: &'static str) -> Table {
        Table { noun, name: self.name, settings: self.settings }
    }
}

/// A key provider as it is set. `label` is what its notes are called where nothing else is said.
pub fn key_provider(
    kind: &str,
    label: String,
    given: &Value,
    chain: Option<Arc<KeyProvider>>,
    surroundings: &Surroundings,
) -> Result<KeyProvider, Diagnostics> {
    let settings = part("key_provider", kind)?.table("key_provider").settings(given, surroundings)?;
    let label = settings.text(ALIAS.name).filter(|alias| !alias.is_empty()).unwrap_or(label);
    let source = match kind {
        "pbkdf2" => KeySource::Passphrase(passphrase(&settings, chain)?, pbkdf2(&settings)?),
        "argon2" => KeySource::Passphrase(passphrase(&settings, chain)?, argon2(&settings)?),
        _ => KeySource::Command(command(&settings, "command")?),
    };
    Ok(KeyProvider::new(label, source))
}

/// A method as it is set.
pub fn method(
    kind: &str,
    given: &Value,
    keys: Option<Arc<KeyProvider>>,
    surroundings: &Surroundings,
) -> Result<Method, Diagnostics> {
    let settings = part("method", kind)?.table("method").settings(given, surroundings)?;
    Ok(match kind {
        "aes_gcm" => {
            let additional = settings.numbers("aad").into_iter().map(u8::try_from).collect::<Result<_, _>>();
            Method::AesGcm {
                keys: keys.ok_or_else(|| {
                    wrong("keys", "A method aes_gcm needs a key provider: keys = key_provider.TYPE.NAME")
                })?,
                additional: additional.map_err(|_| wrong("aad", "Each number is a byte, of 0 to 255"))?,
            }
        }
        "age" => age(&settings)?,
        "external" => Method::Command {
            keys,
            encrypt: command(&settings, "encrypt_command")?,
            decrypt: command(&settings, "decrypt_command")?,
        },
        _ => Method::Unencrypted,
    })
}

fn wrong(argument: &str, detail: &str) -> Diagnostic {
    Diagnostic::error("encryption-argument", "Invalid encryption argument", format!("{detail}."))
        .attribute(argument)
}

fn passphrase(settings: &Settings, chain: Option<Arc<KeyProvider>>) -> Result<Passphrase, Diagnostic> {
    match (settings.text(PASSPHRASE.name), chain) {
        (Some(_), Some(_)) => Err(wrong("passphrase", "A passphrase and a chain cannot be given together")),
        (None, None) => {
            Err(wrong("passphrase", "A passphrase, or a chain to another key provider, is required"))
        }
        (Some(text), None) if text.chars().count() < PASSPHRASE_MINIMUM => {
            Err(wrong("passphrase", "The passphrase is too short: 16 characters is the least"))
        }
        (Some(text), None) => Ok(Passphrase::Text(text)),
        (None, Some(chain)) => Ok(Passphrase::Chain(chain)),
    }
}

/// A whole number between bounds.
fn whole<T: TryFrom<i64> + Copy + PartialOrd + std::fmt::Display>(
    settings: &Settings,
    name: &'static str,
    least: T,
    most: T,
) -> Result<T, Diagnostic> {
    let number = settings.number(name).and_then(|number| T::try_from(number).ok());
    number.filter(|number| *number >= least && *number <= most).ok_or_else(|| {
        wrong(name, &format!("The argument \"{name}\" is a whole number of {least} to {most}"))
    })
}

fn pbkdf2(settings: &Settings) -> Result<Derivation, Diagnostic> {
    let hash = match settings.text("hash_function").as_deref() {
        Some("sha256") => Hash::Sha256,
        Some("sha512") => Hash::Sha512,
        _ => return Err(wrong("hash_function", "The hash function is sha256 or sha512")),
    };
    Ok(Derivation::Pbkdf2 {
        key_length: whole(settings, KEY_LENGTH.name, 1, 1024)?,
        iterations: whole(settings, "iterations", ITERATIONS_MINIMUM, 100_000_000)?,
        hash,
        salt_length: whole(settings, SALT_LENGTH.name, 8, 1024)?,
    })
}

fn argon2(settings: &Settings) -> Result<Derivation, Diagnostic> {
    let parallelism: u32 = whole(settings, "parallelism", 1, 256)?;
    Ok(Derivation::Argon2 {
        key_length: whole(settings, KEY_LENGTH.name, 4, 1024)?,
        memory_kib: whole(settings, "memory_kib", 8 * parallelism, 4 * 1024 * 1024)?,
        iterations: whole(settings, "iterations", 1, 1000)?,
        parallelism,
        salt_length: whole(settings, SALT_LENGTH.name, 8, 1024)?,
    })
}

fn command(settings: &Settings, name: &'static str) -> Result<Vec<String>, Diagnostic> {
    let words = settings.texts(name);
    if words.first().is_none_or(String::is_empty) {
        return Err(wrong(name, "The command's first word is the program, and there is none"));
    }
    Ok(words)
}

fn age(settings: &Settings) -> Result<Method, Diagnostic> {
    let recipients = settings.texts("recipients");
    let recipients = recipients.iter().map(|text| Recipient::parse(text)).collect::<Result<Vec<_>, _>>();
    let recipients =
        recipients.map_err(|error| wrong("recipients", &format!("Of the recipients, {error}")))?;
    if recipients.is_empty() {
        return Err(wrong("recipients", "At least one recipient is needed: nobody could read it"));
    }
    let identities = settings.texts("identities");
    let identities = identities.iter().map(|text| Identity::parse(text)).collect::<Result<Vec<_>, _>>();
    let mut identities =
        identities.map_err(|error| wrong("identities", &format!("Of the identities, {error}")))?;
    if let Some(path) = settings.text("identity_file") {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| wrong("identity_file", &format!("{path} cannot be read: {error}")))?;
        let more = Identity::parse_all(&text);
        identities.extend(more.map_err(|error| wrong("identity_file", &format!("In {path}, {error}")))?);
    }
    Ok(Method::Age { recipients, identities })
}
