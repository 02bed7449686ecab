//! One kind of one connection, driven as the engine drives it, with polls that follow each other at once.

use super::{complete, propose};
use crate::{
    ApplyRequest, Connection, ErrorKind, ImportedObject, KindSchema, Operation, Outcome, PlanRequest,
    Planned, Progress, Provider, ProviderError, ReadRequest, Reading, Recovery, Request, Response, Token,
    WaitRequest,
};
use formwork_value::{Kind, Path, Type, Value};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers and polls that one apply may need before the kit gives up.
const ATTEMPTS_MAX: u32 = 1000;
const OWNER: &str = "conformance";

/// Tokens are unique in the process, since a target may outlive the provider that is opened on it.
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

pub(super) struct Driver {
    pub(super) provider: Arc<dyn Provider>,
    connection: Arc<dyn Connection>,
    pub(super) schema: KindSchema,
    pub(super) kind: String,
}

impl Driver {
    pub(super) async fn open(
        provider: Arc<dyn Provider>,
        configuration: &Value,
        kind: &str,
    ) -> Result<Self, String> {
        let schemas = provider.schema();
        let schema = schemas.resources.get(kind).ok_or_else(|| format!("there is no kind {kind}"))?.clone();
        let configuration = complete(configuration, &schemas.configuration.implied_type())?;
        let connection = provider.configure(configuration).await.map_err(|found| {
            let texts: Vec<_> = found.iter().map(|one| format!("{}: {}", one.summary, one.detail)).collect();
            format!("configure: {}", texts.join("; "))
        })?;
        Ok(Self { provider, connection, schema, kind: kind.to_owned() })
    }

    pub(super) fn complete(&self, configuration: &Value) -> Result<Value, String> {
        complete(configuration, &self.object_type())
    }

    fn object_type(&self) -> Type {
        self.schema.block.implied_type()
    }

    fn null(&self) -> Value {
        Value::null(self.object_type())
    }

    pub(super) async fn plan(&self, prior: &Value, configuration: &Value) -> Result<Planned, ProviderError> {
        let proposed = propose(&self.schema, prior, configuration);
        let request = PlanRequest {
            kind: self.kind.clone(),
            prior: prior.clone(),
            proposed,
            configuration: configuration.clone(),
            private: Vec::new(),
            owner: OWNER.to_owned(),
            identity: None,
        };
        match self.connection.call(Request::Plan(Box::new(request))).await {
            Response::Planned(planned) => planned.map(|planned| *planned),
            _ => Err(ProviderError::bug("Plan was answered by something else")),
        }
    }

    /// Plans, requires that nothing speaks against it, and answers the apply that performs it.
    async fn plan_change(
        &self,
        prior: &Value,
        configuration: &Value,
    ) -> Result<(ApplyRequest, Planned), String> {
        let planned =
            self.plan(prior, configuration).await.map_err(|error| format!("plan: {}", error.message))?;
        if let Some(finding) = planned.diagnostics.iter().find(|one| one.is_error()) {
            return Err(format!("plan: {}: {}", finding.summary, finding.detail));
        }
        self.require_honoured(configuration, &planned.planned)?;
        let request = ApplyRequest {
            operation: if prior.is_null() { Operation::Create } else { Operation::Update },
            kind: self.kind.clone(),
            prior: prior.clone(),
            planned: planned.planned.clone(),
            configuration: configuration.clone(),
            private: planned.private.clone(),
            token: new_token(),
            owner: OWNER.to_owned(),
            identity: None,
            import_id: None,
        };
        Ok((request, planned))
    }

    pub(super) async fn plan_create(&self, configuration: &Value) -> Result<ApplyRequest, String> {
        Ok(self.plan_change(&self.null(), configuration).await?.0)
    }

    pub(super) async fn plan_update(
        &self,
        prior: &Value,
        configuration: &Value,
    ) -> Result<ApplyRequest, String> {
        let (request, planned) = self.plan_change(prior, configuration).await?;
        if let Some(path) = planned.requires_replace.first() {
            return Err(format!("an update in place was expected; {path} forces replacement"));
        }
        Ok(request)
    }

    pub(super) fn delete_request(&self, prior: &Value) -> ApplyRequest {
        ApplyRequest {
            operation: Operation::Delete,
            kind: self.kind.clone(),
            prior: prior.clone(),
            planned: self.null(),
            configuration: self.null(),
            private: Vec::new(),
            token: new_token(),
            owner: OWNER.to_owned(),
            identity: None,
            import_id: None,
        }
    }

    /// Whether planning the configuration over the object changes nothing.
    pub(super) async fn require_no_change(
        &self,
        object: &Value,
        configuration: &Value,
    ) -> Result<(), String> {
        let (_, planned) = self.plan_change(object, configuration).await?;
        if planned.planned != *object {
            let names: Vec<_> = differing(object, &planned.planned);
            return Err(format!("a plan that should be empty changes {}", names.join(", ")));
        }
        match planned.requires_replace.first() {
            Some(path) => Err(format!("a plan that should be empty replaces the object for {path}")),
            None => Ok(()),
        }
    }

