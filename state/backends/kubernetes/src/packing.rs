//! How bytes become Secrets: gzip, as OpenTofu writes a state, and where that is too large for one Secret, parts with
//! one Secret that names them.
//!
//! Invariant: the names of parts are used once, so that whoever reads an old list finds its own parts or none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use formwork_state::backend::BackendError;
use serde_json::{Value as Json, json};
use std::io::{ErrorKind, Read as _, Write as _};

/// The entry of a Secret's data that holds the bytes.
const KEY: &str = "tfstate";

/// How many bytes a Secret is given: an API server takes 1 MiB with all that stands around them.
const LARGEST: usize = 960 * 1024;

/// What gzip begins with (RFC 1952 section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes as they are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    /// What the Secret of the name holds.
    pub(crate) main: Vec<u8>,
    /// Name and bytes of the others.
    pub(crate) parts: Vec<(String, Vec<u8>)>,
}

/// What stands in a Secret instead of bytes that are too many. OpenTofu finds no gzip there and stops.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct List {
    formwork_parts: Vec<String>,
}

/// What a Secret holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole(Vec<u8>),
    /// The names of its parts.
    Parts(Vec<String>),
    /// The beginning; Terraform keeps the rest in further Secrets.
    Beginning(Vec<u8>),
}

/// Packs bytes; the names of parts begin with `prefix`.
pub(crate) fn pack(bytes: &[u8], prefix: &str) -> Result<Packed, BackendError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let main = encoder.write_all(bytes).and_then(|()| encoder.finish())?;
    if main.len() <= LARGEST {
        return Ok(Packed { main, parts: Vec::new() });
    }
    let name = |number: usize| format!("{prefix}-{number:04}");
    let parts: Vec<_> =
        main.chunks(LARGEST).enumerate().map(|(number, part)| (name(number), part.to_vec())).collect();
    let list = List { formwork_parts: parts.iter().map(|(name, _)| name.clone()).collect() };
    let main = serde_json::to_vec(&list).map_err(|error| BackendError::Failed(error.to_string()))?;
    Ok(Packed { main, parts })
}

/// What came before gzip.
pub(crate) fn unpacked(name: &str, packed: &[u8]) -> Result<Vec<u8>, BackendError> {
    let mut bytes = Vec::new();
    let read = GzDecoder::new(packed).read_to_end(&mut bytes);
    read.map_err(|error| BackendError::Failed(format!("the Secret {name} holds no whole gzip: {error}")))?;
    Ok(bytes)
}

/// Looks at a Secret's data.
pub(crate) fn kept(name: &str, secret: &Json) -> Result<Kept, BackendError> {
    let bytes = bytes_of(secret);
    if bytes.is_empty() {
        return Ok(Kept::Nothing);
    }
    if bytes.first() == Some(&b'{') {
        let list: List = serde_json::from_slice(&bytes).map_err(|error| {
            BackendError::Failed(format!("the Secret {name} does not name its parts: {error}"))
        })?;
        return Ok(Kept::Parts(list.formwork_parts));
    }
    let mut whole = Vec::new();
    match GzDecoder::new(bytes.as_slice()).read_to_end(&mut whole) {
        Ok(_) => Ok(Kept::Whole(whole)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && bytes.starts_with(&MAGIC) => {
            Ok(Kept::Beginning(bytes))
        }
        Err(error) => Err(BackendError::Failed(format!("the Secret {name} holds no gzip: {error}"))),
    }
}

/// The bytes of a Secret's entry; none where there is no such entry.
pub(crate) fn bytes_of(secret: &Json) -> Vec<u8> {
    let text = secret["data"][KEY].as_str().unwrap_or_default();
    STANDARD.decode(text).unwrap_or_default()
}

/// Whether there is a state in a Secret.
pub(crate) fn is_state(secret: &Json) -> bool {
    secret["data"][KEY].as_str().is_some_and(|text| !text.is_empty())
}

/// A Secret's data.
pub(crate) fn data(bytes: &[u8]) -> Json {
    json!({ KEY: STANDARD.encode(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that no compression makes fewer.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for (length, parts) in [(0, 0), (10, 0), (LARGEST / 2, 0), (LARGEST + 1, 2), (3 * LARGEST, 4)] {
            let bytes = noise(length);
            let packed = pack(&bytes, "p").ok().map(|packed| (packed.main, packed.parts));
            let (main, found) = packed.unwrap_or_default();
            assert_eq!(found.len(), parts, "{length}");
            let kept = kept("s", &json!({ "data": data(&main) })).ok();
            let whole =
                if parts == 0 { main } else { found.iter().flat_map(|(_, part)| part.clone()).collect() };
            if parts > 0 {
                let names = found.iter().map(|(name, _)| name.clone()).collect();
                assert_eq!(kept, Some(Kept::Parts(names)));
            }
            assert_eq!(unpacked("s", &whole).ok(), Some(bytes), "{length}");
        }
    }

    #[test]
    fn what_a_secret_holds_is_told_apart() {
        let main = pack(b"state", "p").ok().map(|packed| packed.main).unwrap_or_default();
        for (bytes, expected) in [
            (&b""[..], Some(Kept::Nothing)),
            (&main, Some(Kept::Whole(b"state".to_vec()))),
            (&main[..main.len() - 9], Some(Kept::Beginning(main[..main.len() - 9].to_vec()))),
            (b"{\"formwork_parts\":[\"a\"]}", Some(Kept::Parts(vec!["a".to_owned()]))),
            (b"{\"formwork_parts\":7}", None),
            (b"no gzip", None),
        ] {
            assert_eq!(kept("s", &json!({ "data": data(bytes) })).ok(), expected, "{bytes:?}");
        }
        assert_eq!(kept("s", &json!({})).ok(), Some(Kept::Nothing));
    }
}
