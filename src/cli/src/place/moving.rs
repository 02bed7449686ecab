//! Taking states along from one place to another, each with its history.
//!
//! Invariant: no state in the old place is put away before all of them stand in the new one; a history stands there
//! before its state does, so that a move that was cut off is made again.

use super::{Place, workspaces_of};
use crate::arguments::Lock;
use crate::clear_secrets;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::print;
use formwork_diagnostic::Diagnostic;
use formwork_state::{MissingHistory, Store};

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
    history: MissingHistory,
}

impl Move<'_> {
    /// Copies every state, once whoever sits there agreed; whether there was anything to copy.
    pub(crate) fn perform(&self, session: &Session) -> Result<bool, Failure> {
        let mut pairs = Vec::new();
        for workspace in self.workspaces(session)? {
            pairs.extend(self.pair(session, workspace)?);
        }
        if pairs.is_empty() {
            return Ok(false);
        }
        if !self.is_forced && !self.may(session, &pairs)? {
            return Ok(false);
        }
        for Pair { workspace, from, to, history } in pairs {
            let mut state = from.folded().state.clone();
            state.serial = from.base_serial();
            to.take_history(history).map_err(|found| session.refused(found))?;
            to.replace(&state, true).map_err(|found| session.refused(found))?;
            // Its lock is given back here.
            from.finish().map_err(|found| session.refused(found))?;
            let kept = self.from.storage.retire(&workspace);
            kept.map_err(|error| {
                session.refused(super::unanswered(&*self.from.storage, &error.to_string()))
            })?;
        }
        Ok(true)
    }

    /// The states of a workspace; nothing where there is none, or where it stands in the new place already.
    fn pair(&self, session: &Session, workspace: String) -> Result<Option<Pair>, Failure> {
        // Asked first, so that no lock is left where no state ever was.
        let place = session.backend_on(self.from, &workspace)?;
        let loaded = place
            .load()
            .map_err(|error| session.refused(super::unanswered(&*self.from.storage, &error.to_string())))?;
        if loaded.snapshot.is_none() && loaded.journal.is_empty() {
            return Ok(None);
        }
        let mut from = session.store_on(self.from, &workspace, "init", self.lock)?;
        if from.folded().run.is_some() {
            return Err(session.refused(unfinished(&workspace)));
        }
        if from.has_journal() {
            // A run that ended just before its state was written: its entry belongs to the history that moves.
            from.finish().map_err(|found| session.refused(found))?;
            from = session.store_on(self.from, &workspace, "init", self.lock)?;
        }
        let to = session.store_on(self.to, &workspace, "init", self.lock)?;
        if to.folded().run.is_some() {
            return Err(session.refused(unfinished(&workspace)));
        }
        let is_there = to.folded().state.lineage == from.folded().state.lineage
            && to.base_serial() >= from.base_serial();
        if is_there {
            return Ok(None);
        }
        let history = to.missing_history(&from).map_err(|found| session.refused(found))?;
        let variables = history.documents().flat_map(|document| {
            let names = document.entry.plan.map(|plan| plan.sensitive).unwrap_or_default();
            let number = document.entry.number;
            names.into_iter().map(move |name| format!("var.{name} in entry {number} of the history"))
        });
        clear_secrets::check_state(session, &from.folded().state, variables.collect(), &to)?;
        Ok(Some(Pair { workspace, from, to, history }))
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
