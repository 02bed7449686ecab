//! Taking states along from one place to another.
//!
//! Invariant: nothing in the old place is changed before all states stand in the new one.

use super::{Place, workspaces_of};
use crate::arguments::Lock;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use formwork_state::Store;

/// A move.
pub(crate) struct Move<'a> {
    pub(crate) from: &'a Place,
    pub(crate) to: &'a Place,
    pub(crate) lock: &'a Lock,
    /// Whether nobody is asked.
    pub(crate) is_forced: bool,
}

/// One workspace's states, both leases held.
struct Pair {
    workspace: String,
    from: Store,
    to: Store,
}

impl Move<'_> {
    /// Copies every state, once whoever sits there agreed; whether there was anything to copy.
    pub(crate) fn perform(&self, session: &Session) -> Result<bool, Failure> {
        let mut pairs = Vec::new();
        for workspace in self.workspaces(session)? {
            // Asked first, so that no lock is left where no state ever was.
            let place = session.backend_on(self.from, &workspace)?;
            let loaded = place.load().map_err(|error| {
                session.refused(super::unanswered(&*self.from.storage, &error.to_string()))
            })?;
            if loaded.snapshot.is_none() && loaded.journal.is_empty() {
                continue;
            }
            let from = session.store_on(self.from, &workspace, "init", self.lock)?;
            if from.folded().run.is_some() {
                return Err(session.refused(unfinished(&workspace)));
            }
            let to = session.store_on(self.to, &workspace, "init", self.lock)?;
            if to.folded().run.is_some() {
                return Err(session.refused(unfinished(&workspace)));
            }
            let is_there = to.folded().state.lineage == from.folded().state.lineage
                && to.base_serial() >= from.base_serial();
            if !is_there {
                pairs.push(Pair { workspace, from, to });
            }
        }
        if pairs.is_empty() {
            return Ok(false);
        }
        if !self.is_forced && !self.may(session, &pairs)? {
            return Ok(false);
        }
        for Pair { workspace, from, to } in pairs {
            let mut state = from.folded().state.clone();
            state.serial = from.base_serial();
            to.replace(&state, true).map_err(|found| session.refused(found))?;
            // What a run left in its journal is in the state that was copied; its lock is given back here.
            from.finish().map_err(|found| session.refused(found))?;
            let kept = self.from.storage.retire(&workspace);
            kept.map_err(|error| {
                session.refused(super::unanswered(&*self.from.storage, &error.to_string()))
            })?;
        }
        Ok(true)
    }

    /// The workspaces that can be moved: all, or the current one where the new place has no others.
    fn workspaces(&self, session: &Session) -> Result<Vec<String>, Failure> {
        let Ok(all) = workspaces_of(&*self.from.storage) else { return Ok(vec![session.workspace.clone()]) };
        if self.to.storage.workspaces().is_err() {
            if session.workspace != crate::workspaces::DEFAULT {
                let detail = format!(
                    "The backend \"{}\" keeps one state, that of the default workspace, and the current one is {:?}.",
                    self.to.kind.name, session.workspace
                );
                return Err(session.refused(
                    Diagnostic::error("no-workspaces", "Workspaces not supported", detail)
                        .hint("Choose the default workspace first, with workspace select default."),
                ));
            }
            return Ok(vec![session.workspace.clone()]);
        }
        Ok(all)
    }

    fn may(&self, session: &Session, pairs: &[Pair]) -> Result<bool, Failure> {
        let (from, to) = (self.from.kind.name, self.to.kind.name);
        let is_overwritten = pairs.iter().any(|pair| !pair.to.folded().state.is_empty());
        let names: Vec<&str> = pairs.iter().map(|pair| pair.workspace.as_str()).collect();
        let found = if is_overwritten {
            format!("There are states in the new \"{to}\" backend already, and they would be overwritten")
        } else {
            format!("The new \"{to}\" backend has no state yet")
        };
        let question = format!(
            "\nDo you want to copy existing state to the new backend?\n  Pre-existing state was found while migrating the previous \"{from}\" backend to the\n  newly configured \"{to}\" backend, of the workspaces: {}.\n  {found}. Enter \"yes\" to copy and \"no\" to\n  start with what is there.\n\n  Enter a value: ",
            names.join(", ")
        );
        match session.terminal.ask(&question).as_deref() {
            Some("yes") => Ok(true),
            Some("no") => Ok(false),
            Some(_) => {
                print("\nMigration aborted by user.\n");
                Err(Failure::default())
            }
            None => {
                let detail = "Can't ask approval for state migration when interactive input is disabled.";
                Err(session.refused(
                    Diagnostic::error("approval-needed", "Error asking for state migration action", detail)
                        .hint("Use -force-copy to copy the state, or -reconfigure to start with what is in the new place."),
                ))
            }
        }
    }
}

fn unfinished(workspace: &str) -> Diagnostic {
    let detail = format!("A run of workspace {workspace:?} was cut off and has not been taken up again.");
    Diagnostic::error("run-unfinished", "State has an unfinished run", detail)
        .hint("Put the backend block back as it was and run apply: it goes on where the run ended. Then move the state.")
}
