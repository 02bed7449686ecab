//! A hosted provider before it is configured: its process for questions, its schemas, its functions.

use crate::answer;
use crate::connection::HostedConnection;
use crate::environment;
use crate::handshake;
use crate::kept::{SchemaFile, Told};
use crate::messages::{
    CallAnswer, CallFunction, ClientCapabilities, Configure, Empty, Findings, IdentitySchemas, Schemas,
    ServerCapabilities, ValidateKind, ValidateProvider, ValidatedProvider,
};
use crate::process::{Origin, Process, Surroundings};
use crate::{schema, values, worker};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Connection, KindSchema, Provider, ProviderError, ProviderSchema};
use formwork_value::Value;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use indexmap::IndexMap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The version of the engine that providers are told: some refuse to work with one that they think too old.
const ENGINE_VERSION: &str = "1.12.0";
/// All processes are given so long to end before the program does.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// What this host can do beyond the first version of the protocol.
pub(crate) const CAPABILITIES: Option<ClientCapabilities> =
    Some(ClientCapabilities { deferral_allowed: true, write_only_attributes_allowed: true });
/// The same where no answer can say that something has to wait.
pub(crate) const PROMPT_CAPABILITIES: Option<ClientCapabilities> =
    Some(ClientCapabilities { deferral_allowed: false, write_only_attributes_allowed: true });

/// A provider in a process of its own.
struct Hosted(Arc<Host>);

struct Host {
    name: String,
    origin: Origin,
    surroundings: Surroundings,
    schema: Arc<ProviderSchema>,
    capabilities: ServerCapabilities,
    first: Mutex<First>,
}

/// The process that answers what needs no configuration; none before something is asked.
#[derive(Default)]
struct First {
    process: Option<Arc<Process>>,
    /// Whether a configuration has taken it besides.
    is_taken: bool,
}

/// A provider by its executable. It is started and asked for its schemas unless they are kept.
///
/// # Errors
/// When it cannot be started, does not speak the protocol or has schemas that cannot be read.
pub fn host(
    name: &str,
    program: &Path,
    kept: Option<&SchemaFile>,
    surroundings: Surroundings,
) -> Result<Arc<dyn Provider>, Diagnostic> {
    hosted(name, Origin::Executable(program.to_owned()), kept, surroundings)
}

/// Attaches to the provider of an address that `TF_REATTACH_PROVIDERS` names in this text; nothing where it names
/// none.
pub fn attached(
    text: &str,
    surroundings: Surroundings,
    is_meant: impl Fn(&str) -> bool,
) -> Option<Result<Arc<dyn Provider>, Diagnostic>> {
    let refuse = |words: String| {
        Diagnostic::error("invalid-reattach", "Invalid TF_REATTACH_PROVIDERS", words)
            .hint("Set it to what the provider printed when it was started with -debug, or unset it.")
    };
    let all: BTreeMap<String, Reattach> = match serde_json::from_str(text) {
        Ok(all) => all,
        Err(error) => return Some(Err(refuse(format!("It cannot be read: {error}.")))),
    };
    let (name, one) = all.into_iter().find(|(name, _)| is_meant(name))?;
    let origin = one.origin().map_err(|words| refuse(format!("The provider {name} {words}.")));
    Some(origin.and_then(|origin| hosted(&name, origin, None, surroundings)))
}

