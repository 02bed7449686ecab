//! What stands in for providers in a test: one more implementation of the contract, over the real schema.
//!
//! Invariant: planning and applying know nothing of it; they ask for a connection and get this one. Nothing outside
//! is touched by what it answers.

use super::mock_value::{Composer, Fault, is_known_in_plan};
use crate::environment::ProviderSource;
use crate::evaluate::key_of;
use crate::plan::language_mode;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_lang::{InstancePattern, MockProvider, ObjectOverride, OverrideDuring, OverrideTarget};
use formwork_sdk::{
    Applied, ApplyRequest, Block, Connection, KindSchema, Operation, PlanRequest, Planned, Presence,
    Progress, Provider, ProviderError, ProviderSchema, Reading, Request, Response, Target, default_plan,
};
use formwork_state::{Address, Key, ProviderAddress, ProviderConfigAddress};
use formwork_value::{Name, Path, Type, Value};
use futures::StreamExt;
use futures::future::BoxFuture;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A provider configuration of the root module that is mocked.
pub(super) struct Mock {
    pub(super) configuration: ProviderConfigAddress,
    pub(super) provider: MockProvider,
}

/// Finds providers as another source does, and puts doubles where a test says so.
pub(super) struct Doubles {
    inner: Arc<dyn ProviderSource>,
    mocks: Vec<Mock>,
    /// Overrides of the run, then of the file: the first list with a match decides.
    overrides: [Vec<ObjectOverride>; 2],
    /// Providers one of whose configurations is mocked: nothing is required of a configuration.
    lenient: FxHashMap<ProviderAddress, Arc<dyn Provider>>,
    schemas: Mutex<FxHashMap<ProviderAddress, Arc<ProviderSchema>>>,
}

impl Doubles {
    pub(super) fn new(
        inner: Arc<dyn ProviderSource>,
        mocks: Vec<Mock>,
        overrides: [Vec<ObjectOverride>; 2],
    ) -> Self {
        let mut lenient: FxHashMap<ProviderAddress, Arc<dyn Provider>> = FxHashMap::default();
        for mock in &mocks {
            let address = &mock.configuration.provider;
            if let Some(provider) = inner.provider(address) {
                lenient.insert(address.clone(), Arc::new(Lenient::new(provider)));
            }
        }
        Self { inner, mocks, overrides, lenient, schemas: Mutex::default() }
    }

    fn mock(&self, configuration: &ProviderConfigAddress) -> Option<&MockProvider> {
        let alias = configuration.alias.as_deref().map(|alias| alias.split('[').next().unwrap_or(alias));
        let is_it = |mock: &&Mock| {
            mock.configuration.provider == configuration.provider
                && mock.configuration.module_path == configuration.module_path
                && mock.configuration.alias.as_deref() == alias
        };
        self.mocks.iter().find(is_it).map(|mock| &mock.provider)
    }

    fn schema(&self, address: &ProviderAddress) -> Option<Arc<ProviderSchema>> {
        let mut schemas = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = schemas.get(address) {
            return Some(known.clone());
        }
        let schema = self.inner.provider(address)?.schema();
        schemas.insert(address.clone(), schema.clone());
        Some(schema)
    }

    /// The override of an object, and without one what its mocked provider says of its type.
    fn values_of(
        &self,
        object: &Address,
        mock: Option<&MockProvider>,
    ) -> Option<(IndexMap<Name, Value>, OverrideDuring)> {
        let within = mock.map(|mock| mock.overrides.as_slice()).unwrap_or_default();
        let lists = self.overrides.iter().map(Vec::as_slice).chain([within]);
        let found = lists.into_iter().find_map(|list| closest(list, object));
        if let Some(one) = found {
            return Some((one.values.clone(), one.during));
        }
        let mock = mock?;
        let mode = language_mode(object.mode());
        let kind = mock.kinds.iter().find(|one| one.mode == mode && one.type_name == *object.type_name());
        let during = kind.and_then(|kind| kind.during).unwrap_or(mock.during);
        Some((kind.map(|kind| kind.defaults.clone()).unwrap_or_default(), during))
    }
}

/// The override that names an object most closely.
fn closest<'a>(overrides: &'a [ObjectOverride], object: &Address) -> Option<&'a ObjectOverride> {
    let matching = overrides.iter().filter_map(|one| Some((specificity(&one.target, object)?, one)));
    matching.max_by_key(|(keys, _)| *keys).map(|(_, one)| one)
}

/// How many keys a target names of an object; none where it means another.
fn specificity(target: &OverrideTarget, object: &Address) -> Option<usize> {
    let steps = object.module().steps();
    let is_block = target.mode == language_mode(object.mode())
        && target.type_name == *object.type_name()
        && target.name == *object.name()
        && target.modules.len() == steps.len();
    if !is_block {
        return None;
    }
    let mut keys = key_matches(&target.instances, object.key())?;
    for ((name, instances), (step, key)) in target.modules.iter().zip(steps) {
        if name != step {
            return None;
        }
        keys += key_matches(instances, key)?;
    }
    Some(keys)
}

