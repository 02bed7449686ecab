//! A configured provider: each request of the contract is one call of the protocol.
//!
//! Invariants: a call that changes something and is not answered has an unknown outcome; whatever object a failed
//! change leaves is handed over. Nothing is called twice.

use crate::find::Known;
use crate::hosted::{CAPABILITIES, PROMPT_CAPABILITIES};
use crate::messages::{
    self, Apply, ApplyAnswer, Findings, Found, Import, ImportAnswer, KindPrivate, KindValue, Move, Moved,
    Opened, Plan, PlanAnswer, RawState, Read, ReadAnswer, Renewed, ServerCapabilities, Timestamp, Upgrade,
    UpgradeIdentity, UpgradedIdentity,
};
use crate::process::Process;
use crate::{answer, identity, values, worker};
use formwork_diagnostic::Diagnostics;
use formwork_sdk::{
    Applied, ApplyRequest, Connection, Deferred, DeferredReason, ImportedObject, KindSchema, Operation,
    Outcome, PlanRequest, Planned, Progress, ProviderError, ProviderSchema, ReadRequest, Reading, Remainder,
    Request, Response, Target, given_limit_ms,
};
use formwork_value::{Type, Value};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use indexmap::IndexMap;
use std::sync::Arc;

/// So many objects of one batch are read side by side.
const READS_AT_ONCE: usize = 10;

/// A configured provider in a process of its own.
#[derive(Clone)]
pub(crate) struct HostedConnection {
    process: Arc<Process>,
    schema: Arc<ProviderSchema>,
    capabilities: ServerCapabilities,
    /// Seconds since 1970.
    clock: fn() -> i64,
    /// What there was to be said though it was configured.
    warnings: Diagnostics,
}

pub(crate) type Answer<T> = Result<T, ProviderError>;

impl HostedConnection {
    pub(crate) fn new(
        process: Arc<Process>,
        schema: Arc<ProviderSchema>,
        capabilities: ServerCapabilities,
        clock: fn() -> i64,
        warnings: Diagnostics,
    ) -> Self {
        Self { process, schema, capabilities, clock, warnings }
    }
}

impl Connection for HostedConnection {
    /// The protocol has no word for it.
    fn target(&self) -> Target {
        Target { id: String::new(), words: String::new() }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        let this = self.clone();
        if let Request::Read { kind, objects } = request {
            return std::future::ready(this.read_all(kind, objects)).boxed();
        }
        async move {
            let unanswered = refusal(&request);
            match worker::spawn(this.answer(request)).await {
                Ok(response) => response,
                Err(message) => unanswered(ProviderError::bug(message).outcome(Outcome::Unknown)),
            }
        }
        .boxed()
    }

    fn cancel(&self) {
        let process = self.process.clone();
        worker::launch(async move { process.ask_to_stop().await });
    }

    fn warnings(&self) -> Diagnostics {
        self.warnings.clone()
    }
}

/// The response that carries an error to a request.
fn refusal(request: &Request) -> fn(ProviderError) -> Response {
    match request {
        Request::Upgrade { .. } | Request::UpgradeIdentity { .. } | Request::MoveFrom { .. } => {
            |error| Response::Upgraded(Err(error))
        }
        Request::Plan(_) => |error| Response::Planned(Err(error)),
        Request::Apply(_) | Request::Poll(_) | Request::Find(_) => |error| Response::Progress(Err(error)),
        Request::Import { .. } | Request::ImportByIdentity { .. } => |error| Response::Imported(Err(error)),
        Request::ReadData { .. } => |error| Response::Data(vec![Err(error)]),
        Request::OpenEphemeral { .. } => |error| Response::Opened(Err(error)),
        Request::RenewEphemeral { .. } | Request::CloseEphemeral { .. } => {
            |error| Response::Renewed(Err(error))
        }
        Request::GenerateConfiguration { .. } => |error| Response::Generated(Err(error)),
        Request::Read { .. } | Request::List { .. } => |_| Response::Unsupported,
    }
}

