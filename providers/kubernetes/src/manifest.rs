//! `kubernetes_manifest`: one object of any kind.

use crate::failure::{Intent, provider_error};
use crate::fields::Ownership;
use crate::json::{DocumentPath, from_json, to_json, with_attribute, with_unknowns};
use crate::object::{
    Desired, FIELD_MANAGER, FieldManager, Identity, OWNER_ANNOTATION, Record, Stored, TOKEN_LABEL,
    manifest_of, owner_of, token_label, token_of, uid_of,
};
use crate::plan_object::{Expected, ObjectPlan, Prior, absent_kind, identity_changes};
use crate::schema::MANIFEST;
use crate::session::{Mark, Session, is_applied, record_of, taken_name};
use crate::settings::{block, text};
use crate::wait::{Standing, Wait, going_words, paths_of};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{
    Applied, ApplyRequest, ErrorKind, ImportedObject, KindSchema, Operation, Outcome, PlanRequest, Planned,
    Progress, ProviderError, ReadRequest, Reading, WaitRequest, default_plan,
};
use formwork_value::{Kind, Name, Path, Type, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// First pause before an object is looked at again; each look doubles it.
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 5000;

/// Checks a configuration that may hold unknowns.
pub(crate) fn validate(configuration: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut push = |attribute: &str, detail: String| {
        found.push(Diagnostic::error("kubernetes-manifest", "Invalid manifest", detail).attribute(attribute));
    };
    if let Err(message) = Wait::of(configuration) {
        push(".wait[0].fields", format!("{message}."));
    }
    if let Err(message) = paths_of(configuration, "computed_fields") {
        push(".computed_fields", format!("{message}."));
    }
    let Some(manifest) = configuration.get("manifest").filter(|manifest| manifest.is_known()) else {
        return found;
    };
    if manifest.entries().is_none() {
        push(".manifest", "A manifest is an object with apiVersion, kind and metadata.".to_owned());
        return found;
    }
    for name in ["apiVersion", "kind"] {
        match manifest.get(name) {
            Some(value) if !value.is_known() || value.as_str().is_some_and(|text| !text.is_empty()) => {}
            _ => push(&format!(".manifest.{name}"), format!("A manifest needs {name}, a string.")),
        }
    }
    for detail in metadata_faults(manifest.get("metadata")) {
        push(".manifest.metadata", detail);
    }
    found
}

fn metadata_faults(metadata: Option<&Value>) -> Vec<String> {
    let Some(metadata) = metadata.filter(|metadata| !metadata.is_null()) else {
        return vec!["A manifest needs metadata with name or generateName.".to_owned()];
    };
    if !metadata.is_known() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let is_given = |name: &str| metadata.get(name).is_some_and(|value| !value.is_null());
    if !is_given("name") && !is_given("generateName") {
        faults.push("A manifest needs metadata.name or metadata.generateName.".to_owned());
    }
    for name in ["managedFields", "uid", "resourceVersion"] {
        if is_given(name) {
            faults.push(format!("metadata.{name} is the server's; leave it out."));
        }
    }
    for (map, key) in [("annotations", OWNER_ANNOTATION), ("labels", TOKEN_LABEL)] {
        if metadata.get(map).is_some_and(|entries| entries.get(key).is_some()) {
            faults.push(format!("metadata.{map}[{key:?}] is Formwork's own mark; leave it out."));
        }
    }
    faults
}

/// The field manager that a resource asks for.
pub(crate) fn field_manager(resource: &Value) -> FieldManager {
    let Some(block) = block(resource, "field_manager") else { return FieldManager::default() };
    FieldManager {
        name: text(block, "name").unwrap_or_else(|| FIELD_MANAGER.to_owned()),
        force: block.get("force_conflicts").and_then(Value::as_bool).unwrap_or(false),
    }
}

fn desired_of(resource: &Value) -> Result<Option<Desired>, ProviderError> {
    let at = || Path::root().attribute("manifest");
    let Some(manifest) = resource.get("manifest").and_then(to_json) else { return Ok(None) };
    let computed = paths_of(resource, "computed_fields").map_err(ProviderError::invalid)?;
    Desired::new(manifest, field_manager(resource), computed)
        .map(Some)
        .map_err(|message| ProviderError::invalid(message).at(at()))
}

fn need_desired(resource: &Value) -> Result<Desired, ProviderError> {
    desired_of(resource)?
        .ok_or_else(|| ProviderError::bug("an apply came with a manifest that is not wholly known"))
}

/// The attributes that a stored object fills.
fn with_stored(resource: &Value, stored: &Stored) -> Value {
    let resource = with_attribute(resource, "object", from_json(&stored.object));
    with_attribute(&resource, "taken_over", taken_over_value(&stored.taken_over))
}

/// A map of fields to managers as a value.
pub(crate) fn taken_over_value(taken_over: &BTreeMap<String, String>) -> Value {
    let entries = taken_over
        .iter()
        .map(|(field, manager)| (Name::from(field.as_str()), Value::string(manager.as_str())));
    Value::map(Type::String, entries.collect())
}

/// The record of a stored resource, made up from its object where the private bytes are not ours.
fn record(resource: &Value, private: &[u8]) -> Option<Record> {
    if let Some(record) = Record::decode(private) {
        return Some(record);
    }
    let object = resource.get("object").and_then(to_json).filter(Json::is_object);
    let document = object.or_else(|| resource.get("manifest").and_then(to_json))?;
    let identity = Identity::of(&document).filter(|identity| !identity.name.is_empty())?;
    Some(Record {
        identity,
        uid: uid_of(&document).unwrap_or_default().to_owned(),
        manager: field_manager(resource).name,
        manifest_digest: String::new(),
        object_digest: String::new(),
    })
}

/// What one object's read request needs, or the reading where nothing can be asked.
pub(crate) fn identity_to_read(request: &ReadRequest) -> Result<Identity, ProviderError> {
    let record = record(&request.prior, &request.private);
    record.map(|record| record.identity).ok_or_else(|| {
        ProviderError::invalid(
            "The stored object does not say which one it is: neither object nor manifest has a name.",
        )
    })
}

/// The reading of an object that was looked for.
pub(crate) fn reading(request: &ReadRequest, found: Result<Option<Json>, ProviderError>) -> Reading {
    let live = match found {
        Ok(Some(live)) => live,
        Ok(None) => return Reading::Gone,
        Err(error) => return Reading::Failed(error),
    };
    let Some(mut record) = record(&request.prior, &request.private) else { return Reading::Gone };
    let computed = paths_of(&request.prior, "computed_fields").unwrap_or_default();
    let manifest = request.prior.get("manifest").and_then(to_json);
    let stored = Stored::of(&live, manifest.as_ref(), &record.manager, &computed);
    uid_of(&live).unwrap_or_default().clone_into(&mut record.uid);
    Reading::found(with_stored(&request.prior, &stored), record.encode())
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
    let record = if request.prior.is_null() { None } else { record(&request.prior, &request.private) };
    let Some(mut desired) = desired_of(&request.proposed)? else {
        return plan_unknown(session, planned, record.as_ref(), &request.proposed).await;
    };
    let prior = record.map(|record| Prior {
        record,
        object: request.prior.get("object").and_then(to_json).unwrap_or(Json::Null),
        is_taken_over: request
            .prior
            .get("taken_over")
            .and_then(Value::entries)
            .is_some_and(|all| !all.is_empty()),
    });
    let found = session.plan_object(&mut desired, prior.as_ref(), &request.owner).await?;
    if matches!(found.expected, Expected::Unchanged) {
        for name in ["object", "taken_over"] {
            if let Some(value) = request.prior.get(name) {
                planned.planned = with_attribute(&planned.planned, name, value.clone());
            }
        }
        return Ok(planned);
    }
    Ok(with_object_plan(planned, found))
}

fn with_object_plan(mut planned: Planned, found: ObjectPlan) -> Planned {
    let object = match &found.expected {
        Expected::Known(object, unknown) => with_unknowns(object, unknown),
        Expected::Unchanged | Expected::Unknown => Value::unknown(Type::Dynamic),
    };
    planned.planned = with_attribute(&planned.planned, "object", object);
    planned.planned = with_attribute(&planned.planned, "taken_over", taken_over_value(&BTreeMap::new()));
    planned.requires_replace = found.replace;
    planned.deferred = found.deferred;
    planned.diagnostics.append(found.diagnostics);
    planned
}

/// A manifest with unknowns cannot be sent, but its kind and name may say enough.
async fn plan_unknown(
    session: &Session,
    planned: Planned,
    record: Option<&Record>,
    proposed: &Value,
) -> Result<Planned, ProviderError> {
    let mut found = ObjectPlan::default();
    if let Some(manifest) = proposed.get("manifest") {
        let known = known_part(manifest);
        if let Some(identity) = Identity::of(&known) {
            if session.kind(&identity.api_version, &identity.kind).await?.is_none() {
                found.deferred = Some(absent_kind(&identity));
            }
            if let Some(record) = record {
                let is_known = |name: &str| {
                    manifest
                        .get("metadata")
                        .and_then(|metadata| metadata.get(name))
                        .is_none_or(Value::is_known)
                };
                let mut assumed = identity;
                if !is_known("namespace") {
                    assumed.namespace.clone_from(&record.identity.namespace);
                }
                let stated = json!({ "metadata": { "namespace": assumed.namespace } });
                let has_place = manifest.get("metadata").is_some_and(Value::is_known);
                found.replace = identity_changes(&record.identity, &stated, &assumed);
                found.replace.retain(|path| has_place || path.steps().len() == 2);
            }
        }
    }
    Ok(with_object_plan(planned, found))
}

/// The document with what is unknown left out.
fn known_part(value: &Value) -> Json {
    match value.kind() {
        Kind::Map(entries) | Kind::Object(entries) => {
            entries.iter().map(|(name, value)| (name.to_string(), known_part(value))).collect()
        }
        _ => to_json(value).unwrap_or(Json::Null),
    }
}

/// Performs one planned change.
pub(crate) async fn apply(session: &Session, request: &ApplyRequest) -> Result<Progress, ProviderError> {
    let mark = Mark { owner: &request.owner, token: &request.token.0 };
    match request.operation {
        Operation::Delete => delete(session, request).await,
        Operation::Create => {
            let mut desired = need_desired(&request.planned)?;
            let live = session.create(&mut desired, mark).await?;
            after_write(session, request, &desired, &live, 0).await
        }
        Operation::Update => {
            let mut desired = need_desired(&request.planned)?;
            let record = record(&request.prior, &request.private);
            let uid = record.as_ref().map(|record| record.uid.clone()).filter(|uid| !uid.is_empty());
            if let Some(record) = record {
                desired.identity.name = record.identity.name;
            }
            let live = session.update(&mut desired, mark, uid.as_deref()).await?;
            after_write(session, request, &desired, &live, 0).await
        }
    }
}

async fn delete(session: &Session, request: &ApplyRequest) -> Result<Progress, ProviderError> {
    let Some(record) = record(&request.prior, &request.private) else {
        return Err(ProviderError::bug("a delete came for an object without identity"));
    };
    let uid = Some(record.uid.as_str()).filter(|uid| !uid.is_empty());
    Ok(match session.delete(&record.identity, uid).await? {
        Some(going) => waiting(&record.identity, uid, 0, going_words(&going)),
        None => deleted(request),
    })
}

/// The end of a delete: the null that was planned.
pub(crate) fn deleted(request: &ApplyRequest) -> Progress {
    let object = request.planned.clone();
    Progress::Done(Box::new(Applied::new(object, Vec::new())))
}

fn waiting(identity: &Identity, uid: Option<&str>, looks: u32, words: String) -> Progress {
    Progress::Waiting {
        id: identity.import_id(),
        cursor: json!({ "identity": identity, "uid": uid, "looks": looks + 1 }),
        ask_again_after_ms: pause_ms(looks),
        words,
        is_in_line: false,
    }
}

/// The pause before the next look.
pub(crate) fn pause_ms(looks: u32) -> u64 {
    FIRST_PAUSE_MS.saturating_mul(1 << looks.min(8)).min(LONGEST_PAUSE_MS)
}

/// What comes after the server has taken a create or update: done, or a wait.
async fn after_write(
    session: &Session,
    request: &ApplyRequest,
    desired: &Desired,
    live: &Json,
    looks: u32,
) -> Result<Progress, ProviderError> {
    let stored = Stored::of(live, Some(&desired.manifest), &desired.manager, &desired.computed);
    let record = record_of(desired, live, &stored);
    let object = with_stored(&request.planned, &stored);
    let wait = Wait::of(&request.planned).map_err(ProviderError::invalid)?.with_definition(&desired.manifest);
    match wait.standing(live) {
        Standing::Ready if !session.is_served(&desired.manifest).await? => {
            let words = "the API server to serve its kinds".to_owned();
            Ok(waiting(&record.identity, Some(&record.uid), looks, words))
        }
        Standing::Ready => Ok(Progress::Done(Box::new(Applied::new(object, record.encode())))),
        Standing::Pending(words) => Ok(waiting(&record.identity, Some(&record.uid), looks, words)),
        Standing::Failed(message) => {
            let error = ProviderError::new(ErrorKind::Invalid, format!("{}: {message}.", record.identity));
            Err(error.outcome(Outcome::Partial(Box::new(object))))
        }
    }
}

/// Looks again at an object that an apply waits for.
pub(crate) async fn poll(session: &Session, request: &WaitRequest) -> Result<Progress, ProviderError> {
    let identity: Identity = serde_json::from_value(request.cursor["identity"].clone())
        .map_err(|error| ProviderError::bug(format!("the cursor of a wait has no identity: {error}")))?;
    let uid = request.cursor["uid"].as_str();
    let looks = request.cursor["looks"].as_u64().and_then(|looks| u32::try_from(looks).ok()).unwrap_or(0);
    let live = session.look_going(&identity, uid).await?;
    match (request.apply.operation, live) {
        (Operation::Delete, None) => Ok(deleted(&request.apply)),
        (Operation::Delete, Some(live)) => Ok(waiting(&identity, uid, looks, going_words(&live))),
        (_, None) => Err(ProviderError::new(
            ErrorKind::NotFound,
            format!("{identity} was deleted by somebody else while it was waited for."),
        )),
        (_, Some(live)) => {
            let mut desired = need_desired(&request.apply.planned)?;
            desired.identity = identity;
            after_write(session, &request.apply, &desired, &live, looks).await
        }
    }
}

/// Looks for what an apply whose reply was lost has done.
pub(crate) async fn find(session: &Session, request: &ApplyRequest) -> Result<Progress, ProviderError> {
    if request.operation == Operation::Delete {
        let Some(record) = record(&request.prior, &request.private) else { return Ok(Progress::NotFound) };
        let uid = Some(record.uid.as_str()).filter(|uid| !uid.is_empty());
        return Ok(match session.look_going(&record.identity, uid).await? {
            None => deleted(request),
            Some(live) if live["metadata"]["deletionTimestamp"].is_string() => {
                waiting(&record.identity, uid, 0, going_words(&live))
            }
            Some(_) => Progress::NotFound,
        });
    }
    let mut desired = need_desired(&request.planned)?;
    let Some(kind) = session.kind(&desired.identity.api_version, &desired.identity.kind).await? else {
        return Ok(Progress::NotFound);
    };
    desired.place(kind.is_namespaced);
    if let Some(record) =
        record(&request.prior, &request.private).filter(|_| request.operation == Operation::Update)
    {
        desired.identity.name = record.identity.name;
    }
    let live = if desired.generates_name() {
        session.look_by_token(&kind, desired.identity.namespace.as_deref(), &request.token.0).await?
    } else {
        session.look(&kind, &desired.identity).await?
    };
    let Some(live) = live else { return Ok(Progress::NotFound) };
    if owner_of(&live) != Some(request.owner.as_str()) {
        return if request.operation == Operation::Create {
            Err(taken_name(&desired.identity, false))
        } else {
            Ok(Progress::NotFound)
        };
    }
    // Made by POST but not yet standing as applied, it is sent again: that finds it by its token and ends the work.
    let is_whole = !desired.generates_name() || is_applied(&live, &desired.manager);
    if is_whole && token_of(&live) == Some(token_label(&request.token.0).as_str()) {
        return after_write(session, request, &desired, &live, 0).await;
    }
    Ok(Progress::NotFound)
}

/// Imports one object by its id.
pub(crate) async fn import(
    session: &Session,
    schema: &KindSchema,
    id: &str,
) -> Result<ImportedObject, ProviderError> {
    let identity = Identity::parse_import_id(id).map_err(|message| {
        ProviderError::invalid(format!("The import id {id:?} cannot be read: {message}."))
            .hint("Write it as \"apiVersion=apps/v1,kind=Deployment,namespace=NAMESPACE,name=NAME\".")
    })?;
    import_one(session, schema, identity).await
}

/// Imports one object by what tells it apart.
pub(crate) async fn import_identified(
    session: &Session,
    schema: &KindSchema,
    identity: &Value,
) -> Result<ImportedObject, ProviderError> {
    let text = |name: &str| identity.get(name).and_then(Value::as_str).map(ToString::to_string);
    let need = |name: &str| text(name).ok_or_else(|| ProviderError::invalid(format!("{name} is missing")));
    let (api_version, kind, name) = (need("api_version")?, need("kind")?, need("name")?);
    import_one(session, schema, Identity { api_version, kind, namespace: text("namespace"), name }).await
}

async fn import_one(
    session: &Session,
    schema: &KindSchema,
    mut identity: Identity,
) -> Result<ImportedObject, ProviderError> {
    let kind = session.need_kind(&identity.api_version, &identity.kind).await?;
    if kind.is_namespaced && identity.namespace.is_none() {
        identity.namespace = Some("default".to_owned());
    }
    let path = kind.object_path(identity.namespace.as_deref(), &identity.name);
    let live = session
        .api
        .get(&path)
        .await
        .map_err(|refusal| provider_error(&refusal, Intent::Look, &identity.to_string()))?;
    let (manifest, is_ours) = imported_manifest(&live);
    let stored = Stored::of(&live, Some(&manifest), FIELD_MANAGER, &[]);
    let desired =
        Desired::new(manifest.clone(), FieldManager::default(), Vec::new()).map_err(ProviderError::bug)?;
    let mut record = record_of(&desired, &live, &stored);
    record.identity = identity;
    if !is_ours {
        // The first plan asks the server, and the first apply takes the fields into our name.
        record.manifest_digest.clear();
    }
    let empty = schema.block.implied_type();
    let resource = null_attributes(&empty, &schema.block);
    let resource = with_attribute(&resource, "manifest", from_json(&manifest));
    Ok(ImportedObject {
        kind: MANIFEST.to_owned(),
        object: with_stored(&resource, &stored),
        private: record.encode(),
        identity: None,
    })
}

/// An object of a type with all attributes null and no blocks.
pub(crate) fn null_attributes(value_type: &Type, block: &formwork_sdk::Block) -> Value {
    let Type::Object(object) = value_type else { return Value::null(value_type.clone()) };
    let empty = |name: &Name, kind: &Type| match kind {
        Type::List(element) if block.blocks.contains_key(name) => {
            Value::list((**element).clone(), Vec::new())
        }
        kind => Value::null(kind.clone()),
    };
    Value::object(object.attributes().iter().map(|(name, kind)| (name.clone(), empty(name, kind))).collect())
}

/// The manifest that stands behind a live object: what we applied, or, where that is nothing, all that people gave.
fn imported_manifest(live: &Json) -> (Json, bool) {
    let ours = Ownership::of(live, FIELD_MANAGER).ours;
    if ours.is_leaf() {
        return (manifest_of(live), false);
    }
    let mut manifest = ours.extract(live).unwrap_or_else(|| json!({}));
    for name in ["apiVersion", "kind"] {
        manifest[name] = live[name].clone();
    }
    for name in ["name", "namespace"] {
        if let Some(value) = live["metadata"].get(name) {
            DocumentPath(vec!["metadata".to_owned(), name.to_owned()]).set(&mut manifest, value.clone());
        }
    }
    (manifest_of(&manifest), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(manifest: Value) -> Value {
        Value::object(vec![("manifest".into(), manifest)])
    }

    #[test]
    fn bad_manifests_are_refused_at_their_attribute() {
        let name = json!({ "name": "a" });
        let table = [
            (from_json(&json!({ "apiVersion": "v1", "kind": "A", "metadata": name })), vec![]),
            (Value::unknown(Type::Dynamic), vec![]),
            (Value::string("x"), vec![".manifest"]),
            (from_json(&json!({ "kind": "A", "metadata": name })), vec![".manifest.apiVersion"]),
            (from_json(&json!({ "apiVersion": "v1", "kind": 3, "metadata": name })), vec![".manifest.kind"]),
            (from_json(&json!({ "apiVersion": "v1", "kind": "A" })), vec![".manifest.metadata"]),
            (
                from_json(&json!({ "apiVersion": "v1", "kind": "A", "metadata": {} })),
                vec![".manifest.metadata"],
            ),
            (
                from_json(
                    &json!({ "apiVersion": "v1", "kind": "A", "metadata": { "name": "a", "uid": "u" } }),
                ),
                vec![".manifest.metadata"],
            ),
            (
                from_json(
                    &json!({ "apiVersion": "v1", "kind": "A", "metadata": { "name": "a", "labels": { TOKEN_LABEL: "u" } } }),
                ),
                vec![".manifest.metadata"],
            ),
        ];
        for (manifest, expected) in table {
            let found = validate(&resource(manifest.clone()));
            let attributes: Vec<&str> = found.iter().filter_map(|one| one.attribute.as_deref()).collect();
            assert_eq!(attributes, expected, "{manifest:?}");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        let pauses: Vec<u64> = [0, 1, 2, 3, 4, 40].into_iter().map(pause_ms).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn an_import_of_ours_gives_back_what_was_applied() {
        let live = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": "a", "namespace": "n", "uid": "u", "labels": { TOKEN_LABEL: "t" },
                "managedFields": [{ "manager": "formwork", "operation": "Apply", "fieldsV1": {
                    "f:metadata": { "f:labels": { "f:formwork.dev/token": {} } }, "f:data": { "f:k": {} } } }] },
            "data": { "k": "v", "other": "w" },
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "n" }, "data": { "k": "v" },
        });
        assert_eq!(imported_manifest(&live), (expected, true));
    }
}
