//! What the engine tells while it works. The command line renders events; the engine never prints.

use crate::model::Action;
use formwork_diagnostic::Diagnostic;
use formwork_state::ObjectKey;

/// What is done with an ephemeral resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EphemeralAct {
    /// It is opened.
    Open,
    /// It is kept open.
    Renew,
    /// It is closed.
    Close,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// An object is about to be read.
    RefreshStart {
        /// The object.
        key: ObjectKey,
        /// Its id attribute: name and text, when it has one that may be shown.
        id: Option<(String, String)>,
    },
    /// An object was read.
    RefreshComplete {
        /// The object.
        key: ObjectKey,
        /// Its id attribute.
        id: Option<(String, String)>,
    },
    /// A data source is about to be read.
    DataStart {
        /// The data source.
        key: ObjectKey,
    },
    /// A data source was read.
    DataComplete {
        /// The data source.
        key: ObjectKey,
        /// Its id attribute.
        id: Option<(String, String)>,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// An act begins.
    ApplyStart {
        /// The object.
        key: ObjectKey,
        /// What is done: create, update, delete.
        action: Action,
        /// Its id attribute, when it exists.
        id: Option<(String, String)>,
    },
    /// An act waits on the target.
    ApplyProgress {
        /// The object.
        key: ObjectKey,
        /// What is done.
        action: Action,
        /// Since its start.
        elapsed_ms: u64,
        /// What it waits for, in the provider's words.
        words: String,
    },
    /// An act is finished and durable.
    ApplyComplete {
        /// The object.
        key: ObjectKey,
        /// What was done.
        action: Action,
        /// Its id attribute.
        id: Option<(String, String)>,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// An act failed.
    ApplyErrored {
        /// The object.
        key: ObjectKey,
        /// What was tried.
        action: Action,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// An ephemeral resource is about to be opened, renewed or closed.
    EphemeralStart {
        /// The resource.
        key: ObjectKey,
        /// What is done.
        act: EphemeralAct,
    },
    /// An ephemeral resource was opened, renewed or closed.
    EphemeralComplete {
        /// The resource.
        key: ObjectKey,
        /// What was done.
        act: EphemeralAct,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// A provisioner begins.
    ProvisionStart {
        /// The object.
        key: ObjectKey,
        /// Its type: `local-exec`.
        provisioner: String,
    },
    /// A provisioner says something; nothing secret.
    ProvisionOutput {
        /// The object.
        key: ObjectKey,
        /// Its type.
        provisioner: String,
        /// One line.
        line: String,
    },
    /// A provisioner is finished and that is durable.
    ProvisionComplete {
        /// The object.
        key: ObjectKey,
        /// Its type.
        provisioner: String,
    },
    /// A provisioner failed.
    ProvisionErrored {
        /// The object.
        key: ObjectKey,
        /// Its type.
        provisioner: String,
    },
    /// An act that was in flight when an earlier run ended is taken up.
    Recovering {
        /// The object.
        key: ObjectKey,
        /// How: `resumes the wait`, `sends the call again with its token`, `looks for what was made`,
        /// `runs provisioner local-exec again from its start`.
        words: String,
    },
    /// The run goes on into a later stage.
    StageStart {
        /// Its number, from 1 for the second.
        stage: u32,
        /// What opened it.
        awaits: String,
    },
    /// The run failed, and what it did is undone.
    RollbackStart {
        /// How many acts.
        acts: usize,
    },
    /// A finding that should be shown at once.
    Diagnostic(Diagnostic),
    /// One line that says where a provider points, above the plan.
    Target {
        /// The provider configuration.
        provider: String,
        /// In the provider's words.
        words: String,
    },
}

/// Whoever listens. Called from several tasks at once.
pub trait Observer: Send + Sync {
    /// Takes one event; must return soon.
    fn observe(&self, event: Event);
}

/// Listens to nothing.
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _event: Event) {}
}
