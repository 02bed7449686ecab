//! `workspace`: several states of one configuration.

use crate::arguments::{Lock, Workspace, WorkspaceDelete, WorkspaceNew, WorkspaceSelect, WorkspaceVerb};
use crate::failure::{Failure, Success};
use crate::session::Session;
use crate::terminal::{Terminal, print};
use crate::workspaces::{self, DEFAULT, VARIABLE};
use formwork_diagnostic::Diagnostic;
use formwork_state::format_v4;
use std::fmt::Write as _;

/// How a workspace that is only chosen is made, where there is none.
const UNHURRIED: Lock = Lock { lock: true, lock_timeout: 0 };

pub(super) fn run(arguments: &Workspace, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let text = match &arguments.verb {
        WorkspaceVerb::List => list(&session)?,
        WorkspaceVerb::Show => format!("{}\n", workspaces::current()),
        WorkspaceVerb::New(new) => make(&session, new)?,
        WorkspaceVerb::Select(select) => choose(&session, select)?,
        WorkspaceVerb::Delete(delete) => remove(&session, delete)?,
    };
    print(&text);
    if workspaces::named_by_variable().is_some() && matches!(arguments.verb, WorkspaceVerb::List) {
        print(&format!(
            "\nThe active workspace is being overridden using the {VARIABLE} environment\nvariable.\n"
        ));
    }
    Ok(Success::Done)
}

fn list(session: &Session) -> Result<String, Failure> {
    let current = workspaces::current();
    let mut text = session.workspaces()?.iter().fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{} {name}", if *name == current { "*" } else { " " });
        text
    });
    text.push('\n');
    Ok(text)
}

fn make(session: &Session, arguments: &WorkspaceNew) -> Result<String, Failure> {
    let name = &arguments.name;
    check(session, name)?;
    if session.workspaces()?.contains(name) {
        let detail = format!("There is a workspace {name:?} already.");
        return Err(session.refused(
            Diagnostic::error("workspace-exists", "Workspace already exists", detail)
                .hint("Choose it with workspace select, or take another name."),
        ));
    }
    match &arguments.state {
        Some(path) => {
            begin(session, name)?;
            fill(session, name, path, &arguments.lock)?;
        }
        None => begin_empty(session, name, &arguments.lock)?,
    }
    Ok(format!(
        "Created and switched to workspace \"{name}\"!\n\nYou're now on a new, empty workspace. Workspaces isolate their state,\nso if you run \"formwork plan\" Formwork will not see any existing state\nfor this configuration.\n"
    ))
}

fn begin(session: &Session, name: &str) -> Result<(), Failure> {
    let storage = &session.place()?.storage;
    storage.create(name).map_err(|error| unwritable(session, &error.to_string()))?;
    workspaces::choose(name).map_err(|error| unwritable(session, &error.to_string()))
}

/// One without a state, or with an empty one where the place knows workspaces by their states alone.
fn begin_empty(session: &Session, name: &str, lock: &Lock) -> Result<(), Failure> {
    begin(session, name)?;
    if session.workspaces()?.iter().any(|one| one == name) {
        return Ok(());
    }
    let store = session.store_of(name, "workspace new", lock)?;
    let empty = store.folded().state.clone();
    store.replace(&empty, false).map_err(|diagnostics| session.refused(diagnostics))
}

/// A copy of another state to begin with.
fn fill(session: &Session, name: &str, path: &std::path::Path, lock: &Lock) -> Result<(), Failure> {
    let shown = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        session.refused(
            Diagnostic::error("state-unreadable", "State cannot be read", format!("{shown}: {error}."))
                .hint("The workspace is made and empty; state push fills it."),
        )
    })?;
    let snapshot = format_v4::read(&shown, &bytes).map_err(|diagnostic| session.refused(diagnostic))?;
    let store = session.store_of(name, "workspace new", lock)?;
    store.replace(&snapshot.state, false).map_err(|diagnostics| session.refused(diagnostics))
}

fn choose(session: &Session, arguments: &WorkspaceSelect) -> Result<String, Failure> {
    let name = &arguments.name;
    check(session, name)?;
    let all = session.workspaces()?;
    let is_there = all.contains(name);
    if !is_there && !arguments.or_create {
        return Err(session.refused(missing(name, &all)));
    }
    if is_there {
        if workspaces::current() == *name {
            return Ok(String::new());
        }
        workspaces::choose(name).map_err(|error| unwritable(session, &error.to_string()))?;
    } else {
        begin_empty(session, name, &UNHURRIED)?;
    }
    Ok(format!("Switched to workspace \"{name}\".\n"))
}

fn remove(session: &Session, arguments: &WorkspaceDelete) -> Result<String, Failure> {
    let name = &arguments.name;
    let refuse = |detail: String, hint: &str| {
        session.refused(Diagnostic::error("workspace-kept", "Workspace cannot be removed", detail).hint(hint))
    };
    if name == DEFAULT {
        return Err(refuse("The default workspace always stands.".to_owned(), "Name another one."));
    }
    let all = session.workspaces()?;
    if !all.contains(name) {
        return Err(session.refused(missing(name, &all)));
    }
    if workspaces::current() == *name {
        return Err(refuse(
            format!("Workspace {name:?} is the current one."),
            "Choose another one first, with workspace select.",
        ));
    }
    let store = session.store_of(name, "workspace delete", &arguments.lock)?;
    let is_empty = store.folded().state.is_empty() && store.folded().run.is_none();
    if !is_empty && !arguments.force {
        return Err(refuse(
            format!("Workspace {name:?} is not empty: objects stand in its state."),
            "Destroy them first, or use -force: then they stay where they are and nobody tracks them any more.",
        ));
    }
    let deleted = session.place()?.storage.delete(name);
    deleted.map_err(|error| unwritable(session, &error.to_string()))?;
    let warning =
        if is_empty { "" } else { "WARNING: its objects may still exist, and are not tracked any more.\n" };
    Ok(format!("Deleted workspace \"{name}\"!\n{warning}"))
}

fn check(session: &Session, name: &str) -> Result<(), Failure> {
    if let Some(other) = workspaces::named_by_variable() {
        let detail = format!("{VARIABLE} names {other:?} for this process, whatever is chosen.");
        return Err(session.refused(
            Diagnostic::error("workspace-fixed", "Workspace is fixed by the environment", detail)
                .hint(format!("Unset {VARIABLE} first.")),
        ));
    }
    if workspaces::is_valid(name) {
        return Ok(());
    }
    Err(session.refused(invalid(name)))
}

/// A name that cannot be one.
pub(crate) fn invalid(name: &str) -> Diagnostic {
    let detail = format!("{name:?} cannot be a workspace's name.");
    Diagnostic::error("invalid-workspace", "Invalid workspace name", detail)
        .hint("Use letters, digits, and the characters - _ . ~ only.")
}

fn missing(name: &str, all: &[String]) -> Diagnostic {
    let close = formwork_lang::nearest(name, all.iter().map(String::as_str));
    let diagnostic = Diagnostic::error(
        "no-such-workspace",
        "Workspace does not exist",
        format!("There is no workspace {name:?}."),
    );
    match close {
        Some(close) => diagnostic.hint(format!("Did you mean {close:?}?")),
        None => diagnostic.hint(format!("Make it with: workspace new {name}, or select -or-create {name}.")),
    }
}

fn unwritable(session: &Session, error: &str) -> Failure {
    session.refused(
        Diagnostic::error("workspace-unwritable", "Workspace cannot be written", format!("{error}."))
            .hint("Check that this user may write into the working directory and its data folder."),
    )
}
