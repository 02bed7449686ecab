//! Configured providers, each made once a run.

use crate::environment::{Environment, ProviderSource};
use crate::event::Event;
use crate::pace::{Pace, pause_ms};
use crate::schema::Kind;
use arcstr::ArcStr;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Block, Connection, Provider, ProviderError, ProviderSchema, Request, Response, Target};
use formwork_state::{Address, Mode, ProviderAddress, ProviderConfigAddress};
use formwork_value::Value;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

type KindKey = (ProviderAddress, Mode, ArcStr);
/// A connection, kept so that nothing else stands in its place, and its pace.
type Paced = (Arc<dyn Connection>, Rc<Pace>);
type Connected = (ProviderAddress, Value, Arc<dyn Connection>);

/// All schemas and connections of a run.
pub struct Connections {
    environment: Environment,
    schemas: RefCell<FxHashMap<ProviderAddress, Option<ProviderEntry>>>,
    kinds: RefCell<FxHashMap<KindKey, Option<Rc<Kind>>>>,
    connected: RefCell<Vec<Connected>>,
    targets: RefCell<IndexMap<String, Target>>,
    /// What providers had to say though they were configured, and nobody told yet.
    warnings: RefCell<Diagnostics>,
    /// By where the connection stands in memory, which it does for as long as it is kept here.
    paces: RefCell<FxHashMap<usize, Paced>>,
    /// Requests so far, so that no two of them wait alike.
    requests: Cell<u64>,
}

#[derive(Clone)]
struct ProviderEntry {
    provider: Arc<dyn Provider>,
    schema: Arc<ProviderSchema>,
}

