//! Files of the working directory.

use formwork_sdk::{ErrorKind, ProviderError};
use std::fs;
use std::io::ErrorKind as Cause;
use std::path::Path;

/// What stands in a file; none where there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, ProviderError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == Cause::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Writes a file, with the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ProviderError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), fs::create_dir_all).map_err(|error| failed("made", path, &error))?;
    fs::write(path, bytes).map_err(|error| failed("written", path, &error))
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), ProviderError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != Cause::NotFound => Err(failed("removed", path, &error)),
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> ProviderError {
    ProviderError::new(ErrorKind::Denied, format!("{} could not be {what}: {error}", path.display()))
}
