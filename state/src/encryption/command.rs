//! Programs of others that give keys or encrypt, by OpenTofu's protocol: a header line and a document on their standard
//! output, a document on their standard input.
//!
//! Invariant: nothing secret stands in an argument; what a program says on its standard error is for its user and is
//! passed on untouched, what it says on its standard output is shown to nobody.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[derive(Deserialize)]
struct Introduction {
    magic: String,
    version: u64,
}

/// Runs a program that introduces itself with `magic`, gives it the input, and reads its answer.
pub(super) fn ask<T: DeserializeOwned>(
    command: &[String],
    magic: &str,
    input: &serde_json::Value,
) -> Result<T, String> {
    let output = run(command, input.to_string().as_bytes())?;
    let named = command.first().map(String::as_str).unwrap_or_default();
    let mut documents = serde_json::Deserializer::from_slice(&output);
    let introduction = Introduction::deserialize(&mut documents)
        .map_err(|_| format!("{named} did not introduce itself: its first line must be a header"))?;
    if introduction.magic != magic || introduction.version != 1 {
        return Err(format!("{named} does not speak version 1 of the protocol {magic}"));
    }
    // The document itself may hold keys, so nothing of it is quoted.
    T::deserialize(&mut documents).map_err(|error| {
        format!("{named} answered with what the protocol does not have, at line {}", error.line())
    })
}

fn run(command: &[String], input: &[u8]) -> Result<Vec<u8>, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("the command is empty".to_owned());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| format!("{program} could not be started: {error}"))?;
    // From a thread of its own: a program that writes before it has read all would wait forever.
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            // A program that needs no input may close it at once.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("{program} could not be waited for: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{program} ended with {}", output.status))
    }
}
