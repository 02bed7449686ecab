//! What a provider found, as this house says it.

use crate::messages;
use crate::process::CallError;
use crate::values;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{ErrorKind, Finding, Outcome, ProviderError};

const ERROR: i32 = 1;
const WARNING: i32 = 2;

/// Findings in the provider's words; what is neither error nor warning is an error, as nobody knows what it is.
pub(crate) fn diagnostics(found: &[messages::Diagnostic]) -> Diagnostics {
    found
        .iter()
        .map(|one| {
            let code = "provider-finding";
            let mut diagnostic = if one.severity == WARNING {
                Diagnostic::warning(code, &one.summary, &one.detail)
            } else {
                Diagnostic::error(code, &one.summary, &one.detail)
            };
            if let Some(path) = one.attribute.as_ref().map(values::path).filter(|path| !path.0.is_empty()) {
                diagnostic = diagnostic.attribute(path.to_string());
            }
            diagnostic
        })
        .collect()
}

/// The errors among findings as one error; nothing was done, unless said otherwise. Warnings go to the log.
pub(crate) fn error(found: &[messages::Diagnostic]) -> Option<ProviderError> {
    for one in found.iter().filter(|one| one.severity == WARNING) {
        tracing::warn!("{}: {}", one.summary, one.detail);
    }
    let errors: Vec<_> = found.iter().filter(|one| one.severity != WARNING).collect();
    let sentence = |one: &&messages::Diagnostic| match one.detail.trim() {
        "" => one.summary.clone(),
        detail => format!("{}: {detail}", one.summary),
    };
    let message = errors.iter().map(sentence).collect::<Vec<_>>().join("\n");
    let path = errors.iter().find_map(|one| one.attribute.as_ref()).map(values::path);
    let mut error = ProviderError::new(ErrorKind::Invalid, message);
    error.path = path.filter(|path| !path.0.is_empty());
    if let [one] = errors.as_slice() {
        let (summary, detail) = (one.summary.clone(), one.detail.clone());
        error.finding = Some(Box::new(Finding { summary, detail }));
    }
    (!errors.is_empty()).then_some(error)
}

/// A finding of this host, beside the provider's.
pub(crate) fn finding(summary: &str, detail: String) -> messages::Diagnostic {
    messages::Diagnostic { severity: ERROR, summary: summary.to_owned(), detail, attribute: None }
}

/// A call without an answer. Nothing is tried again: a process that ended answers nothing more.
pub(crate) fn unanswered(error: &CallError) -> ProviderError {
    ProviderError::new(ErrorKind::Bug, error.message.clone()).hint(error.hint())
}

/// The same for an apply: the provider may have done what it was sent.
pub(crate) fn undecided(error: &CallError) -> ProviderError {
    let outcome = if error.was_sent { Outcome::Unknown } else { Outcome::NotDone };
    unanswered(error).outcome(outcome)
}

/// A value that cannot be encoded or decoded.
pub(crate) fn unreadable(what: &str, error: &str) -> ProviderError {
    ProviderError::bug(format!("{what} does not fit its schema: {error}"))
}

/// A call without an answer, as a diagnostic.
pub(crate) fn failed(error: &CallError) -> Diagnostic {
    Diagnostic::error("provider-failed", "Plugin did not respond", error.message.clone()).hint(error.hint())
}
