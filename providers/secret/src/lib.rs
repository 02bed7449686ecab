//! The provider `formwork/secret`: secrets from outside, as ephemeral resources.
//!
//! Invariant: what was read is in the answer and nowhere else: not in an error, a log, an argument of a process, a file
//! or this provider's memory. The environment is passed in.

mod content;
mod http;
mod kinds;

use formwork_diagnostic::Diagnostics;
use formwork_sdk::{Block, Connection, Provider, ProviderError, ProviderSchema, Request, Response, Target};
use formwork_value::Value;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kinds::SecretKind;
use std::sync::Arc;
use tokio::sync::watch;

/// The value of a variable, where it is set and not empty: passed in by whoever has an environment.
pub type Environment = fn(&str) -> Option<String>;

const ADDRESS: &str = "formwork/secret";

/// The provider, with the environment that its kinds fall back to.
pub fn secret(environment: Environment) -> SecretProvider {
    let kinds = kinds::all();
    let schemas = kinds.iter().map(|kind| (kind.name().into(), kind.schema())).collect();
    let schema = ProviderSchema {
        configuration: Block::default(),
        ephemeral_resources: schemas,
        ..ProviderSchema::default()
    };
    let context = Context { environment, cancelled: watch::Sender::new(false) };
    SecretProvider { schema: Arc::new(schema), kinds: kinds.into(), context: Arc::new(context) }
}

/// A provider of secrets from outside.
#[derive(Clone)]
pub struct SecretProvider {
    schema: Arc<ProviderSchema>,
    kinds: Arc<[Box<dyn SecretKind>]>,
    context: Arc<Context>,
}

/// What kinds need of the world.
pub(crate) struct Context {
    pub(crate) environment: Environment,
    cancelled: watch::Sender<bool>,
}

impl Context {
    /// The first of several variables that is set.
    pub(crate) fn variable(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.environment)(name))
    }

    /// Waits until the run is asked to end.
    pub(crate) async fn cancelled(&self) {
        // The sender lives as long as this does.
        let _ = self.cancelled.subscribe().wait_for(|is_cancelled| *is_cancelled).await;
    }
}

impl SecretProvider {
    fn kind(&self, name: &str) -> Result<&dyn SecretKind, ProviderError> {
        let found = self.kinds.iter().find(|kind| kind.name() == name).map(AsRef::as_ref);
        found.ok_or_else(|| {
            ProviderError::invalid(format!("the provider {ADDRESS} has no ephemeral resource {name:?}"))
        })
    }

    async fn answer(&self, request: Request) -> Response {
        match request {
            Request::OpenEphemeral { kind, configuration } => Response::Opened(match self.kind(&kind) {
                Ok(kind) => {
                    let opened = kind.open(&self.context, &configuration).await;
                    opened.map(|opened| (opened.object, opened.private, None))
                }
                Err(error) => Err(error),
            }),
            Request::CloseEphemeral { kind, private } => Response::Renewed(match self.kind(&kind) {
                Ok(kind) => kind.close(&private).await.map(|()| None),
                Err(error) => Err(error),
            }),
            Request::RenewEphemeral { .. } => Response::Renewed(Ok(None)),
            _ => Response::Unsupported,
        }
    }
}

impl Provider for SecretProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn configure(&self, _configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let connection: Arc<dyn Connection> = Arc::new(self.clone());
        futures::future::ready(Ok(connection)).boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        self.kind(kind).map(|kind| kind.validate(configuration)).unwrap_or_default()
    }
}

impl Connection for SecretProvider {
    fn target(&self) -> Target {
        Target { id: ADDRESS.to_owned(), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        self.answer(request).boxed()
    }

    fn cancel(&self) {
        self.context.cancelled.send_replace(true);
    }
}
