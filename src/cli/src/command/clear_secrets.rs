//! Secrets that a state would hold in clear where others may read it.

use crate::failure::Failure;
use crate::session::Session;
use formwork_diagnostic::Diagnostic;
use formwork_engine::{Change, Plan};
use formwork_state::Store;
use formwork_value::{MarkKind, Value};
use std::fmt::Write as _;

/// Names in one message; more would hide what it says.
const NAMES_SHOWN: usize = 10;

/// Warns of sensitive values that reach a state elsewhere unencrypted; an error where encryption is required.
pub(super) fn check(session: &Session, plan: &Plan, store: &Store) -> Result<(), Failure> {
    if store.is_on_this_machine() || store.seals() {
        return Ok(());
    }
    let names = sensitive(plan);
    if names.is_empty() {
        return Ok(());
    }
    let mut detail = format!(
        "{} would hold values in clear that are sensitive:\n  {}",
        store.name(),
        names.iter().take(NAMES_SHOWN).cloned().collect::<Vec<_>>().join("\n  ")
    );
    if names.len() > NAMES_SHOWN {
        let _ = write!(detail, "\n  and {} more", names.len() - NAMES_SHOWN);
    }
    let hint = "Add an encryption block to the terraform block: see docs/encryption.md.";
    if session.encryptions(&[])?.is_required {
        let diagnostic =
            Diagnostic::error("secrets-in-clear", "Sensitive values would be stored in clear", detail);
        return Err(session.refused(diagnostic.hint(hint)));
    }
    let diagnostic = Diagnostic::warning("secrets-in-clear", "Sensitive values are stored in clear", detail);
    session.screen.show(&diagnostic.hint(hint).into());
    Ok(())
}

fn sensitive(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = plan.changes.iter().flat_map(of_change).collect();
    let outputs = plan
        .outputs
        .iter()
        .filter(|output| !output.after.is_null() && (output.sensitive || is_secret(&output.after)));
    names.extend(outputs.map(|output| format!("output.{}", output.name)));
    names
}

fn of_change(change: &Change) -> Vec<String> {
    let (_, marked) = change.after.unmark_deep();
    let paths = marked.iter().filter(|(_, marks)| marks.has(MarkKind::Sensitive));
    paths.map(|(path, _)| format!("{}{path}", change.address)).collect()
}

fn is_secret(value: &Value) -> bool {
    value.has_mark_deep(MarkKind::Sensitive)
}
