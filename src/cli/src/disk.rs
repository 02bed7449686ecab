//! The working directory as the language's source of files.

use crate::workspaces::data_folder;
use formwork_diagnostic::Diagnostic;
use formwork_install::Modules;
use formwork_lang::{MODULE_MANIFEST, ModuleRequest, Source, SourceError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files below a folder.
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    /// The process's working directory.
    pub(crate) fn here() -> Self {
        Self { root: PathBuf::from(".") }
    }

    fn at(&self, path: &str) -> PathBuf {
        // It lies in the data folder, wherever that is.
        if path == MODULE_MANIFEST {
            return data_folder().join("modules/modules.json");
        }
        if path.is_empty() || path == "." { self.root.clone() } else { self.root.join(path) }
    }
}

/// The working directory, where modules are installed when a call leads to one.
pub(crate) struct Installing {
    disk: Disk,
    pub(crate) modules: Mutex<Modules>,
}

impl Installing {
    pub(crate) fn new(modules: Modules) -> Self {
        Self { disk: Disk::here(), modules: Mutex::new(modules) }
    }
}

impl Source for Installing {
    fn encryption(&self) -> Option<String> {
        self.disk.encryption()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        self.disk.read(path)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        self.disk.list(directory)
    }

    fn absolute(&self, path: &str) -> String {
        self.disk.absolute(path)
    }

    fn install(&self, request: &ModuleRequest<'_>) -> Option<Result<String, Diagnostic>> {
        Some(self.modules.lock().unwrap_or_else(PoisonError::into_inner).install(request))
    }
}

fn failed(error: &std::io::Error) -> SourceError {
    match error.kind() {
        ErrorKind::NotFound => SourceError::NotFound,
        _ => SourceError::Other(error.to_string()),
    }
}

impl Source for Disk {
    fn encryption(&self) -> Option<String> {
        std::env::var(crate::ambient::ENCRYPTION).ok()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        std::fs::read(self.at(path)).map_err(|error| failed(&error))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.at(directory)).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            if entry.path().is_dir() {
                name.push('/');
            }
            names.push(name);
        }
        Ok(names)
    }

    fn absolute(&self, path: &str) -> String {
        let joined = std::path::absolute(self.at(path)).unwrap_or_else(|_| Path::new(path).to_owned());
        let mut clean = PathBuf::new();
        for part in joined.components() {
            match part {
                std::path::Component::ParentDir => {
                    clean.pop();
                }
                std::path::Component::CurDir => {}
                part => clean.push(part),
            }
        }
        clean.to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::Disk;
    use formwork_lang::{Source, SourceError};

    #[test]
    fn folders_are_told_from_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.tf"), "x").unwrap();
        std::fs::create_dir(folder.path().join("m")).unwrap();
        let disk = Disk { root: folder.path().to_owned() };
        let mut names = disk.list(".").unwrap();
        names.sort();
        assert_eq!(names, ["a.tf", "m/"]);
        assert_eq!(disk.read("a.tf").unwrap(), b"x");
        assert_eq!(disk.read("none.tf"), Err(SourceError::NotFound));
        assert_eq!(disk.absolute("m/../a.tf"), folder.path().join("a.tf").to_string_lossy());
    }
}
