//! A configured provider: requests in, the world's answers out.

use crate::calls::Effect;
use crate::chance::happens;
use crate::finding::{Findings, text, with_attribute};
use crate::kinds::{self, Kind};
use crate::settings::{CrashPoint, Settings};
use crate::tokens::{self, Tokens};
use crate::world::{Cause, Object, Phase, World, WorldError};
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{
    Applied, ApplyRequest, Connection, ErrorKind, ImportedObject, KindSchema, ListPage, ListedObject,
    Operation, Outcome, PlanRequest, Planned, Presence, Progress, ProviderError, Reading, Recovery, Request,
    Response, Target, WaitRequest, default_plan,
};
use formwork_value::{Name, Type, Value, decode};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PAGE_SIZE: usize = 500;

/// A world with what this process remembers of its calls.
#[derive(Debug)]
pub(crate) struct Site {
    world: World,
    /// How often a call was made, by its token: what throttles the first try lets a later one pass.
    attempts: HashMap<String, u64>,
    /// How often a search found nothing, by its token.
    misses: HashMap<String, u32>,
    /// How many applies there were.
    applies: u64,
}

impl Site {
    pub(crate) fn new(world: World) -> Self {
        Self { world, attempts: HashMap::new(), misses: HashMap::new(), applies: 0 }
    }
}

pub(crate) struct SimConnection {
    settings: Settings,
    site: Arc<Mutex<Site>>,
    calls: Arc<AtomicU64>,
}

/// One kind in one request.
#[derive(Clone, Copy)]
struct Subject {
    kind: &'static dyn Kind,
    schema: &'static KindSchema,
}

type ProgressResult = Result<Progress, ProviderError>;