impl HostedConnection {
    async fn answer(self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, version, stored } => {
                Response::Upgraded(self.upgrade(kind, version, stored).await)
            }
            Request::UpgradeIdentity { kind, version, stored } => {
                Response::Upgraded(self.upgrade_identity(kind, version, stored).await)
            }
            Request::Plan(request) => Response::Planned(self.plan(*request).await.map(Box::new)),
            Request::Apply(request) => Response::Progress(
                self.apply(*request).await.map(|applied| Progress::Done(Box::new(applied))),
            ),
            Request::Find(request) => Response::Progress(self.find(*request).await),
            Request::Import { kind, id } => Response::Imported(self.import(kind, Known::Id(id)).await),
            Request::ImportByIdentity { kind, identity } => {
                Response::Imported(self.import(kind, Known::Identity(identity)).await)
            }
            Request::ReadData { kind, configurations } => {
                let read = configurations.into_iter().map(|one| self.read_data(kind.clone(), one));
                Response::Data(stream::iter(read).buffered(READS_AT_ONCE).collect().await)
            }
            request @ Request::MoveFrom { .. } if self.capabilities.move_resource_state => {
                self.move_from(request).await.unwrap_or_else(|error| Response::Upgraded(Err(error)))
            }
            Request::OpenEphemeral { kind, configuration } => {
                Response::Opened(self.open(kind, &configuration).await)
            }
            Request::RenewEphemeral { kind, private } => {
                self.renew(kind, private).await.unwrap_or_else(|error| Response::Renewed(Err(error)))
            }
            Request::CloseEphemeral { kind, private } => {
                Response::Renewed(self.close(kind, private).await.map(|()| None))
            }
            Request::GenerateConfiguration { kind, object } if self.capabilities.generate_resource_config => {
                Response::Generated(self.generate(kind, &object).await)
            }
            _ => Response::Unsupported,
        }
    }

    pub(crate) async fn ask<Q, A>(&self, method: &str, request: Q) -> Answer<A>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.process.call(method, request).await.map_err(|error| answer::unanswered(&error))
    }

    pub(crate) fn resource(&self, kind: &str) -> Answer<(&KindSchema, Type)> {
        found(&self.schema.resources, kind)
    }

    async fn upgrade(&self, kind: String, version: u64, stored: String) -> Answer<Value> {
        let (schema, value_type) = self.resource(&kind)?;
        if version > schema.version {
            return Err(ProviderError::invalid(format!(
                "It was stored by a newer version of the provider: its schema is of version {version}, and this provider's of {}.",
                schema.version
            ))
            .hint("Use the version of the provider that stored it, or a newer one."));
        }
        let raw_state = Some(RawState { json: stored.into_bytes() });
        let request = Upgrade { type_name: kind, version: values::version(version), raw_state };
        let answer: Found = self.ask("UpgradeResourceState", request).await?;
        checked(&answer.diagnostics)?;
        received(answer.value.as_ref(), &value_type, "the upgraded object")
            .map(|value| values::normalise(&schema.block, value))
    }

    fn read_all(self, kind: String, objects: Vec<ReadRequest>) -> Response {
        let readings = stream::iter(objects.into_iter().enumerate()).map(move |(index, object)| {
            let (this, kind) = (self.clone(), kind.clone());
            async move {
                let read = worker::spawn(async move { this.read(kind, object).await }).await;
                let reading = read.map_err(ProviderError::bug).and_then(|read| read);
                (index, reading.unwrap_or_else(Reading::Failed))
            }
        });
        Response::Read(readings.buffer_unordered(READS_AT_ONCE).boxed())
    }

    pub(crate) async fn read(&self, kind: String, object: ReadRequest) -> Answer<Reading> {
        let (schema, value_type) = self.resource(&kind)?;
        let current_state = sent(&object.prior, &value_type)?;
        let request = Read {
            type_name: kind,
            current_state,
            private: object.private,
            capabilities: PROMPT_CAPABILITIES,
            current_identity: identity::send(object.identity.as_ref(), schema)?,
        };
        let given_ms = given_limit_ms(&object.prior, "read");
        let answered = self.process.read("ReadResource", request, given_ms).await;
        let answer: ReadAnswer = answered.map_err(|error| answer::unanswered(&error))?;
        checked(&answer.diagnostics)?;
        let object = received(answer.new_state.as_ref(), &value_type, "the object as read")?;
        if object.is_null() {
            return Ok(Reading::Gone);
        }
        if !object.is_wholly_known() {
            return Err(ProviderError::bug("the provider read an object of which something is not known"));
        }
        let identity = identity::receive(answer.new_identity.as_ref(), schema)?;
        let object = values::normalise(&schema.block, object);
        Ok(Reading::Found { object, private: answer.private, identity })
    }

    async fn plan(&self, request: PlanRequest) -> Answer<Planned> {
        let (schema, value_type) = self.resource(&request.kind)?;
        if request.proposed.is_null() && !self.capabilities.plan_destroy {
            return Ok(planned(Value::null(value_type), request.private));
        }
        let call = Plan {
            type_name: request.kind,
            prior_state: sent(&request.prior, &value_type)?,
            proposed_new_state: sent(&request.proposed, &value_type)?,
            config: sent(&request.configuration, &value_type)?,
            prior_private: request.private,
            capabilities: CAPABILITIES,
            prior_identity: identity::send(request.identity.as_ref(), schema)?,
        };
        let answer: PlanAnswer = self.ask("PlanResourceChange", call).await?;
        let found = answer::diagnostics(&answer.diagnostics);
        if found.has_errors() {
            let mut failed = planned(request.proposed, answer.planned_private);
            failed.diagnostics = found;
            return Ok(failed);
        }
        let mut value = received(answer.planned_state.as_ref(), &value_type, "the planned object")?;
        if answer.legacy_type_system {
            value = values::normalise(&schema.block, value);
        }
        let requires_replace = values::changed(&answer.requires_replace, &request.prior, &value);
        Ok(Planned {
            requires_replace,
            lenient: answer.legacy_type_system,
            identity: identity::receive(answer.planned_identity.as_ref(), schema)?,
            deferred: answer.deferred.map(|deferred| deferral(&deferred, &self.process.name)),
            diagnostics: found,
            ..planned(value, answer.planned_private)
        })
    }

    async fn apply(&self, request: ApplyRequest) -> Answer<Applied> {
        let (schema, value_type) = self.resource(&request.kind)?;
        let (operation, from) = match request.operation {
            Operation::Create => ("create", &request.configuration),
            Operation::Update => ("update", &request.configuration),
            Operation::Delete => ("delete", &request.prior),
        };
        let given_ms = given_limit_ms(from, operation);
        let call = Apply {
            type_name: request.kind,
            prior_state: sent(&request.prior, &value_type)?,
            planned_state: sent(&request.planned, &value_type)?,
            config: sent(&request.configuration, &value_type)?,
            planned_private: request.private,
            planned_identity: identity::send(request.identity.as_ref(), schema)?,
        };
        let answered = self.process.change("ApplyResourceChange", call, given_ms).await;
        let answer: ApplyAnswer = answered.map_err(|error| answer::undecided(&error))?;
        let object = received(answer.new_state.as_ref(), &value_type, "the object as made")
            .map_err(|error| error.outcome(Outcome::Unknown))?;
        let object =
            if answer.legacy_type_system { values::normalise(&schema.block, object) } else { object };
        let mut found = answer.diagnostics;
        let broken = broken_promise(request.operation, &object);
        if let Some(sentence) = broken.filter(|_| answer::error(&found).is_none()) {
            let summary = "Provider returned invalid result object after apply";
            found.push(answer::finding(summary, sentence.to_owned()));
        }
        // What is wrong with an identity is no reason to lose the object.
        let told = identity::receive(answer.new_identity.as_ref(), schema);
        let identity = told.unwrap_or_else(|error| {
            tracing::warn!("{}", error.message);
            None
        });
        let (private, lenient) = (answer.private, answer.legacy_type_system);
        let Some(mut error) = answer::error(&found) else {
            let warnings = answer::diagnostics(&found);
            return Ok(Applied { object, private, lenient, identity, warnings });
        };
        error.remainder = Some(Box::new(Remainder { private, identity }));
        Err(error.outcome(remains(object, &request.prior)))
    }

    pub(crate) async fn import(&self, kind: String, known: Known) -> Answer<Vec<ImportedObject>> {
        let (schema, _) = self.resource(&kind)?;
        let (id, identity) = match known {
            Known::Id(id) => (id, None),
            Known::Identity(identity) => (String::new(), identity::send(Some(&identity), schema)?),
        };
        let request = Import { type_name: kind, id, capabilities: PROMPT_CAPABILITIES, identity };
        let answer: ImportAnswer = self.ask("ImportResourceState", request).await?;
        checked(&answer.diagnostics)?;
        let imported = answer.imported.into_iter().map(|one| {
            let (schema, value_type) = self.resource(&one.type_name)?;
            let object = received(one.state.as_ref(), &value_type, "the imported object")?;
            let object = values::normalise(&schema.block, object);
            let identity = identity::receive(one.identity.as_ref(), schema)?;
            Ok(ImportedObject { kind: one.type_name, object, private: one.private, identity })
        });
        imported.collect()
    }

    async fn read_data(&self, kind: String, configuration: Value) -> Answer<Value> {
        let (schema, value_type) = found(&self.schema.data_sources, &kind)?;
        let value = sent(&configuration, &value_type)?;
        let request = KindValue { type_name: kind, value };
        let given_ms = given_limit_ms(&configuration, "read");
        let answered = self.process.read("ReadDataSource", request, given_ms).await;
        let answer: Found = answered.map_err(|error| answer::unanswered(&error))?;
        checked(&answer.diagnostics)?;
        let object = received(answer.value.as_ref(), &value_type, "the data as read")?;
        if object.is_null() || !object.is_wholly_known() {
            return Err(ProviderError::bug("the provider read data of which something is not known"));
        }
        Ok(values::normalise(&schema.block, object))
    }

    async fn upgrade_identity(&self, kind: String, version: u64, stored: String) -> Answer<Value> {
        let (schema, _) = self.resource(&kind)?;
        let raw_identity = Some(RawState { json: stored.into_bytes() });
        let request = UpgradeIdentity { type_name: kind, version: values::version(version), raw_identity };
        let answer: UpgradedIdentity = self.ask("UpgradeResourceIdentity", request).await?;
        checked(&answer.diagnostics)?;
        let identity = identity::receive(answer.identity.as_ref(), schema)?;
        identity.ok_or_else(|| ProviderError::bug("the provider upgraded an identity and gave none"))
    }

    async fn move_from(&self, request: Request) -> Answer<Response> {
        let Request::MoveFrom { kind, source, version, stored, private, identity } = request else {
            return Ok(Response::Unsupported);
        };
        let (schema, value_type) = self.resource(&kind)?;
        let (source_identity, identity_version) = identity.unzip();
        let request = Move {
            source_provider_address: source.0,
            source_type_name: source.1,
            source_schema_version: values::version(version),
            source_state: Some(RawState { json: stored.into_bytes() }),
            target_type_name: kind.clone(),
            source_private: private,
            source_identity: source_identity.map(|text| RawState { json: text.into_bytes() }),
            source_identity_schema_version: values::version(identity_version.unwrap_or_default()),
        };
        let answer: Moved = self.ask("MoveResourceState", request).await?;
        checked(&answer.diagnostics)?;
        let object = received(answer.target_state.as_ref(), &value_type, "the moved object")?;
        let object = values::normalise(&schema.block, object);
        let identity = identity::receive(answer.target_identity.as_ref(), schema)?;
        let private = answer.target_private;
        Ok(Response::Moved(Box::new(ImportedObject { kind, object, private, identity })))
    }

    async fn open(&self, kind: String, configuration: &Value) -> Answer<(Value, Vec<u8>, Option<u64>)> {
        let (_, value_type) = found(&self.schema.ephemeral_resources, &kind)?;
        let value = sent(configuration, &value_type)?;
        let answer: Opened = self.ask("OpenEphemeralResource", KindValue { type_name: kind, value }).await?;
        checked(&answer.diagnostics)?;
        let result = received(answer.result.as_ref(), &value_type, "the ephemeral object")?;
        Ok((result, answer.private.unwrap_or_default(), answer.renew_at.as_ref().map(|at| self.until_ms(at))))
    }

    async fn renew(&self, kind: String, private: Vec<u8>) -> Answer<Response> {
        let request = KindPrivate { type_name: kind, private: Some(private) };
        let answer: Renewed = self.ask("RenewEphemeralResource", request).await?;
        checked(&answer.diagnostics)?;
        let after_ms = answer.renew_at.as_ref().map(|at| self.until_ms(at));
        Ok(match answer.private {
            Some(private) => Response::Reissued { after_ms, private },
            None => Response::Renewed(Ok(after_ms)),
        })
    }

    async fn close(&self, kind: String, private: Vec<u8>) -> Answer<()> {
        let request = KindPrivate { type_name: kind, private: Some(private) };
        let answer: Findings = self.ask("CloseEphemeralResource", request).await?;
        checked(&answer.diagnostics)
    }

    fn until_ms(&self, moment: &Timestamp) -> u64 {
        let ahead_ms = moment.seconds.saturating_sub((self.clock)()).saturating_mul(1000);
        u64::try_from(ahead_ms.saturating_add(i64::from(moment.nanos) / 1_000_000)).unwrap_or(0)
    }

    async fn generate(&self, kind: String, object: &Value) -> Answer<Value> {
        let (_, value_type) = self.resource(&kind)?;
        let value = sent(object, &value_type)?;
        let answer: Found = self.ask("GenerateResourceConfig", KindValue { type_name: kind, value }).await?;
        checked(&answer.diagnostics)?;
        received(answer.value.as_ref(), &value_type, "the generated configuration")
    }
}

