//! Source files, byte spans in them, and lines and columns made from bytes.

use std::sync::{Arc, OnceLock};
use unicode_segmentation::UnicodeSegmentation;

/// A file's number in its [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct FileId(pub u32);

/// A half-open range of bytes in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

impl Span {
    /// A span from its parts.
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The smallest span that holds both; the other must be in the same file.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A place as people count: line and column from 1, columns in grapheme clusters; bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in grapheme clusters, from 1.
    pub column: u32,
    /// Byte offset, from 0.
    pub byte: u32,
}

/// One file's name and text. Cloning shares both.
#[derive(Debug, Clone)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Arc<OnceLock<Vec<u32>>>,
}

impl SourceFile {
    /// The name as given on the command line or in the folder: `main.tf`, `modules/a/main.tf`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let newlines = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            #[expect(
                clippy::cast_possible_truncation,
                reason = "files are bounded to 4 GiB when they are added"
            )]
            std::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect()
        })
    }

    /// The place of a byte offset; offsets past the end are clamped, ones inside a character are moved back.
    pub fn position(&self, byte: u32) -> Position {
        let starts = self.line_starts();
        let mut at = (byte as usize).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = starts.partition_point(|start| *start as usize <= at);
        let start = starts[line - 1] as usize;
        let column = self.text[start..at].graphemes(true).count() + 1;
        #[expect(clippy::cast_possible_truncation, reason = "bounded by the file's 4 GiB")]
        Position { line: line as u32, column: column as u32, byte: at as u32 }
    }

    /// The text of one line, from 1, without its newline; empty past the end.
    pub fn line(&self, line: u32) -> &str {
        let starts = self.line_starts();
        let Some(start) = (line as usize).checked_sub(1).and_then(|at| starts.get(at)) else { return "" };
        let end = starts.get(line as usize).map_or(self.text.len(), |next| *next as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }
}

/// All files of a run, by number. Cloning shares the texts.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. Texts past 4 GiB are cut, so that every offset fits a [`Span`].
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        #[expect(clippy::cast_possible_truncation, reason = "nobody has four thousand million files")]
        let id = FileId(self.files.len() as u32);
        let mut text: Arc<str> = text.into();
        if text.len() > u32::MAX as usize {
            text = Arc::from("");
        }
        self.files.push(SourceFile { name: name.into(), text, line_starts: Arc::default() });
        id
    }

    /// The file of a number that this list gave out.
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files in the order they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, SourceFile> {
        self.files.iter()
    }

    /// The text of a span, or nothing when it is out of range.
    pub fn text(&self, span: Span) -> Option<&str> {
        self.get(span.file)?.text().get(span.start as usize..span.end as usize)
    }
}

impl<'a> IntoIterator for &'a Sources {
    type Item = &'a SourceFile;
    type IntoIter = std::slice::Iter<'a, SourceFile>;
    fn into_iter(self) -> Self::IntoIter {
        self.files.iter()
    }
}