impl SimConnection {
    pub(crate) fn new(settings: Settings, site: Arc<Mutex<Site>>, calls: Arc<AtomicU64>) -> Self {
        Self { settings, site, calls }
    }

    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: Request) -> Response {
        match self.settings.token.as_ref().filter(|token| !self.tokens().is_open(token)) {
            Some(_) => denied(&request),
            None => self.answer_admitted(request),
        }
    }

    fn tokens(&self) -> Tokens {
        Tokens::of(&self.settings.world, self.settings.seed)
    }

    fn answer_admitted(&self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, version, stored } => {
                Response::Upgraded(upgrade(&kind, version, &stored))
            }
            Request::MoveFrom { kind, source: (_, from), version, stored, .. } => match subject(&kind) {
                Ok(found) if found.kind.takes_over(&from) => {
                    Response::Upgraded(upgrade(&kind, version, &stored))
                }
                Ok(_) => Response::Unsupported,
                Err(error) => Response::Upgraded(Err(error)),
            },
            Request::UpgradeIdentity { .. } => Response::Unsupported,
            Request::Read { kind, objects } => {
                let readings = self.read(&kind, objects.iter().map(|object| &object.prior));
                Response::Read(stream::iter(readings.into_iter().enumerate()).boxed())
            }
            Request::List { kind, filter, page } => {
                Response::Listed(self.list(&kind, &filter, page.as_deref()))
            }
            Request::Plan(request) => Response::Planned(self.plan(&request).map(Box::new)),
            Request::Apply(request) => Response::Progress(self.apply(&request)),
            Request::Poll(wait) => Response::Progress(self.poll(&wait)),
            Request::Find(request) => match subject(&request.kind) {
                Ok(found) if found.schema.recovery == Recovery::Replay => Response::Unsupported,
                Ok(found) => Response::Progress(self.find(found, &request)),
                Err(error) => Response::Progress(Err(error)),
            },
            Request::Import { kind, id } => Response::Imported(self.import(&kind, &id).map(|one| vec![one])),
            Request::ImportByIdentity { kind, identity } => {
                let id = id_of(&identity).unwrap_or_default();
                Response::Imported(self.import(&kind, id).map(|one| vec![one]))
            }
            Request::ReadData { kind, configurations } => {
                Response::Data(configurations.iter().map(|one| self.read_data(&kind, one)).collect())
            }
            Request::GenerateConfiguration { kind, object } => Response::Generated(generate(&kind, &object)),
            Request::OpenEphemeral { kind, configuration } => {
                let is_known = kind == tokens::KIND;
                let unknown = || {
                    ProviderError::invalid(format!(
                        "the provider formwork/sim has no ephemeral resource {kind:?}"
                    ))
                };
                Response::Opened(
                    is_known
                        .then_some(())
                        .ok_or_else(unknown)
                        .and_then(|()| self.tokens().open(&configuration)),
                )
            }
            Request::RenewEphemeral { private, .. } => Response::Renewed(self.tokens().renew(&private)),
            Request::CloseEphemeral { private, .. } => Response::Renewed(self.tokens().close(&private)),
        }
    }

    fn plan(&self, request: &PlanRequest) -> Result<Planned, ProviderError> {
        let Subject { kind, schema } = subject(&request.kind)?;
        let mut planned = default_plan(schema, request);
        kind.plan(schema, request, &mut planned);
        let is_delete = request.proposed.is_null();
        if kinds::lives_in_cluster(kind.name()) && self.settings.cluster.is_none() && !is_delete {
            planned.diagnostics.push(
                Diagnostic::error(
                    "no-cluster",
                    "The provider configuration names no cluster",
                    format!("A {} lives in the cluster that its provider configuration names.", kind.name()),
                )
                .hint("Set `cluster` in a provider block, and name its alias here: `provider = sim.ALIAS`."),
            );
        }
        Ok(planned)
    }

    fn read<'a>(&self, kind: &str, objects: impl Iterator<Item = &'a Value>) -> Vec<Reading> {
        let mut site = self.site();
        let ready = subject(kind).and_then(|found| {
            site.world.catch_up().map_err(|error| unavailable(&error))?;
            self.require_cluster(&site.world, found)?;
            Ok(found)
        });
        let read = |prior| match &ready {
            Ok(found) => read_one(&mut site.world, *found, prior),
            Err(error) => Reading::Failed(error.clone()),
        };
        objects.map(read).collect()
    }

    fn require_cluster(&self, world: &World, found: Subject) -> Result<(), ProviderError> {
        if kinds::lives_in_cluster(found.kind.name()) {
            kinds::require_cluster(world, &self.settings)
        } else {
            Ok(())
        }
    }

    fn require_room(&self, world: &World) -> Result<(), ProviderError> {
        if self.settings.changes_at_once.is_none_or(|most| world.busy() < most) {
            return Ok(());
        }
        let mut error = ProviderError::new(ErrorKind::Throttled, "too many objects are being changed");
        error.retry_after_ms = Some(self.settings.latency_ms);
        Err(error)
    }

    fn list(&self, kind: &str, filter: &Value, page: Option<&str>) -> Result<ListPage, ProviderError> {
        let found = subject(kind)?;
        let mut site = self.site();
        site.world.catch_up().map_err(|error| unavailable(&error))?;
        self.require_cluster(&site.world, found)?;
        let scope = match &self.settings.cluster {
            Some(cluster) if kinds::lives_in_cluster(kind) => format!("{cluster}/"),
            _ => String::new(),
        };
        let after = page.unwrap_or(&scope);
        let is_here = |object: &&Object| object.id.starts_with(&scope);
        let ids = site.world.of_kind_after(kind, after).take_while(is_here).take(PAGE_SIZE);
        let ids: Vec<String> = ids.map(|object| object.id.clone()).collect();
        let next = if ids.len() == PAGE_SIZE { ids.last().cloned() } else { None };
        let mut objects = Vec::new();
        for id in ids {
            let is_seen = site.world.is_seen(&id);
            let Some(object) = site.world.get(&id).filter(|object| is_seen && fits(object, filter)) else {
                continue;
            };
            objects.push(ListedObject { id, object: Some(found.kind.shown(object)) });
        }
        Ok(ListPage { objects, next })
    }

    fn import(&self, kind: &str, id: &str) -> Result<ImportedObject, ProviderError> {
        let found = subject(kind)?;
        let mut site = self.site();
        site.world.catch_up().map_err(|error| unavailable(&error))?;
        self.require_cluster(&site.world, found)?;
        match site.world.get(id).filter(|object| object.kind == kind) {
            Some(object) => Ok(ImportedObject {
                kind: kind.to_owned(),
                object: found.kind.shown(object),
                private: Vec::new(),
                identity: None,
            }),
            None => {
                Err(ProviderError::new(ErrorKind::NotFound, format!("there is no {kind} with the id {id:?}")))
            }
        }
    }

    fn read_data(&self, kind: &str, configuration: &Value) -> Result<Value, ProviderError> {
        match kind {
            kinds::IMAGE => return kinds::read_image(configuration),
            kinds::NAMES => {
                let mut site = self.site();
                site.world.catch_up().map_err(|error| unavailable(&error))?;
                return Ok(kinds::read_names(&site.world, configuration));
            }
            _ => {}
        }
        Err(ProviderError::invalid(format!("the provider formwork/sim has no data source {kind:?}")))
    }

    fn apply(&self, request: &ApplyRequest) -> ProgressResult {
        let found = subject(&request.kind)?;
        let (call, mut site) = self.enter(&request.token.0)?;
        site.applies += 1;
        if self.settings.fail_at_call == Some(site.applies) {
            let error = ProviderError::new(ErrorKind::Denied, "refused, as fail_at_call asks");
            return Err(error.outcome(Outcome::NotDone));
        }
        let before = site.world.sequence();
        let progress = match request.operation {
            Operation::Create => self.create(&mut site.world, found, request),
            Operation::Update => self.update(&mut site.world, found, request),
            Operation::Delete => self.delete(&mut site.world, found, request),
        }?;
        let is_new = site.world.sequence() != before;
        self.leave(call, is_new, &request.token.0)?;
        Ok(progress)
    }

    fn poll(&self, wait: &WaitRequest) -> ProgressResult {
        let found = subject(&wait.apply.kind)?;
        let (call, mut site) = self.enter(&wait.apply.token.0)?;
        let progress = self.advance(&mut site.world, found, wait)?;
        self.leave(call, false, &wait.apply.token.0)?;
        Ok(progress)
    }

    /// The start of a call that may have an effect: throttled, or the process's end, or the world as it is.
    fn enter(&self, token: &str) -> Result<(u64, MutexGuard<'_, Site>), ProviderError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let mut site = self.site();
        if self.settings.throttle_percent > 0 {
            let attempt = site.attempts.entry(token.to_owned()).or_default();
            *attempt += 1;
            let words = ["throttle", token, &attempt.to_string()];
            if happens(self.settings.throttle_percent, self.settings.seed, &words) {
                let mut error = ProviderError::new(ErrorKind::Throttled, "too many requests");
                error.retry_after_ms = Some(self.settings.latency_ms);
                return Err(error);
            }
        }
        site.world.catch_up().map_err(|error| unavailable(&error))?;
        self.crash(call, CrashPoint::BeforeEffect);
        Ok((call, site))
    }

    /// The end of a call, its effect done: the process's end, or a lost reply.
    fn leave(&self, call: u64, is_new_effect: bool, token: &str) -> Result<(), ProviderError> {
        self.crash(call, CrashPoint::AfterEffect);
        let words = ["lost reply", token];
        if is_new_effect && happens(self.settings.lost_reply_percent, self.settings.seed, &words) {
            return Err(ProviderError::new(
                ErrorKind::Transient,
                "the connection was closed before the reply",
            )
            .outcome(Outcome::Unknown));
        }
        Ok(())
    }

    fn crash(&self, call: u64, point: CrashPoint) {
        if self.settings.crash.is_some_and(|crash| crash.call == call && crash.point == point) {
            std::process::abort();
        }
    }

    fn create(&self, world: &mut World, found: Subject, request: &ApplyRequest) -> ProgressResult {
        let Subject { kind, schema } = found;
        check(kind, &request.configuration)?;
        self.require_cluster(world, found)?;
        let name = kind.object_name(&request.planned, &self.settings);
        let token = request.token.0.as_str();
        let existing = match schema.recovery {
            Recovery::Replay => world.by_token(kind.name(), token),
            Recovery::NaturalKey => world.by_name(kind.name(), &name),
            Recovery::Find | Recovery::Import | Recovery::Ask => None,
        };
        if let Some(existing) = existing.cloned() {
            if existing.token == token && existing.owner == request.owner {
                return Ok(self.progress(world, kind, request, &existing));
            }
            return Err(taken(&existing));
        }
        self.require_room(world)?;
        let id = kind.id(world, &request.planned, &self.settings, token);
        let planned = with_write_only(schema, &request.planned, &request.configuration);
        let attributes = kind.create(world, &self.settings, &planned, &id)?;
        let steps_left = count(kind.steps(Operation::Create, None, &request.planned));
        let object = Object {
            id,
            kind: kind.name().to_owned(),
            name,
            owner: request.owner.clone(),
            token: token.to_owned(),
            update_token: String::new(),
            phase: if steps_left == 0 { Phase::Ready } else { Phase::Creating(steps_left) },
            attributes,
        };
        put(world, &object, Cause { call: "create", token, effect: Effect::Created })?;
        world.hide(&object.id, self.settings.eventual_reads);
        Ok(self.progress(world, kind, request, &object))
    }

    fn update(&self, world: &mut World, found: Subject, request: &ApplyRequest) -> ProgressResult {
        let kind = found.kind;
        check(kind, &request.configuration)?;
        self.require_cluster(world, found)?;
        let object =
            id_of(&request.prior).and_then(|id| world.get(id)).filter(|object| object.kind == kind.name());
        let Some(mut object) = object.cloned() else {
            let id = id_of(&request.prior).unwrap_or_default();
            return Err(ProviderError::new(ErrorKind::NotFound, format!("{} {id:?} not found", kind.name())));
        };
        let token = request.token.0.as_str();
        if object.update_token == token {
            return Ok(self.progress(world, kind, request, &object));
        }
        if object.phase != Phase::Ready {
            return Err(busy(&object));
        }
        self.require_room(world)?;
        let steps_left = count(kind.steps(Operation::Update, Some(&object.attributes), &request.planned));
        let planned = with_write_only(found.schema, &request.planned, &request.configuration);
        object.attributes = kind.update(world, &self.settings, &object, &planned)?;
        object.name = kind.object_name(&object.attributes, &self.settings);
        token.clone_into(&mut object.update_token);
        object.phase = if steps_left == 0 { Phase::Ready } else { Phase::Updating(steps_left) };
        put(world, &object, Cause { call: "update", token, effect: Effect::Updated })?;
        Ok(self.progress(world, kind, request, &object))
    }

    fn delete(&self, world: &mut World, found: Subject, request: &ApplyRequest) -> ProgressResult {
        let kind = found.kind;
        let object =
            id_of(&request.prior).and_then(|id| world.get(id)).filter(|object| object.kind == kind.name());
        let Some(mut object) = object.cloned() else { return Ok(deleted(found)) };
        if matches!(object.phase, Phase::Deleting(_)) {
            return Ok(self.progress(world, kind, request, &object));
        }
        kind.check_delete(world, &object)?;
        let steps_left = count(kind.steps(Operation::Delete, Some(&object.attributes), &request.planned));
        if steps_left == 0 {
            return remove(world, found, &object, request);
        }
        self.require_room(world)?;
        object.phase = Phase::Deleting(steps_left);
        world.put(object.clone(), None).map_err(|error| interrupted(&error))?;
        Ok(self.progress(world, kind, request, &object))
    }

    /// One step further with what an apply waits for.
    fn advance(&self, world: &mut World, found: Subject, wait: &WaitRequest) -> ProgressResult {
        let kind = found.kind;
        let is_delete = wait.apply.operation == Operation::Delete;
        let Some(mut object) = world.get(&wait.id).filter(|object| object.kind == kind.name()).cloned()
        else {
            if is_delete {
                return Ok(deleted(found));
            }
            let message = format!("{} {:?} went away while it was waited for", kind.name(), wait.id);
            return Err(ProviderError::new(ErrorKind::NotFound, message));
        };
        let next = |left: u32, phase: fn(u32) -> Phase| if left > 1 { phase(left - 1) } else { Phase::Ready };
        object.phase = match (object.phase, is_delete) {
            (Phase::Deleting(0 | 1), true) => return remove(world, found, &object, &wait.apply),
            (Phase::Deleting(left), true) => Phase::Deleting(left - 1),
            (_, true) => return self.delete(world, found, &wait.apply),
            (Phase::Deleting(_), false) => return Err(busy(&object)),
            (Phase::Ready, false) => return Ok(self.progress(world, kind, &wait.apply, &object)),
            (Phase::Creating(left), false) => next(left, Phase::Creating),
            (Phase::Updating(left), false) => next(left, Phase::Updating),
        };
        world.put(object.clone(), None).map_err(|error| interrupted(&error))?;
        Ok(self.progress(world, kind, &wait.apply, &object))
    }

    /// How far the object has come, as an answer.
    fn progress(
        &self,
        world: &mut World,
        kind: &dyn Kind,
        request: &ApplyRequest,
        object: &Object,
    ) -> Progress {
        let (Phase::Creating(left) | Phase::Updating(left) | Phase::Deleting(left)) = object.phase else {
            if world.is_seen(&object.id) {
                let object = object.attributes.clone();
                return Progress::Done(Box::new(Applied::new(object, Vec::new())));
            }
            return self.waiting(object, 0, "waiting until reads see it".to_owned());
        };
        let steps = kind.steps(request.operation, Some(&request.prior), &request.planned);
        let at = steps.len().saturating_sub(usize::try_from(left).unwrap_or(usize::MAX));
        let words = steps.get(at).copied().unwrap_or("working");
        self.waiting(object, left, format!("{words} ({} of {})", at + 1, steps.len()))
    }

    fn waiting(&self, object: &Object, left: u32, words: String) -> Progress {
        Progress::Waiting {
            id: object.id.clone(),
            cursor: serde_json::json!({ "steps_left": left }),
            ask_again_after_ms: self.settings.latency_ms,
            words,
            is_in_line: false,
        }
    }

    fn find(&self, found: Subject, request: &ApplyRequest) -> ProgressResult {
        let mut site = self.site();
        site.world.catch_up().map_err(|error| unavailable(&error))?;
        match request.operation {
            Operation::Create => self.find_created(&mut site, found, request),
            Operation::Update => Ok(self.find_changed(&mut site.world, found, request)),
            Operation::Delete => {
                let object = id_of(&request.prior).and_then(|id| site.world.get(id)).cloned();
                Ok(match object.filter(|object| object.kind == found.kind.name()) {
                    None => deleted(found),
                    Some(object) if matches!(object.phase, Phase::Deleting(_)) => {
                        self.progress(&mut site.world, found.kind, request, &object)
                    }
                    Some(_) => Progress::NotFound,
                })
            }
        }
    }

    fn find_created(&self, site: &mut Site, found: Subject, request: &ApplyRequest) -> ProgressResult {
        let Subject { kind, schema } = found;
        let token = request.token.0.as_str();
        let object = match schema.recovery {
            Recovery::NaturalKey => {
                let name = kind.object_name(&request.planned, &self.settings);
                site.world.by_name(kind.name(), &name)
            }
            Recovery::Find | Recovery::Replay | Recovery::Import | Recovery::Ask => {
                site.world.by_token(kind.name(), token)
            }
        };
        match object.cloned() {
            Some(object) if site.world.is_seen(&object.id) => {
                // One owner may have two blocks of one name: only the token says whose call made it.
                if object.owner != request.owner || object.token != token {
                    return Err(taken(&object));
                }
                Ok(self.progress(&mut site.world, kind, request, &object))
            }
            _ => self.not_found_yet(site, token),
        }
    }

    /// A read may miss what was just made: only so many misses say that it is not there.
    fn not_found_yet(&self, site: &mut Site, token: &str) -> ProgressResult {
        if self.settings.eventual_reads == 0 {
            return Ok(Progress::NotFound);
        }
        let misses = site.misses.entry(token.to_owned()).or_default();
        *misses += 1;
        if *misses > self.settings.eventual_reads {
            site.misses.remove(token);
            return Ok(Progress::NotFound);
        }
        let mut error = ProviderError::new(ErrorKind::Transient, "not found, but reads may lag behind");
        error.retry_after_ms = Some(self.settings.latency_ms);
        Err(error.outcome(Outcome::Unknown))
    }

    fn find_changed(&self, world: &mut World, found: Subject, request: &ApplyRequest) -> Progress {
        let object = id_of(&request.prior).and_then(|id| world.get(id)).cloned();
        match object.filter(|object| object.update_token == request.token.0) {
            Some(object) => self.progress(world, found.kind, request, &object),
            None => Progress::NotFound,
        }
    }
}

