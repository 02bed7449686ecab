//! Secrets that a state would hold in clear where others may read it.

use crate::failure::Failure;
use crate::session::Session;
use formwork_diagnostic::Diagnostic;
use formwork_engine::{Change, Plan};
use formwork_state::{ObjectKey, Record, State, Store, fold};
use formwork_value::{MarkKind, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Names in one message; more would hide what it says.
const NAMES_SHOWN: usize = 10;

/// Warns of sensitive values that a plan brings to a state elsewhere unencrypted; an error where encryption is required.
pub(crate) fn check(session: &Session, plan: &Plan, store: &Store) -> Result<(), Failure> {
    refuse(session, store, || of_plan(plan))
}

/// The same of a state that is to be put in the place of a store's. Others that come along are named by the caller.
pub(crate) fn check_state(
    session: &Session,
    state: &State,
    others: Vec<String>,
    store: &Store,
) -> Result<(), Failure> {
    refuse(session, store, || of_state(session, state).into_iter().chain(others).collect())
}

/// The same of what records make of a store's state.
pub(crate) fn check_records(session: &Session, records: &[Record], store: &Store) -> Result<(), Failure> {
    let written = || {
        let mut folded = store.folded().clone();
        for record in records {
            // One that is illegal is refused where it is written.
            let _ = fold(&mut folded, record);
        }
        of_state(session, &folded.state)
    };
    if records.is_empty() { Ok(()) } else { refuse(session, store, written) }
}

fn refuse(session: &Session, store: &Store, names: impl FnOnce() -> Vec<String>) -> Result<(), Failure> {
    if store.is_on_this_machine() || store.seals() {
        return Ok(());
    }
    let names = names();
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

fn of_plan(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = plan.changes.iter().flat_map(of_change).collect();
    let outputs = plan
        .outputs
        .iter()
        .filter(|output| !output.after.is_null() && (output.sensitive || is_secret(&output.after)));
    names.extend(outputs.map(|output| format!("output.{}", output.name)));
    names
}

fn of_change(change: &Change) -> Vec<String> {
    paths(&change.after).map(|path| format!("{}{path}", change.address)).collect()
}

fn of_state(session: &Session, state: &State) -> Vec<String> {
    let shown = session.shown_state(state);
    let by_schema = shown.objects.iter().flat_map(|object| {
        let key = ObjectKey { address: object.address.clone(), deposed: object.deposed.clone() };
        paths(&object.value).map(move |path| named(&key, &path))
    });
    // Where nobody knows the kind, what was stored with the object says it.
    let stored = state.objects().flat_map(|(key, object)| {
        object.sensitive_paths.iter().map(move |path| named(key, &path.to_string()))
    });
    let names: BTreeSet<String> = by_schema.chain(stored).collect();
    let outputs = shown.outputs.iter().filter(|output| output.sensitive && !output.value.is_null());
    names.into_iter().chain(outputs.map(|output| format!("output.{}", output.name))).collect()
}

fn named(key: &ObjectKey, path: &str) -> String {
    let deposed = key.deposed.as_ref().map(|deposed| format!(" (deposed {deposed})"));
    format!("{}{path}{}", key.address, deposed.unwrap_or_default())
}

/// Where a value holds something sensitive.
fn paths(value: &Value) -> impl Iterator<Item = String> {
    let (_, marked) = value.unmark_deep();
    let paths = marked.into_iter().filter(|(_, marks)| marks.has(MarkKind::Sensitive));
    paths.map(|(path, _)| path.to_string())
}

fn is_secret(value: &Value) -> bool {
    value.has_mark_deep(MarkKind::Sensitive)
}