impl Connections {
    /// None made.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            schemas: RefCell::default(),
            kinds: RefCell::default(),
            connected: RefCell::default(),
            targets: RefCell::default(),
            warnings: RefCell::default(),
            paces: RefCell::default(),
            requests: Cell::new(0),
        }
    }

    /// How many requests a connection is given at once.
    pub(crate) fn pace(&self, connection: &Arc<dyn Connection>) -> Rc<Pace> {
        let place = Arc::as_ptr(connection).cast::<()>() as usize;
        let mut paces = self.paces.borrow_mut();
        let most = self.environment.parallelism;
        let kept = paces.entry(place).or_insert_with(|| (connection.clone(), Rc::new(Pace::new(most))));
        kept.1.clone()
    }

    /// How many acts wait until their connection is given more.
    pub(crate) fn waiting(&self) -> usize {
        self.paces.borrow().values().map(|(_, pace)| pace.waiting()).sum()
    }

    /// A number that no other request has.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.replace(self.requests.get() + 1)
    }

    fn entry(&self, address: &ProviderAddress) -> Option<ProviderEntry> {
        if let Some(found) = self.schemas.borrow().get(address) {
            return found.clone();
        }
        let made = self
            .environment
            .providers
            .provider(address)
            .map(|provider| ProviderEntry { schema: provider.schema(), provider });
        self.schemas.borrow_mut().insert(address.clone(), made.clone());
        made
    }

    /// Where providers are found.
    pub fn provider_source(&self) -> Arc<dyn ProviderSource> {
        self.environment.providers.clone()
    }

    /// Whether there is a provider of the address.
    pub fn has_provider(&self, address: &ProviderAddress) -> bool {
        self.entry(address).is_some()
    }

    /// The provider of an address.
    pub fn provider(&self, address: &ProviderAddress) -> Option<Arc<dyn Provider>> {
        self.entry(address).map(|entry| entry.provider)
    }

    /// The block of a provider's configuration.
    pub fn configuration_block(&self, address: &ProviderAddress) -> Option<Block> {
        self.entry(address).map(|entry| entry.schema.configuration.clone())
    }

    /// A resource kind or data source, ready for use.
    pub fn kind(&self, address: &ProviderAddress, mode: Mode, type_name: &ArcStr) -> Option<Rc<Kind>> {
        let key = (address.clone(), mode, type_name.clone());
        if let Some(found) = self.kinds.borrow().get(&key) {
            return found.clone();
        }
        let found = self.entry(address).and_then(|entry| {
            let kinds = match mode {
                Mode::Managed => &entry.schema.resources,
                Mode::Data => &entry.schema.data_sources,
                Mode::Ephemeral => &entry.schema.ephemeral_resources,
            };
            kinds.get(type_name.as_str()).map(|schema| Rc::new(Kind::new(type_name.clone(), schema.clone())))
        });
        self.kinds.borrow_mut().insert(key, found.clone());
        found
    }

    /// Names of all kinds of a provider, for suggestions.
    pub fn kind_names(&self, address: &ProviderAddress, mode: Mode) -> Vec<ArcStr> {
        self.entry(address).map_or_else(Vec::new, |entry| match mode {
            Mode::Managed => entry.schema.resources.keys().cloned().collect(),
            Mode::Data => entry.schema.data_sources.keys().cloned().collect(),
            Mode::Ephemeral => entry.schema.ephemeral_resources.keys().cloned().collect(),
        })
    }

    /// A connection with a configuration (marks off); the same configuration gives the same connection.
    pub async fn connect(
        &self,
        address: &ProviderConfigAddress,
        configuration: &Value,
    ) -> Result<Arc<dyn Connection>, Diagnostics> {
        self.connection(address, configuration).await.map_err(|mut diagnostics| {
            // It knows itself neither where it is configured nor what it is called there.
            for diagnostic in diagnostics.iter_mut().filter(|one| one.address.is_none()) {
                diagnostic.address = Some(address.to_string());
            }
            diagnostics
        })
    }

    async fn connection(
        &self,
        address: &ProviderConfigAddress,
        configuration: &Value,
    ) -> Result<Arc<dyn Connection>, Diagnostics> {
        let provider = &address.provider;
        if let Some(double) = self.environment.providers.double_of(address) {
            return double.configure(configuration.clone()).await;
        }
        let found = self
            .connected
            .borrow()
            .iter()
            .find(|(other, value, _)| other == provider && value == configuration)
            .map(|(_, _, connection)| connection.clone());
        let connection = if let Some(connection) = found {
            connection
        } else {
            let Some(entry) = self.entry(provider) else {
                return Err(missing_provider(provider, &self.environment).into());
            };
            let connection = entry.provider.configure(configuration.clone()).await?;
            self.warnings.borrow_mut().append(connection.warnings());
            self.connected.borrow_mut().push((provider.clone(), configuration.clone(), connection.clone()));
            connection
        };
        self.note_target(address, connection.target());
        Ok(connection)
    }

    /// What providers had to say when they were configured, told once.
    pub fn take_warnings(&self) -> Diagnostics {
        self.warnings.take()
    }

    /// A connection of a provider, whichever of its configurations was connected first.
    pub fn connected_to(&self, provider: &ProviderAddress) -> Option<Arc<dyn Connection>> {
        let connected = self.connected.borrow();
        connected.iter().find(|(one, _, _)| one == provider).map(|(_, _, connection)| connection.clone())
    }

    /// The connection that acts on one object of a provider configuration.
    pub fn connection_of(
        &self,
        object: &Address,
        configuration: &ProviderConfigAddress,
        connection: &Arc<dyn Connection>,
    ) -> Arc<dyn Connection> {
        self.environment.providers.connection_of(object, configuration, connection)
    }

    fn note_target(&self, address: &ProviderConfigAddress, target: Target) {
        let name = address.to_string();
        if target.id.is_empty() || self.targets.borrow().contains_key(&name) {
            return;
        }
        if !target.words.is_empty() {
            let words = target.words.clone();
            self.environment.observer.observe(Event::Target { provider: name.clone(), words });
        }
        self.targets.borrow_mut().insert(name, target);
    }

    /// Where each configuration connected so far points.
    pub fn targets(&self) -> IndexMap<String, Target> {
        self.targets.borrow().clone()
    }

    /// Asks every connection to come to an end soon.
    pub fn cancel(&self) {
        for (_, _, connection) in &*self.connected.borrow() {
            connection.cancel();
        }
    }

    /// Sends a request that changes nothing, again while its error may well pass.
    pub async fn ask(&self, connection: &Arc<dyn Connection>, request: Request) -> Response {
        // What is open only as long as something else runs must not wait for it.
        let is_free = matches!(
            request,
            Request::OpenEphemeral { .. } | Request::RenewEphemeral { .. } | Request::CloseEphemeral { .. }
        );
        let pace = (!is_free).then(|| self.pace(connection));
        let number = self.next_request();
        let mut attempt = 0;
        loop {
            let admission = match &pace {
                Some(pace) => Some(pace.enter(&self.environment).await),
                None => None,
            };
            let response = connection.call(request.clone()).await;
            let error = response_error(&response);
            if let Some(admission) = admission {
                admission.note(error, &self.environment);
            }
            let pause_ms = error.and_then(|error| pause_ms(error, attempt, number));
            let Some(pause_ms) = pause_ms.filter(|_| !self.environment.is_interrupted()) else {
                return response;
            };
            self.environment.clock.sleep(pause_ms).await;
            attempt += 1;
        }
    }
}