fn found<'a>(kinds: &'a IndexMap<arcstr::ArcStr, KindSchema>, kind: &str) -> Answer<(&'a KindSchema, Type)> {
    let schema = kinds
        .get(kind)
        .ok_or_else(|| ProviderError::invalid(format!("the provider has no kind named {kind:?}")))?;
    Ok((schema, schema.block.implied_type()))
}

fn sent(value: &Value, value_type: &Type) -> Answer<Option<messages::DynamicValue>> {
    values::send(value, value_type).map_err(|error| answer::unreadable("the object to send", &error))
}

fn received(sent: Option<&messages::DynamicValue>, value_type: &Type, what: &str) -> Answer<Value> {
    values::receive(sent, value_type).map_err(|error| answer::unreadable(what, &error))
}

fn checked(found: &[messages::Diagnostic]) -> Answer<()> {
    answer::error(found).map_or(Ok(()), Err)
}

fn planned(value: Value, private: Vec<u8>) -> Planned {
    Planned {
        planned: value,
        requires_replace: Vec::new(),
        private,
        lenient: false,
        identity: None,
        deferred: None,
        diagnostics: Diagnostics::new(),
    }
}

/// What is wrong with the object of a change that is said to have gone well.
fn broken_promise(operation: Operation, object: &Value) -> Option<&'static str> {
    match (operation, object.is_null()) {
        (Operation::Delete, false) => Some("It said that it removed the object, and gave an object."),
        (Operation::Create | Operation::Update, true) => {
            Some("It said that it made the object, and gave none.")
        }
        _ if !object.is_wholly_known() => Some("It left something of the object unknown."),
        _ => None,
    }
}

/// What a failed change leaves: nothing more than was there, or another object.
fn remains(object: Value, prior: &Value) -> Outcome {
    if object.is_null() || object == *prior { Outcome::NotDone } else { Outcome::Partial(Box::new(object)) }
}

fn deferral(deferred: &messages::Deferred, provider: &str) -> Deferred {
    let reason = match deferred.reason {
        2 => DeferredReason::ProviderConfigUnknown,
        3 => DeferredReason::AbsentPrerequisite,
        _ => DeferredReason::ResourceConfigUnknown,
    };
    Deferred { reason, awaits: format!("what the provider {provider} waits for") }
}
