//! `state mv`, `rm`, `pull`, `push` and `replace-provider`: a person's own hand on the state.

use super::show::UNLOCKED;
use crate::arguments::{Lock, StateMove, StatePush, StateRemove, StateReplaceProvider};
use crate::clear_secrets;
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use formwork_state::edit::{self, Edit};
use formwork_state::encryption::is_sealed;
use formwork_state::{AddressError, Folded, ProviderAddress, Selector, format_v4};
use std::fmt::Write as _;
use std::io::Read as _;

/// Addresses of modules, resources and instances as a person wrote them.
pub(super) fn selectors(session: &Session, texts: &[String]) -> Result<Vec<Selector>, Failure> {
    let parse =
        |text: &String| {
            text.parse().map_err(|error: AddressError| {
                let detail = format!("{text:?} names no module, resource or instance: {error}.");
                session.refused(Diagnostic::error("invalid-address", "Invalid address", detail).hint(
                    "Run state list to see the addresses there are. Quote those with keys for your shell.",
                ))
            })
        };
    texts.iter().map(parse).collect()
}

pub(super) fn run_move(session: &Session, arguments: &StateMove) -> Result<Success, Failure> {
    let ends = selectors(session, &[arguments.source.clone(), arguments.destination.clone()])?;
    let [from, to] = ends.as_slice() else { return Err(Failure::default()) };
    let act = |folded: &Folded| edit::move_objects(&folded.state, from, to);
    let edit = perform(session, "state mv", &arguments.lock, arguments.dry_run, act)?;
    let word = if arguments.dry_run { "Would move" } else { "Move" };
    let mut text = edit.moves.iter().fold(String::new(), |mut text, (from, to)| {
        let _ = writeln!(text, "{word} \"{from}\" to \"{to}\"");
        text
    });
    if !arguments.dry_run {
        let _ = writeln!(text, "Successfully moved {} object(s).", edit.moves.len());
    }
    print(&text);
    Ok(Success::Done)
}

pub(super) fn run_remove(session: &Session, arguments: &StateRemove) -> Result<Success, Failure> {
    let wanted = selectors(session, &arguments.addresses)?;
    let act = |folded: &Folded| edit::forget_objects(folded, &wanted);
    let edit = perform(session, "state rm", &arguments.lock, arguments.dry_run, act)?;
    let word = if arguments.dry_run { "Would remove" } else { "Removed" };
    let mut text = edit.keys.iter().fold(String::new(), |mut text, key| {
        let _ = writeln!(text, "{word} {key}");
        text
    });
    if !arguments.dry_run {
        let _ = writeln!(text, "Successfully removed {} resource instance(s).", edit.keys.len());
    }
    print(&text);
    Ok(Success::Done)
}

/// Takes the lock, finds out what to do, and does it where it is not only to be said.
fn perform(
    session: &Session,
    operation: &str,
    lock: &Lock,
    is_dry: bool,
    act: impl Fn(&Folded) -> Result<Edit, Diagnostic>,
) -> Result<Edit, Failure> {
    let store = session.store(operation, lock)?;
    let edit = act(&store.folded()).map_err(|diagnostic| session.refused(diagnostic))?;
    if !is_dry {
        session.record(store, &edit.records)?;
    }
    Ok(edit)
}

pub(super) fn run_pull(session: &Session) -> Result<Success, Failure> {
    let store = session.store("state pull", &UNLOCKED)?;
    if store.base_digest().is_empty() && store.folded().state.is_empty() {
        return Ok(Success::Done);
    }
    let bytes = store.export().map_err(|diagnostics| session.refused(diagnostics))?;
    print(&format!("{}\n", String::from_utf8_lossy(&bytes).trim_end()));
    Ok(Success::Done)
}

pub(super) fn run_push(session: &Session, arguments: &StatePush) -> Result<Success, Failure> {
    let name = arguments.path.display().to_string();
    let bytes = if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(&arguments.path)
    };
    let bytes = bytes.map_err(|error| {
        session.refused(
            Diagnostic::error("state-unreadable", "State cannot be read", format!("{name}: {error}."))
                .hint("Name a state file, or - for standard input."),
        )
    })?;
    let bytes = if is_sealed(&bytes) { session.opened(&arguments.path, bytes, &[])? } else { bytes };
    let snapshot = format_v4::read(&name, &bytes).map_err(|diagnostic| session.refused(diagnostic))?;
    let store = session.store("state push", &arguments.lock)?;
    clear_secrets::check_state(session, &snapshot.state, Vec::new(), &store)?;
    store.replace(&snapshot.state, arguments.force).map_err(|diagnostics| session.refused(diagnostics))?;
    Ok(Success::Done)
}

pub(super) fn run_replace_provider(
    session: &Session,
    arguments: &StateReplaceProvider,
) -> Result<Success, Failure> {
    let (from, to) = (provider(session, &arguments.from)?, provider(session, &arguments.to)?);
    let store = session.store("state replace-provider", &arguments.lock)?;
    let edit = edit::replace_provider(&store.folded().state, &from, &to);
    if edit.keys.is_empty() {
        print("No matching resources found.\n");
        return Ok(Success::Done);
    }
    let mut text = format!(
        "Formwork will perform the following actions:\n\n  ~ Updating provider:\n    - {from}\n    + {to}\n\nChanging {} resources:\n\n",
        edit.keys.len()
    );
    for key in &edit.keys {
        let _ = writeln!(text, "  {key}");
    }
    print(&text);
    if !arguments.auto_approve {
        approve(session)?;
    }
    session.record(store, &edit.records)?;
    print(&format!("\nSuccessfully replaced provider for {} resources.\n", edit.keys.len()));
    Ok(Success::Done)
}

fn approve(session: &Session) -> Result<(), Failure> {
    let question =
        "\nDo you want to make these changes?\nOnly 'yes' will be accepted to continue.\n\nEnter a value: ";
    match session.terminal.ask(question) {
        Some(answer) if answer == "yes" => Ok(()),
        Some(_) => {
            print("Cancelled replacing providers.\n");
            Err(Failure::default())
        }
        None => Err(session.refused(
            Diagnostic::error(
                "approval-needed",
                "Approval is needed",
                "Nobody is there to approve, so nothing was done.",
            )
            .hint("Use -auto-approve."),
        )),
    }
}

fn provider(session: &Session, text: &str) -> Result<ProviderAddress, Failure> {
    ProviderAddress::parse(text).map_err(|error| {
        session.refused(
            Diagnostic::error("invalid-provider", "Invalid provider address", format!("{error}."))
                .hint("Write NAMESPACE/NAME, as in formwork/kubernetes, or HOST/NAMESPACE/NAME."),
        )
    })
}
