//! A provider of kinds whose objects live in the state alone: drawn or computed once, and kept there.
//!
//! Invariant: what is drawn follows from a seed that is written with the intent of the act, so that the call sent
//! again after a lost reply makes the same object. An act is planned again when it is performed, with a seed of its
//! own, so a saved plan holds nothing that an object follows from, and a state holds no seed at all.

mod finding;

pub use finding::{Findings, given, text, texts, truth, whole_number};

use crate::{
    Applied, ApplyRequest, Block, Change, Connection, ImportedObject, KindSchema, Operation, PlanRequest,
    Planned, Progress, Provider, ProviderError, ProviderSchema, Reading, Request, Response, Target,
    default_plan,
};
use formwork_diagnostic::Diagnostics;
use formwork_value::{Path, Value, decode};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use std::sync::Arc;

/// What an object is drawn from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// What nobody can guess.
    pub bytes: [u8; BYTES],
    /// When it was drawn, in seconds since 1970.
    pub seconds: i64,
}

const BYTES: usize = 32;

/// The time, in seconds since 1970: passed in by whoever has a clock.
pub type Clock = fn() -> i64;

impl Seed {
    /// A seed of this moment.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn draw(seconds: i64) -> Result<Self, ProviderError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)
            .map_err(|error| ProviderError::bug(format!("the system gives no randomness: {error}")))?;
        Ok(Self { bytes, seconds })
    }

    fn to_private(self) -> Vec<u8> {
        [self.bytes.as_slice(), &self.seconds.to_be_bytes()].concat()
    }

    fn from_private(private: &[u8]) -> Option<Self> {
        let (bytes, seconds) = private.split_first_chunk::<BYTES>()?;
        Some(Self { bytes: *bytes, seconds: i64::from_be_bytes(seconds.try_into().ok()?) })
    }
}

/// A resource kind whose objects live in the state alone.
pub trait ValueKind: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    /// The schema; its recovery is to be [`crate::Recovery::Replay`].
    fn schema(&self) -> KindSchema;

    /// What is wrong with a configuration that may hold unknowns.
    fn validate(&self, _configuration: &Value, _found: &mut Findings) {}

    /// Adjusts the default plan.
    fn adjust(&self, _request: &PlanRequest, _planned: &mut Planned) {}

    /// Completes a planned object that is to be made. The same seed gives the same object.
    ///
    /// # Errors
    /// When no object can be made of these arguments.
    fn make(&self, planned: &Value, seed: &Seed) -> Result<Value, ProviderError>;

    /// The object that an import's id stands for.
    ///
    /// # Errors
    /// When the kind cannot be imported, or not by this id.
    fn import(&self, _id: &str) -> Result<Value, ProviderError> {
        Err(ProviderError::invalid(format!("{} cannot be imported", self.name())))
    }
}

/// A data source or an ephemeral resource that is computed or drawn at once.
pub trait ValueSource: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    /// The schema.
    fn schema(&self) -> KindSchema;

    /// What is wrong with a configuration that may hold unknowns.
    fn validate(&self, _configuration: &Value, _found: &mut Findings) {}

    /// The object for a configuration that is wholly known; a seed for what is drawn.
    ///
    /// # Errors
    /// When there is none.
    fn read(&self, configuration: &Value, seed: &Seed) -> Result<Value, ProviderError>;
}

/// A provider of such kinds.
#[derive(Clone)]
pub struct ValueProvider {
    address: &'static str,
    clock: Clock,
    schema: Arc<ProviderSchema>,
    kinds: Arc<Kinds>,
}

struct Kinds {
    resources: Vec<Box<dyn ValueKind>>,
    data_sources: Vec<Box<dyn ValueSource>>,
    ephemeral: Vec<Box<dyn ValueSource>>,
}

