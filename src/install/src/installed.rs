//! What is installed: the program of each provider, as the lock file wants it.

use crate::hash;
use crate::lock_file::LockFile;
use crate::place::{executable, platform, unpacked};
use crate::provider::packages;
use crate::settings::Settings;
use formwork_diagnostic::Diagnostic;
use formwork_state::ProviderAddress;
use std::path::{Path, PathBuf};

/// The program of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// The hash of its package, where that was locked and is the one that is there.
    pub package: Option<String>,
}

/// The program of a provider: that of `dev_overrides`, else the one installed that the lock file knows.
pub fn program(
    address: &ProviderAddress,
    settings: &Settings,
    lock: &LockFile,
    data_folder: &Path,
) -> Result<Program, Diagnostic> {
    if let Some(folder) = settings.overrides.get(address) {
        let path = executable(folder, address).ok_or_else(|| not_installed(&format!(
            "{address}: {}, which dev_overrides names, has no program whose name begins with terraform-provider-{}",
            folder.display(),
            address.type_name
        )))?;
        return Ok(Program { path, package: None });
    }
    let Some(locked) = lock.providers.get(address) else {
        let detail = format!(
            "The following dependency selections recorded in the lock file are inconsistent with the current configuration:\n  - provider {address}: required by this configuration but no version is selected"
        );
        let diagnostic = Diagnostic::error("lock-file", "Inconsistent dependency lock file", detail);
        return Err(diagnostic.hint("To make the initial dependency selections that will initialize the dependency lock file, run: formwork init"));
    };
    let folder = unpacked(&packages(data_folder), address, &locked.version, &platform());
    let version = &locked.version;
    let Some(path) = executable(&folder, address) else {
        return Err(not_installed(&format!(
            "{address}: there is no package for {address} {version} cached in {}",
            packages(data_folder).display()
        )));
    };
    // Where nothing was recorded there is nothing to hold it against.
    if locked.hashes.is_empty() {
        return Ok(Program { path, package: None });
    }
    let hash = hash::of_folder(&folder).map_err(|error| not_installed(&format!("{address}: {error}")))?;
    if !locked.hashes.contains(&hash) {
        return Err(not_installed(&format!(
            "{address}: the cached package for {address} {version} (in {}) does not match any of the checksums recorded in the dependency lock file",
            packages(data_folder).display()
        )));
    }
    Ok(Program { path, package: Some(hash) })
}

fn not_installed(what: &str) -> Diagnostic {
    let detail = format!(
        "The installed provider plugins are not consistent with the packages selected in the dependency lock file:\n  - {what}"
    );
    Diagnostic::error("provider-not-installed", "Required plugins are not installed", detail)
        .hint("To download the plugins required for this configuration, run: formwork init")
}
