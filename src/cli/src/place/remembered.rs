//! What `init` settled on, in the file where OpenTofu and Terraform keep it too: `terraform.tfstate` in the data folder.

use crate::registry;
use crate::workspaces;
use formwork_diagnostic::Diagnostic;
use formwork_value::{Name, Value, decode_implied, encode_plain};
use serde_json::{Map, Value as Json, json};
use std::io;
use std::path::PathBuf;

/// A place that `init` settled on.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    /// Its kind.
    pub(crate) kind: String,
    /// All its settings that have a value: those of the block and those that init was given.
    pub(crate) values: Vec<(Name, Value)>,
    /// Of what was written in the block.
    pub(crate) digest: u32,
}

impl Remembered {
    /// Whether these values are all among its own.
    pub(crate) fn has_all(&self, values: &[(Name, Value)]) -> bool {
        values.iter().all(|(name, value)| {
            let own = self.values.iter().find(|(other, _)| other == name);
            own.is_some_and(|(_, own)| encode_plain(own).ok() == encode_plain(value).ok())
        })
    }

    /// Whether it is the same place with the same settings.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.has_all(&other.values) && other.has_all(&self.values)
    }
}

fn path() -> PathBuf {
    workspaces::data_folder().join("terraform.tfstate")
}

/// What was settled on, if anything.
pub(crate) fn remembered() -> Result<Option<Remembered>, Diagnostic> {
    let text = match std::fs::read_to_string(path()) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error.to_string())),
    };
    let file: Json = serde_json::from_str(&text).map_err(|error| unreadable(&error.to_string()))?;
    let backend = &file["backend"];
    let Some(kind) = backend["type"].as_str().filter(|kind| !kind.is_empty()) else { return Ok(None) };
    let config = backend["config"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let mut values = Vec::new();
    for (name, value) in config {
        let value = decode_implied(&value.to_string()).map_err(|error| unreadable(&error.to_string()))?;
        values.push((name.as_str().into(), value));
    }
    let digest = backend["hash"].as_u64().and_then(|hash| u32::try_from(hash).ok()).unwrap_or_default();
    Ok(Some(Remembered { kind: kind.to_owned(), values, digest }))
}

/// Keeps it. Only its owner may read it: what was given to init may be secret.
pub(crate) fn remember(place: &Remembered) -> Result<(), Diagnostic> {
    // The other engine wants every argument that it knows, null where none is given.
    let mut config = Map::new();
    for setting in registry::backend(&place.kind).map_or(&[][..], |kind| kind.settings) {
        if setting.is_everywhere {
            config.insert(setting.name.to_owned(), Json::Null);
        }
    }
    for (name, value) in &place.values {
        let text = encode_plain(value).map_err(|error| unwritable(&error.to_string()))?;
        let value = serde_json::from_str(&text).map_err(|error| unwritable(&error.to_string()))?;
        config.insert(name.to_string(), value);
    }
    let file = json!({
        "version": 3,
        "terraform_version": formwork_state::LANGUAGE_VERSION,
        "backend": { "type": place.kind, "config": config, "hash": place.digest },
    });
    let text = format!("{file:#}\n");
    let write = || {
        std::fs::create_dir_all(workspaces::data_folder())?;
        let half = path().with_extension("tfstate.new");
        let _ = std::fs::remove_file(&half);
        private(&half, text.as_bytes())?;
        std::fs::rename(&half, path())
    };
    write().map_err(|error| unwritable(&error.to_string()))
}

#[cfg(unix)]
fn private(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

#[cfg(not(unix))]
fn private(path: &std::path::Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::write(path, bytes)
}

/// Keeps nothing.
pub(crate) fn forget() -> Result<(), Diagnostic> {
    match std::fs::remove_file(path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(&error.to_string())),
        _ => Ok(()),
    }
}

fn unreadable(error: &str) -> Diagnostic {
    let detail = format!("{}, where init keeps what it settled on: {error}.", path().display());
    Diagnostic::error("backend-file-unreadable", "Backend settings cannot be read", detail)
        .hint("Remove the file and run init again.")
}

fn unwritable(error: &str) -> Diagnostic {
    let detail = format!("{}, where init keeps what it settles on: {error}.", path().display());
    Diagnostic::error("backend-file-unwritable", "Backend settings cannot be kept", detail)
        .hint("Check that this user may write into the data folder.")
}
