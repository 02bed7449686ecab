//! Where configuration text comes from. Paths are relative to the root module's folder and use `/`.
//!
//! Invariant: nothing in this crate opens a file; whoever loads a module passes a [`Source`] in.

use crate::module_address::ModuleAddress;
use crate::version::VersionConstraint;
use formwork_diagnostic::Diagnostic;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Why a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceError {
    /// There is no such file or folder.
    NotFound,
    /// Anything else, in the words of whoever was asked.
    Other(String),
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("no such file or directory"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for SourceError {}

/// Reads files and lists folders. Paths look like `main.tf`, `modules/a/main.tf`, `../shared/x.tf`; the root
/// folder is `.` or the empty string.
pub trait Source: Send + Sync {
    /// The bytes of one file.
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError>;

    /// The names (not paths) of the files in a folder, in any order; names of folders end in `/`.
    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError>;

    /// The absolute path of a path of this source, for `abspath` and `path.cwd`; the path itself where the source
    /// is not on a disk.
    fn absolute(&self, path: &str) -> String {
        path.to_owned()
    }

    /// What an `encryption` block of the root module holds besides what its files say, in either syntax; it may be
    /// secret, and is never recorded.
    fn encryption(&self) -> Option<String> {
        None
    }

    /// The folder of a module that comes from elsewhere, installed if it was not. Nothing where this source installs
    /// none: then the list of installed modules says where it is.
    fn install(&self, _request: &ModuleRequest<'_>) -> Option<Result<String, Diagnostic>> {
        None
    }
}

/// A module that a call leads to, which comes from elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct ModuleRequest<'a> {
    /// The names of the calls from the root, with dots between.
    pub key: &'a str,
    /// Where it comes from.
    pub address: &'a ModuleAddress,
    /// Which versions may be chosen.
    pub version: &'a VersionConstraint,
}

/// Files held in memory: for tests, and for plans that carry their sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemorySource(pub BTreeMap<String, Vec<u8>>);

impl<P: Into<String>, B: Into<Vec<u8>>> FromIterator<(P, B)> for MemorySource {
    fn from_iter<I: IntoIterator<Item = (P, B)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, bytes)| (normalise_path(&path.into()), bytes.into())).collect())
    }
}

impl Source for MemorySource {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        self.0.get(&normalise_path(path)).cloned().ok_or(SourceError::NotFound)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        let directory = normalise_path(directory);
        let prefix = if directory == "." { String::new() } else { format!("{directory}/") };
        let below = |path: &String| path.strip_prefix(&prefix).map(str::to_owned);
        let mut names: Vec<String> = Vec::new();
        for rest in self.0.keys().filter_map(below) {
            let name = rest.split_once('/').map_or(rest.clone(), |(folder, _)| format!("{folder}/"));
            if names.last() != Some(&name) {
                names.push(name);
            }
        }
        if names.is_empty() && directory != "." { Err(SourceError::NotFound) } else { Ok(names) }
    }
}

/// Passes every question on to another source and keeps what was read: path and bytes.
pub struct RecordingSource<'a> {
    inner: &'a dyn Source,
    read: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl<'a> RecordingSource<'a> {
    /// Records what is read through it.
    pub fn new(inner: &'a dyn Source) -> Self {
        Self { inner, read: Mutex::default() }
    }

    /// Every file read so far.
    pub fn recorded(&self) -> MemorySource {
        MemorySource(self.read.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Source for RecordingSource<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let bytes = self.inner.read(path)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(normalise_path(path), bytes.clone());
        Ok(bytes)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, SourceError> {
        self.inner.list(directory)
    }

    fn absolute(&self, path: &str) -> String {
        self.inner.absolute(path)
    }

    fn encryption(&self) -> Option<String> {
        self.inner.encryption()
    }

    fn install(&self, request: &ModuleRequest<'_>) -> Option<Result<String, Diagnostic>> {
        self.inner.install(request)
    }
}

/// `a/./b/../c` becomes `a/c`; leading `..` stay; nothing becomes `.`.
pub fn normalise_path(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// A path below a folder, normalised; an absolute path stays itself.
pub fn join_path(directory: &str, path: &str) -> String {
    if path.starts_with('/') { normalise_path(path) } else { normalise_path(&format!("{directory}/{path}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        for (path, expected) in [
            ("", "."),
            ("./main.tf", "main.tf"),
            ("modules/a/../b/x.tf", "modules/b/x.tf"),
            ("../shared/x.tf", "../shared/x.tf"),
            ("a/../../b", "../b"),
            ("/etc/../x", "/x"),
            ("/../x", "/x"),
        ] {
            assert_eq!(normalise_path(path), expected, "{path}");
        }
    }

    #[test]
    fn memory_lists_and_records() {
        let source =
            MemorySource::from_iter([("main.tf", "a"), ("m/a.tf", "b"), ("m/b.tf", "c"), ("m/n/c.tf", "d")]);
        assert_eq!(
            source.list(".").unwrap(),
            ["m/", "main.tf"].map(str::to_owned).to_vec().into_iter().rev().rev().collect::<Vec<_>>()
        );
        assert_eq!(source.list("./m").unwrap(), ["a.tf", "b.tf", "n/"]);
        assert_eq!(source.list("x"), Err(SourceError::NotFound));
        let recording = RecordingSource::new(&source);
        recording.read("m/../main.tf").unwrap();
        assert_eq!(recording.recorded().0.keys().collect::<Vec<_>>(), ["main.tf"]);
    }
}
