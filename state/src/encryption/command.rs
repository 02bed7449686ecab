//! Programs of others that give keys or encrypt, by OpenTofu's protocol: a header line and a document on their standard
//! output, a document on their standard input.
//!
//! Invariant: nothing secret stands in an argument; what a program says on its standard error is for its user and is
//! passed on untouched, what it says on its standard output is shown to nobody.

use serde::Deserialize;
use serde::de::DeserializeOwned;

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
    let output = crate::program::output(command, input.to_string().as_bytes())?;
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
