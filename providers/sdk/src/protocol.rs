//! Requests and responses. The roles of configuration, prior, proposed and planned values are those of the
//! Terraform plugin protocol, so that a hosted provider is one more implementation.

use crate::ProviderError;
use formwork_diagnostic::Diagnostics;
use formwork_value::{Path, Value};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a connection points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Stable: the same system answers the same id.
    pub id: String,
    /// For people: context, user, version.
    pub words: String,
}

/// The idempotency key of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an apply does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Makes an object.
    Create,
    /// Changes an object in place.
    Update,
    /// Removes an object.
    Delete,
}

/// One question to a configured provider.
#[derive(Debug, Clone)]
pub enum Request {
    /// Brings a stored object to today's schema version; also called when the versions are equal.
    Upgrade {
        /// Resource kind.
        kind: String,
        /// Version it was stored with.
        version: u64,
        /// The stored attributes as JSON text.
        stored: String,
    },
    /// Brings a stored identity to today's version, of kinds whose provider tells identities.
    UpgradeIdentity {
        /// Resource kind.
        kind: String,
        /// Version it was stored with.
        version: u64,
        /// The stored identity as JSON text.
        stored: String,
    },
    /// Reads many objects of one kind.
    Read {
        /// Resource kind.
        kind: String,
        /// The objects; answered by index, in any order, as they come.
        objects: Vec<ReadRequest>,
    },
    /// Lists objects of one kind.
    List {
        /// Resource kind.
        kind: String,
        /// An object of the kind's arguments to filter by, or null.
        filter: Value,
        /// Where the last page said to go on.
        page: Option<String>,
    },
    /// Plans one object.
    Plan(Box<PlanRequest>),
    /// Performs one planned change.
    Apply(Box<ApplyRequest>),
    /// Asks again after [`Progress::Waiting`]; may come from another process after a crash.
    Poll(Box<WaitRequest>),
    /// Looks for what an apply with an unknown outcome made, by token, owner mark or natural key.
    Find(Box<ApplyRequest>),
    /// Imports by id.
    Import {
        /// Resource kind.
        kind: String,
        /// As the kind documents it.
        id: String,
    },
    /// Imports by identity.
    ImportByIdentity {
        /// Resource kind.
        kind: String,
        /// An object of the kind's identity, wholly known.
        identity: Value,
    },
    /// Reads data sources of one kind.
    ReadData {
        /// Data source kind.
        kind: String,
        /// Configurations, wholly known; answered by index.
        configurations: Vec<Value>,
    },
    /// Moves a stored object of another type to one of this kind.
    MoveFrom {
        /// Resource kind to move to.
        kind: String,
        /// Provider address and kind it comes from.
        source: (String, String),
        /// Version it was stored with.
        version: u64,
        /// The stored attributes as JSON text.
        stored: String,
        /// The private bytes stored with it.
        private: Vec<u8>,
        /// The identity stored with it as JSON text, and its version.
        identity: Option<(String, u64)>,
    },
    /// Opens an ephemeral resource.
    OpenEphemeral {
        /// Kind.
        kind: String,
        /// Its configuration, wholly known.
        configuration: Value,
    },
    /// Renews an open ephemeral resource.
    RenewEphemeral {
        /// Kind.
        kind: String,
        /// The private bytes of the opening.
        private: Vec<u8>,
    },
    /// Closes an ephemeral resource.
    CloseEphemeral {
        /// Kind.
        kind: String,
        /// The private bytes of the opening.
        private: Vec<u8>,
    },
    /// Makes configuration for an object that was imported.
    GenerateConfiguration {
        /// Resource kind.
        kind: String,
        /// The object.
        object: Value,
    },
}

/// One object to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// What is stored.
    pub prior: Value,
    /// The provider's private bytes stored with it.
    pub private: Vec<u8>,
    /// Its identity, where the provider told one.
    pub identity: Option<Value>,
}

