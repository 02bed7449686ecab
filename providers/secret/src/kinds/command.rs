//! `secret_command`: what a program of one's own says.
//!
//! Invariant: nothing secret stands in an argument, and what the program says on its standard output is in no error.

use super::{Opened, SecretKind};
use crate::Context;
use crate::content::{BYTES_MAXIMUM, at, texts};
use formwork_diagnostic::Diagnostics;
use formwork_sdk::values::{self, Findings, given, text, whole_number};
use formwork_sdk::{Attribute, Block, ErrorKind, KindSchema, ProviderError};
use formwork_value::{Name, Type, Value};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    secret = { source = "formwork/secret" }
    sim    = { source = "formwork/sim" }
  }
}

ephemeral "secret_command" "database" {
  count   = fileexists("database.gpg") ? 1 : 0
  command = ["gpg", "--quiet", "--decrypt", "database.gpg"]
}

resource "sim_secret" "database" {
  name             = "database"
  value_wo         = one(ephemeral.secret_command.database[*].result)
  value_wo_version = 1
}
"#;

const COMMAND: &str = "command";
const INPUT: &str = "input";
const ENVIRONMENT: &str = "environment";
const TIMEOUT: &str = "timeout_seconds";
const FORMAT: &str = "format";
const JSON: &str = "json";
const TIMEOUT_SECONDS: i64 = 60;
const TIMEOUT_SECONDS_MAXIMUM: i64 = 3600;
/// Of what a program says on its standard error, an error shows so much.
const SAID_CHARACTERS: usize = 2000;
/// Shorter texts are too common to be recognized as a secret.
const SECRET_BYTES: usize = 6;

pub(super) struct Command;

impl SecretKind for Command {
    fn name(&self) -> &'static str {
        "secret_command"
    }

    fn schema(&self) -> KindSchema {
        let texts = || Type::map(Type::String);
        let block = Block::new([
            (
                COMMAND,
                Attribute::required(
                    Type::list(Type::String),
                    "The program and its arguments; no shell reads them, and everybody on this machine may.",
                ),
            ),
            (INPUT, Attribute::optional(Type::String, "Given to it on its standard input.").sensitive()),
            (
                ENVIRONMENT,
                Attribute::optional(texts(), "Variables of its environment, beside those of this run.")
                    .sensitive(),
            ),
            (
                "working_directory",
                Attribute::optional(Type::String, "Where it runs; the folder of the run, by itself."),
            ),
            (TIMEOUT, Attribute::optional(Type::Number, "It is ended after so long; 60, by itself.")),
            (
                FORMAT,
                Attribute::optional(
                    Type::String,
                    "`text`, by itself, or `json`: an object whose values are texts.",
                ),
            ),
            (
                "result",
                Attribute::computed(
                    Type::String,
                    "What it said on its standard output, without line ends at the end; at most 1 MiB.",
                )
                .sensitive(),
            ),
            (
                "values",
                Attribute::computed(texts(), "The texts of the object, where `format` is `json`.")
                    .sensitive(),
            ),
        ]);
        let doc = "What a program of one's own says: a password manager, a cloud's command line, `sops -d`.";
        KindSchema { example: EXAMPLE, ..KindSchema::new(block, doc) }
    }

    fn validate(&self, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        found.check_choice(configuration, FORMAT, &["text", JSON]);
        found.check_number(configuration, TIMEOUT, 1, TIMEOUT_SECONDS_MAXIMUM);
        if let Some(words) = given(configuration, COMMAND).and_then(Value::items) {
            let is_no_text =
                |word: &Value| word.is_null() || word.as_str().is_some_and(|word| word.contains('\0'));
            let is_empty = |word: &Value| word.as_str().is_some_and(Name::is_empty);
            if words.first().is_none_or(is_empty) || words.iter().any(is_no_text) {
                found.refuse(
                    COMMAND,
                    "It names no program: give the program, and its arguments as further items.",
                );
            }
        }
        let variables = given(configuration, ENVIRONMENT).and_then(Value::entries);
        for (name, _) in variables.into_iter().flat_map(|entries| entries.iter()) {
            if name.is_empty() || name.contains(['=', '\0']) {
                found.refuse(
                    ENVIRONMENT,
                    format!("{:?} is no name of a variable: give one without = in it.", name.as_str()),
                );
            }
        }
        found.into_diagnostics()
    }

    fn open<'a>(
        &'a self,
        context: &'a Context,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Opened, ProviderError>> {
        async move {
            let call = Call::of(configuration);
            let output = call.run(context).await?;
            let result = call.text(output)?;
            let values = match text(configuration, FORMAT) {
                Some(JSON) => texts(object(&result)?),
                _ => Value::null(Type::map(Type::String)),
            };
            let found = [("result", Value::from(result)), ("values", values)];
            Ok(Opened::of(&self.schema(), configuration, &found))
        }
        .boxed()
    }
}

/// What is to be run.
struct Call<'a> {
    program: &'a str,
    arguments: Vec<&'a str>,
    folder: Option<&'a str>,
    input: Option<&'a str>,
    variables: Vec<(&'a str, &'a str)>,
    limit: Duration,
}

