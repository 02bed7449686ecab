//! Folders of providers, unpacked and packed, as `providers mirror` makes them and air-gapped sites keep them.

use crate::archive::{LIMITS, unpack_zip};
use crate::hash;
use crate::place::{archive_name, of_provider, readable, unpacked};
use formwork_lang::Version;
use formwork_state::ProviderAddress;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Seek as _, Write as _};
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

/// Puts an archive into a mirror, and writes down there what the network mirror protocol asks for.
pub(crate) fn put(
    root: &Path,
    address: &ProviderAddress,
    version: &Version,
    platform: &str,
    archive: &mut File,
) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let folder = of_provider(root, address);
    std::fs::create_dir_all(&folder).map_err(io)?;
    let contents = tempfile::tempdir().map_err(io)?;
    unpack_zip(archive, contents.path(), LIMITS)
        .map_err(|error| format!("the archive is refused: {error}"))?;
    let hash = hash::of_folder(contents.path()).map_err(io)?;
    let name = archive_name(address, version, platform);
    archive.rewind().map_err(io)?;
    write(&folder.join(&name), |file| std::io::copy(archive, file).map(drop)).map_err(io)?;
    let path = folder.join(format!("{version}.json"));
    let mut described = read(&path)?;
    described["archives"][platform] = json!({ "hashes": [hash], "url": name });
    write_json(&path, &described).map_err(io)?;
    let path = folder.join("index.json");
    let mut index = read(&path)?;
    index["versions"][version.to_string()] = json!({});
    write_json(&path, &index).map_err(io)
}

/// A document of the mirror, or an empty one.
fn read(path: &Path) -> Result<Value, String> {
    match std::fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(document @ Value::Object(_)) => Ok(document),
            _ => Err(format!("{} is no document of a mirror; remove it", path.display())),
        },
        Err(_) => Ok(json!({})),
    }
}

fn write_json(path: &Path, document: &Value) -> std::io::Result<()> {
    write(path, |file| file.write_all(format!("{document:#}").as_bytes()))
}

fn write(path: &Path, content: impl FnOnce(&mut File) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    content(file.as_file_mut())?;
    readable(file.as_file())?;
    file.persist(path).map_err(|error| error.error).map(drop)
}

fn packed_version<'a>(name: &'a str, address: &ProviderAddress, platform: &str) -> Option<&'a str> {
    name.strip_prefix(&format!("terraform-provider-{}_", address.type_name))?
        .strip_suffix(&format!("_{platform}.zip"))
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
