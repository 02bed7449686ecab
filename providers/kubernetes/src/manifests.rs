//! `kubernetes_manifests`: every object of a YAML stream.
//!
//! Invariant: an apply goes through the objects in the stream's order and may stop between any two; the cursor says
//! where, each act is safe to repeat, and what is stored in the end is read from the server.

use crate::json::{from_json, to_json, with_attribute, with_unknowns};
use crate::manifest::{deleted, field_manager, pause_ms, taken_over_value};
use crate::object::{Desired, Identity, Record, Stored, token_label, token_of, uid_of};
use crate::plan_object::{Expected, Prior};
use crate::session::{Mark, Session, record_of};
use crate::settings::text;
use crate::stream::{defines, parse};
use crate::wait::{Standing, Wait};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    Applied, ApplyRequest, KindSchema, Operation, Outcome, PlanRequest, Planned, Progress, ProviderError,
    ReadRequest, Reading, WaitRequest, default_plan,
};
use formwork_value::{Entries, Name, Path, Type, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// The private bytes: a record for each object by its key.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Records(BTreeMap<String, Record>);

/// Where an apply is.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
struct Cursor {
    /// The object in the stream's order.
    step: usize,
    /// Whether that object is applied already and waited for.
    is_applied: bool,
    /// How often it was looked at.
    looks: u32,
}

/// Checks a configuration that may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let Some(content) = text(configuration, "content") else { return Diagnostics::new() };
    match parse(&content, &field_manager(configuration)) {
        Ok(_) => Diagnostics::new(),
        Err(message) => Diagnostic::error("kubernetes-manifests", "Invalid manifests", message)
            .attribute(".content")
            .into(),
    }
}

fn objects_of(resource: &Value) -> Result<Vec<Desired>, ProviderError> {
    let content =
        resource.get("content").and_then(Value::as_str).map(ToString::to_string).unwrap_or_default();
    let parsed = parse(&content, &field_manager(resource));
    parsed.map_err(|message| ProviderError::invalid(message).at(Path::root().attribute("content")))
}

/// What is recorded of the stored objects; an object without a record speaks for itself.
fn records(resource: &Value, private: &[u8]) -> BTreeMap<String, Record> {
    let mut records = serde_json::from_slice::<Records>(private).unwrap_or_default().0;
    let manager = field_manager(resource).name;
    for (key, object) in stored_objects(resource) {
        let Some(identity) = Identity::of(&object) else { continue };
        records.entry(key).or_insert_with(|| Record {
            identity,
            uid: uid_of(&object).unwrap_or_default().to_owned(),
            manager: manager.clone(),
            manifest_digest: String::new(),
            object_digest: String::new(),
        });
    }
    records
}

fn stored_objects(resource: &Value) -> BTreeMap<String, Json> {
    let entries = resource.get("objects").and_then(Value::entries);
    let entries = entries.map(Entries::as_slice).unwrap_or_default();
    entries.iter().filter_map(|(key, object)| Some((key.to_string(), to_json(object)?))).collect()
}

/// Which objects a read needs.
pub(crate) fn identities_to_read(request: &ReadRequest) -> Vec<Identity> {
    records(&request.prior, &request.private).into_values().map(|record| record.identity).collect()
}

/// The reading of objects that were looked for.
pub(crate) fn reading(
    request: &ReadRequest,
    found: &HashMap<Identity, Result<Option<Json>, ProviderError>>,
) -> Reading {
    let mut records = records(&request.prior, &request.private);
    let manifests: HashMap<String, Json> = objects_of(&request.prior)
        .unwrap_or_default()
        .into_iter()
        .map(|desired| (desired.identity.key(), desired.manifest))
        .collect();
    let mut objects = Vec::new();
    let mut taken_over = BTreeMap::new();
    for (key, record) in &mut records {
        match found.get(&record.identity) {
            Some(Ok(Some(live))) => {
                let stored = Stored::of(live, manifests.get(key), &record.manager, &[]);
                uid_of(live).unwrap_or_default().clone_into(&mut record.uid);
                taken_over.extend(
                    stored.taken_over.into_iter().map(|(field, manager)| (format!("{key}{field}"), manager)),
                );
                objects.push((Name::from(key.as_str()), from_json(&stored.object)));
            }
            Some(Ok(None)) | None => {}
            Some(Err(error)) => return Reading::Failed(error.clone()),
        }
    }
    if objects.is_empty() && !records.is_empty() {
        return Reading::Gone;
    }
    let object = with_attribute(&request.prior, "objects", Value::object(objects));
    let object = with_attribute(&object, "taken_over", taken_over_value(&taken_over));
    Reading::found(object, encode(records))
}

