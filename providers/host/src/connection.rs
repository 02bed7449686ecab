//! The configured provider: each request as scripts for the hosts that it concerns.

use crate::answer::Answer;
use crate::data::{HostData, Hosts};
use crate::failure;
use crate::fleet::{Fleet, Host, Reply};
use crate::kind::{Act, HostKind, mark_folder};
use crate::link::Trouble;
use crate::phases::Phase;
use crate::place::{self, HOST, Place};
use crate::private::Private;
use crate::settings::Settings;
use crate::shell::quote;
use formwork_sdk::values::{object, text};
use formwork_sdk::{
    Applied, ApplyRequest, Connection, ErrorKind, ImportedObject, KindSchema, Operation, PlanRequest,
    Planned, Progress, ProviderError, ProviderSchema, ReadRequest, Reading, Readings, Request, Response,
    Target, WaitRequest, default_plan,
};
use formwork_value::{Path, Value, decode};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered, StreamExt as _};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a host that does not answer is left alone.
const ASK_AGAIN_AFTER_MS: u64 = 2000;

/// What a provider of hosts offers.
pub(crate) struct Offer {
    /// Its name, for messages and for its target.
    pub(crate) name: &'static str,
    pub(crate) schema: Arc<ProviderSchema>,
    pub(crate) kinds: Vec<Box<dyn HostKind>>,
    pub(crate) data: Vec<Box<dyn HostData>>,
}

/// All hosts, under one block of the configuration.
#[derive(Clone)]
pub(crate) struct HostConnection {
    fleet: Arc<Fleet>,
    offer: Arc<Offer>,
}

/// What an operation works on: the object that goes, or the one that is planned, and its host.
pub(crate) struct Worked {
    pub(crate) object: Value,
    pub(crate) place: Place,
}

impl HostConnection {
    pub(crate) fn new(settings: Settings, offer: Arc<Offer>) -> Self {
        Self { fleet: Arc::new(Fleet::new(settings)), offer }
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.fleet.settings()
    }

    pub(crate) fn kind(&self, name: &str) -> Result<(&dyn HostKind, &KindSchema), ProviderError> {
        let kind = self.offer.kinds.iter().find(|one| one.name() == name);
        let found = kind.map(AsRef::as_ref).zip(self.offer.schema.resources.get(name));
        found.ok_or_else(|| {
            ProviderError::invalid(format!("{} does not support resource type {name:?}", self.offer.name))
        })
    }

    pub(crate) fn worked(&self, request: &ApplyRequest) -> Result<Worked, ProviderError> {
        let object = object_of(request).unknown_as_null();
        let place = Place::of(&object, self.fleet.settings())?;
        Ok(Worked { object, place })
    }

    fn upgrade(&self, kind: &str, stored: &str) -> Result<Value, ProviderError> {
        decode(stored, &self.kind(kind)?.1.block.implied_type())
            .map_err(|error| ProviderError::invalid(format!("the stored {kind} cannot be read: {error}")))
    }