impl Connection for SimConnection {
    fn target(&self) -> Target {
        let id = self.site().world.id().to_owned();
        let file = self.settings.world.file_name().unwrap_or_default().to_string_lossy();
        let mut words = format!("simulated {id} in {file}");
        if let Some(cluster) = &self.settings.cluster {
            words = format!("{words}, cluster {cluster}");
        }
        Target { id, words }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        futures::future::ready(self.answer(request)).boxed()
    }
}

/// What a connection answers whose token is not open.
fn denied(request: &Request) -> Response {
    let error = ProviderError::new(ErrorKind::Denied, "the token of the provider configuration is not open");
    match request {
        Request::Upgrade { .. } | Request::UpgradeIdentity { .. } | Request::MoveFrom { .. } => {
            Response::Upgraded(Err(error))
        }
        Request::Read { objects, .. } => {
            let failed = (0..objects.len()).map(move |at| (at, Reading::Failed(error.clone())));
            Response::Read(stream::iter(failed.collect::<Vec<_>>()).boxed())
        }
        Request::List { .. } => Response::Listed(Err(error)),
        Request::Plan(_) => Response::Planned(Err(error)),
        Request::Apply(_) | Request::Poll(_) | Request::Find(_) => Response::Progress(Err(error)),
        Request::Import { .. } | Request::ImportByIdentity { .. } => Response::Imported(Err(error)),
        Request::ReadData { configurations, .. } => {
            Response::Data(configurations.iter().map(|_| Err(error.clone())).collect())
        }
        Request::OpenEphemeral { .. } => Response::Opened(Err(error)),
        Request::RenewEphemeral { .. } | Request::CloseEphemeral { .. } => Response::Renewed(Err(error)),
        Request::GenerateConfiguration { .. } => Response::Generated(Err(error)),
    }
}

