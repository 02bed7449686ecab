//! The plan as bytes: one JSON document, written as a stream.
//!
//! `{"format":1,"formwork_version":"…","plan":{…},"state":{…},"digest":"…"}`, where the digest is the SHA-256 of every
//! byte before `,"digest"`, and the state is the one that the plan was made from: for whoever shows the plan later, so
//! apply and the journal do without. It holds sensitive values, since apply needs them: whoever stores it makes the file readable by its
//! owner alone.
//!
//! Invariants: what is read equals what was written, but for ephemeral values, which are never written and come back
//! as nulls; a document that was changed, cut, or made by another version is refused; a diagnostic never quotes it.

mod read;
mod value;
mod write;

pub(crate) use value::without_ephemeral;

use crate::model::Plan;
use formwork_diagnostic::Diagnostic;
use formwork_state::{State, format_v4};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Write};

/// The one format that this version writes and reads.
const FORMAT: u64 = 1;

/// The engine that wrote it: a plan is applied by the engine that made it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

const STATE_KEY: &[u8] = b",\"state\":";
const DIGEST_KEY: &[u8] = b",\"digest\":\"";
const DIGEST_LENGTH: usize = 64;
const DIGEST_END: &[u8] = b"\"}";
const BUFFER_BYTES: usize = 64 * 1024;
/// Set aside for each change of a plan that is written into memory; what is not written to costs nothing.
const CHANGE_BYTES: usize = 1024;

/// Writes a plan.
pub fn write(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    write_document(plan, None, out)
}

/// Writes a plan and the state that it was made from.
pub fn write_with_state(plan: &Plan, state: &State, out: &mut dyn Write) -> io::Result<()> {
    write_document(plan, Some(state), out)
}

fn write_document(plan: &Plan, state: Option<&State>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, Hashing { out, hasher: Sha256::new() });
    write!(out, "{{\"format\":{FORMAT},\"formwork_version\":\"{VERSION}\",\"plan\":")?;
    write::write_plan(plan, &mut out)?;
    if let Some(state) = state {
        out.write_all(STATE_KEY)?;
        let snapshot = format_v4::write(state, state.serial, None, VERSION);
        out.write_all(&snapshot.map_err(|diagnostic| io::Error::other(diagnostic.detail.clone()))?)?;
    }
    let hashing = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let digest = hexadecimal(&hashing.hasher.finalize());
    hashing.out.write_all(DIGEST_KEY)?;
    hashing.out.write_all(digest.as_bytes())?;
    hashing.out.write_all(DIGEST_END)?;
    hashing.out.flush()
}

/// Reads a plan.
pub fn read(bytes: &[u8]) -> Result<Plan, Diagnostic> {
    let document = open(bytes)?;
    document.plan.map_or_else(|| Err(unfitting()), read::read_plan)
}

/// Reads a plan and the state that it was made from, where that was written.
pub fn read_with_state(bytes: &[u8]) -> Result<(Plan, Option<State>), Diagnostic> {
    let document = open(bytes)?;
    let plan = document.plan.map_or_else(|| Err(unfitting()), read::read_plan)?;
    let read = |state: &RawValue| format_v4::read("the plan file", state.get().as_bytes());
    Ok((plan, document.state.map(read).transpose()?.map(|snapshot| snapshot.state)))
}

/// The document, once it is certain that this version wrote it and nobody changed it since.
fn open(bytes: &[u8]) -> Result<Document<'_>, Diagnostic> {
    let bytes = bytes.trim_ascii_end();
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(foreign("It is a ZIP archive, as Terraform and OpenTofu write their plans."));
    }
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| undocumented(bytes, &error))?;
    let Some(format) = document.format else {
        return Err(foreign("It is JSON, but it does not say which plan format it has."));
    };
    let version = document.formwork_version.unwrap_or("another version");
    if format != FORMAT {
        return Err(other_format(format, version));
    }
    if version != VERSION {
        return Err(other_version(version));
    }
    if document.plan.is_some() && is_intact(bytes) { Ok(document) } else { Err(unfitting()) }
}

/// A plan as one JSON value without line breaks, for the journal.
pub fn to_raw(plan: &Plan) -> io::Result<Box<RawValue>> {
    let mut bytes = Vec::with_capacity(BUFFER_BYTES + plan.changes.len() * CHANGE_BYTES);
    write(plan, &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    RawValue::from_string(text).map_err(io::Error::other)
}

/// Reads what [`to_raw`] made.
pub fn from_raw(raw: &RawValue) -> Result<Plan, Diagnostic> {
    read(raw.get().as_bytes())
}

/// The SHA-256 of a plan's bytes, in hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// The outermost object; its parts are looked at one after another, so that the first fault is the one reported.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(default)]
    format: Option<u64>,
    #[serde(default, borrow)]
    formwork_version: Option<&'a str>,
    #[serde(default, borrow)]
    plan: Option<&'a RawValue>,
    #[serde(default, borrow)]
    state: Option<&'a RawValue>,
}

/// Passes bytes on and takes their digest.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

fn is_intact(bytes: &[u8]) -> bool {
    let trailer = DIGEST_KEY.len() + DIGEST_LENGTH + DIGEST_END.len();
    let Some((content, end)) = bytes.len().checked_sub(trailer).and_then(|at| bytes.split_at_checked(at))
    else {
        return false;
    };
    let stored = end.strip_prefix(DIGEST_KEY).and_then(|end| end.strip_suffix(DIGEST_END));
    stored.is_some_and(|stored| stored == digest(content).as_bytes())
}

/// Says what a document that is not JSON, or not ours, is.
fn undocumented(bytes: &[u8], error: &serde_json::Error) -> Diagnostic {
    if !bytes.starts_with(b"{\"format\":") {
        return foreign("It does not begin as a plan file does.");
    }
    if error.is_eof() {
        damaged("It ends too early, as after a full disk or a broken copy.")
    } else {
        damaged(&format!("It stops making sense at column {} of line {}.", error.column(), error.line()))
    }
}

const PLAN_AGAIN: &str = "Make the plan again with \"formwork plan -out=FILE\" and apply the new file.";

fn foreign(detail: &str) -> Diagnostic {
    Diagnostic::error("plan-file-foreign", "This is not a plan file", detail)
        .hint("Give a file that \"formwork plan -out=FILE\" has written; a configuration is planned from its folder.")
}

fn damaged(detail: &str) -> Diagnostic {
    let detail =
        format!("The plan file was changed or damaged after it was written. {detail} Nothing was applied.");
    Diagnostic::error("plan-file-damaged", "The plan file is damaged", detail).hint(PLAN_AGAIN)
}

fn unfitting() -> Diagnostic {
    damaged("Its contents do not match the digest at its end.")
}

fn other_format(format: u64, version: &str) -> Diagnostic {
    let detail = format!(
        "The plan file was written by Formwork {version} in format {format}; this is Formwork {VERSION}, which reads format {FORMAT}."
    );
    Diagnostic::error("plan-file-format", "The plan file has another format", detail).hint(PLAN_AGAIN)
}

fn other_version(version: &str) -> Diagnostic {
    let detail = format!(
        "The plan file was written by Formwork {version}, and this is Formwork {VERSION}. A plan is applied by the version that made it, because another one might do something else than what was shown."
    );
    Diagnostic::error("plan-file-version", "The plan file was made by another version", detail)
        .hint(format!("Apply it with Formwork {version}, or make the plan again with this version."))
}

#[cfg(test)]
mod tests;
