//! Text around bytes: PEM and hexadecimal.

use formwork_sdk::ProviderError;
use std::fmt::Write as _;
use x509_cert::der::pem::{LineEnding, encode_string};

/// Bytes in PEM.
pub(crate) fn encode(label: &'static str, bytes: &[u8]) -> Result<String, ProviderError> {
    encode_string(label, LineEnding::LF, bytes)
        .map_err(|error| ProviderError::bug(format!("PEM could not be written: {error}")))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    joined(bytes, "")
}

/// Bytes in hexadecimal with something between each two.
pub(crate) fn joined(bytes: &[u8], separator: &str) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        let _ = write!(out, "{}{byte:02x}", if at == 0 { "" } else { separator });
    }
    out
}