    /// Reads objects, those of one host with one question.
    fn read(&self, name: &str, objects: Vec<ReadRequest>) -> Readings<'static> {
        let mut hosts: HashMap<Place, Vec<(usize, ReadRequest)>> = HashMap::new();
        let mut refused = Vec::new();
        for (at, request) in objects.into_iter().enumerate() {
            match Place::of(&request.prior, self.fleet.settings()) {
                Ok(place) => hosts.entry(place).or_default().push((at, request)),
                Err(error) => refused.push((at, Reading::Failed(error))),
            }
        }
        let asked: FuturesUnordered<_> = hosts
            .into_iter()
            .map(|(place, requests)| {
                let (connection, name) = (self.clone(), name.to_owned());
                async move { connection.read_host(&name, &place, requests).await }
            })
            .collect();
        stream::iter(refused).chain(asked.flat_map(stream::iter)).boxed()
    }

    async fn read_host(
        &self,
        name: &str,
        place: &Place,
        requests: Vec<(usize, ReadRequest)>,
    ) -> Vec<(usize, Reading)> {
        let kind = match self.kind(name) {
            Ok((kind, _)) => kind,
            Err(error) => return failed(requests, &error),
        };
        let host = self.fleet.host(place);
        let privates: Vec<Private> =
            requests.iter().map(|(_, request)| Private::of(&request.private)).collect();
        for key in privates.iter().filter_map(|private| private.host_key.clone()) {
            host.believe(key);
        }
        let objects: Vec<&Value> = requests.iter().map(|(_, request)| &request.prior).collect();
        let reply = match seen(kind, &host, &objects, &privates).await {
            Ok(reply) => reply,
            Err(trouble) => return failed(requests, &trouble.error(place)),
        };
        let answers = reply.answers.iter();
        let readings = requests.into_iter().zip(answers).map(|((at, request), answer)| {
            let reading = match whole(answer, &reply).and_then(|answer| kind.reading(&request.prior, answer))
            {
                Ok(Some(object)) => Reading::found(object, request.private),
                Ok(None) => Reading::Gone,
                Err(error) => Reading::Failed(about(error, place)),
            };
            (at, reading)
        });
        readings.collect()
    }

    async fn plan(&self, request: &PlanRequest) -> Result<Box<Planned>, ProviderError> {
        let (kind, schema) = self.kind(&request.kind)?;
        let mut planned = default_plan(schema, request);
        if request.proposed.is_null() {
            return Ok(Box::new(planned));
        }
        kind.adjust(request, &mut planned);
        kind.check_plan(request, &planned.planned)?;
        if request.prior.is_null()
            && kind.foresees()
            && planned.planned.get(HOST).is_some_and(Value::is_wholly_known)
        {
            self.foresee(kind, request, &mut planned).await?;
        }
        let address = |object: &Value| object.get(HOST).and_then(|host| host.get("address").cloned());
        let path = Path::root().attribute(HOST);
        if !request.prior.is_null() && address(&request.prior) != address(&planned.planned) {
            planned.requires_replace.push(path);
        }
        let mut private = Private::of(&request.private);
        if let Ok(place) = Place::of(&planned.planned, self.fleet.settings()) {
            private.host_key = private.host_key.or_else(|| self.fleet.host(&place).shown_key());
        }
        planned.private = private.bytes();
        Ok(Box::new(planned))
    }

    /// Looks at the host before there is an object to read. One that is not there yet, or without what is asked after, is
    /// seen when the object is made.
    async fn foresee(
        &self,
        kind: &dyn HostKind,
        request: &PlanRequest,
        planned: &mut Planned,
    ) -> Result<(), ProviderError> {
        let place = Place::of(&planned.planned, self.fleet.settings())?;
        let part = kind.probe(&planned.planned, &Private::default());
        let Ok(reply) = self.fleet.host(&place).look(vec![part]).await else { return Ok(()) };
        let Some(answer) = reply.answers.first().filter(|answer| answer.is_whole()) else { return Ok(()) };
        match kind.foreseen(request, planned, answer) {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            other => other.map_err(|error| about(error, &place)),
        }
    }

    /// The acts of an operation, where it is several.
    fn phases(&self, request: &ApplyRequest) -> Result<Vec<Phase>, ProviderError> {
        let planned = request.planned.unknown_as_null();
        self.kind(&request.kind)?.0.phases(&Act { request, planned })
    }

    async fn apply(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let phases = self.phases(request)?;
        if !phases.is_empty() {
            return self.go_on(request, &phases, &serde_json::Value::Null).await;
        }
        let place = Place::of(object_of(request), self.fleet.settings())?;
        let host = self.host(&place, request);
        let act = self.act(request)?;
        let mut parts = vec![act];
        let planned = request.planned.unknown_as_null();
        let private = self.stored(request, &host)?;
        if request.operation != Operation::Delete {
            parts.push(self.kind(&request.kind)?.0.probe(&planned, &private));
        }
        match answered(&place, host.act(parts).await)? {
            Ok(reply) => self.applied(request, &place, &host, &reply),
            Err(wait) => Ok(wait),
        }
    }

    /// The host of a place; where it is the object's own, by the key that is stored with the object.
    pub(crate) fn host(&self, place: &Place, request: &ApplyRequest) -> Arc<Host> {
        let host = self.fleet.host(place);
        let is_own = self.worked(request).is_ok_and(|worked| worked.place == *place);
        if let Some(key) = Private::of(&request.private).host_key.filter(|_| is_own) {
            host.believe(key);
        }
        host
    }

    /// The act as shell: what is before it and after it is the same for all kinds.
    fn act(&self, request: &ApplyRequest) -> Result<String, ProviderError> {
        let (kind, _) = self.kind(&request.kind)?;
        let object = object_of(request);
        let (folder, key) = (mark_folder(kind, object), text(object, kind.key()).unwrap_or_default());
        let (owner, token) = (quote(&request.owner), quote(&request.token.0));
        if request.operation == Operation::Delete {
            return Ok(format!(
                "set -e\ntrap '' PIPE\nD={folder}\nif [ -s \"$D/owner\" ]; then\nmine \"$D\" {owner}\n{}drop_claim\nelse\n{}fi\n",
                kind.restore(object),
                kind.remove(object)
            ));
        }
        let act = Act { request, planned: request.planned.unknown_as_null() };
        Ok(format!(
            "set -e\nheld=\ntrap '' PIPE\ntrap 'finish $?' EXIT\nopen_claim {folder} {owner} {} {token}{}\n{}close_claim {token}\n",
            quote(key),
            if request.operation == Operation::Create { " new" } else { "" },
            kind.put(&act)?,
        ))
    }

    /// What is to be stored privately with what an apply makes.
    pub(crate) fn stored(&self, request: &ApplyRequest, host: &Host) -> Result<Private, ProviderError> {
        let (kind, _) = self.kind(&request.kind)?;
        Ok(Private { host_key: host.shown_key(), is_claimed: true, kept: kind.kept(&request.configuration) })
    }

    fn applied(
        &self,
        request: &ApplyRequest,
        place: &Place,
        host: &Host,
        reply: &Reply,
    ) -> Result<Progress, ProviderError> {
        let (kind, schema) = self.kind(&request.kind)?;
        let nothing = Answer::default();
        let acted = reply.answers.first().unwrap_or(&nothing);
        if !acted.is_whole() {
            return Err(about(failure::of_act(acted, &reply.said), place));
        }
        if let Some(seconds) = acted.given("running") {
            return Ok(running(request, kind, place, seconds));
        }
        if request.operation == Operation::Delete {
            return Ok(done(Value::null(schema.block.implied_type()), Vec::new()));
        }
        let answer = whole(reply.answers.get(1).unwrap_or(&nothing), reply)?;
        let planned = request.planned.unknown_as_null();
        let found = kind.reading(&planned, answer).map_err(|error| about(error, place))?;
        let object = found.ok_or_else(|| vanished(place))?;
        Ok(done(object, self.stored(request, host)?.bytes()))
    }

    /// Looks for what an apply whose answer was lost did: the mark bears its token once it came to its end.
    async fn find(&self, request: &ApplyRequest) -> Result<Progress, ProviderError> {
        let is_delete = request.operation == Operation::Delete;
        let Worked { object, place } = self.worked(request)?;
        let host = self.host(&place, request);
        let (kind, schema) = self.kind(&request.kind)?;
        let folder = mark_folder(kind, &object);
        let private = self.stored(request, &host)?;
        let mark = format!(
            "d={folder}\nemit token \"$(cat -- \"$d/token\" 2>/dev/null)\"\n[ ! -e \"$d/owner\" ] || emit owner 1\ntrue"
        );
        let reply = host.look(vec![mark, kind.probe(&object, &private)]).await;
        let reply = match answered(&place, reply)? {
            Ok(reply) => reply,
            Err(wait) => return Ok(wait),
        };
        let [mark, answer] = reply.answers.as_slice() else { return Ok(Progress::NotFound) };
        let mark = whole(mark, &reply)?;
        if is_delete {
            let is_done = Private::of(&request.private).is_claimed && mark.given("owner").is_none();
            let null = || done(Value::null(schema.block.implied_type()), Vec::new());
            return Ok(if is_done { null() } else { Progress::NotFound });
        }
        if mark.given("token") != Some(request.token.0.as_str()) {
            return Ok(Progress::NotFound);
        }
        let found = kind.reading(&object, whole(answer, &reply)?).map_err(|error| about(error, &place))?;
        Ok(found.map_or(Progress::NotFound, |object| done(object, private.bytes())))
    }

    /// A host that did not answer is asked again. The last time may have come through, so what it did is looked for.
    async fn poll(&self, wait: &WaitRequest) -> Result<Progress, ProviderError> {
        let phases = self.phases(&wait.apply)?;
        if !phases.is_empty() {
            return self.go_on(&wait.apply, &phases, &wait.cursor).await;
        }
        match self.find(&wait.apply).await? {
            Progress::NotFound => self.apply(&wait.apply).await,
            progress => Ok(progress),
        }
    }

    fn import(&self, name: &str, id: &str) -> Result<Vec<ImportedObject>, ProviderError> {
        let (kind, schema) = self.kind(name)?;
        let wrong =
            || ProviderError::invalid(format!("{id:?} is no import id of {name}: {}", schema.import_id));
        let (host, key) = id.split_once(',').ok_or_else(wrong)?;
        let (user, address, port) = place::parse(host).ok_or_else(wrong)?;
        Self::imported(kind, schema, place::host_of(address, port, user), key)
    }

    fn imported(
        kind: &dyn HostKind,
        schema: &KindSchema,
        host: Value,
        key: &str,
    ) -> Result<Vec<ImportedObject>, ProviderError> {
        let mut values = kind.import(key)?;
        values.push((HOST, host));
        let object = object(schema, &values);
        Ok(vec![ImportedObject { kind: kind.name().to_owned(), object, private: Vec::new(), identity: None }])
    }

    fn import_by_identity(&self, name: &str, identity: &Value) -> Result<Vec<ImportedObject>, ProviderError> {
        let (kind, schema) = self.kind(name)?;
        let part = |name: &str| text(identity, name).unwrap_or_default();
        Self::imported(kind, schema, place::host_of(part("address"), None, None), part("key"))
    }

    async fn read_data(&self, name: &str, configuration: &Value) -> Result<Value, ProviderError> {
        let data = self.offer.data.iter().find(|one| one.name() == name).ok_or_else(|| {
            ProviderError::invalid(format!("{} does not support data source {name:?}", self.offer.name))
        })?;
        data.read(&Hosts(self.fleet.clone()), configuration).await
    }

    async fn answer(self, request: Request) -> Response {
        match request {
            Request::Upgrade { kind, stored, .. } => Response::Upgraded(self.upgrade(&kind, &stored)),
            Request::Read { kind, objects } => Response::Read(self.read(&kind, objects)),
            Request::Plan(request) => Response::Planned(self.plan(&request).await),
            Request::Apply(request) => Response::Progress(self.apply(&request).await),
            Request::Find(request) => Response::Progress(self.find(&request).await),
            Request::Poll(wait) => Response::Progress(self.poll(&wait).await),
            Request::Import { kind, id } => Response::Imported(self.import(&kind, &id)),
            Request::ImportByIdentity { kind, identity } => {
                Response::Imported(self.import_by_identity(&kind, &identity))
            }
            Request::ReadData { kind, configurations } => {
                let read = configurations.iter().map(|one| self.read_data(&kind, one));
                Response::Data(futures::future::join_all(read).await)
            }
            _ => Response::Unsupported,
        }
    }
}

