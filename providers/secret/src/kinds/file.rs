//! `secret_file`: a file that somebody else put there.

use super::{Opened, SecretKind};
use crate::Context;
use crate::content::{both, read_file};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::values::{Findings, text};
use formwork_sdk::{Attribute, Block, KindSchema, ProviderError};
use formwork_value::{Type, Value};
use futures::FutureExt as _;
use futures::future::BoxFuture;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    secret = { source = "formwork/secret" }
    sim    = { source = "formwork/sim" }
  }
}

ephemeral "secret_file" "database" {
  count = fileexists("/run/secrets/database") ? 1 : 0
  path  = "/run/secrets/database"
}

resource "sim_secret" "database" {
  name             = "database"
  value_wo         = one(ephemeral.secret_file.database[*].content)
  value_wo_version = 1
}
"#;

const PATH: &str = "path";

pub(super) struct File;

impl SecretKind for File {
    fn name(&self) -> &'static str {
        "secret_file"
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            (
                PATH,
                Attribute::required(Type::String, "The file: at most 1 MiB, and nothing but a regular file."),
            ),
            (
                "content",
                Attribute::computed(
                    Type::String,
                    "What it holds, the line end at its end too; null where that is no text.",
                )
                .sensitive(),
            ),
            (
                "content_base64",
                Attribute::computed(Type::String, "The same in base64, byte for byte.").sensitive(),
            ),
        ]);
        let doc = "A file that holds a secret: mounted by an orchestrator, or put there by hand.";
        KindSchema { example: EXAMPLE, ..KindSchema::new(block, doc) }
    }

    fn validate(&self, configuration: &Value) -> Diagnostics {
        let Some(path) = text(configuration, PATH) else { return Diagnostics::new() };
        if path.is_empty() {
            let mut found = Findings::default();
            found.refuse(PATH, "The path is empty: give the file's.");
            return found.into_diagnostics();
        }
        if !is_open_to_all(path) {
            return Diagnostics::new();
        }
        let detail = format!("Every account of this machine may read {path}.");
        Diagnostic::warning("secret-file-mode", "Secret readable by others", detail)
            .attribute(format!(".{PATH}"))
            .hint(format!("Take the right away: chmod o-r {path}"))
            .into()
    }

    fn open<'a>(
        &'a self,
        _: &'a Context,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Opened, ProviderError>> {
        let path = text(configuration, PATH).unwrap_or_default();
        let opened = read_file(path, PATH).map(|bytes| {
            let (content, encoded) = both(&bytes);
            Opened::of(&self.schema(), configuration, &[("content", content), ("content_base64", encoded)])
        });
        futures::future::ready(opened).boxed()
    }
}

#[cfg(unix)]
fn is_open_to_all(path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const READ_BY_OTHERS: u32 = 0o004;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & READ_BY_OTHERS != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &str) -> bool {
    false
}
