//! Diagnostics as data: what went wrong, where, which values mattered, and what to do.
//!
//! Invariant: nothing here does IO, reads a terminal or knows a value's type. Texts of values arrive already
//! redacted. [`render_text`] and [`render_json`] are the only two renderings, and both read the same data.

mod render;
mod source;

pub use render::{Style, render_json, render_text};
pub use source::{FileId, Position, SourceFile, Sources, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The work goes on.
    Warning,
    /// The work cannot be finished.
    Error,
}

/// One value behind an expression, already redacted: `var.size` `is "large"`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExpressionValue {
    /// The reference as written: `var.size`.
    pub traversal: String,
    /// The sentence's end: `is "large"`, `will be known only after apply`, `has a sensitive value`.
    pub statement: String,
}

/// One finding with its place and its cure: a [`Finding`] behind one pointer, so that a result that may carry one
/// stays as small as its value.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Diagnostic(Box<Finding>);

/// What a finding says. Reached through [`Diagnostic`], which keeps it behind one pointer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// A stable name for the kind of finding, for tests and documentation: `unknown-variable`.
    pub code: String,
    /// One line, no full stop: `Reference to undeclared input variable`.
    pub summary: String,
    /// Whole sentences.
    pub detail: String,
    /// The text at fault.
    pub subject: Option<Span>,
    /// A larger piece of text to show around the subject.
    pub context: Option<Span>,
    /// The header of the block the subject stands in, for the "in resource …" line.
    pub block: Option<String>,
    /// Values of references inside the subject's expression.
    pub values: Vec<ExpressionValue>,
    /// What to do, as one sentence.
    pub hint: Option<String>,
    /// The object it is about: `module.a.sim_machine.gpu[2]`.
    pub address: Option<String>,
    /// The attribute path below the address, as text: `.taint[0].effect`.
    pub attribute: Option<String>,
}

impl std::ops::Deref for Diagnostic {
    type Target = Finding;
    fn deref(&self) -> &Finding {
        &self.0
    }
}

impl std::ops::DerefMut for Diagnostic {
    fn deref_mut(&mut self) -> &mut Finding {
        &mut self.0
    }
}

impl Diagnostic {
    /// An error with a code, summary and detail.
    pub fn error(code: &str, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, summary.into(), detail.into())
    }

    /// A warning with a code, summary and detail.
    pub fn warning(code: &str, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, summary.into(), detail.into())
    }

    fn new(severity: Severity, code: &str, summary: String, detail: String) -> Self {
        Self(Box::new(Finding {
            severity,
            code: code.to_owned(),
            summary,
            detail,
            subject: None,
            context: None,
            block: None,
            values: Vec::new(),
            hint: None,
            address: None,
            attribute: None,
        }))
    }

    /// Sets the text at fault.
    #[must_use]
    pub fn at(mut self, subject: Span) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Sets the text to show around the subject.
    #[must_use]
    pub fn within(mut self, context: Span) -> Self {
        self.context = Some(context);
        self
    }

    /// Sets the header of the enclosing block.
    #[must_use]
    pub fn in_block(mut self, block: impl Into<String>) -> Self {
        self.block = Some(block.into());
        self
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the object it is about.
    #[must_use]
    pub fn about(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Names the attribute below the address.
    #[must_use]
    pub fn attribute(mut self, path: impl Into<String>) -> Self {
        self.attribute = Some(path.into());
        self
    }

    /// Adds a value behind the expression. The statement must be redacted by the caller.
    #[must_use]
    pub fn value(mut self, traversal: impl Into<String>, statement: impl Into<String>) -> Self {
        self.values.push(ExpressionValue { traversal: traversal.into(), statement: statement.into() });
        self
    }

    /// What it says, to take its parts out.
    pub fn into_finding(self) -> Finding {
        *self.0
    }

    /// Whether the work cannot be finished.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Findings in the order they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// No findings.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another list.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Puts them in the order of the text, those without a place first, and leaves out what is said twice of one place.
    pub fn sort_by_place(&mut self) {
        self.0.sort_by_key(|one| one.subject.map(|span| (span.file, span.start)));
        self.0.dedup();
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_error)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// All of them, to be changed in place (an address added, say).
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Diagnostic> {
        self.0.iter_mut()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a mut Diagnostics {
    type Item = &'a mut Diagnostic;
    type IntoIter = std::slice::IterMut<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}