impl Connection for HostConnection {
    fn target(&self) -> Target {
        let settings = self.fleet.settings();
        let words = if settings.is_local {
            "this machine".to_owned()
        } else {
            format!("hosts over SSH as {}", settings.user)
        };
        Target { id: self.offer.name.to_owned(), words }
    }

    fn call(&self, request: Request) -> BoxFuture<'_, Response> {
        self.clone().answer(request).boxed()
    }
}

/// What is seen of objects of one kind on a host: together where the kind can, and alone what that left open.
async fn seen(
    kind: &dyn HostKind,
    host: &Host,
    objects: &[&Value],
    privates: &[Private],
) -> Result<Reply, Trouble> {
    let alone = |at: &usize| kind.probe(objects[*at], &privates[*at]);
    let mut answers = vec![None; objects.len()];
    let mut said = String::new();
    if let Some(script) = kind.probe_together(objects) {
        let reply = host.look(vec![script]).await?;
        let together = reply.answers.first().filter(|answer| answer.is_whole());
        for (at, answer) in answers.iter_mut().enumerate() {
            *answer = together.and_then(|together| kind.of_together(objects[at], &privates[at], together));
        }
        said = reply.said;
    }
    let open: Vec<usize> = (0..objects.len()).filter(|at| answers[*at].is_none()).collect();
    if !open.is_empty() {
        let reply = host.look(open.iter().map(alone).collect()).await?;
        for (at, answer) in open.into_iter().zip(reply.answers) {
            answers[at] = Some(answer);
        }
        said.push_str(&reply.said);
    }
    Ok(Reply { answers: answers.into_iter().map(Option::unwrap_or_default).collect(), said })
}

