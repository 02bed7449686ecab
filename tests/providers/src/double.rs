//! What all doubles have in common: a table of kinds behind the provider contract.

use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    Applied, ApplyRequest, Block, Connection, ImportedObject, KindSchema, Operation, PlanRequest, Planned,
    Progress, Provider, ProviderError, ProviderSchema, Reading, Request, Response, Target, Token,
    default_plan,
};
use formwork_value::{Name, Type, Value, decode};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// Namespace of the ids that are made from tokens.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x1d0d_7c2e_5a44_4c55_8b6e_77c1_9a3e_40f2);

/// Where a double works and how it is configured.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) directory: PathBuf,
    /// An object of the provider's configuration.
    pub(crate) configuration: Value,
}

/// One resource kind, and the data source of its name where there is one.
pub(crate) trait Kind: Send + Sync {
    fn name(&self) -> &str;

    fn schema(&self) -> &KindSchema;

    /// The data source of the same name.
    fn data_schema(&self) -> Option<KindSchema> {
        None
    }

    /// Adds to the plan that the schema makes.
    fn plan(&self, _request: &PlanRequest, _planned: &mut Planned) {}

    /// The object as it is; none when it is gone.
    fn read(&self, _site: &Site, prior: &Value) -> Result<Option<Value>, ProviderError> {
        Ok(Some(prior.clone()))
    }

    /// Makes or changes an object; gives it complete.
    fn write(&self, site: &Site, request: &ApplyRequest) -> Result<Value, ProviderError>;

    /// Removes an object; one that is not there is removed already.
    fn remove(&self, _site: &Site, _prior: &Value) -> Result<(), ProviderError> {
        Ok(())
    }

    fn read_data(&self, _site: &Site, _configuration: &Value) -> Result<Value, ProviderError> {
        Err(ProviderError::invalid(format!("{} cannot be read as data", self.name())))
    }
}

/// A provider made of a table of kinds.
pub struct Double {
    name: &'static str,
    directory: PathBuf,
    kinds: Arc<Vec<Box<dyn Kind>>>,
    schema: Arc<ProviderSchema>,
    /// What was wrong with the files that say what it offers.
    findings: Diagnostics,
}

impl Double {
    pub(crate) fn new(name: &'static str, directory: PathBuf, kinds: Vec<Box<dyn Kind>>) -> Self {
        let mut schema = ProviderSchema::default();
        for kind in &kinds {
            schema.resources.insert(kind.name().into(), kind.schema().clone());
            if let Some(data) = kind.data_schema() {
                schema.data_sources.insert(kind.name().into(), data);
            }
        }
        let (kinds, schema) = (Arc::new(kinds), Arc::new(schema));
        Self { name, directory, kinds, schema, findings: Diagnostics::new() }
    }

    /// The same with arguments in its `provider` block, and with what is wrong before it is asked anything.
    #[must_use]
    pub(crate) fn configured_by(mut self, block: Block, findings: Diagnostics) -> Self {
        Arc::make_mut(&mut self.schema).configuration = block;
        self.findings = findings;
        self
    }
}

impl Provider for Double {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn validate_configuration(&self, _configuration: &Value) -> Diagnostics {
        self.findings.clone()
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let site = Site { directory: self.directory.clone(), configuration };
        let connection: Arc<dyn Connection> =
            Arc::new(DoubleConnection { name: self.name, kinds: self.kinds.clone(), site });
        let answer = if self.findings.has_errors() { Err(self.findings.clone()) } else { Ok(connection) };
        futures::future::ready(answer).boxed()
    }

    fn validate_resource(&self, kind: &str, _configuration: &Value) -> Diagnostics {
        match find(&self.kinds, kind) {
            Ok(_) => Diagnostics::new(),
            Err(error) => {
                Diagnostic::error("unknown-resource-type", "Invalid resource type", error.message).into()
            }
        }
    }
}

fn find<'a>(kinds: &'a [Box<dyn Kind>], name: &str) -> Result<&'a dyn Kind, ProviderError> {
    let found = kinds.iter().find(|kind| kind.name() == name);
    found
        .map(|kind| &**kind)
        .ok_or_else(|| ProviderError::invalid(format!("there is no kind named {name:?}")))
}