fn encode(records: BTreeMap<String, Record>) -> Vec<u8> {
    serde_json::to_vec(&Records(records)).unwrap_or_default()
}

/// Plans one resource.
pub(crate) async fn plan(
    session: &Session,
    schema: &KindSchema,
    request: &PlanRequest,
) -> Result<Planned, ProviderError> {
    let mut planned = default_plan(schema, request);
    if request.proposed.is_null() {
        return Ok(planned);
    }
    let unknown = |planned: &mut Planned| {
        planned.planned = with_attribute(&planned.planned, "objects", Value::unknown(Type::Dynamic));
        planned.planned = with_attribute(&planned.planned, "taken_over", taken_over_value(&BTreeMap::new()));
    };
    if request.proposed.get("content").is_none_or(|content| !content.is_known()) {
        unknown(&mut planned);
        return Ok(planned);
    }
    let mut desired = objects_of(&request.proposed)?;
    let mut priors = priors(request);
    let stream = desired.clone();
    let mut objects = Vec::new();
    let mut is_changed = false;
    for one in &mut desired {
        let key = one.identity.key();
        let prior = priors.remove(&key);
        let found = session.plan_object(one, prior.as_ref(), &request.owner).await?;
        planned.diagnostics.append(found.diagnostics);
        if !found.replace.is_empty() {
            planned.diagnostics.push(immutable(&one.identity));
        }
        if let Some(deferred) = found.deferred
            && !defines(&stream, &one.identity.api_version, &one.identity.kind)
        {
            planned.deferred = Some(deferred);
        }
        is_changed |= !matches!(found.expected, Expected::Unchanged);
        let value = match (found.expected, prior) {
            (Expected::Unchanged, Some(prior)) => from_json(&prior.object),
            (Expected::Known(object, unknown), _) => with_unknowns(&object, &unknown),
            _ => Value::unknown(Type::Dynamic),
        };
        objects.push((Name::from(key.as_str()), value));
    }
    is_changed |= !priors.is_empty();
    if planned.deferred.is_some() {
        unknown(&mut planned);
        return Ok(planned);
    }
    planned.planned = with_attribute(&planned.planned, "objects", Value::object(objects));
    let taken_over = if is_changed { taken_over_value(&BTreeMap::new()) } else { prior_taken_over(request) };
    planned.planned = with_attribute(&planned.planned, "taken_over", taken_over);
    Ok(planned)
}

fn prior_taken_over(request: &PlanRequest) -> Value {
    request.prior.get("taken_over").cloned().unwrap_or_else(|| taken_over_value(&BTreeMap::new()))
}

fn priors(request: &PlanRequest) -> BTreeMap<String, Prior> {
    if request.prior.is_null() {
        return BTreeMap::new();
    }
    let mut records = records(&request.prior, &request.private);
    let taken = request.prior.get("taken_over").and_then(Value::entries);
    let taken: Vec<&Name> = taken.map(|all| all.iter().map(|(field, _)| field).collect()).unwrap_or_default();
    let stored = stored_objects(&request.prior).into_iter();
    let prior = |(key, object): (String, Json)| {
        let is_taken_over = taken.iter().any(|field| field.starts_with(&format!("{key}.")));
        let record = records.remove(&key)?;
        Some((key, Prior { record, object, is_taken_over }))
    };
    stored.filter_map(prior).collect()
}

fn immutable(identity: &Identity) -> Diagnostic {
    Diagnostic::error(
        "kubernetes-immutable",
        "A field of this object can only be given when it is made",
        format!("{identity} would have to be replaced, and a stream is changed object by object without replacing any."),
    )
    .hint("Give the object a new name, or a kubernetes_manifest of its own.")
    .attribute(".content")
}

/// Performs one planned change.
pub(crate) async fn apply(session: &Session, request: &ApplyRequest) -> Result<Progress, ProviderError> {
    match request.operation {
        Operation::Delete => remove(session, request, records(&request.prior, &request.private)).await,
        Operation::Create | Operation::Update => run(session, request, Cursor::default()).await,
    }
}

