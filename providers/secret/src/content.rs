//! Bytes from outside: read no further than a bound, and given as text and in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_sdk::{ErrorKind, ProviderError};
use formwork_value::{Path, Type, Value};
use std::io::{self, Read as _};

/// Larger contents are refused.
pub(crate) const BYTES_MAXIMUM: usize = 1 << 20;

/// The path of an attribute of the resource.
pub(crate) fn at(attribute: &str) -> Path {
    Path::root().attribute(attribute)
}

/// A file that an attribute names.
pub(crate) fn read_file(path: &str, attribute: &str) -> Result<Vec<u8>, ProviderError> {
    read_bounded(path).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Invalid,
        };
        ProviderError::new(kind, format!("{path} cannot be read: {error}")).at(at(attribute)).hint(
            "A relative path begins at the folder of the run; give another path, or the right to read it.",
        )
    })
}

fn read_bounded(path: &str) -> io::Result<Vec<u8>> {
    // Asked before it is opened: opening a pipe waits for whoever writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BYTES_MAXIMUM as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > BYTES_MAXIMUM {
        return Err(io::Error::other(format!("it is larger than {BYTES_MAXIMUM} bytes")));
    }
    Ok(bytes)
}

/// Bytes as text, null where they are none, and in base64.
pub(crate) fn both(bytes: &[u8]) -> (Value, Value) {
    let text = std::str::from_utf8(bytes).map_or_else(|_| Value::null(Type::String), Value::from);
    (text, STANDARD.encode(bytes).into())
}

/// A map of texts; the last of several with one name counts.
pub(crate) fn texts(entries: impl IntoIterator<Item = (String, String)>) -> Value {
    let entries: std::collections::BTreeMap<String, String> = entries.into_iter().collect();
    let entries = entries.into_iter().map(|(name, text)| (name.into(), Value::from(text)));
    Value::map(Type::String, entries.collect())
}
