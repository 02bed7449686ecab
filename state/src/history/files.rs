//! Texts of a configuration as an entry keeps them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

/// The most that texts may come to, so that an entry which was tampered with fills no memory.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Files by path: as text where they are that, else in base64.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Packed {
    texts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    binaries: BTreeMap<String, String>,
}

/// Files as one text: JSON as gzip in base64.
pub fn pack<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<String, String> {
    let mut packed = Packed::default();
    for (path, bytes) in files {
        match std::str::from_utf8(bytes) {
            Ok(text) => packed.texts.insert(path.to_owned(), text.to_owned()),
            Err(_) => packed.binaries.insert(path.to_owned(), BASE64.encode(bytes)),
        };
    }
    let text = serde_json::to_vec(&packed).map_err(|error| error.to_string())?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(&text).and_then(|()| encoder.finish());
    packed.map(|bytes| BASE64.encode(bytes)).map_err(|error| error.to_string())
}

/// What [`pack`] made one text of.
pub fn unpack(text: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let bytes = BASE64.decode(text).map_err(|error| error.to_string())?;
    let mut unpacked = Vec::new();
    let mut decoder = GzDecoder::new(bytes.as_slice()).take(MOST_BYTES);
    decoder.read_to_end(&mut unpacked).map_err(|error| error.to_string())?;
    let packed: Packed = serde_json::from_slice(&unpacked).map_err(|error| error.to_string())?;
    let mut files: BTreeMap<String, Vec<u8>> =
        packed.texts.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    for (path, text) in packed.binaries {
        files.insert(path, BASE64.decode(text).map_err(|error| error.to_string())?);
    }
    Ok(files)
}
