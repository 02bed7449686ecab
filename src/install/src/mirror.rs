//! Folders of providers, unpacked and packed, as `providers mirror` makes them and air-gapped sites keep them.

use crate::place::{archive_name, of_provider, unpacked};
use formwork_lang::Version;
use formwork_state::ProviderAddress;
use std::path::{Path, PathBuf};

/// A package in a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A folder with the program.
    Folder(PathBuf),
    /// A zip archive.
    Archive(PathBuf),
}

/// All versions of a provider that are there for a platform.
pub(crate) fn versions(root: &Path, address: &ProviderAddress, platform: &str) -> Vec<Version> {
    let folder = of_provider(root, address);
    let mut found: Vec<Version> = names(&folder)
        .iter()
        .filter_map(|name| {
            let version =
                if folder.join(name).is_dir() { name } else { packed_version(name, address, platform)? };
            Version::of(version)
        })
        .filter(|version| find(root, address, version, platform).is_some())
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The package of a version.
pub(crate) fn find(
    root: &Path,
    address: &ProviderAddress,
    version: &Version,
    platform: &str,
) -> Option<Found> {
    let folder = unpacked(root, address, version, platform);
    if folder.is_dir() {
        return Some(Found::Folder(folder));
    }
    let archive = of_provider(root, address).join(archive_name(address, version, platform));
    archive.is_file().then_some(Found::Archive(archive))
}

/// All providers in a mirror, whatever their versions.
pub(crate) fn providers(root: &Path) -> Vec<ProviderAddress> {
    let below = |folder: &Path| names(folder).into_iter().map(|name| folder.join(name)).collect::<Vec<_>>();
    let found = below(root).into_iter().flat_map(|host| below(&host)).flat_map(|namespace| below(&namespace));
    let address = |path: PathBuf| {
        let relative = path.strip_prefix(root).ok()?.to_str()?.to_owned();
        path.is_dir().then(|| ProviderAddress::parse(&relative).ok())?
    };
    found.filter_map(address).collect()
}

fn packed_version<'a>(name: &'a str, address: &ProviderAddress, platform: &str) -> Option<&'a str> {
    name.strip_prefix(&format!("terraform-provider-{}_", address.type_name))?
        .strip_suffix(&format!("_{platform}.zip"))
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