/// Goes on where an apply waits.
pub(crate) async fn poll(session: &Session, request: &WaitRequest) -> Result<Progress, ProviderError> {
    let cursor: Cursor = serde_json::from_value(request.cursor.clone())
        .map_err(|error| ProviderError::bug(format!("the cursor of a wait cannot be read: {error}")))?;
    match request.apply.operation {
        Operation::Delete => {
            let records = records(&request.apply.prior, &request.apply.private);
            Ok(until_gone(session, &records, cursor.looks).await?.unwrap_or_else(|| deleted(&request.apply)))
        }
        Operation::Create | Operation::Update => run(session, &request.apply, cursor).await,
    }
}

/// Asks for the deletion of objects, the last made first.
async fn remove(
    session: &Session,
    request: &ApplyRequest,
    records: BTreeMap<String, Record>,
) -> Result<Progress, ProviderError> {
    let order: Vec<String> =
        objects_of(&request.prior).unwrap_or_default().iter().map(|desired| desired.identity.key()).collect();
    let place = |key: &String| order.iter().position(|known| known == key).unwrap_or(order.len());
    let mut sorted: Vec<(&String, &Record)> = records.iter().collect();
    sorted.sort_by_key(|(key, _)| std::cmp::Reverse(place(key)));
    for (_, record) in sorted {
        let uid = Some(record.uid.as_str()).filter(|uid| !uid.is_empty());
        session.delete(&record.identity, uid).await?;
    }
    Ok(until_gone(session, &records, 0).await?.unwrap_or_else(|| deleted(request)))
}

/// A wait while any of the objects is still there.
async fn until_gone(
    session: &Session,
    records: &BTreeMap<String, Record>,
    looks: u32,
) -> Result<Option<Progress>, ProviderError> {
    let found = session.read_all(records.values().map(|record| record.identity.clone()).collect()).await;
    let mut left = Vec::new();
    for record in records.values() {
        match found.get(&record.identity) {
            Some(Ok(Some(live))) if record.uid.is_empty() || uid_of(live) == Some(record.uid.as_str()) => {
                left.push(record.identity.to_string());
            }
            Some(Err(error)) => return Err(error.clone()),
            _ => {}
        }
    }
    let Some(first) = left.first() else { return Ok(None) };
    let words = format!("{} objects to be gone, {first} among them", left.len());
    Ok(Some(waiting(Cursor { step: usize::MAX, is_applied: true, looks }, words)))
}

fn waiting(cursor: Cursor, words: String) -> Progress {
    let next = Cursor { looks: cursor.looks + 1, ..cursor };
    Progress::Waiting {
        id: "objects of a stream".to_owned(),
        cursor: json!(next),
        ask_again_after_ms: pause_ms(cursor.looks),
        words,
        is_in_line: false,
    }
}

/// Applies the objects from the cursor on, then deletes those that the stream has no more.
async fn run(session: &Session, request: &ApplyRequest, start: Cursor) -> Result<Progress, ProviderError> {
    let mut desired = objects_of(&request.planned)?;
    let mut records = if request.operation == Operation::Create {
        BTreeMap::new()
    } else {
        records(&request.prior, &request.private)
    };
    let stored = stored_objects(&request.prior);
    for (step, one) in desired.iter_mut().enumerate() {
        let key = one.identity.key();
        let record = records.remove(&key).filter(|_| stored.contains_key(&key));
        if step < start.step {
            place(session, one).await?;
            continue;
        }
        let is_applied = start.is_applied && step == start.step;
        let looks = if is_applied { start.looks } else { 0 };
        let acted = act(session, request, one, record.as_ref(), is_applied).await;
        let live = match acted {
            Ok(live) => live,
            Err(error) => return Err(after_failure(session, request, &desired, step, error).await),
        };
        match Wait::default().with_definition(&one.manifest).standing(&live) {
            Standing::Pending(words) => return Ok(waiting(Cursor { step, is_applied: true, looks }, words)),
            Standing::Ready | Standing::Failed(_) => {}
        }
        if !session.is_served(&one.manifest).await? {
            let words = format!("the API server to serve {}", one.identity.name);
            return Ok(waiting(Cursor { step, is_applied: true, looks }, words));
        }
    }
    if start.step < usize::MAX {
        for record in records.values() {
            let uid = Some(record.uid.as_str()).filter(|uid| !uid.is_empty());
            session.delete(&record.identity, uid).await?;
        }
    }
    let looks = if start.step == usize::MAX { start.looks } else { 0 };
    if let Some(wait) = until_gone(session, &records, looks).await? {
        return Ok(wait);
    }
    finish(session, request, &desired).await
}

