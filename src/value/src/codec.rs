//! What the codecs share: their error.
//!
//! Invariant: an error names a place and never a value, which may be secret.

use crate::{ConvertError, Path, PathStep};
use std::fmt;

/// Why a value cannot be written or read.
#[derive(Debug, Clone, PartialEq)]
pub struct CodecError {
    /// The place inside the value.
    pub path: Path,
    /// What is wrong there.
    pub message: String,
}

impl CodecError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { path: Path::root(), message: message.into() }
    }

    /// The same error, seen from the value that holds the faulty one.
    pub(crate) fn under(mut self, step: PathStep) -> Self {
        self.path.0.insert(0, step);
        self
    }
}

impl From<ConvertError> for CodecError {
    fn from(error: ConvertError) -> Self {
        Self { path: error.path, message: error.message }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.steps().is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for CodecError {}
