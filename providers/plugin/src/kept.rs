//! Schemas of a provider that is installed, kept in a file from one run to the next.
//!
//! Invariant: what is kept is of exactly the package that it names, and only of providers that do without being asked
//! for their schemas; what cannot be read is asked for again.

use crate::handshake::Protocol;
use crate::messages::{IdentitySchemas, Kept, Schemas};
use prost::Message as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Which fields the messages have that are kept: raised with every change of them.
const FORM: u32 = 1;

/// Where a provider's schemas are kept, and of which package they have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// The file.
    pub path: PathBuf,
    /// The hash of the package.
    pub package: String,
}

/// All that a provider says of itself.
pub(crate) struct Told {
    pub(crate) protocol: Protocol,
    pub(crate) schemas: Schemas,
    pub(crate) identities: IdentitySchemas,
}

impl Told {
    /// Whether the provider works where nobody asks it for its schemas.
    pub(crate) fn is_optional(&self) -> bool {
        self.schemas.capabilities.as_ref().is_some_and(|able| able.get_provider_schema_optional)
    }
}

impl SchemaFile {
    /// What is kept of the package.
    pub(crate) fn read(&self) -> Option<Told> {
        let kept = Kept::decode(std::fs::read(&self.path).ok()?.as_slice()).ok()?;
        if kept.form != FORM || kept.package != self.package {
            return None;
        }
        let protocol = if kept.protocol == 5 { Protocol::Five } else { Protocol::Six };
        Some(Told { protocol, schemas: kept.schemas?, identities: kept.identities? })
    }

    /// Keeps it; without it the provider is asked each time.
    pub(crate) fn write(&self, told: &Told) {
        if let Err(error) = self.put(told) {
            tracing::debug!("{} cannot be written: {error}", self.path.display());
        }
    }

    fn put(&self, told: &Told) -> io::Result<()> {
        let kept = Kept {
            form: FORM,
            package: self.package.clone(),
            protocol: if told.protocol == Protocol::Five { 5 } else { 6 },
            schemas: Some(told.schemas.clone()),
            identities: Some(told.identities.clone()),
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&kept.encode_to_vec())?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::ServerCapabilities;

    fn told() -> Told {
        let able = ServerCapabilities { get_provider_schema_optional: true, ..ServerCapabilities::default() };
        let schemas = Schemas { capabilities: Some(able), ..Schemas::default() };
        Told { protocol: Protocol::Five, schemas, identities: IdentitySchemas::default() }
    }

    #[test]
    fn only_what_was_kept_of_this_package_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |package: &str| SchemaFile {
            path: folder.path().join("a/b/schemas"),
            package: package.to_owned(),
        };
        assert!(file("h1:one").read().is_none());
        file("h1:one").write(&told());
        let back = file("h1:one").read().expect("what was kept");
        assert!(back.protocol == Protocol::Five && back.is_optional());
        assert!(file("h1:two").read().is_none());
        std::fs::write(folder.path().join("a/b/schemas"), [0xff; 40]).expect("a file");
        assert!(file("h1:one").read().is_none());
    }
}