pub(crate) fn done(object: Value, private: Vec<u8>) -> Progress {
    Progress::Done(Box::new(Applied::new(object, private)))
}

/// What a host answered, or the wait for one that does not.
pub(crate) fn answered(
    place: &Place,
    reply: Result<Reply, Trouble>,
) -> Result<Result<Reply, Progress>, ProviderError> {
    match reply {
        Ok(reply) => Ok(Ok(reply)),
        Err(Trouble::Unreachable(why)) => Ok(Err(waiting(place, &why))),
        Err(trouble) => Err(trouble.error(place)),
    }
}

/// The error of an object that is gone as soon as it was made.
pub(crate) fn vanished(place: &Place) -> ProviderError {
    let message = "what was made is not there a moment later: something else on the host removes it";
    about(ProviderError::new(ErrorKind::Conflict, message), place)
}

fn waiting(place: &Place, why: &str) -> Progress {
    Progress::Waiting {
        id: place.words(),
        cursor: serde_json::json!({ "until": "answer" }),
        ask_again_after_ms: ASK_AGAIN_AFTER_MS,
        words: format!("{} to answer ({why})", place.words()),
        is_in_line: false,
    }
}

/// What is worked on: the object that goes, or the one that is planned.
fn object_of(request: &ApplyRequest) -> &Value {
    if request.operation == Operation::Delete { &request.prior } else { &request.planned }
}