/// Waits until the processes have ended whose providers and connections are gone.
pub fn settle() {
    worker::settle(SETTLE_LIMIT);
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Reattach {
    protocol: String,
    #[serde(default)]
    protocol_version: u32,
    addr: ReattachAddress,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReattachAddress {
    network: String,
    string: String,
}

impl Reattach {
    fn origin(&self) -> Result<Origin, String> {
        if self.protocol != "grpc" {
            return Err("does not speak grpc".to_owned());
        }
        let version = if self.protocol_version == 0 { 5 } else { self.protocol_version };
        let protocol = handshake::protocol_of(&version.to_string())?;
        Ok(Origin::Attached(protocol, handshake::listening(&self.addr.network, &self.addr.string)?))
    }
}

fn hosted(
    name: &str,
    origin: Origin,
    kept: Option<&SchemaFile>,
    surroundings: Surroundings,
) -> Result<Arc<dyn Provider>, Diagnostic> {
    let refuse = |words: String| {
        Diagnostic::error("provider-unusable", "Failed to load plugin schemas", words)
            .hint("Check that it is a provider for this system, or choose another version and run init.")
    };
    let known = kept.and_then(SchemaFile::read);
    let is_known = known.is_some();
    let (told, first) = match known {
        Some(told) => (told, First::default()),
        None => asked(name, &origin, surroundings).map_err(refuse)?,
    };
    let translated = schema::translate(&told.schemas, &told.identities, told.protocol)
        .map_err(|error| refuse(format!("The schemas of the provider {name} cannot be read: {error}.")))?;
    if let Some(kept) = kept.filter(|_| !is_known && told.is_optional()) {
        kept.write(&told);
    }
    Ok(Arc::new(Hosted(Arc::new(Host {
        name: name.to_owned(),
        origin,
        surroundings,
        schema: Arc::new(translated),
        capabilities: told.schemas.capabilities.unwrap_or_default(),
        first: Mutex::new(first),
    }))))
}

/// Starts a provider and asks what it says of itself.
fn asked(name: &str, origin: &Origin, surroundings: Surroundings) -> Result<(Told, First), String> {
    let (name, origin) = (name.to_owned(), origin.clone());
    let work = async move {
        let process = Process::start(&name, &origin, surroundings).await?;
        let schemas = schemas(&process).await?;
        let identities = identities(&process).await?;
        let protocol = process.protocol;
        let first = First { process: Some(Arc::new(process)), is_taken: false };
        Ok((Told { protocol, schemas, identities }, first))
    };
    worker::wait(work).and_then(|made| made)
}

async fn schemas(process: &Process) -> Result<Schemas, String> {
    let answer: Schemas = process.call("GetProviderSchema", Empty {}).await.map_err(|error| error.message)?;
    match answer::error(&answer.diagnostics) {
        Some(error) => Err(format!("The provider {} gives no schemas: {}.", process.name, error.message)),
        None => Ok(answer),
    }
}

/// Older providers know no identities.
async fn identities(process: &Process) -> Result<IdentitySchemas, String> {
    let name = &process.name;
    let answer: IdentitySchemas = match process.call("GetResourceIdentitySchemas", Empty {}).await {
        Ok(answer) => answer,
        Err(error) if error.is_unknown_call => return Ok(IdentitySchemas::default()),
        Err(error) => return Err(error.message),
    };
    match answer::error(&answer.diagnostics) {
        Some(error) => Err(format!("The provider {name} gives no schemas of identities: {}.", error.message)),
        None => Ok(answer),
    }
}

impl Host {
    /// The process for questions, started where there is none or it has ended.
    async fn questioned(&self) -> Result<Arc<Process>, String> {
        self.running(&mut *self.first.lock().await).await
    }

    /// Whoever asks beside waits until it runs, so that it is started once.
    async fn running(&self, first: &mut First) -> Result<Arc<Process>, String> {
        if let Some(process) = first.process.as_ref().filter(|process| !process.has_ended()) {
            return Ok(process.clone());
        }
        let process = self.another().await?;
        *first = First { process: Some(process.clone()), is_taken: false };
        Ok(process)
    }

    /// A process that no configuration has taken.
    async fn unconfigured(&self) -> Result<Arc<Process>, String> {
        let mut first = self.first.lock().await;
        let process = self.running(&mut first).await?;
        let is_free = !std::mem::replace(&mut first.is_taken, true);
        let is_ours_alone = matches!(self.origin, Origin::Executable(_));
        if is_free || !is_ours_alone { Ok(process) } else { self.another().await }
    }

    async fn another(&self) -> Result<Arc<Process>, String> {
        let process = Process::start(&self.name, &self.origin, self.surroundings).await?;
        // The older kit prepares itself in this call, unless it says that it does not.
        if !self.capabilities.get_provider_schema_optional {
            schemas(&process).await?;
        }
        Ok(Arc::new(process))
    }
}

fn unusable(message: String) -> Diagnostic {
    Diagnostic::error("provider-unusable", "Could not load plugin", message)
        .hint("This is a fault of the provider: tell its authors, with what it printed.")
}

/// Which list of kinds a configuration is of: a name may be in several, and then the type tells.
fn validation<'a>(
    schema: &'a ProviderSchema,
    kind: &str,
    value: &Value,
) -> Option<(&'static str, &'a KindSchema)> {
    let lists: [(&str, &IndexMap<_, KindSchema>); 3] = [
        ("ValidateResourceConfig", &schema.resources),
        ("ValidateDataResourceConfig", &schema.data_sources),
        ("ValidateEphemeralResourceConfig", &schema.ephemeral_resources),
    ];
    let named = lists.iter().filter_map(|(method, kinds)| Some((*method, kinds.get(kind)?)));
    let mut named: Vec<_> = named.collect();
    let has_shape = |one: &KindSchema| match value.entries() {
        Some(entries) => {
            entries.len() == one.block.attributes.len() + one.block.blocks.len()
                && entries.iter().all(|(name, _)| {
                    one.block.attributes.contains_key(name.as_str())
                        || one.block.blocks.contains_key(name.as_str())
                })
        }
        None => true,
    };
    if named.len() > 1 {
        named.retain(|(_, one)| has_shape(one));
    }
    named.into_iter().next()
}

impl Provider for Hosted {
    fn schema(&self) -> Arc<ProviderSchema> {
        self.0.schema.clone()
    }

    fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        let host = self.0.clone();
        let configuration = configuration.clone();
        let asked = worker::wait(async move { host.validate_configuration(&configuration).await });
        asked.unwrap_or_else(|message| unusable(message).into())
    }

    fn configure(&self, configuration: Value) -> BoxFuture<'_, Result<Arc<dyn Connection>, Diagnostics>> {
        let host = self.0.clone();
        let work = async move { host.configure(configuration).await };
        async move { worker::spawn(work).await.unwrap_or_else(|message| Err(unusable(message).into())) }
            .boxed()
    }

    fn validate_resource(&self, kind: &str, configuration: &Value) -> Diagnostics {
        let (host, kind, configuration) = (self.0.clone(), kind.to_owned(), configuration.clone());
        let asked = worker::wait(async move { host.validate_kind(kind, &configuration).await });
        asked.unwrap_or_else(|message| unusable(message).into())
    }

    fn call_function(&self, name: &str, arguments: &[Value]) -> Result<Value, ProviderError> {
        let (host, name, arguments) = (self.0.clone(), name.to_owned(), arguments.to_vec());
        worker::wait(async move { host.call_function(name, &arguments).await })
            .unwrap_or_else(|message| Err(ProviderError::bug(message)))
    }
}