/// What a read found.
#[derive(Debug, Clone)]
pub enum Reading {
    /// The object as it is.
    Found {
        /// The object.
        object: Value,
        /// Private bytes to store with it.
        private: Vec<u8>,
        /// Its identity, where the provider tells it.
        identity: Option<Value>,
    },
    /// It is not there any more.
    Gone,
    /// Nobody can say.
    Failed(ProviderError),
}

impl Reading {
    /// An object, with private bytes to store with it.
    pub fn found(object: Value, private: Vec<u8>) -> Self {
        Self::Found { object, private, identity: None }
    }
}

/// Readings by index, as they come.
pub type Readings<'a> = BoxStream<'a, (usize, Reading)>;

/// One object to plan.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// Resource kind.
    pub kind: String,
    /// The object as it is, or null to create.
    pub prior: Value,
    /// Prior and configuration merged, or null to delete.
    pub proposed: Value,
    /// The configuration, unknowns where not known; null to delete.
    pub configuration: Value,
    /// Private bytes stored with the prior object; of a replacement, those that the plan of the change gave.
    pub private: Vec<u8>,
    /// The identity stored with the prior object, where the provider told one.
    pub identity: Option<Value>,
    /// Says who owns objects: written on them where the kind recovers by find or natural key.
    pub owner: String,
}

/// A planned object.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The object after the change, unknowns where only apply can tell.
    pub planned: Value,
    /// Paths whose change forces replacement.
    pub requires_replace: Vec<Path>,
    /// Private bytes for the apply.
    pub private: Vec<u8>,
    /// Whether the checks of the legacy type system apply (hosted providers only).
    pub lenient: bool,
    /// The identity that the object will have, where the provider tells it.
    pub identity: Option<Value>,
    /// Set when the provider cannot plan it before something else exists.
    pub deferred: Option<Deferred>,
    /// Warnings, and errors that forbid the change.
    pub diagnostics: Diagnostics,
}

/// Why an object cannot be planned yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Why.
    pub reason: DeferredReason,
    /// What must exist first, in the target's words: `the kind Foo of example.com/v1`.
    pub awaits: String,
}

/// Why an object cannot be planned yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferredReason {
    /// The resource's configuration must be known.
    ResourceConfigUnknown,
    /// The provider's configuration must be known.
    ProviderConfigUnknown,
    /// Something it needs is not there yet (a custom resource's definition).
    AbsentPrerequisite,
}

/// One planned change to perform.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// What to do.
    pub operation: Operation,
    /// Resource kind.
    pub kind: String,
    /// The object as it is; null to create.
    pub prior: Value,
    /// The complete planned object (unknowns only in what the provider computes); null to delete.
    pub planned: Value,
    /// The configuration, wholly known; null to delete.
    pub configuration: Value,
    /// Private bytes of the plan.
    pub private: Vec<u8>,
    /// The identity that was planned, where the provider told one.
    pub identity: Option<Value>,
    /// The id under which the object can be imported once it is made, where somebody said how it comes about.
    pub import_id: Option<String>,
    /// The idempotency key.
    pub token: Token,
    /// Says who owns the object.
    pub owner: String,
}

/// One wait to ask about again.
#[derive(Debug, Clone)]
pub struct WaitRequest {
    /// The apply that waits, as it was sent.
    pub apply: ApplyRequest,
    /// The remote id it answered.
    pub id: String,
    /// The cursor it answered last.
    pub cursor: serde_json::Value,
}

/// How far an apply has come.
#[derive(Debug, Clone)]
pub enum Progress {
    /// It is finished.
    Done(Box<Applied>),
    /// The target accepted it and works on it.
    Waiting {
        /// The remote id.
        id: String,
        /// What the next poll needs, and nothing secret.
        cursor: serde_json::Value,
        /// When to ask again.
        ask_again_after_ms: u64,
        /// For people, what it waits for.
        words: String,
        /// Whether it has not begun and stands in line behind others, which the words name: where they come to be
        /// others, its time limit begins anew.
        is_in_line: bool,
    },
    /// For [`Request::Find`] alone: nothing was made; the call may be sent again with the same token.
    NotFound,
}

