//! Folders of providers: how packages lie in mirrors, in the working directory and in the shared cache.
//!
//! Invariant: a package appears whole or not at all; it is made beside its place and then renamed.

use formwork_lang::Version;
use formwork_state::ProviderAddress;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of one package, as mirrors and the working directory have it unpacked.
pub(crate) fn unpacked(root: &Path, address: &ProviderAddress, version: &Version, platform: &str) -> PathBuf {
    of_provider(root, address).join(version.to_string()).join(platform)
}

/// The folder of one provider.
pub(crate) fn of_provider(root: &Path, address: &ProviderAddress) -> PathBuf {
    // A port's colon is no part of a file's name everywhere.
    root.join(address.host.as_str()).join(address.namespace.as_str()).join(address.type_name.as_str())
}

/// The name of a packed package.
pub(crate) fn archive_name(address: &ProviderAddress, version: &Version, platform: &str) -> String {
    format!("terraform-provider-{}_{version}_{platform}.zip", address.type_name)
}

/// `linux_amd64`: what packages are named after.
pub fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}_{architecture}")
}

/// The program in the folder of a package: the first by name that begins as it must.
pub fn executable(folder: &Path, address: &ProviderAddress) -> Option<PathBuf> {
    let start = format!("terraform-provider-{}", address.type_name);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    let fits = |name: &String| {
        name.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']))
    };
    names.into_iter().filter(fits).map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Lets others read what was made as a private file.
pub(crate) fn readable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// A folder beside the place that something is to have, on the same disk; it goes away unless it is put there.
pub(crate) fn beside(target: &Path) -> io::Result<tempfile::TempDir> {
    let parent = target.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    tempfile::Builder::new().prefix(".incomplete-").tempdir_in(parent)
}

/// Puts a finished folder into its place; what was there goes.
pub(crate) fn put(made: &Path, target: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(made, std::fs::Permissions::from_mode(0o755))?;
    }
    remove(target)?;
    std::fs::rename(made, target)
}

/// Removes a folder, a file or a link; nothing there is fine.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    if metadata.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

/// Links a folder into a place, or copies it where links cannot be made.
pub(crate) fn link(from: &Path, target: &Path) -> io::Result<()> {
    remove(target)?;
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    #[cfg(unix)]
    if std::os::unix::fs::symlink(std::path::absolute(from)?, target).is_ok() {
        return Ok(());
    }
    let made = beside(target)?;
    copy(from, made.path())?;
    put(made.path(), target)
}

/// Copies what is in a folder; links are followed.
pub(crate) fn copy(from: &Path, into: &Path) -> io::Result<()> {
    std::fs::create_dir_all(into)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), into.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