fn response_error(response: &Response) -> Option<&ProviderError> {
    match response {
        Response::Upgraded(result) | Response::Generated(result) => result.as_ref().err(),
        Response::Listed(result) => result.as_ref().err(),
        Response::Planned(result) => result.as_ref().err(),
        Response::Traced { response, .. } => response_error(response),
        Response::Progress(result) => result.as_ref().err(),
        Response::Imported(result) => result.as_ref().err(),
        Response::Opened(result) => result.as_ref().err(),
        Response::Renewed(result) => result.as_ref().err(),
        Response::Data(results) => {
            results.iter().find_map(|result| result.as_ref().err().filter(|error| error.is_retryable()))
        }
        _ => None,
    }
}

/// Says that there is no such provider, and which of ours it may mean.
pub fn missing_provider(address: &ProviderAddress, environment: &Environment) -> Diagnostic {
    if let Some(fault) = environment.providers.fault(address) {
        return fault;
    }
    let known = environment.providers.addresses();
    let ours = known.iter().find(|known| known.type_name == address.type_name);
    let diagnostic = Diagnostic::error(
        "missing-provider",
        "Provider not available",
        format!("There is no provider {address} here: it is not part of Formwork, and it is not installed."),
    );
    if let Some(ours) = ours {
        return diagnostic.hint(format!(
            "Formwork has one of that name: write {} = {{ source = \"{}\" }} under terraform {{ required_providers {{ ... }} }}.",
            ours.type_name,
            ours.for_display()
        ));
    }
    let names: Vec<String> = known.iter().map(ProviderAddress::for_display).collect();
    diagnostic.hint(format!("Formwork has: {}.", names.join(", ")))
}

/// A provider's error as a diagnostic about an object.
pub fn error_diagnostic(error: &ProviderError, summary: &str, address: &str) -> Diagnostic {
    let code = format!("provider-{}", kind_code(error));
    let mut diagnostic = match error.finding.as_deref() {
        Some(finding) => Diagnostic::error(&code, &finding.summary, &finding.detail),
        None => Diagnostic::error(&code, summary, error.message.clone()),
    }
    .about(address);
    diagnostic.hint = error.hint.as_deref().map(str::to_owned);
    if let Some(path) = &error.path {
        diagnostic = diagnostic.attribute(path.to_string());
    }
    diagnostic
}

fn kind_code(error: &ProviderError) -> &'static str {
    use formwork_sdk::ErrorKind as K;
    match error.kind {
        K::Invalid => "invalid",
        K::Denied => "denied",
        K::NotFound => "not-found",
        K::Conflict => "conflict",
        K::Quota => "quota",
        K::Throttled => "throttled",
        K::Transient => "transient",
        K::Bug => "bug",
    }
}
