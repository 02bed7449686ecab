//! `show`: the current state, a state file, or a saved plan.

use super::plan as planning;
use crate::arguments::{Lock, Show};
use crate::failure::{Failure, Success};
use crate::render::layout::Layout;
use crate::render::overview;
use crate::render::plan_json::PlanJson;
use crate::render::plan_text::{PlanText, targets};
use crate::render::state_text;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_engine::{Plan, plan_file};
use formwork_lang::MemorySource;
use formwork_state::encryption::is_sealed;
use formwork_state::{LANGUAGE_VERSION, State, format_v4};
use std::path::Path;

/// Reading takes no lock: whoever writes renames a whole file into place.
pub(super) const UNLOCKED: Lock = Lock { lock: false, lock_timeout: 0 };

pub(super) fn run(arguments: &Show, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    match &arguments.path {
        None => {
            let store = session.store("show", &UNLOCKED)?;
            show_state(&session, &store.folded().state, arguments);
        }
        Some(path) => show_file(&session, path, arguments)?,
    }
    Ok(Success::Done)
}

/// A file that the command line names.
pub(super) fn bytes(session: &Session, path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        session.refused(Diagnostic::error(
            "file-unreadable",
            "Failed to read the given file",
            format!("{} could not be read: {error}.", path.display()),
        ))
    })?;
    if is_sealed(&bytes) { session.opened(path, bytes, &[]) } else { Ok(bytes) }
}

fn show_file(session: &Session, path: &Path, arguments: &Show) -> Result<(), Failure> {
    let bytes = bytes(session, path)?;
    if is_state(&bytes) {
        let snapshot = format_v4::read(&path.to_string_lossy(), &bytes)
            .map_err(|diagnostic| session.refused(diagnostic))?;
        show_state(session, &snapshot.state, arguments);
        return Ok(());
    }
    let read = plan_file::read_with_state(&bytes);
    let (plan, state) = read.map_err(|diagnostic| session.refused(diagnostic))?;
    show_plan(session, &plan, state, arguments);
    Ok(())
}

/// What tells a state from a plan.
#[derive(serde::Deserialize)]
struct Probe {
    version: Option<serde::de::IgnoredAny>,
    format: Option<serde::de::IgnoredAny>,
}

fn is_state(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Probe>(bytes)
        .is_ok_and(|probe| probe.version.is_some() && probe.format.is_none())
}

fn show_state(session: &Session, state: &State, arguments: &Show) {
    let shown = session.shown_state(state);
    print(&if arguments.json {
        format!("{}\n", shown.to_json(LANGUAGE_VERSION))
    } else {
        let shown = if arguments.in_clear { shown.in_clear() } else { shown };
        state_text::state(&shown, &session.schemas, session.terminal.layout.palette)
    });
}

fn show_plan(session: &Session, plan: &Plan, state: Option<State>, arguments: &Show) {
    if !arguments.json {
        let text = session.plan_text(arguments.in_clear);
        print(&if arguments.markdown {
            let unpainted = PlanText { layout: Layout::for_files(), ..text };
            overview::markdown(plan, &unpainted)
        } else if arguments.summary {
            planning::short(session, plan)
        } else {
            format!("{}{}", targets(plan), text.render(plan))
        });
        return;
    }
    let variables =
        plan.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())).collect();
    let files = MemorySource(plan.files.clone());
    let (module, _) = formwork_lang::load_with(&files, &mut Sources::new(), Some(&variables));
    let prior = session.shown_prior(plan, state.unwrap_or_default());
    let document = PlanJson {
        plan,
        prior: &prior,
        module: Some(&module),
        schemas: &session.schemas,
        language_version: LANGUAGE_VERSION,
    };
    print(&format!("{}\n", document.to_json()));
}
