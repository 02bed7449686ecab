//! Errors as the engine needs them: what kind, what came of it, and in the vendor's own words.

use formwork_value::{Path, Value};

/// What kind of error it is; decides whether the engine tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The target refuses these arguments.
    Invalid,
    /// Not allowed.
    Denied,
    /// The object, or something it needs, is not there.
    NotFound,
    /// Something else stands in the way: a name taken, a field owned by another.
    Conflict,
    /// A limit of the account or system.
    Quota,
    /// Too many requests: slow down.
    Throttled,
    /// May well pass: network, overload.
    Transient,
    /// A fault of the provider itself.
    Bug,
}

/// What came of an apply that answered with an error.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Certainly nothing was done.
    NotDone,
    /// Something was made or changed; this is it.
    Partial(Box<Value>),
    /// The request may have arrived.
    Unknown,
}

/// What is stored with the object of [`Outcome::Partial`].
#[derive(Debug, Clone)]
pub struct Remainder {
    /// Private bytes.
    pub private: Vec<u8>,
    /// Its identity, where the provider tells it.
    pub identity: Option<Value>,
}

/// A vendor's words in two parts.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The heading.
    pub summary: String,
    /// The rest; may be empty.
    pub detail: String,
}

/// An error of one request.
#[derive(Debug, Clone)]
pub struct ProviderError {
    /// What kind.
    pub kind: ErrorKind,
    /// In the vendor's words.
    pub message: String,
    /// The same in two parts, where the vendor says it so: it is told under the vendor's heading and not under ours.
    pub finding: Option<Box<Finding>>,
    /// The attribute at fault, from the resource's root.
    pub path: Option<Path>,
    /// What to do, as one sentence.
    pub hint: Option<Box<str>>,
    /// For an apply: what came of it.
    pub outcome: Outcome,
    /// For a partial object: what is stored with it, where that is not what was planned.
    pub remainder: Option<Box<Remainder>>,
    /// When the target said to come back.
    pub retry_after_ms: Option<u64>,
}

impl ProviderError {
    /// An error of a kind; nothing was done.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            finding: None,
            path: None,
            hint: None,
            outcome: Outcome::NotDone,
            remainder: None,
            retry_after_ms: None,
        }
    }

    /// The target refuses these arguments; nothing was done.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A fault of the provider; nothing was done.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// Names the attribute at fault.
    #[must_use]
    pub fn at(mut self, path: Path) -> Self {
        self.path = Some(path);
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    /// Says what came of the apply.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Whether the engine may try again by itself: throttled or transient.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Throttled | ErrorKind::Transient)
    }
}