impl Host {
    async fn validate_configuration(&self, configuration: &Value) -> Diagnostics {
        let process = match self.questioned().await {
            Ok(process) => process,
            Err(message) => return unusable(message).into(),
        };
        let config = match values::send(configuration, &self.schema.configuration.implied_type()) {
            Ok(config) => config,
            Err(error) => {
                return unusable(format!("The configuration does not fit its schema: {error}.")).into();
            }
        };
        match process
            .call::<_, ValidatedProvider>("ValidateProviderConfig", ValidateProvider { config })
            .await
        {
            Ok(answer) => answer::diagnostics(&answer.diagnostics),
            Err(error) => answer::failed(&error).into(),
        }
    }

    async fn validate_kind(&self, kind: String, configuration: &Value) -> Diagnostics {
        let Some((method, schema)) = validation(&self.schema, &kind, configuration) else {
            return Diagnostics::new();
        };
        let process = match self.questioned().await {
            Ok(process) => process,
            Err(message) => return unusable(message).into(),
        };
        let config = match values::send(configuration, &schema.block.implied_type()) {
            Ok(config) => config,
            Err(error) => {
                return unusable(format!("The configuration does not fit its schema: {error}.")).into();
            }
        };
        let capabilities = CAPABILITIES.filter(|_| method == "ValidateResourceConfig");
        match process
            .call::<_, Findings>(method, ValidateKind { type_name: kind, config, capabilities })
            .await
        {
            Ok(answer) => answer::diagnostics(&answer.diagnostics),
            Err(error) => answer::failed(&error).into(),
        }
    }

    async fn configure(&self, configuration: Value) -> Result<Arc<dyn Connection>, Diagnostics> {
        let process = self.unconfigured().await.map_err(|message| Diagnostics::from(unusable(message)))?;
        let config =
            values::send(&configuration, &self.schema.configuration.implied_type()).map_err(|error| {
                Diagnostics::from(unusable(format!("The configuration does not fit its schema: {error}.")))
            })?;
        let request = Configure {
            terraform_version: ENGINE_VERSION.to_owned(),
            config,
            capabilities: PROMPT_CAPABILITIES,
        };
        let answer: Findings = process
            .call("ConfigureProvider", request)
            .await
            .map_err(|error| Diagnostics::from(answer::failed(&error)))?;
        let mut found = answer::diagnostics(&answer.diagnostics);
        if found.has_errors() {
            for diagnostic in found.iter_mut().filter(|one| one.hint.is_none()) {
                diagnostic.hint = environment::hint(&process.name, &process.kept_back);
            }
            return Err(found);
        }
        Ok(Arc::new(HostedConnection::new(
            process,
            self.schema.clone(),
            self.capabilities.clone(),
            self.surroundings.clock,
            found,
        )))
    }

    async fn call_function(&self, name: String, arguments: &[Value]) -> Result<Value, ProviderError> {
        let Some(function) = self.schema.functions.get(name.as_str()) else {
            return Err(ProviderError::invalid(format!("this provider has no function named {name:?}")));
        };
        let process = self.questioned().await.map_err(ProviderError::bug)?;
        let parameters = function.parameters.iter().chain(function.variadic.iter().cycle());
        let mut sent = Vec::with_capacity(arguments.len());
        for (value, parameter) in arguments.iter().zip(parameters) {
            let encoded = values::send(value, &parameter.value_type)
                .map_err(|error| answer::unreadable("an argument", &error))?;
            sent.extend(encoded);
        }
        let request = CallFunction { name, arguments: sent };
        let answer: CallAnswer =
            process.call("CallFunction", request).await.map_err(|error| answer::unanswered(&error))?;
        if let Some(error) = answer.error {
            return Err(ProviderError::invalid(error.text));
        }
        values::receive(answer.result.as_ref(), &function.returns)
            .map_err(|error| answer::unreadable("the result", &error))
    }
}