/// What goes on by itself on the host, and is asked after.
fn running(request: &ApplyRequest, kind: &dyn HostKind, place: &Place, seconds: &str) -> Progress {
    let object = object_of(request);
    let key = text(object, kind.key()).unwrap_or_default();
    Progress::Waiting {
        id: format!("{},{key}", place.words()),
        cursor: serde_json::json!({ "until": "end" }),
        ask_again_after_ms: ASK_AGAIN_AFTER_MS,
        words: format!("{key} to end on {} (it has run for {seconds} s)", place.words()),
        is_in_line: false,
    }
}

/// The answer, where it came to its end.
pub(crate) fn whole<'a>(answer: &'a Answer, reply: &Reply) -> Result<&'a Answer, ProviderError> {
    if answer.is_whole() { Ok(answer) } else { Err(failure::of_act(answer, &reply.said)) }
}

fn failed(requests: Vec<(usize, ReadRequest)>, error: &ProviderError) -> Vec<(usize, Reading)> {
    requests.into_iter().map(|(at, _)| (at, Reading::Failed(error.clone()))).collect()
}

pub(crate) fn about(mut error: ProviderError, place: &Place) -> ProviderError {
    error.message = format!("{}: {}", place.words(), error.message);
    error
}

#[cfg(test)]
mod tests;