impl ValueProvider {
    /// A provider without configuration, of resources, data sources and ephemeral resources.
    pub fn new(
        address: &'static str,
        clock: Clock,
        resources: Vec<Box<dyn ValueKind>>,
        data_sources: Vec<Box<dyn ValueSource>>,
        ephemeral: Vec<Box<dyn ValueSource>>,
    ) -> Self {
        let sources =
            |all: &[Box<dyn ValueSource>]| all.iter().map(|one| (one.name().into(), one.schema())).collect();
        let schema = ProviderSchema {
            configuration: Block::default(),
            resources: resources.iter().map(|one| (one.name().into(), one.schema())).collect(),
            data_sources: sources(&data_sources),
            ephemeral_resources: sources(&ephemeral),
            ..ProviderSchema::default()
        };
        Self {
            address,
            schema: Arc::new(schema),
            clock,
            kinds: Arc::new(Kinds { resources, data_sources, ephemeral }),
        }
    }
}

impl Provider for ValueProvider {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn configure(&self, _configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let connection: Arc<dyn Connection> = Arc::new(self.clone());
        futures::future::ready(Ok(connection)).boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        let mut found = Findings::default();
        let sources = self.kinds.data_sources.iter().chain(&self.kinds.ephemeral);
        if let Some(one) = self.kinds.resources.iter().find(|one| one.name() == kind) {
            one.validate(configuration, &mut found);
        } else if let Some(one) = sources.into_iter().find(|one| one.name() == kind) {
            one.validate(configuration, &mut found);
        }
        found.into_diagnostics()
    }
}

impl ValueProvider {
    fn kind(&self, name: &str) -> Result<&dyn ValueKind, ProviderError> {
        let kind = self.kinds.resources.iter().find(|one| one.name() == name);
        kind.map(AsRef::as_ref).ok_or_else(|| unknown_kind(self.address, name))
    }

    fn plan(&self, request: &PlanRequest) -> Result<Box<Planned>, ProviderError> {
        let kind = self.kind(&request.kind)?;
        let mut planned = default_plan(self.kind_schema(&request.kind)?, request);
        if !request.proposed.is_null() {
            kind.adjust(request, &mut planned);
        }
        planned.private = Vec::new();
        if request.prior.is_null() {
            planned.private = Seed::draw((self.clock)())?.to_private();
        }
        Ok(Box::new(planned))
    }

    fn kind_schema(&self, name: &str) -> Result<&KindSchema, ProviderError> {
        self.schema.resources.get(name).ok_or_else(|| unknown_kind(self.address, name))
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let kind = self.kind(&request.kind)?;
        let object = match request.operation {
            Operation::Delete => Value::null(self.kind_schema(&request.kind)?.block.implied_type()),
            Operation::Update => request.planned.clone(),
            Operation::Create => {
                let seed = Seed::from_private(&request.private)
                    .ok_or_else(|| ProviderError::bug("the plan of what is to be made has no seed"))?;
                kind.make(&request.planned, &seed)?
            }
        };
        Ok(Progress::Done(Box::new(Applied::new(object, Vec::new()))))
    }

    fn upgrade(&self, kind: &str, stored: &str) -> Result<Value, ProviderError> {
        decode(stored, &self.kind_schema(kind)?.block.implied_type())
            .map_err(|error| ProviderError::invalid(format!("the stored {kind} cannot be read: {error}")))
    }

    fn read(
        &self,
        sources: &[Box<dyn ValueSource>],
        kind: &str,
        configuration: &Value,
    ) -> Result<Value, ProviderError> {
        let source = sources.iter().find(|one| one.name() == kind);
        source
            .ok_or_else(|| unknown_kind(self.address, kind))?
            .read(configuration, &Seed::draw((self.clock)())?)
    }

