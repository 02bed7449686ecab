//! Kinds of places where states are kept, and what a user may set of each.
//!
//! Invariant: one table of a kind says what its settings are; reading them, refusing them, asking the environment for
//! them and documenting them all go by it.

mod local;
mod settings;

pub use local::LOCAL;
pub use settings::{LEASE_SECONDS, Setting, SettingType, Settings, Surroundings, Table, Variables};

use crate::backend::{Backend, BackendError};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use std::sync::Arc;

/// The workspace that is always there.
pub const DEFAULT_WORKSPACE: &str = "default";

/// A kind of place: data alone.
pub struct Kind {
    /// What a `backend` block has as its label.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub doc: &'static str,
    /// What its lease and its fence are, and what another machine can recover, in sentences.
    pub lease: &'static str,
    /// What it must be allowed in the target's own words, in sentences.
    pub permissions: &'static str,
    /// A `backend` block.
    pub example: &'static str,
    /// What may be set.
    pub settings: &'static [Setting],
    /// Makes one as it is set.
    pub configure: fn(&Settings) -> Result<Arc<dyn Storage>, Diagnostic>,
}

/// A place where the states of one configuration are kept, one a workspace.
pub trait Storage: Send + Sync {
    /// What people call it; no secret is in it.
    fn name(&self) -> String;

    /// What whoever writes there should know.
    fn warnings(&self) -> Diagnostics {
        Diagnostics::new()
    }

    /// The state of a workspace, whether there is one or not. Asks nobody.
    fn backend(&self, workspace: &str) -> Result<Arc<dyn Backend>, BackendError>;

    /// The workspaces that have a state, in any order.
    fn workspaces(&self) -> Result<Vec<String>, BackendError>;

    /// Makes a workspace without a state where the place has such; else it begins with its first snapshot.
    fn create(&self, _workspace: &str) -> Result<(), BackendError> {
        Ok(())
    }

    /// Puts a state away that was moved elsewhere, where it would be found again by mistake.
    fn retire(&self, _workspace: &str) -> Result<(), BackendError> {
        Ok(())
    }

    /// Removes a workspace with its state, whose lease the caller holds.
    fn delete(&self, workspace: &str) -> Result<(), BackendError>;
}
