//! `secret_sops`: a file encrypted by sops, for age keys.
//!
//! The format is that of sops 3 (<https://getsops.io/docs/>). Invariant: nothing of a file is given out before its
//! authentication code was found right, which covers all values and their order.

mod cipher;
mod formats;
mod metadata;
mod tree;

use super::{Opened, SecretKind};
use crate::Context;
use crate::content::{at, both, read_file, texts};
use cipher::Decryption;
use formats::Format;
use formwork_age::Identity;
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::{self, Findings, given, text};
use formwork_sdk::{Attribute, Block, ErrorKind, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use metadata::Metadata;
use tree::Node;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    secret = { source = "formwork/secret" }
    sim    = { source = "formwork/sim" }
  }
}

ephemeral "secret_sops" "platform" {
  count = fileexists("platform.enc.yaml") ? 1 : 0
  path  = "platform.enc.yaml"
}

resource "sim_secret" "database" {
  name             = "database"
  value_wo         = one(ephemeral.secret_sops.platform[*].data["database.password"])
  value_wo_version = 1
}
"#;

const PATH: &str = "path";
const FORMAT: &str = "format";
const IDENTITIES: &str = "identities";
const IDENTITY_FILE: &str = "identity_file";
/// Where the one value of a binary file stands.
const BINARY: &str = "data";

pub(super) struct Sops;

impl SecretKind for Sops {
    fn name(&self) -> &'static str {
        "secret_sops"
    }

    fn schema(&self) -> KindSchema {
        let secret = |value_type, doc| Attribute::computed(value_type, doc).sensitive();
        let block = Block::new([
            (
                PATH,
                Attribute::required(Type::String, "The file, as sops wrote it for age keys; at most 1 MiB."),
            ),
            (
                FORMAT,
                Attribute::optional(
                    Type::String,
                    "`yaml`, `json`, `dotenv`, `ini` or `binary`; by itself what the name's ending says, as for sops.",
                ),
            ),
            (
                IDENTITIES,
                Attribute::optional(
                    Type::list(Type::String),
                    "Keys that read it, as age-keygen writes them.",
                )
                .sensitive(),
            ),
            (
                IDENTITY_FILE,
                Attribute::optional(
                    Type::String,
                    "A file of such keys. Where neither is given: SOPS_AGE_KEY, SOPS_AGE_KEY_FILE and sops/age/keys.txt in the user's configuration.",
                ),
            ),
            (
                "data",
                secret(
                    Type::map(Type::String),
                    "Each value by its path, `database.password` or `hosts.0`, as text; null for a binary file.",
                ),
            ),
            (
                "json",
                secret(Type::String, "The whole document in JSON, for `jsondecode`; null for a binary file."),
            ),
            ("content", secret(Type::String, "What a binary file holds; null where that is no text.")),
            ("content_base64", secret(Type::String, "The same in base64, byte for byte.")),
        ]);
        let doc = "A file that was encrypted by sops for age keys, and is kept beside the configuration.";
        KindSchema { example: EXAMPLE, ..KindSchema::new(block, doc) }
    }

    fn validate(&self, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        found.check_choice(configuration, FORMAT, &Format::NAMES);
        for identity in values::texts(configuration, IDENTITIES) {
            if let Err(error) = Identity::parse_all(identity) {
                found.refuse(IDENTITIES, format!("{error}: give it as it stands in the key's file."));
            }
        }
        found.into_diagnostics()
    }

    fn open<'a>(
        &'a self,
        context: &'a Context,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Opened, ProviderError>> {
        futures::future::ready(self.read(context, configuration)).boxed()
    }
}

impl Sops {
    fn read(&self, context: &Context, configuration: &Value) -> Result<Opened, ProviderError> {
        let path = text(configuration, PATH).unwrap_or_default();
        let format = text(configuration, FORMAT).and_then(Format::named).unwrap_or_else(|| Format::of(path));
        let file = read_file(path, PATH)?;
        let wrong = |message: String| ProviderError::invalid(format!("{path}: {message}")).at(at(PATH));
        let encrypted = std::str::from_utf8(&file).map_err(|_| wrong("it is no text".to_owned()))?;
        let (document, metadata) = format.read(encrypted).and_then(Metadata::split).map_err(wrong)?;
        metadata.check().map_err(|message| {
            wrong(message)
                .hint("Let sops read it: secret_command with command = [\"sops\", \"--decrypt\", ...].")
        })?;
        let key = data_key(context, configuration, path, &metadata)?;
        let document = Decryption::new(&key, &metadata).document(document).map_err(wrong)?;
        let found =
            if format == Format::Binary { binary(&document).map_err(wrong)? } else { structured(&document) };
        Ok(Opened::of(&self.schema(), configuration, &found))
    }
}

