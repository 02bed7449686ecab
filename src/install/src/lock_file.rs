//! `.terraform.lock.hcl`: which version of each provider was chosen, and the hashes of its packages.
//!
//! Invariant: a file is written as OpenTofu writes it, to the byte, so that both work in one folder and no change
//! appears in version control that nobody made.

use crate::text::{self, argument};
use formwork_diagnostic::Diagnostic;
use formwork_lang::{Version, VersionConstraint};
use formwork_state::ProviderAddress;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// The file's name.
pub const LOCK_FILE: &str = ".terraform.lock.hcl";

/// What a file says that was written by OpenTofu.
const HEAD: &str = "# This file is maintained automatically by \"tofu init\".\n# Manual edits may be lost in future updates.\n";

/// Locked providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LockFile {
    /// By their addresses.
    pub providers: BTreeMap<ProviderAddress, Locked>,
}

/// One locked provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The version chosen.
    pub version: Version,
    /// What asked for it.
    pub constraints: VersionConstraint,
    /// `h1:...` and `zh:...`, each once.
    pub hashes: BTreeSet<String>,
}

impl LockFile {
    /// Reads the file of a folder; where there is none, nothing is locked.
    pub fn of_folder(folder: &Path) -> Result<Self, Diagnostic> {
        match std::fs::read_to_string(folder.join(LOCK_FILE)) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(unreadable(&error.to_string())),
        }
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let mut lock = Self::default();
        for item in text::read(text).map_err(|error| unreadable(&error))? {
            let [source] = item.labels.as_slice() else { continue };
            if item.name != "provider" {
                continue;
            }
            let at = |what: &str| unreadable(&format!("line {}: {what}", item.line));
            let address =
                ProviderAddress::parse(source).map_err(|_| at("a provider is HOST/NAMESPACE/NAME"))?;
            let body = item.value.body();
            let version = argument(body, "version").and_then(|value| value.text()).and_then(Version::of);
            let version = version.ok_or_else(|| at("the version is missing or is none"))?;
            let constraints = match argument(body, "constraints") {
                None => VersionConstraint::default(),
                Some(value) => value
                    .text()
                    .and_then(VersionConstraint::parse)
                    .ok_or_else(|| at("the constraints are none"))?,
            };
            let hashes = match argument(body, "hashes") {
                None => Vec::new(),
                Some(value) => value.texts().ok_or_else(|| at("hashes are a list of texts"))?,
            };
            let locked = Locked { version, constraints, hashes: hashes.into_iter().collect() };
            if lock.providers.insert(address, locked).is_some() {
                return Err(at("this provider is locked twice"));
            }
        }
        Ok(lock)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for (address, locked) in &self.providers {
            let _ = writeln!(text, "\nprovider \"{address}\" {{");
            if locked.constraints.is_empty() {
                let _ = writeln!(text, "  version = \"{}\"", locked.version);
            } else {
                let _ = writeln!(text, "  version     = \"{}\"", locked.version);
                let _ = writeln!(text, "  constraints = \"{}\"", locked.constraints);
            }
            if !locked.hashes.is_empty() {
                text.push_str("  hashes = [\n");
                for hash in &locked.hashes {
                    let _ = writeln!(text, "    \"{hash}\",");
                }
                text.push_str("  ]\n");
            }
            text.push_str("}\n");
        }
        text
    }

    /// Writes the file of a folder, beside it first.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, self.text().as_bytes())?;
        crate::place::readable(file.as_file())?;
        file.persist(folder.join(LOCK_FILE)).map_err(|error| error.error).map(drop)
    }
}

fn unreadable(why: &str) -> Diagnostic {
    let detail = format!("The dependency lock file {LOCK_FILE} cannot be read: {why}.");
    Diagnostic::error("lock-file", "Invalid dependency lock file", detail)
        .hint("Restore the file from version control, or remove it and run \"formwork init\".")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"# This file is maintained automatically by "tofu init".
# Manual edits may be lost in future updates.

provider "registry.opentofu.org/hashicorp/aws" {
  version     = "6.42.0"
  constraints = ">= 2.49.0, >= 3.29.0, >= 6.34.0"
  hashes = [
    "h1:gyeO1pGW3/KRjmc6g1grgIU5ieIABU1sHjXMJ/QLPNI=",
    "zh:21cc66ae8e6238a7948934802f217aa464f25a5f1031b52299be1e3246cbb405",
  ]
}

provider "registry.opentofu.org/hashicorp/random" {
  version = "3.6.0"
}
"#;

    #[test]
    fn a_file_is_written_as_it_was_read() {
        assert_eq!(LockFile::parse(FILE).unwrap().text(), FILE);
    }

    #[test]
    fn damage_says_where_it_is() {
        for (from, to, said) in [
            ("\"6.42.0\"", "6", "line 4: the version"),
            (">= 2.49.0", "newest", "line 4: the constraints"),
            ("hashicorp/random", "hashicorp/aws", "line 13: this provider is locked twice"),
            ("hashes = [", "hashes = ", "line 9: expected"),
        ] {
            let error = LockFile::parse(&FILE.replace(from, to)).unwrap_err();
            assert!(error.detail.contains(said), "{said}: {}", error.detail);
        }
    }
}