    fn answer(&self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, stored, .. } => Response::Upgraded(self.upgrade(&kind, &stored)),
            Request::Read { kind, objects } => {
                let check = self.kind(&kind).map(drop);
                let readings = objects.into_iter().enumerate().map(move |(at, object)| match &check {
                    Ok(()) => (at, Reading::found(object.prior, Vec::new())),
                    Err(error) => (at, Reading::Failed(error.clone())),
                });
                Response::Read(stream::iter(readings).boxed())
            }
            Request::Plan(request) => Response::Planned(self.plan(&request)),
            Request::Apply(request) => Response::Progress(self.apply(&request)),
            Request::Import { kind, id } => {
                let object = self.kind(&kind).and_then(|one| one.import(&id));
                Response::Imported(
                    object.map(|object| {
                        vec![ImportedObject { kind, object, private: Vec::new(), identity: None }]
                    }),
                )
            }
            Request::ReadData { kind, configurations } => {
                let read = |one: &Value| self.read(&self.kinds.data_sources, &kind, one);
                Response::Data(configurations.iter().map(read).collect())
            }
            Request::OpenEphemeral { kind, configuration } => {
                let object = self.read(&self.kinds.ephemeral, &kind, &configuration);
                Response::Opened(object.map(|object| (object, Vec::new(), None)))
            }
            Request::RenewEphemeral { .. } | Request::CloseEphemeral { .. } => Response::Renewed(Ok(None)),
            _ => Response::Unsupported,
        }
    }
}

impl Connection for ValueProvider {
    fn target(&self) -> Target {
        Target { id: self.address.to_owned(), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        futures::future::ready(self.answer(request)).boxed()
    }
}

fn unknown_kind(address: &str, kind: &str) -> ProviderError {
    ProviderError::invalid(format!("the provider {address} does not support resource type {kind:?}"))
}

/// The object with values for attributes that the plan leaves unknown.
#[must_use]
pub fn fill(planned: &Value, computed: &[(&str, Value)]) -> Value {
    let Some(entries) = planned.entries() else { return planned.clone() };
    let filled = entries.iter().map(|(name, value)| {
        let found = computed.iter().find(|(key, _)| *key == name.as_str()).filter(|_| !value.is_known());
        (name.clone(), found.map_or(value, |(_, computed)| computed).clone())
    });
    Value::object(filled.collect())
}

/// The object of a block where everything that is not given is null.
#[must_use]
pub fn object(schema: &KindSchema, values: &[(&str, Value)]) -> Value {
    let attributes = schema.block.attributes.iter().map(|(name, attribute)| {
        let given = values.iter().find(|(key, _)| *key == name.as_str());
        let null = || Value::null(attribute.value_type.without_optional());
        (name.clone(), given.map_or_else(null, |(_, value)| value.clone()))
    });
    let blocks = schema.block.blocks.iter().map(|(name, nested)| {
        let given = values.iter().find(|(key, _)| *key == name.as_str());
        let empty = || empty_block(nested);
        (name.clone(), given.map_or_else(empty, |(_, value)| value.clone()))
    });
    Value::object(attributes.chain(blocks).collect())
}

fn empty_block(nested: &crate::NestedBlock) -> Value {
    match nested.implied_type() {
        formwork_value::Type::List(element) => Value::list((*element).clone(), Vec::new()),
        other => Value::null(other),
    }
}

/// Plans what only the target says as it was the last time; unknown where there was none.
pub fn keep_planned(schema: &KindSchema, request: &PlanRequest, planned: &mut Planned, name: &str) {
    let Some(attribute) = schema.block.attributes.get(name) else { return };
    let prior = request.prior.get(name).cloned();
    let value = prior.unwrap_or_else(|| Value::unknown(attribute.value_type.clone()));
    set_planned(schema, request, planned, name, &value);
}

/// Plans another value for one attribute, and what follows from it.
pub fn set_planned(
    schema: &KindSchema,
    request: &PlanRequest,
    planned: &mut Planned,
    name: &str,
    value: &Value,
) {
    let Some(entries) = planned.planned.entries() else { return };
    let entries = entries.iter().map(|(key, old)| {
        let value = if key.as_str() == name { value } else { old };
        (key.clone(), value.clone())
    });
    planned.planned = Value::object(entries.collect());
    let path = Path::root().attribute(name);
    planned.requires_replace.retain(|one| *one != path);
    let replaces = schema.block.attributes.get(name).is_some_and(|one| one.change == Change::Replace);
    if replaces && !request.prior.is_null() && request.prior.get(name) != Some(value) {
        planned.requires_replace.push(path);
    }
}