fn key_matches(pattern: &InstancePattern, key: &Key) -> Option<usize> {
    match pattern {
        InstancePattern::Every => Some(0),
        InstancePattern::Key(value) => (key_of(value).as_ref() == Some(key)).then_some(1),
    }
}

impl ProviderSource for Doubles {
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        self.lenient.get(address).cloned().or_else(|| self.inner.provider(address))
    }

    fn fault(&self, address: &ProviderAddress) -> Option<Diagnostic> {
        self.inner.fault(address)
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        self.inner.addresses()
    }

    fn double_of(&self, configuration: &ProviderConfigAddress) -> Option<Arc<dyn Provider>> {
        self.mock(configuration)?;
        let schema = self.schema(&configuration.provider)?;
        Some(Arc::new(Mocked(schema)))
    }

    fn connection_of(
        &self,
        object: &Address,
        configuration: &ProviderConfigAddress,
        connection: &Arc<dyn Connection>,
    ) -> Arc<dyn Connection> {
        let values = self.values_of(object, self.mock(configuration));
        let Some(((values, during), schema)) = values.zip(self.schema(&configuration.provider)) else {
            return connection.clone();
        };
        Arc::new(Double { schema, seed: object.to_string(), values, during })
    }
}

/// A provider that asks nothing of a configuration before it is really configured.
struct Lenient {
    inner: Arc<dyn Provider>,
    schema: Arc<ProviderSchema>,
}

impl Lenient {
    fn new(inner: Arc<dyn Provider>) -> Self {
        let mut schema = ProviderSchema::clone(&inner.schema());
        for attribute in schema.configuration.attributes.values_mut() {
            if attribute.presence == Presence::Required {
                attribute.presence = Presence::Optional;
            }
        }
        for nested in schema.configuration.blocks.values_mut() {
            nested.min_items = 0;
        }
        Self { inner, schema: Arc::new(schema) }
    }
}

impl Provider for Lenient {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.schema.clone()
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let missing = missing_arguments(&self.inner.schema().configuration, &configuration);
        Box::pin(async move {
            if missing.is_empty() { self.inner.configure(configuration).await } else { Err(missing) }
        })
    }

    fn configures_with_unknowns(&self) -> bool {
        self.inner.configures_with_unknowns()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        self.inner.validate_resource(kind, configuration)
    }

    fn call_function(&self, name: &str, arguments: &[Value]) -> Result<Value, ProviderError> {
        self.inner.call_function(name, arguments)
    }
}

fn missing_arguments(block: &Block, configuration: &Value) -> Diagnostics {
    let is_missing = |name: &str| configuration.get(name).is_none_or(Value::is_null);
    let required = block.attributes.iter().filter(|(_, one)| one.presence == Presence::Required);
    let missing = required.filter(|(name, _)| is_missing(name)).map(|(name, _)| {
        let detail = format!("The argument \"{name}\" is required, but no definition was found.");
        Diagnostic::error("missing-argument", "Missing required argument", detail)
    });
    missing.collect()
}

/// A provider that is never configured.
struct Mocked(Arc<ProviderSchema>);

impl Provider for Mocked {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.0.clone()
    }

    fn configure(&self, _configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let double = Double {
            schema: self.0.clone(),
            seed: String::new(),
            values: IndexMap::new(),
            during: OverrideDuring::Plan,
        };
        Box::pin(async move { Ok(Arc::new(double) as Arc<dyn Connection>) })
    }
}

/// A connection that makes what it answers from the configuration alone.
struct Double {
    schema: Arc<ProviderSchema>,
    /// The object's address: what its texts are made from.
    seed: String,
    values: IndexMap<Name, Value>,
    during: OverrideDuring,
}

impl Connection for Double {
    fn target(&self) -> Target {
        Target { id: String::new(), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let response = self.answer(request);
        Box::pin(async move { response })
    }
}

impl Double {
    fn answer(&self, request: Request) -> Response {
        match request {
            Request::Read { objects, .. } => {
                let found = |one: formwork_sdk::ReadRequest| Reading::Found {
                    object: one.prior,
                    private: one.private,
                    identity: one.identity,
                };
                let readings = objects.into_iter().map(found).enumerate().collect::<Vec<_>>();
                Response::Read(futures::stream::iter(readings).boxed())
            }
            Request::Plan(request) => Response::Planned(self.plan(&request).map(Box::new)),
            Request::Apply(request) => {
                let applied = self.apply(&request);
                Response::Progress(applied.map(|applied| Progress::Done(Box::new(applied))))
            }
            Request::Find(_) | Request::Poll(_) => Response::Progress(Ok(Progress::NotFound)),
            Request::ReadData { kind, configurations } => {
                let schema = self.schema.data_sources.get(kind.as_str());
                Response::Data(configurations.iter().map(|one| self.source(schema, &kind, one)).collect())
            }
            Request::Import { .. } | Request::ImportByIdentity { .. } => {
                Response::Imported(Err(ProviderError::invalid(
                    "Objects of a mocked or overridden provider cannot be imported: there is nothing to take over.",
                )))
            }
            Request::OpenEphemeral { kind, configuration } => {
                let schema = self.schema.ephemeral_resources.get(kind.as_str());
                let opened = self.source(schema, &kind, &configuration);
                Response::Opened(opened.map(|value| (value, Vec::new(), None)))
            }
            Request::RenewEphemeral { .. } | Request::CloseEphemeral { .. } => Response::Renewed(Ok(None)),
            _ => Response::Unsupported,
        }
    }

