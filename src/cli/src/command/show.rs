//! `show`: the current state, a state file, or a saved plan.

use crate::arguments::{Lock, Show};
use crate::failure::{Failure, Success};
use crate::render::plan_json::PlanJson;
use crate::render::plan_text::{PlanText, targets};
use crate::render::state_json::ShownState;
use crate::render::state_text;
use crate::session::{Session, state_path, stored_state};
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Sources};
use formwork_engine::{Plan, plan_file};
use formwork_lang::MemorySource;
use formwork_state::{LANGUAGE_VERSION, State, format_v4};
use std::path::Path;

/// Reading takes no lock: whoever writes renames a whole file into place.
pub(super) const UNLOCKED: Lock = Lock { lock: false, lock_timeout: 0 };

pub(super) fn run(arguments: &Show, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal, false, 1);
    match &arguments.path {
        None => {
            let store = session.store("show", &UNLOCKED)?;
            show_state(&session, &store.folded().state, arguments.json);
        }
        Some(path) => show_file(&session, path, arguments.json)?,
    }
    Ok(Success::Done)
}

fn show_file(session: &Session, path: &Path, is_json: bool) -> Result<(), Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        session.refused(Diagnostic::error(
            "file-unreadable",
            "Failed to read the given file",
            format!("{name} could not be read: {error}."),
        ))
    })?;
    if is_state(&bytes) {
        let snapshot = format_v4::read(&name, &bytes).map_err(|diagnostic| session.refused(diagnostic))?;
        show_state(session, &snapshot.state, is_json);
        return Ok(());
    }
    let plan = plan_file::read(&bytes).map_err(|diagnostic| session.refused(diagnostic))?;
    show_plan(session, &plan, is_json);
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

fn show_state(session: &Session, state: &State, is_json: bool) {
    let shown = session.shown_state(state);
    print(&if is_json {
        format!("{}\n", shown.to_json(LANGUAGE_VERSION))
    } else {
        state_text::state(&shown, &session.schemas, session.terminal.layout.palette)
    });
}

fn show_plan(session: &Session, plan: &Plan, is_json: bool) {
    if !is_json {
        let text = PlanText { schemas: &session.schemas, layout: session.terminal.layout }.render(plan);
        print(&format!("{}{text}", targets(plan)));
        return;
    }
    let (module, _) = formwork_lang::load(&MemorySource(plan.files.clone()), &mut Sources::new());
    let prior = prior_state(session, plan);
    let document = PlanJson {
        plan,
        prior: &prior,
        module: Some(&module),
        schemas: &session.schemas,
        language_version: LANGUAGE_VERSION,
    };
    print(&format!("{}\n", document.to_json()));
}

/// The state that the plan was made from, while it still stands.
fn prior_state(session: &Session, plan: &Plan) -> ShownState {
    let stored = stored_state(&state_path());
    let fitting = stored.filter(|stored| stored.serial == plan.base_serial && stored.lineage == plan.lineage);
    fitting.map_or_else(ShownState::default, |stored| session.shown_state(&stored))
}