type Found = [(&'static str, Value); 4];

fn structured(document: &Node) -> Found {
    let data = texts(document.leaves());
    let null = || Value::null(Type::String);
    [
        ("data", data),
        ("json", document.to_json().to_string().into()),
        ("content", null()),
        ("content_base64", null()),
    ]
}

fn binary(document: &Node) -> Result<Found, String> {
    let content = document.entry(BINARY).and_then(Node::as_bytes);
    let (content, encoded) = both(content.ok_or("it is no binary file of sops: give its format")?);
    let null = Value::null(Type::map(Type::String));
    Ok([
        ("data", null),
        ("json", Value::null(Type::String)),
        ("content", content),
        ("content_base64", encoded),
    ])
}

/// The key that the values are encrypted with.
fn data_key(
    context: &Context,
    configuration: &Value,
    path: &str,
    metadata: &Metadata,
) -> Result<[u8; 32], ProviderError> {
    let identities = identities(context, configuration)?;
    let mut last = formwork_age::AgeError::NoMatch;
    for wrapped in metadata.wrapped_keys() {
        match formwork_age::decrypt(&identities, wrapped.as_bytes()) {
            Ok(key) => {
                let message = format!("{path}: its data key is not 32 bytes long");
                return key.try_into().map_err(|_| ProviderError::invalid(message).at(at(PATH)));
            }
            Err(error) => last = error,
        }
    }
    let recipients = metadata.recipients().collect::<Vec<_>>().join(", ");
    let message = format!("{path} cannot be decrypted: {last}. It is for {recipients}.");
    Err(ProviderError::new(ErrorKind::Denied, message)
        .at(at(IDENTITIES))
        .hint("Give the key of one of these, or let whoever has one add yours: sops updatekeys."))
}

fn identities(context: &Context, configuration: &Value) -> Result<Vec<Identity>, ProviderError> {
    let parsed = |text: &str, place: &str, attribute: &str| {
        Identity::parse_all(text)
            .map_err(|error| ProviderError::invalid(format!("{place}: {error}")).at(at(attribute)))
    };
    let mut found = Vec::new();
    for text in values::texts(configuration, IDENTITIES) {
        found.extend(parsed(text, IDENTITIES, IDENTITIES)?);
    }
    let file =
        |path: &str| parsed(&String::from_utf8_lossy(&read_file(path, IDENTITY_FILE)?), path, IDENTITY_FILE);
    if let Some(path) = text(configuration, IDENTITY_FILE) {
        found.extend(file(path)?);
    }
    if given(configuration, IDENTITIES).is_none() && given(configuration, IDENTITY_FILE).is_none() {
        if let Some(text) = context.variable(&["SOPS_AGE_KEY"]) {
            found.extend(parsed(&text, "SOPS_AGE_KEY", IDENTITIES)?);
        }
        if let Some(path) = context.variable(&["SOPS_AGE_KEY_FILE"]) {
            found.extend(file(&path)?);
        }
        if let Some(path) = usual_file(context).filter(|path| std::fs::exists(path).unwrap_or(false)) {
            found.extend(file(&path)?);
        }
    }
    if found.is_empty() {
        let message = "There is no age key to decrypt it with.";
        return Err(ProviderError::new(ErrorKind::Denied, message)
            .at(at(IDENTITIES))
            .hint("Give identities or identity_file, or set SOPS_AGE_KEY or SOPS_AGE_KEY_FILE."));
    }
    Ok(found)
}

/// Where sops looks for keys that nobody named.
fn usual_file(context: &Context) -> Option<String> {
    let folder = context
        .variable(&["XDG_CONFIG_HOME"])
        .or_else(|| context.variable(&["HOME"]).map(|home| format!("{home}/.config")))?;
    Some(format!("{folder}/sops/age/keys.txt"))
}