    pub(super) async fn apply_once(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        self.progress(Request::Apply(Box::new(request.clone()))).await
    }

    /// Applies again while the target says that nothing was done and to come back, and takes up what is unknown.
    pub(super) async fn apply_until_answered(
        &self,
        request: &ApplyRequest,
    ) -> Result<Progress, ProviderError> {
        let mut answer = self.apply_once(request).await;
        for _ in 0..ATTEMPTS_MAX {
            answer = match answer {
                Err(error) if matches!(error.outcome, Outcome::Unknown) => self.recover(request).await,
                Err(error) if error.is_retryable() => self.apply_once(request).await,
                Ok(Progress::NotFound) => self.apply_once(request).await,
                answer => return answer,
            };
        }
        answer
    }

    pub(super) async fn find(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        self.progress(Request::Find(Box::new(request.clone()))).await
    }

    /// Whether the provider knows [`Request::Find`] at all.
    pub(super) async fn offers_find(&self, request: &ApplyRequest) -> bool {
        !matches!(self.connection.call(Request::Find(Box::new(request.clone()))).await, Response::Unsupported)
    }

    pub(super) async fn poll_once(
        &self,
        request: &ApplyRequest,
        waiting: &Waiting,
    ) -> Result<Progress, ProviderError> {
        let wait =
            WaitRequest { apply: request.clone(), id: waiting.id.clone(), cursor: waiting.cursor.clone() };
        self.progress(Request::Poll(Box::new(wait))).await
    }

    async fn progress(&self, request: Request) -> Result<Progress, ProviderError> {
        match self.connection.call(request).await.untraced().0 {
            Response::Progress(progress) => progress,
            Response::Unsupported => Err(ProviderError::bug("the request is not supported")),
            _ => Err(ProviderError::bug("an apply, poll or find was answered by something else")),
        }
    }

    /// Applies and follows it to its end; retries and recovers as the contract says.
    pub(super) async fn perform(&self, request: &ApplyRequest) -> Result<Value, String> {
        let first = self.apply_once(request).await;
        self.finish(request, first).await
    }

    /// Takes up a wait and follows it to its end.
    pub(super) async fn finish_wait(
        &self,
        request: &ApplyRequest,
        waiting: Waiting,
    ) -> Result<Value, String> {
        let answer = self.poll_once(request, &waiting).await;
        self.follow(request, answer, Some(waiting)).await
    }

    /// Follows an answer to its end and checks the object against the plan.
    pub(super) async fn finish(
        &self,
        request: &ApplyRequest,
        first: Result<Progress, ProviderError>,
    ) -> Result<Value, String> {
        self.follow(request, first, None).await
    }

    async fn follow(
        &self,
        request: &ApplyRequest,
        first: Result<Progress, ProviderError>,
        mut waiting: Option<Waiting>,
    ) -> Result<Value, String> {
        let mut answer = first;
        for _ in 0..ATTEMPTS_MAX {
            answer = match answer {
                Ok(Progress::Done(applied)) => {
                    require_completion(&request.planned, &applied.object)?;
                    return Ok(applied.object);
                }
                Ok(Progress::Waiting { id, cursor, .. }) => {
                    let now = Waiting { id, cursor };
                    let next = self.poll_once(request, &now).await;
                    waiting = Some(now);
                    next
                }
                Ok(Progress::NotFound) => self.apply_once(request).await,
                Err(error) if matches!(error.outcome, Outcome::Unknown) => self.recover(request).await,
                Err(error) if error.is_retryable() => match &waiting {
                    Some(waiting) => self.poll_once(request, waiting).await,
                    None => self.apply_once(request).await,
                },
                Err(error) => return Err(format!("{:?}: {}", error.kind, error.message)),
            };
        }
        Err(format!("{:?} is not finished after {ATTEMPTS_MAX} answers", request.operation))
    }

    /// Takes up an apply whose outcome is unknown, through the declared recovery.
    pub(super) async fn recover(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        match self.schema.recovery {
            Recovery::Replay => self.apply_once(request).await,
            Recovery::Find | Recovery::NaturalKey => self.find_patiently(request).await,
            Recovery::Import | Recovery::Ask => Err(ProviderError::bug("the kind cannot recover by itself")),
        }
    }

    /// Find, asked again while the target says that it may not see everything yet.
    pub(super) async fn find_patiently(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let mut answer = self.find(request).await;
        for _ in 0..ATTEMPTS_MAX {
            match &answer {
                Err(error) if error.is_retryable() => answer = self.find(request).await,
                _ => break,
            }
        }
        answer
    }

