//! `sim_token`: the right to use the datacentre for a while, handed out as an ephemeral resource.
//!
//! The file beside the world has a line for each that was opened, renewed or closed, and none of the tokens: a token is
//! its number and what the world's seed makes of it.

use crate::chance::digits;
use crate::finding::{Findings, check_number, text, whole_number};
use formwork_sdk::{Attribute, Block, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// The kind's name.
pub(crate) const KIND: &str = "sim_token";

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

ephemeral "sim_token" "run" {
  audience = "quickstart"
}

provider "sim" {
  alias = "admitted"
  token = ephemeral.sim_token.run.token
}

resource "sim_bucket" "datasets" {
  provider = sim.admitted
  name     = "datasets"
}
"#;

const RENEW_MS_MAX: i64 = 3_600_000;

pub(crate) fn schema() -> KindSchema {
    let block = Block::new([
        ("audience", Attribute::optional(Type::String, "Whom it is for; a word of the reader's.")),
        ("renew_after_ms", Attribute::optional(Type::Number, "When it must be renewed; never, by itself.")),
        ("id", Attribute::computed(Type::String, "Its number.")),
        ("token", Attribute::computed(Type::String, "The token.").sensitive()),
    ]);
    let mut kind = KindSchema::new(block, "The right to use the datacentre while a run lasts.");
    kind.example = EXAMPLE;
    kind
}

pub(crate) fn validate(configuration: &Value, found: &mut Findings) {
    check_number(found, configuration, "renew_after_ms", 1, RENEW_MS_MAX);
}

/// The tokens of one world.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    path: PathBuf,
    seed: u64,
}

impl Tokens {
    /// Those of the world in a file.
    pub(crate) fn of(world: &std::path::Path, seed: u64) -> Self {
        let mut path = world.as_os_str().to_owned();
        path.push(".tokens");
        Self { path: path.into(), seed }
    }

    /// Opens one: the object, its number, and when to renew it.
    pub(crate) fn open(&self, configuration: &Value) -> Result<(Value, Vec<u8>, Option<u64>), ProviderError> {
        let opened = self.lines()?.iter().filter(|line| line.starts_with("open ")).count();
        let id = format!("t{}", opened + 1);
        self.note("open", &id)?;
        let renew_after_ms = whole_number(configuration, "renew_after_ms");
        let object = Value::object(vec![
            (
                "audience".into(),
                text(configuration, "audience")
                    .map_or(Value::null(Type::String), |text| Value::string(text.clone())),
            ),
            ("renew_after_ms".into(), renew_after_ms.map_or(Value::null(Type::Number), Value::from)),
            ("id".into(), id.as_str().into()),
            ("token".into(), self.token(&id).into()),
        ]);
        let renew_after_ms = renew_after_ms.and_then(|after| u64::try_from(after).ok());
        Ok((object, id.into_bytes(), renew_after_ms))
    }

    /// Renews one: when to do so again is for whoever asked first to know.
    pub(crate) fn renew(&self, private: &[u8]) -> Result<Option<u64>, ProviderError> {
        self.note("renew", &String::from_utf8_lossy(private))?;
        Ok(None)
    }

    pub(crate) fn close(&self, private: &[u8]) -> Result<Option<u64>, ProviderError> {
        self.note("close", &String::from_utf8_lossy(private))?;
        Ok(None)
    }

    /// Whether a token is one that is open.
    pub(crate) fn is_open(&self, token: &str) -> bool {
        let id = token.split('.').next().unwrap_or_default();
        let is_genuine = self.token(id) == token;
        let lines = self.lines().unwrap_or_default();
        let has = |act: &str| lines.iter().any(|line| *line == format!("{act} {id}"));
        is_genuine && has("open") && !has("close")
    }

    fn token(&self, id: &str) -> String {
        format!("{id}.{}", digits(self.seed, &["token", id]))
    }

    fn lines(&self) -> Result<Vec<String>, ProviderError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().map(ToOwned::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.unusable(&error)),
        }
    }

    fn note(&self, act: &str, id: &str) -> Result<(), ProviderError> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let written = file.and_then(|mut file| file.write_all(format!("{act} {id}\n").as_bytes()));
        written.map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &io::Error) -> ProviderError {
        ProviderError::invalid(format!("{} cannot be used: {error}", self.path.display()))
    }
}
