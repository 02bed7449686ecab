//! A folder of modules from elsewhere, for sites that reach no server.
//!
//! A registry's are in `HOST/NAMESPACE/NAME/SYSTEM/VERSION`, others in `packages`, each in a folder named after its
//! address. Invariant: a name never leads out of the folder.

use crate::place;
use formwork_lang::{ModuleAddress, Version, VersionConstraint};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of an address that is no registry's.
fn of_address(root: &Path, address: &str) -> PathBuf {
    let name = address.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) && !name.is_empty() {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
        name
    });
    root.join("packages").join(name)
}

fn of_registry(root: &Path, host: &str, name: &str) -> PathBuf {
    // The colon of a port may not stand in a file's name everywhere.
    root.join(host.replace(':', "%3a")).join(name)
}

/// The package of a module, and its version where it has one; nothing where it is not here.
pub(crate) fn find(
    root: &Path,
    address: &ModuleAddress,
    wanted: &VersionConstraint,
) -> Option<(PathBuf, Option<Version>)> {
    match address {
        ModuleAddress::Local(_) => None,
        ModuleAddress::Remote { address, .. } => {
            Some((of_address(root, address), None)).filter(|(folder, _)| folder.is_dir())
        }
        ModuleAddress::Registry { host, name, .. } => {
            let folder = of_registry(root, host, name);
            let entries = std::fs::read_dir(&folder).ok()?;
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let versions = names.filter_map(|name| Version::of(&name).filter(|one| one.to_string() == name));
            let newest = versions.filter(|version| wanted.selects(version)).max()?;
            Some((folder.join(newest.to_string()), Some(newest)))
        }
    }
}

/// Copies a package into the folder, unless it is there.
pub(crate) fn put(
    root: &Path,
    address: &ModuleAddress,
    version: Option<&str>,
    package: &Path,
) -> io::Result<()> {
    let target = match (address, version) {
        (ModuleAddress::Local(_), _) => return Ok(()),
        (ModuleAddress::Remote { address, .. }, _) => of_address(root, address),
        (ModuleAddress::Registry { host, name, .. }, version) => {
            of_registry(root, host, name).join(version.unwrap_or_default())
        }
    };
    if target.is_dir() {
        return Ok(());
    }
    let made = place::beside(&target)?;
    let copy = made.path().join("package");
    place::copy(package, &copy)?;
    place::put(&copy, &target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_and_stays_inside() {
        let (root, package) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(package.path().join("main.tf"), "").unwrap();
        for (source, version) in [
            ("git::https://h.test/a.git?ref=v1", None),
            ("https://h.test/../../x.zip", None),
            ("h.test:81/a/b/c", Some("1.2.0")),
            ("h.test:81/a/b/c", Some("2.0.0")),
        ] {
            let address = ModuleAddress::parse(source).unwrap();
            put(root.path(), &address, version, package.path()).unwrap();
            let wanted = version.map_or_else(VersionConstraint::default, |text| {
                VersionConstraint::parse(text).unwrap_or_default()
            });
            let (folder, found) = find(root.path(), &address, &wanted).unwrap();
            assert_eq!(found.map(|version| version.to_string()).as_deref(), version);
            assert!(folder.join("main.tf").is_file() && folder.starts_with(root.path()), "{source}");
            assert!(!folder.components().any(|part| part.as_os_str() == ".."), "{}", folder.display());
        }
        let newest = ModuleAddress::parse("h.test:81/a/b/c").unwrap();
        let (_, version) = find(root.path(), &newest, &VersionConstraint::default()).unwrap();
        assert_eq!(version.unwrap().to_string(), "2.0.0");
        assert!(
            find(root.path(), &ModuleAddress::parse("a/b/c").unwrap(), &VersionConstraint::default())
                .is_none()
        );
    }
}