struct DoubleConnection {
    name: &'static str,
    kinds: Arc<Vec<Box<dyn Kind>>>,
    site: Site,
}

impl DoubleConnection {
    fn kind(&self, name: &str) -> Result<&dyn Kind, ProviderError> {
        find(&self.kinds, name)
    }

    fn answer(&self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, stored, .. } => Response::Upgraded(self.upgrade(&kind, &stored)),
            Request::Read { kind, objects } => {
                let read = |object: formwork_sdk::ReadRequest| match self
                    .kind(&kind)
                    .and_then(|kind| kind.read(&self.site, &object.prior))
                {
                    Ok(Some(found)) => Reading::found(found, object.private),
                    Ok(None) => Reading::Gone,
                    Err(error) => Reading::Failed(error),
                };
                let readings: Vec<_> = objects.into_iter().map(read).enumerate().collect();
                Response::Read(stream::iter(readings).boxed())
            }
            Request::Plan(request) => Response::Planned(self.plan(&request).map(Box::new)),
            Request::Apply(request) => Response::Progress(self.apply(&request)),
            Request::Import { kind, id } => Response::Imported(self.import(&kind, &id)),
            Request::ReadData { kind, configurations } => Response::Data(
                configurations
                    .iter()
                    .map(|one| self.kind(&kind).and_then(|kind| kind.read_data(&self.site, one)))
                    .collect(),
            ),
            _ => Response::Unsupported,
        }
    }

    fn upgrade(&self, kind: &str, stored: &str) -> Result<Value, ProviderError> {
        decode(stored, &self.kind(kind)?.schema().block.implied_type())
            .map_err(|error| ProviderError::invalid(format!("the stored {kind} cannot be read: {error}")))
    }

    fn plan(&self, request: &PlanRequest) -> Result<Planned, ProviderError> {
        let kind = self.kind(&request.kind)?;
        let mut planned = default_plan(kind.schema(), request);
        kind.plan(request, &mut planned);
        Ok(planned)
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let kind = self.kind(&request.kind)?;
        let object = match request.operation {
            Operation::Delete => {
                kind.remove(&self.site, &request.prior)?;
                Value::null(kind.schema().block.implied_type())
            }
            Operation::Create | Operation::Update => kind.write(&self.site, request)?,
        };
        Ok(Progress::Done(Box::new(Applied::new(object, Vec::new()))))
    }

    fn import(&self, kind: &str, id: &str) -> Result<Vec<ImportedObject>, ProviderError> {
        let empty = null_object(&self.kind(kind)?.schema().block.implied_type());
        let object = with(&empty, "id", Value::string(id));
        Ok(vec![ImportedObject { kind: kind.to_owned(), object, private: Vec::new(), identity: None }])
    }
}

impl Connection for DoubleConnection {
    fn target(&self) -> Target {
        Target { id: format!("double/{}", self.name), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        futures::future::ready(self.answer(request)).boxed()
    }
}

/// The id that a token makes.
pub(crate) fn id_of(token: &Token) -> Uuid {
    Uuid::new_v5(&ID_NAMESPACE, token.0.as_bytes())
}

/// The object with one attribute replaced.
pub(crate) fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut value = Some(value);
    let replaced = object.entries().into_iter().flat_map(formwork_value::Entries::iter).map(|(key, old)| {
        let is_it = key == name;
        (key.clone(), if is_it { value.take().unwrap_or_else(|| old.clone()) } else { old.clone() })
    });
    Value::object(replaced.collect())
}

/// An object of a type with every attribute null.
pub(crate) fn null_object(value_type: &Type) -> Value {
    let Type::Object(object) = value_type else { return Value::null(value_type.clone()) };
    let attributes = object.attributes().iter();
    Value::object(attributes.map(|(name, of)| (name.clone(), Value::null(of.clone()))).collect())
}

/// The text of an attribute; none when it is null or unknown.
pub(crate) fn text(object: &Value, name: &str) -> Option<Name> {
    object.get(name).and_then(Value::as_str).cloned()
}