async fn place(session: &Session, desired: &mut Desired) -> Result<(), ProviderError> {
    let kind = session.need_kind(&desired.identity.api_version, &desired.identity.kind).await?;
    desired.place(kind.is_namespaced);
    Ok(())
}

/// Applies one object, or looks at it where it is applied already.
async fn act(
    session: &Session,
    request: &ApplyRequest,
    desired: &mut Desired,
    record: Option<&Record>,
    is_applied: bool,
) -> Result<Json, ProviderError> {
    let mark = Mark { owner: &request.owner, token: &request.token.0 };
    if is_applied {
        place(session, desired).await?;
        let kind = session.need_kind(&desired.identity.api_version, &desired.identity.kind).await?;
        return Ok(session.look(&kind, &desired.identity).await?.unwrap_or(Json::Null));
    }
    match record {
        None => session.create(desired, mark).await,
        Some(record) => {
            let uid = Some(record.uid.as_str()).filter(|uid| !uid.is_empty());
            session.update(desired, mark, uid).await
        }
    }
}

/// A failure after some objects were applied leaves a part.
async fn after_failure(
    session: &Session,
    request: &ApplyRequest,
    desired: &[Desired],
    step: usize,
    error: ProviderError,
) -> ProviderError {
    if step == 0 || !matches!(error.outcome, Outcome::NotDone) {
        return error;
    }
    match finish(session, request, &desired[..step]).await {
        Ok(Progress::Done(applied)) => error.outcome(Outcome::Partial(Box::new(applied.object))),
        _ => error.outcome(Outcome::Unknown),
    }
}

/// What is stored in the end, as the server has it.
async fn finish(
    session: &Session,
    request: &ApplyRequest,
    desired: &[Desired],
) -> Result<Progress, ProviderError> {
    let mut found = session.read_all(desired.iter().map(|one| one.identity.clone()).collect()).await;
    let mut records = BTreeMap::new();
    let mut objects = Vec::new();
    for one in desired {
        let Some(live) = found.remove(&one.identity).transpose()?.flatten() else { continue };
        let stored = Stored::of(&live, Some(&one.manifest), &one.manager, &[]);
        let key = key_in_stream(one);
        records.insert(key.clone(), record_of(one, &live, &stored));
        objects.push((Name::from(key.as_str()), from_json(&stored.object)));
    }
    let object = with_attribute(&request.planned, "objects", Value::object(objects));
    let object = with_attribute(&object, "taken_over", taken_over_value(&BTreeMap::new()));
    Ok(Progress::Done(Box::new(Applied::new(object, encode(records)))))
}

/// The key as the stream writes it: without the namespace that was filled in.
fn key_in_stream(desired: &Desired) -> String {
    Identity::of(&desired.manifest).map_or_else(|| desired.identity.key(), |identity| identity.key())
}

/// Looks for what an apply whose reply was lost has done.
pub(crate) async fn find(session: &Session, request: &ApplyRequest) -> Result<Progress, ProviderError> {
    if request.operation == Operation::Delete {
        let records = records(&request.prior, &request.private);
        let left = until_gone(session, &records, 0).await?;
        return Ok(if left.is_none() { deleted(request) } else { Progress::NotFound });
    }
    let mut desired = objects_of(&request.planned)?;
    for one in &mut desired {
        let Some(kind) = session.kind(&one.identity.api_version, &one.identity.kind).await? else {
            return Ok(Progress::NotFound);
        };
        one.place(kind.is_namespaced);
    }
    let found = session.read_all(desired.iter().map(|one| one.identity.clone()).collect()).await;
    let label = token_label(&request.token.0);
    for one in &desired {
        match found.get(&one.identity) {
            Some(Ok(Some(live))) if token_of(live) == Some(label.as_str()) => {}
            Some(Err(error)) => return Err(error.clone()),
            // Sent again with the token, the apply passes over what it has made.
            _ => return Ok(Progress::NotFound),
        }
    }
    run(session, request, Cursor { step: usize::MAX - 1, is_applied: false, looks: 0 }).await
}
