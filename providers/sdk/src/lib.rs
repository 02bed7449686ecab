//! The contract between the engine and a provider: plain data in, plain data out.
//!
//! A [`Provider`] knows its [`ProviderSchema`] and can be configured; a [`Connection`] is a configured provider and
//! answers one [`Request`] with one [`Response`] through one object-safe asynchronous call, so that recording, fault
//! injection and providers in other processes are wrappers around it.
//!
//! Invariants: a provider never sleeps, retries, prints or keeps state; waiting is data ([`Progress::Waiting`]) and
//! the engine owns time. A provider never sees a mark. A configuration that holds an unknown is not sent, unless the
//! provider says it takes one ([`Provider::configures_with_unknowns`]).

#[cfg(feature = "conformance")]
pub mod conformance;
mod default_plan;
mod error;
mod machine;
mod protocol;
mod schema;
mod time_limit;
pub mod values;

pub use default_plan::{default_plan, mark_computed_unknown};
pub use error::{ErrorKind, Finding, Outcome, ProviderError, Remainder};
pub use machine::Machine;
pub use protocol::{
    Applied, ApplyRequest, Deferred, DeferredReason, ImportedObject, ListPage, ListedObject, Operation,
    PlanRequest, Planned, Progress, ReadRequest, Reading, Readings, Request, Response, Target, Token,
    WaitRequest,
};
pub use schema::{
    Attribute, Block, Change, Disruption, FunctionSchema, IdentityAttribute, IdentitySchema, KindSchema,
    NestedBlock, Nesting, Parameter, Permission, Presence, ProviderSchema, Recovery, Upgrades,
};
pub use time_limit::{duration_ms, given_limit_ms};

use formwork_diagnostic::Diagnostics;
use formwork_value::Value;
use futures::future::BoxFuture;
use std::sync::Arc;

/// A target system's provider, not configured yet.
pub trait Provider: Send + Sync {
    /// Everything it offers: one table for validation, documentation, the default plan and permissions.
    fn schema(&self) -> Arc<ProviderSchema>;

    /// Checks a configuration that may hold unknowns; diagnostics carry attribute paths.
    fn validate_configuration(&self, _configuration: &Value) -> Diagnostics {
        Diagnostics::new()
    }

    /// Connects. The configuration is an object of the schema's type, wholly known unless
    /// [`Provider::configures_with_unknowns`].
    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>>;

    /// Whether [`Provider::configure`] may be given unknowns.
    fn configures_with_unknowns(&self) -> bool {
        false
    }

    /// Checks one resource's or data source's configuration, unknowns where not known; needs no connection.
    fn validate_resource(&self, _kind: &str, _configuration: &Value) -> Diagnostics {
        Diagnostics::new()
    }

    /// The rights that objects need, in the target's own form and ready to paste: to read them, or to write them as
    /// well.
    fn permissions(&self, uses: &[Use], read_only: bool) -> String {
        let schema = self.schema();
        let mut words = std::collections::BTreeSet::new();
        for one in uses {
            let kinds = if one.is_data { &schema.data_sources } else { &schema.resources };
            let Some(kind) = kinds.get(one.kind.as_str()) else { continue };
            let written = kind.write_permissions.iter().filter(|_| !read_only && !one.is_data);
            words.extend(kind.read_permissions.iter().chain(written).map(|Permission(words)| words.as_str()));
        }
        words.into_iter().flat_map(|words| [words, "\n"]).collect()
    }

    /// A provider-defined function.
    fn call_function(&self, name: &str, _arguments: &[Value]) -> Result<Value, ProviderError> {
        Err(ProviderError::invalid(format!("this provider has no function named {name:?}")))
    }
}

/// An object that a configuration asks for.
#[derive(Debug, Clone)]
pub struct Use {
    /// Whether it is only looked at.
    pub is_data: bool,
    /// Its kind.
    pub kind: String,
    /// It, as far as it is known; marks off.
    pub object: Value,
}

/// A configured provider.
pub trait Connection: Send + Sync {
    /// Where it points.
    fn target(&self) -> Target;

    /// Answers one request. Never dropped half-way by the engine: the first interrupt sends [`Connection::cancel`].
    fn call(&self, request: Request) -> BoxFuture<'_, Response>;

    /// Asks running calls to come to an end soon.
    fn cancel(&self) {}

    /// What there is to be said though it was configured.
    fn warnings(&self) -> Diagnostics {
        Diagnostics::new()
    }
}
