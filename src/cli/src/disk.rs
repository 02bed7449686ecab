//! The working directory as the language's source of files.

use formwork_lang::{Source, SourceError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
        if path.is_empty() || path == "." { self.root.clone() } else { self.root.join(path) }
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
