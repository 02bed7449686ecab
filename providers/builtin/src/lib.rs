//! The provider that every configuration has without asking: `terraform_data`, `terraform_remote_state`, and functions
//! that read and write the language.
//!
//! Invariant: nothing here has an effect outside the returned values. An object is what the plan says, completed:
//! `output` is `input`, and `id` is derived from the token, so that the same call answers the same object.

mod functions;
mod remote_state;
mod terraform_data;

pub use functions::TfvarsReader;
pub use remote_state::{RemoteOutputs, StateReader};

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    Block, Connection, Provider, ProviderError, ProviderSchema, Reading, Request, Response, Target,
};
use formwork_value::{Value, decode};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use std::sync::Arc;

/// The provider `terraform.io/builtin/terraform`.
#[derive(Debug, Clone)]
pub struct BuiltinProvider {
    schema: Arc<ProviderSchema>,
    read_tfvars: TfvarsReader,
    read_state: StateReader,
}

impl BuiltinProvider {
    /// The provider; it holds nothing but its schema.
    pub fn new() -> Self {
        let mut schema = ProviderSchema { configuration: Block::default(), ..ProviderSchema::default() };
        schema.resources.insert(terraform_data::KIND.into(), terraform_data::schema());
        schema.data_sources.insert(remote_state::KIND.into(), remote_state::schema());
        schema.functions = functions::schemas();
        Self {
            schema: Arc::new(schema),
            read_tfvars: functions::read_nothing,
            read_state: remote_state::NO_STATES,
        }
    }

    /// With a reader for `decode_tfvars`: reading the language is not a provider's business.
    #[must_use]
    pub fn with_tfvars_reader(mut self, read_tfvars: TfvarsReader) -> Self {
        self.read_tfvars = read_tfvars;
        self
    }

    /// With a reader for `terraform_remote_state`: reading a state is not a provider's business.
    #[must_use]
    pub fn with_state_reader(mut self, read_state: StateReader) -> Self {
        self.read_state = read_state;
        self
    }
}

impl Default for BuiltinProvider {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider for BuiltinProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn configure(&self, _configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let connection: Arc<dyn Connection> =
            Arc::new(BuiltinConnection { schema: self.schema.clone(), read_state: self.read_state });
        futures::future::ready(Ok(connection)).boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        if kind == remote_state::KIND {
            return remote_state::validate(configuration, self.read_state);
        }
        if self.schema.resources.contains_key(kind) { Diagnostics::new() } else { unknown_kind(kind).into() }
    }

    fn call_function(&self, name: &str, arguments: &[Value]) -> Result<Value, ProviderError> {
        functions::call(name, arguments, self.read_tfvars)
    }
}

fn unknown_kind(kind: &str) -> Diagnostic {
    Diagnostic::error(
        "unknown-resource-type",
        "Invalid resource type",
        format!("The provider terraform.io/builtin/terraform does not support resource type {kind:?}."),
    )
}

struct BuiltinConnection {
    schema: Arc<ProviderSchema>,
    read_state: StateReader,
}

impl BuiltinConnection {
    fn check(&self, kind: &str) -> Result<(), ProviderError> {
        if self.schema.resources.contains_key(kind) {
            return Ok(());
        }
        Err(ProviderError::invalid(unknown_kind(kind).into_finding().detail))
    }

    fn answer(&self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, stored, .. } => Response::Upgraded(self.upgrade(&kind, &stored)),
            Request::Read { kind, objects } => {
                let check = self.check(&kind);
                let readings = objects.into_iter().enumerate().map(move |(at, object)| match &check {
                    Ok(()) => (at, Reading::found(object.prior, object.private)),
                    Err(error) => (at, Reading::Failed(error.clone())),
                });
                Response::Read(stream::iter(readings).boxed())
            }
            Request::Plan(request) => Response::Planned(
                self.check(&request.kind).map(|()| Box::new(terraform_data::plan(&request))),
            ),
            Request::Apply(request) => {
                Response::Progress(self.check(&request.kind).and_then(|()| terraform_data::apply(&request)))
            }
            Request::Import { kind, id } => {
                Response::Imported(self.check(&kind).map(|()| vec![terraform_data::import(&id)]))
            }
            Request::ReadData { kind, configurations } if kind == remote_state::KIND => {
                let read = |one: &Value| remote_state::read(one, self.read_state);
                Response::Data(configurations.iter().map(read).collect())
            }
            Request::MoveFrom { kind, source: (_, from), stored, .. } => {
                let moved = self.check(&kind).and_then(|()| terraform_data::move_from(&from, &stored));
                Response::Upgraded(moved)
            }
            _ => Response::Unsupported,
        }
    }

    fn upgrade(&self, kind: &str, stored: &str) -> Result<Value, ProviderError> {
        self.check(kind)?;
        decode(stored, terraform_data::object_type())
            .map_err(|error| ProviderError::invalid(format!("the stored {kind} cannot be read: {error}")))
    }
}

impl Connection for BuiltinConnection {
    fn target(&self) -> Target {
        Target { id: "terraform.io/builtin/terraform".to_owned(), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        futures::future::ready(self.answer(request)).boxed()
    }
}