impl<'a> Call<'a> {
    fn of(configuration: &'a Value) -> Self {
        let mut words = values::texts(configuration, COMMAND);
        let variables = given(configuration, ENVIRONMENT).and_then(Value::entries);
        let variables = variables.into_iter().flat_map(|entries| entries.iter());
        let seconds = whole_number(configuration, TIMEOUT).unwrap_or(TIMEOUT_SECONDS);
        Self {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            folder: text(configuration, "working_directory"),
            input: text(configuration, INPUT),
            variables: variables
                .filter_map(|(name, value)| Some((name.as_str(), value.as_str().map(Name::as_str)?)))
                .collect(),
            limit: Duration::from_secs(seconds.unsigned_abs()),
        }
    }

    /// Its standard output, where it ends well.
    async fn run(&self, context: &Context) -> Result<Vec<u8>, ProviderError> {
        let mut command = tokio::process::Command::new(self.program);
        command.args(&self.arguments).envs(self.variables.iter().copied());
        if let Some(folder) = self.folder {
            command.current_dir(folder);
        }
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| {
            let message = format!("{} could not be started: {error}", self.program);
            ProviderError::invalid(message)
                .at(at(COMMAND))
                .hint("Name a program that is in PATH, or by its path.")
        })?;
        let (output, said, status) = tokio::select! {
            ended = tokio::time::timeout(self.limit, self.talk(child)) => ended.map_err(|_| {
                let message = format!("{} did not end within {} s, and was ended", self.program, self.limit.as_secs());
                ProviderError::invalid(message).at(at(TIMEOUT)).hint("Give it more time, or find out what it waits for.")
            })?,
            () = context.cancelled() => {
                return Err(ProviderError::invalid(format!("{} was ended: the run was interrupted", self.program)));
            }
        };
        match status {
            Ok(status) if status.success() => Ok(output),
            Ok(status) => Err(self.failed(status, &output, &said)),
            Err(error) => {
                Err(ProviderError::bug(format!("{} could not be waited for: {error}", self.program)))
            }
        }
    }

    async fn talk(
        &self,
        mut child: tokio::process::Child,
    ) -> (Vec<u8>, Vec<u8>, std::io::Result<ExitStatus>) {
        let stdin = child.stdin.take();
        let write = async move {
            if let (Some(mut stdin), Some(input)) = (stdin, self.input) {
                // A program that needs no input may close it at once.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output, said) =
            tokio::join!(write, bounded(child.stdout.take()), bounded(child.stderr.take()));
        (output, said, child.wait().await)
    }

    fn failed(&self, status: ExitStatus, output: &[u8], said: &[u8]) -> ProviderError {
        let said = self.without_secrets(output, &String::from_utf8_lossy(said));
        let said = said.trim();
        let rest = said.char_indices().rev().nth(SAID_CHARACTERS).map_or(said, |(at, _)| &said[at..]);
        let words = if rest.is_empty() { "said nothing".to_owned() } else { format!("said: {rest}") };
        let message = format!("{} ended with {status}, and {words}", self.program);
        ProviderError::invalid(message).at(at(COMMAND)).hint("Run it by hand with the same arguments.")
    }

    /// What a program says of its own accord, less what it was told in confidence and what it gave out.
    fn without_secrets(&self, output: &[u8], said: &str) -> String {
        let output = String::from_utf8_lossy(output);
        let told = self.input.into_iter().chain(self.variables.iter().map(|(_, value)| *value));
        let lines = told.flat_map(|text| [text].into_iter().chain(text.lines())).chain(output.lines());
        let mut secrets: Vec<&str> = lines.map(str::trim).filter(|text| text.len() >= SECRET_BYTES).collect();
        // A longer one may hold a shorter one.
        secrets.sort_by_key(|text| std::cmp::Reverse(text.len()));
        secrets.dedup();
        secrets.iter().fold(said.to_owned(), |said, secret| said.replace(secret, "(sensitive value)"))
    }

    fn text(&self, output: Vec<u8>) -> Result<String, ProviderError> {
        if output.len() > BYTES_MAXIMUM {
            let message = format!("{} said more than {BYTES_MAXIMUM} bytes", self.program);
            return Err(ProviderError::new(ErrorKind::Quota, message).at(at(COMMAND)));
        }
        let mut text = String::from_utf8(output).map_err(|_| {
            let message = format!("{} said what is no text in UTF-8", self.program);
            ProviderError::invalid(message).at(at(COMMAND)).hint("Let it write base64, and decode that.")
        })?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        Ok(text)
    }
}

/// Reads to the end and keeps one byte more than may be.
async fn bounded(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else { return kept };
    // What cannot be read is told by how the program ends.
    let _ = (&mut stream).take(BYTES_MAXIMUM as u64 + 1).read_to_end(&mut kept).await;
    // A program whose pipe is full would never end.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    kept
}

/// The texts of an object in JSON. Nothing of it is quoted.
fn object(text: &str) -> Result<Vec<(String, String)>, ProviderError> {
    let invalid = |message: String| {
        ProviderError::invalid(message).at(at(FORMAT)).hint("It must say an object whose values are texts.")
    };
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        invalid(format!("what it said is no JSON, at line {} column {}", error.line(), error.column()))
    })?;
    let serde_json::Value::Object(entries) = parsed else {
        return Err(invalid("what it said is no object".to_owned()));
    };
    let entry = |(name, value)| match value {
        serde_json::Value::String(text) => Ok((name, text)),
        _ => Err(invalid(format!("the value of {name:?} is no text"))),
    };
    entries.into_iter().map(entry).collect()
}