/// What an apply made.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The object; null after a delete.
    pub object: Value,
    /// Private bytes to store with it.
    pub private: Vec<u8>,
    /// Whether the checks of the legacy type system apply (hosted providers only).
    pub lenient: bool,
    /// Its identity, where the provider tells it.
    pub identity: Option<Value>,
    /// What there is to be said though it went well.
    pub warnings: Diagnostics,
}

impl Applied {
    /// An object, with private bytes to store with it.
    pub fn new(object: Value, private: Vec<u8>) -> Self {
        Self { object, private, lenient: false, identity: None, warnings: Diagnostics::new() }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// What it holds.
    pub objects: Vec<ListedObject>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// One object of a list.
#[derive(Debug, Clone)]
pub struct ListedObject {
    /// The import id.
    pub id: String,
    /// The object, where the list gives all of it.
    pub object: Option<Value>,
}

/// One imported object.
#[derive(Debug, Clone)]
pub struct ImportedObject {
    /// Resource kind.
    pub kind: String,
    /// Enough of the object to read it.
    pub object: Value,
    /// Private bytes to store with it.
    pub private: Vec<u8>,
    /// Its identity, where the provider tells it.
    pub identity: Option<Value>,
}

/// One answer.
pub enum Response {
    /// To [`Request::Upgrade`], [`Request::UpgradeIdentity`] and [`Request::MoveFrom`]: what was stored, by today's
    /// schema.
    Upgraded(Result<Value, ProviderError>),
    /// To [`Request::MoveFrom`]: the object with what is stored with it.
    Moved(Box<ImportedObject>),
    /// To [`Request::Read`].
    Read(Readings<'static>),
    /// To [`Request::List`].
    Listed(Result<ListPage, ProviderError>),
    /// To [`Request::Plan`].
    Planned(Result<Box<Planned>, ProviderError>),
    /// To [`Request::Apply`], [`Request::Poll`] and [`Request::Find`].
    Progress(Result<Progress, ProviderError>),
    /// To [`Request::Import`] and [`Request::ImportByIdentity`].
    Imported(Result<Vec<ImportedObject>, ProviderError>),
    /// To [`Request::ReadData`]: one result a configuration, in order.
    Data(Vec<Result<Value, ProviderError>>),
    /// To [`Request::OpenEphemeral`]: result, private bytes, milliseconds until it must be renewed.
    Opened(Result<(Value, Vec<u8>, Option<u64>), ProviderError>),
    /// To [`Request::RenewEphemeral`] (milliseconds until the next time) and [`Request::CloseEphemeral`].
    Renewed(Result<Option<u64>, ProviderError>),
    /// To [`Request::RenewEphemeral`], where the private bytes are others by now.
    Reissued {
        /// Milliseconds until the next time.
        after_ms: Option<u64>,
        /// The private bytes from here on.
        private: Vec<u8>,
    },
    /// To [`Request::GenerateConfiguration`]: an object of arguments.
    Generated(Result<Value, ProviderError>),
    /// To [`Request::Apply`], [`Request::Poll`] and [`Request::Find`]: an answer, with what the target calls the requests that changed something for it: its own logs know them by
    /// these names.
    Traced {
        /// The names, in order.
        requests: Vec<String>,
        /// The answer.
        response: Box<Self>,
    },
    /// The provider does not know this request.
    Unsupported,
}

impl Response {
    /// The answer itself, and the names of its requests.
    pub fn untraced(self) -> (Self, Vec<String>) {
        match self {
            Self::Traced { requests, response } => (*response, requests),
            other => (other, Vec::new()),
        }
    }
}