    pub(super) async fn read(&self, objects: &[Value]) -> Result<Vec<Reading>, String> {
        let requests = objects.iter().map(|prior| ReadRequest {
            prior: prior.clone(),
            private: Vec::new(),
            identity: None,
        });
        let request = Request::Read { kind: self.kind.clone(), objects: requests.collect() };
        let Response::Read(stream) = self.connection.call(request).await else {
            return Err("Read was answered by something else".to_owned());
        };
        let mut readings: Vec<Option<Reading>> = vec![None; objects.len()];
        for (at, reading) in stream.collect::<Vec<_>>().await {
            let slot = readings.get_mut(at).ok_or_else(|| format!("a reading came for index {at}"))?;
            if slot.replace(reading).is_some() {
                return Err(format!("two readings came for index {at}"));
            }
        }
        let count = readings.len();
        let readings: Vec<Reading> = readings.into_iter().flatten().collect();
        if readings.len() == count { Ok(readings) } else { Err("not every object was read".to_owned()) }
    }

    pub(super) async fn read_found(&self, object: &Value) -> Result<Value, String> {
        match self.read(std::slice::from_ref(object)).await?.pop() {
            Some(Reading::Found { object, .. }) => Ok(object),
            Some(Reading::Failed(error)) => Err(format!("read: {}", error.message)),
            Some(Reading::Gone) | None => Err("the object is not found by a read".to_owned()),
        }
    }

    /// How many objects of the kind there are; nothing where the kind cannot be listed.
    pub(super) async fn count(&self) -> Result<Option<usize>, String> {
        if !self.schema.can_list {
            return Ok(None);
        }
        let mut count = 0;
        let mut page = None;
        loop {
            let request = Request::List { kind: self.kind.clone(), filter: self.null(), page };
            match self.connection.call(request).await {
                Response::Listed(Ok(found)) => {
                    count += found.objects.len();
                    page = found.next;
                }
                Response::Listed(Err(error)) => return Err(format!("list: {}", error.message)),
                _ => return Err("List was answered by something else".to_owned()),
            }
            if page.is_none() {
                return Ok(Some(count));
            }
        }
    }

    pub(super) async fn require_count(&self, expected: Option<usize>) -> Result<(), String> {
        match (self.count().await?, expected) {
            (Some(now), Some(expected)) if now != expected => {
                Err(format!("the target holds {now} objects of the kind instead of {expected}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) async fn import(&self, id: &str) -> Result<Vec<ImportedObject>, String> {
        match self.connection.call(Request::Import { kind: self.kind.clone(), id: id.to_owned() }).await {
            Response::Imported(imported) => imported.map_err(|error| format!("import: {}", error.message)),
            _ => Err("Import was answered by something else".to_owned()),
        }
    }

    fn require_honoured(&self, configuration: &Value, planned: &Value) -> Result<(), String> {
        for (name, given) in configuration.entries().into_iter().flat_map(|entries| entries.iter()) {
            let is_stored =
                self.schema.block.attributes.get(name.as_str()).is_some_and(|one| !one.write_only);
            if is_stored && !given.is_null() && planned.get(name) != Some(given) {
                return Err(format!("the plan does not keep the configured {name}"));
            }
        }
        Ok(())
    }
}

/// Where an apply waits.
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) cursor: serde_json::Value,
}

pub(super) fn new_token() -> Token {
    Token(format!("conformance-{}-{}", std::process::id(), NEXT_TOKEN.fetch_add(1, Ordering::Relaxed)))
}

/// Whether an error means that the name is taken.
pub(super) fn is_conflict(error: &ProviderError) -> bool {
    error.kind == ErrorKind::Conflict
}

/// Names of attributes that differ.
pub(super) fn differing(left: &Value, right: &Value) -> Vec<String> {
    let entries = left.entries().into_iter().flat_map(|entries| entries.iter());
    entries.filter(|(name, value)| right.get(name) != Some(value)).map(|(name, _)| name.to_string()).collect()
}

fn require_completion(planned: &Value, object: &Value) -> Result<(), String> {
    if !object.is_wholly_known() {
        return Err("the applied object holds an unknown".to_owned());
    }
    match first_difference(planned, object, &Path::root()) {
        Some(path) => Err(format!("the applied object is not what was planned at {path}")),
        None => Ok(()),
    }
}

/// Where a known part of the plan is not what was made.
fn first_difference(planned: &Value, object: &Value, at: &Path) -> Option<Path> {
    match (planned.kind(), object.kind()) {
        (Kind::Unknown(Type::Dynamic, _), _) => None,
        (Kind::Unknown(value_type, _), _) => {
            (!value_type.has_dynamic() && *value_type != object.value_type()).then(|| at.clone())
        }
        (Kind::Object(before), Kind::Object(after)) => {
            if before.len() != after.len() {
                return Some(at.clone());
            }
            before.iter().find_map(|(name, value)| {
                let below = at.clone().attribute(name.clone());
                match after.get(name) {
                    Some(made) => first_difference(value, made, &below),
                    None => Some(below),
                }
            })
        }
        _ => (planned != object).then(|| at.clone()),
    }
}