    fn compose(
        &self,
        kind: &KindSchema,
        given: &Value,
        prior: &Value,
        is_known: bool,
    ) -> (Value, Vec<Fault>) {
        let mut composer = Composer { seed: &self.seed, is_known, faults: Vec::new() };
        let value = composer.object(&kind.block, given, prior, &self.values, &Path::root());
        (value, composer.faults)
    }

    fn plan(&self, request: &PlanRequest) -> Result<Planned, ProviderError> {
        let kind = self.schema.resources.get(request.kind.as_str()).ok_or_else(|| unknown(&request.kind))?;
        let by_schema = default_plan(kind, request);
        if request.configuration.is_null() {
            return Ok(by_schema);
        }
        let is_known = is_known_in_plan(self.during);
        let (planned, faults) = self.compose(kind, &request.configuration, &request.prior, is_known);
        let diagnostics = faults.into_iter().map(|fault| {
            Diagnostic::error("mock-value", fault.summary, fault.detail).attribute(fault.path.to_string())
        });
        Ok(Planned { planned, diagnostics: diagnostics.collect(), ..by_schema })
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Applied, ProviderError> {
        let kind = self.schema.resources.get(request.kind.as_str()).ok_or_else(|| unknown(&request.kind))?;
        let object = match request.operation {
            Operation::Delete => Value::null(Type::Dynamic),
            _ if request.planned.is_wholly_known() => request.planned.clone(),
            _ => self.compose(kind, &request.configuration, &request.prior, true).0,
        };
        Ok(Applied::new(object, request.private.clone()))
    }

    /// What a data source reads, or an ephemeral resource opens.
    fn source(
        &self,
        schema: Option<&KindSchema>,
        kind: &str,
        configuration: &Value,
    ) -> Result<Value, ProviderError> {
        let schema = schema.ok_or_else(|| unknown(kind))?;
        let nothing = Value::null(Type::Dynamic);
        let (value, faults) = self.compose(schema, configuration, &nothing, true);
        match faults.into_iter().next() {
            None => Ok(value),
            Some(fault) => {
                Err(ProviderError::invalid(format!("{}: {}", fault.summary, fault.detail)).at(fault.path))
            }
        }
    }
}

fn unknown(kind: &str) -> ProviderError {
    ProviderError::bug(format!("the provider has no kind {kind:?}"))
}

/// Every provider as if it were mocked: what a configuration asks for can be planned by somebody who can reach nothing.
pub struct Imagined {
    inner: Arc<dyn ProviderSource>,
}

impl Imagined {
    /// Doubles of another source's providers.
    pub fn new(inner: Arc<dyn ProviderSource>) -> Self {
        Self { inner }
    }
}

/// A provider that finds no fault with values, since what it sees may be made up.
struct Uncritical(Arc<dyn Provider>);

impl Provider for Uncritical {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.0.schema()
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        self.0.configure(configuration)
    }

    fn call_function(&self, name: &str, arguments: &[Value]) -> Result<Value, ProviderError> {
        self.0.call_function(name, arguments)
    }
}

impl ProviderSource for Imagined {
    fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        self.inner.provider(address).map(|inner| Arc::new(Uncritical(inner)) as Arc<dyn Provider>)
    }

    fn addresses(&self) -> Vec<ProviderAddress> {
        self.inner.addresses()
    }

    fn double_of(&self, configuration: &ProviderConfigAddress) -> Option<Arc<dyn Provider>> {
        Some(Arc::new(Mocked(self.inner.provider(&configuration.provider)?.schema())))
    }

    fn connection_of(
        &self,
        object: &Address,
        configuration: &ProviderConfigAddress,
        connection: &Arc<dyn Connection>,
    ) -> Arc<dyn Connection> {
        let Some(provider) = self.inner.provider(&configuration.provider) else { return connection.clone() };
        let (seed, values) = (object.to_string(), IndexMap::new());
        Arc::new(Double { schema: provider.schema(), seed, values, during: OverrideDuring::Plan })
    }
}
