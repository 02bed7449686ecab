//! The files of a module's folder: which of them count, what is read of each, and which override others.
//!
//! Invariant: files come in the order of their names, overriding ones after all others.

use super::Loader;
use super::merge::merge;
use crate::json::{self, Shape};
use crate::parser::parse_file;
use crate::source::{SourceError, join_path};
use crate::suggest;
use crate::syntax::BodySyntax;
use formwork_diagnostic::{Diagnostic, FileId, Span};
use rustc_hash::FxHashSet;

/// Endings of configuration files; one of the second kind takes the place of its namesake of the first.
const ENDINGS: [(&str, &str); 2] = [(".tf", ".tofu"), (".tf.json", ".tofu.json")];

impl Loader<'_> {
    /// The configuration files of a folder: those that stand for themselves, and those that override.
    pub(super) fn names(&mut self, directory: &str, called_at: Option<Span>) -> (Vec<String>, Vec<String>) {
        match self.source.list(directory) {
            Ok(names) => configuration_files(&names).into_iter().partition(|name| !is_override(name)),
            Err(error) => {
                let detail = format!("The directory {directory} could not be read: {error}.");
                let diagnostic = Diagnostic::error("module-directory", "Unreadable module directory", detail);
                let mut diagnostic = match called_at {
                    Some(span) => diagnostic.at(span),
                    None => diagnostic,
                };
                diagnostic.hint = self.near_folder(directory);
                self.diagnostics.push(diagnostic);
                self.is_incomplete = true;
                (Vec::new(), Vec::new())
            }
        }
    }

    /// The syntax of configuration files of a folder, overrides merged in.
    pub(super) fn files(
        &mut self,
        directory: &str,
        (primary, overriding): (Vec<String>, Vec<String>),
    ) -> Vec<BodySyntax> {
        let mut bodies: Vec<BodySyntax> =
            primary.iter().filter_map(|name| self.file(&join_path(directory, name), &json::FILE)).collect();
        for name in &overriding {
            if let Some(body) = self.file(&join_path(directory, name), &json::FILE) {
                let found = merge(&mut bodies, body, self.is_incomplete);
                self.diagnostics.append(found);
            }
        }
        bodies
    }

    /// The folder beside a missing one that was meant, perhaps.
    fn near_folder(&self, directory: &str) -> Option<String> {
        let (parent, name) = directory.rsplit_once('/').unwrap_or((".", directory));
        let names = self.source.list(parent).ok()?;
        let folders: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix('/')).collect();
        suggest::hint(name, folders.iter().copied())
    }

    /// The syntax of one file; the shape says what its blocks are where it is a JSON document.
    pub(super) fn file(&mut self, path: &str, shape: &Shape) -> Option<BodySyntax> {
        let body = self.read(path).and_then(|(file, text)| {
            if std::path::Path::new(path).extension().is_some_and(|ending| ending == "json") {
                return self.document(file, &text, shape);
            }
            let (body, diagnostics) = parse_file(file, &text);
            self.diagnostics.append(diagnostics);
            Some(body)
        });
        self.is_incomplete |= body.as_ref().is_none_or(|body| body.is_incomplete);
        body
    }

    fn document(&mut self, file: FileId, text: &str, shape: &Shape) -> Option<BodySyntax> {
        match json::read(file, text) {
            Ok(document) => Some(json::body(&document, shape, &mut self.diagnostics)),
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn read(&mut self, path: &str) -> Option<(FileId, String)> {
        let text = match self.source.read(path) {
            Ok(bytes) => String::from_utf8(bytes),
            Err(error) => {
                let reason =
                    if error == SourceError::NotFound { "it is gone".to_owned() } else { error.to_string() };
                let detail = format!("The file {path} could not be read: {reason}.");
                self.diagnostics.push(Diagnostic::error("unreadable-file", "Failed to read file", detail));
                return None;
            }
        };
        let (text, faulty) = match text {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (String::from_utf8_lossy(error.as_bytes()).into_owned(), u32::try_from(at).ok())
            }
        };
        let file = self.sources.add(path, text.as_str());
        if let Some(at) = faulty {
            let detail = "All input files must be UTF-8 encoded. Ensure that UTF-8 encoding is selected in your editor.";
            self.report("encoding", "Invalid character encoding", detail, Span::new(file, at, at + 1));
            return None;
        }
        Some((file, text))
    }
}

/// The names of configuration files, sorted.
fn configuration_files(names: &[String]) -> Vec<String> {
    files_with(names, &ENDINGS)
}

/// The names with one of the endings that count, sorted.
pub(super) fn files_with(names: &[String], endings: &[(&'static str, &'static str)]) -> Vec<String> {
    let ending = |name: &str| {
        // The longer ending first: `.tf.json` is none of `.json`.
        endings.iter().rev().find(|(plain, newer)| name.ends_with(plain) || name.ends_with(newer)).copied()
    };
    let is_ignored = |name: &str| {
        name.starts_with('.') || name.ends_with('~') || name.starts_with('#') && name.ends_with('#')
    };
    let is_newer = |name: &&str| endings.iter().any(|(_, newer)| name.ends_with(newer));
    let newer: FxHashSet<&str> = names.iter().map(String::as_str).filter(is_newer).collect();
    let is_shadowed = |name: &str, (plain, ending): (&str, &str)| {
        !newer.is_empty()
            && name.strip_suffix(plain).is_some_and(|stem| newer.contains(format!("{stem}{ending}").as_str()))
    };
    let counts =
        |name: &&String| !is_ignored(name) && ending(name).is_some_and(|endings| !is_shadowed(name, endings));
    let mut found: Vec<String> = names.iter().filter(counts).cloned().collect();
    found.sort();
    found
}

/// `override.tf`, `anything_override.tf` and their like.
fn is_override(name: &str) -> bool {
    let endings = ENDINGS.iter().flat_map(|(plain, newer)| [plain, newer]);
    let mut stems = endings.filter_map(|ending| name.strip_suffix(ending));
    stems.any(|stem| stem == "override" || stem.ends_with("_override"))
}
