//! An entry as bytes: `{"format":1,"digest":"…","entry":{…}}`, the digest being that of the entry's own text.

use super::entry::Entry;
use crate::backend::BackendError;
use crate::store::digest;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The one format that this version writes and reads.
const FORMAT: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u64,
    digest: String,
    #[serde(borrow)]
    entry: &'a RawValue,
}

/// An entry with its digest.
#[derive(Clone)]
pub struct Document {
    /// What the next entry names.
    pub digest: String,
    /// Whether the digest is that of the entry's text.
    pub is_intact: bool,
    /// What it says.
    pub entry: Entry,
}

/// The bytes, and the digest.
pub(super) fn encode(entry: &Entry) -> Result<(Vec<u8>, String), BackendError> {
    let failed = |error: serde_json::Error| BackendError::Failed(error.to_string());
    let text = serde_json::value::to_raw_value(entry).map_err(failed)?;
    let digest = digest(text.get().as_bytes());
    let envelope = Envelope { format: FORMAT, digest: digest.clone(), entry: &text };
    let mut bytes = serde_json::to_vec(&envelope).map_err(failed)?;
    bytes.push(b'\n');
    Ok((bytes, digest))
}

/// Reads what [`encode`] made; the error says why that cannot be.
pub fn decode(bytes: &[u8]) -> Result<Document, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if envelope.format != FORMAT {
        return Err(format!("it has format {}, and this version reads format {FORMAT}", envelope.format));
    }
    let text = envelope.entry.get();
    let entry = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Document { is_intact: digest(text.as_bytes()) == envelope.digest, digest: envelope.digest, entry })
}