/// What is planned with what is sent and never stored put back from the configuration.
fn with_write_only(schema: &KindSchema, planned: &Value, configuration: &Value) -> Value {
    let write_only = schema.block.attributes.iter().filter(|(_, attribute)| attribute.write_only);
    write_only.fold(planned.clone(), |planned, (name, _)| match configuration.get(name) {
        Some(value) => with_attribute(&planned, name, value),
        None => planned,
    })
}

fn subject(name: &str) -> Result<Subject, ProviderError> {
    kinds::find(name).map(|(kind, schema)| Subject { kind, schema }).ok_or_else(|| {
        ProviderError::invalid(format!("the provider formwork/sim has no resource type {name:?}"))
    })
}

fn check(kind: &dyn Kind, configuration: &Value) -> Result<(), ProviderError> {
    let mut found = Findings::default();
    kind.validate(configuration, &mut found);
    found.into_result()
}

fn id_of(object: &Value) -> Option<&str> {
    text(object, "id").map(Name::as_str)
}

fn count(steps: &[&str]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

fn read_one(world: &mut World, found: Subject, prior: &Value) -> Reading {
    let Some(id) = id_of(prior) else {
        return Reading::Failed(ProviderError::bug("an object without an id"));
    };
    if !world.is_seen(id) {
        return Reading::Gone;
    }
    match world.get(id).filter(|object| object.kind == found.kind.name()) {
        Some(object) => Reading::found(found.kind.shown(object), Vec::new()),
        None => Reading::Gone,
    }
}

fn fits(object: &Object, filter: &Value) -> bool {
    let wanted = filter.entries().into_iter().flat_map(|entries| entries.iter());
    wanted
        .filter(|(_, value)| !value.is_null())
        .all(|(name, value)| object.attributes.get(name) == Some(value))
}

fn upgrade(kind: &str, version: u64, stored: &str) -> Result<Value, ProviderError> {
    let Subject { kind, schema } = subject(kind)?;
    let unreadable =
        |error: String| ProviderError::invalid(format!("the stored {} cannot be read: {error}", kind.name()));
    let mut attributes: kinds::Attributes =
        serde_json::from_str(stored).map_err(|error| unreadable(error.to_string()))?;
    kind.upgrade(version, &mut attributes);
    let text = serde_json::Value::Object(attributes).to_string();
    decode(&text, &schema.block.implied_type()).map_err(|error| unreadable(error.to_string()))
}

fn generate(kind: &str, object: &Value) -> Result<Value, ProviderError> {
    let Subject { schema, .. } = subject(kind)?;
    let entries = object.entries().into_iter().flat_map(|entries| entries.iter());
    let arguments = entries.map(|(name, value)| {
        let is_computed =
            schema.block.attributes.get(name.as_str()).is_some_and(|one| one.presence == Presence::Computed);
        let value = if is_computed { Value::null(value.value_type()) } else { value.clone() };
        (name.clone(), value)
    });
    Ok(Value::object(arguments.collect()))
}

fn remove(world: &mut World, found: Subject, object: &Object, request: &ApplyRequest) -> ProgressResult {
    let cause = Cause { call: "delete", token: &request.token.0, effect: Effect::Deleted };
    world.remove(&object.id, Some(cause)).map_err(|error| interrupted(&error))?;
    Ok(deleted(found))
}

fn put(world: &mut World, object: &Object, cause: Cause<'_>) -> Result<(), ProviderError> {
    if !object.attributes.is_wholly_known() {
        return Err(ProviderError::bug(format!("{} {} would hold an unknown", object.kind, object.name)));
    }
    world.put(object.clone(), Some(cause)).map_err(|error| interrupted(&error))
}

fn deleted(found: Subject) -> Progress {
    let object_type = kinds::object_type(found.kind.name()).cloned().unwrap_or(Type::Dynamic);
    let object = Value::null(object_type);
    Progress::Done(Box::new(Applied::new(object, Vec::new())))
}

fn taken(existing: &Object) -> ProviderError {
    let message = format!("{} {:?} already exists and was made otherwise", existing.kind, existing.name);
    ProviderError::new(ErrorKind::Conflict, message)
        .hint(format!("Import it by its id {:?}, or choose another name.", existing.id))
}

fn busy(object: &Object) -> ProviderError {
    let doing = match object.phase {
        Phase::Ready => "ready",
        Phase::Creating(_) => "being made",
        Phase::Updating(_) => "being changed",
        Phase::Deleting(_) => "being deleted",
    };
    ProviderError::new(ErrorKind::Conflict, format!("{} {:?} is {doing}", object.kind, object.name))
}

/// The world's file could not be read: nothing was done.
fn unavailable(error: &WorldError) -> ProviderError {
    ProviderError::new(ErrorKind::Transient, error.to_string())
}

/// A file could not be written: the effect may stand in one of the two.
fn interrupted(error: &WorldError) -> ProviderError {
    ProviderError::new(ErrorKind::Transient, error.to_string()).outcome(Outcome::Unknown)
}
