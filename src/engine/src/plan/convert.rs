//! Bringing stored objects to the schema of today, and to another type where a move gives them one.
//!
//! Invariant: nothing else of a plan looks at an object before it has its form of today, and the form it had is not
//! changed but where the plan is applied.

use super::moves::type_change;
use super::{Ground, Planner, provider};
use crate::connections::{Connections, error_diagnostic};
use crate::graph::Graph;
use crate::model::Rewrites;
use crate::objects::{decode_object, encode_identity, raw};
use crate::schema::Kind;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Connection, Request, Response, Upgrades};
use formwork_state::{Address, Mode, Object, ObjectKey, ProviderConfigAddress, State};
use formwork_value::{Value, json};
use futures::StreamExt;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::rc::Rc;
use std::sync::Arc;

/// One object that has another form.
struct Pending {
    key: ObjectKey,
    object: Arc<Object>,
    kind: Rc<Kind>,
    /// The configuration of the provider that knows how.
    provider: ProviderConfigAddress,
    /// Where the object was, if it was of another type there.
    origin: Option<Address>,
}

/// The state in its form of today; none where it has it.
pub(super) async fn converted(ground: &Ground<'_>, state: &State) -> (Option<State>, Diagnostics) {
    let (pending, mut diagnostics) = pending(ground, state);
    if pending.is_empty() || diagnostics.has_errors() {
        return (None, diagnostics);
    }
    let planner = ground.planner(state, Diagnostics::new());
    let objects = planner.convert(pending).await;
    planner.close_ephemerals().await;
    diagnostics.append(planner.diagnostics.take());
    let mut state = state.clone();
    for (key, object) in objects {
        state.insert(key, object);
    }
    (Some(state), diagnostics)
}

/// What is in one state and not, or not the same, in another, with what is said of single objects besides.
pub(super) fn difference(before: &State, after: &State, noted: Rewrites) -> Rewrites {
    let mut noted: FxHashMap<ObjectKey, _> = noted.into_iter().collect();
    let gone = before.objects().filter(|(key, _)| after.object(key).is_none());
    let mut rewrites: Rewrites = gone.map(|(key, _)| (key.clone(), None)).collect();
    for (key, object) in after.objects() {
        let is_same = before.object(key).is_some_and(|one| Arc::ptr_eq(one, object));
        match noted.remove(key) {
            Some(noted) => rewrites.push((key.clone(), noted)),
            None if !is_same => rewrites.push((key.clone(), Some(object.clone()))),
            None => {}
        }
    }
    rewrites
}

fn pending(ground: &Ground<'_>, state: &State) -> (Vec<Pending>, Diagnostics) {
    let mut found = Vec::new();
    let mut diagnostics = Diagnostics::new();
    let open = ground.input.open_run;
    let managed = state.objects().filter(|(key, _)| key.address.mode() == Mode::Managed);
    for (key, object) in managed.filter(|(key, _)| !open.is_some_and(|run| run.is_in_flight(key))) {
        let origin = ground.origins.get(&key.address).filter(|origin| type_change(origin, &key.address));
        let provider = match origin {
            Some(_) => configured_provider(ground.graph, &key.address),
            None => Some(object.provider.clone()),
        };
        // What nobody knows is reported where the objects are read.
        let Some(provider) = provider else { continue };
        let Some(kind) = kind_of(ground.connections, &provider, key) else { continue };
        if origin.is_none()
            && object.schema_version == kind.schema.version
            && kind.schema.upgrades == Upgrades::Older
        {
            continue;
        }
        if origin.is_none() && object.schema_version > kind.schema.version {
            diagnostics.push(newer(key, &provider));
            continue;
        }
        let (key, object, origin) = (key.clone(), object.clone(), origin.cloned());
        found.push(Pending { key, object, kind, provider, origin });
    }
    (found, diagnostics)
}

fn kind_of(connections: &Connections, provider: &ProviderConfigAddress, key: &ObjectKey) -> Option<Rc<Kind>> {
    connections.kind(&provider.provider, key.address.mode(), key.address.type_name())
}

/// The provider configuration of the block that an address is in.
fn configured_provider(graph: &Graph, address: &Address) -> Option<ProviderConfigAddress> {
    let node = super::reach::node_of(graph, address)?;
    graph.node(graph.node(node).provider?).provider_address.clone()
}

impl Planner<'_> {
    /// Asks the providers for the form of today.
    async fn convert(&self, pending: Vec<Pending>) -> Vec<(ObjectKey, Arc<Object>)> {
        let mut groups: IndexMap<ProviderConfigAddress, Vec<Pending>> = IndexMap::new();
        for one in pending {
            groups.entry(one.provider.clone()).or_default().push(one);
        }
        let prior = provider::prior_evaluator(self);
        let mut converted = Vec::new();
        for (address, group) in groups {
            self.open_for_prior(&address, &prior).await;
            let Some(configuration) = self.prior_configuration(&address, &prior) else {
                self.report(super::refresh::no_configuration(&address));
                continue;
            };
            match self.connections.connect(&address, &configuration.unmark_deep().0).await {
                Ok(connection) => converted.extend(self.convert_group(group, &connection).await),
                Err(found) => self.diagnostics.borrow_mut().append(found),
            }
        }
        converted
    }

    async fn convert_group(
        &self,
        group: Vec<Pending>,
        connection: &Arc<dyn Connection>,
    ) -> Vec<(ObjectKey, Arc<Object>)> {
        let jobs = group.into_iter().map(|one| async move {
            let connection = self.connections.connection_of(&one.key.address, &one.provider, connection);
            let response = self.connections.ask(&connection, request(&one)).await;
            let converted = match taken(&one, response) {
                Ok(object) => self.with_identity(&one, object, &connection).await,
                Err(diagnostic) => Err(diagnostic),
            };
            converted.map_err(|diagnostic| self.report(*diagnostic)).ok().map(|object| (one.key, object))
        });
        let parallelism = self.environment.parallelism.max(1);
        futures::stream::iter(jobs).buffered(parallelism).filter_map(futures::future::ready).collect().await
    }
}

impl Planner<'_> {
    /// The object with its identity in the form of today, where its provider tells identities and it has an older one.
    async fn with_identity(
        &self,
        one: &Pending,
        object: Arc<Object>,
        connection: &Arc<dyn Connection>,
    ) -> Result<Arc<Object>, Box<Diagnostic>> {
        let schema = one.kind.schema.identity.as_ref().filter(|schema| schema.is_told);
        let (Some(schema), Some((stored, version))) = (schema, stored_identity(&object)) else {
            return Ok(object);
        };
        if version == schema.version {
            return Ok(object);
        }
        let failed = |message: String| {
            let summary = "Upgrading a stored identity failed";
            Box::new(Diagnostic::error("not-converted", summary, message).about(one.key.to_string()))
        };
        let request = Request::UpgradeIdentity { kind: one.kind.name.to_string(), version, stored };
        let identity = match self.connections.ask(connection, request).await {
            Response::Upgraded(Ok(identity)) => identity,
            Response::Upgraded(Err(error)) => return Err(failed(error.message)),
            _ => return Err(failed("The provider does not read identities of older versions.".to_owned())),
        };
        let null = Value::null(one.kind.value_type.clone());
        let (identity, identity_schema_version) = encode_identity(&null, Some(&identity), &one.kind);
        Ok(Arc::new(Object { identity, identity_schema_version, ..Object::clone(&object) }))
    }
}

fn request(one: &Pending) -> Request {
    let kind = one.kind.name.to_string();
    let (version, stored) = (one.object.schema_version, one.object.attributes.get().to_owned());
    match &one.origin {
        Some(origin) => Request::MoveFrom {
            kind,
            source: (one.object.provider.provider.to_string(), origin.type_name().to_string()),
            version,
            stored,
            private: one.object.private.clone().unwrap_or_default(),
            identity: stored_identity(&one.object),
        },
        None => Request::Upgrade { kind, version, stored },
    }
}

fn stored_identity(object: &Object) -> Option<(String, u64)> {
    let text = object.identity.as_ref()?.get().to_owned();
    Some((text, object.identity_schema_version.unwrap_or_default()))
}

fn taken(one: &Pending, response: Response) -> Result<Arc<Object>, Box<Diagnostic>> {
    let summary = match one.origin {
        Some(_) => "Unable to Move Resource State",
        None => "Upgrading a stored object failed",
    };
    match response {
        Response::Upgraded(Ok(value)) if stands_so(one, &value) => Ok(one.object.clone()),
        Response::Upgraded(Ok(value)) => in_form_of_today(one, &value, None).map(Arc::new),
        Response::Moved(moved) => {
            let private = (!moved.private.is_empty()).then_some(moved.private);
            let object = in_form_of_today(one, &moved.object, moved.identity.as_ref())?;
            Ok(Arc::new(Object { private, ..object }))
        }
        Response::Upgraded(Err(error)) => {
            Err(Box::new(error_diagnostic(&error, summary, &one.key.to_string())))
        }
        _ => Err(Box::new(not_converted(one, summary))),
    }
}

/// Whether an object is stored as its provider has it today.
fn stands_so(one: &Pending, value: &Value) -> bool {
    one.origin.is_none()
        && one.object.schema_version == one.kind.schema.version
        && decode_object(&one.object, &one.kind).is_ok_and(|prior| prior.value == *value)
}

fn in_form_of_today(one: &Pending, value: &Value, told: Option<&Value>) -> Result<Object, Box<Diagnostic>> {
    let kind = &one.kind;
    let text = json::encode(&kind.without_write_only(value), &kind.value_type);
    let text = text.map_err(|error| error.to_string()).and_then(raw);
    let attributes = text.map_err(|message| {
        let detail = format!(
            "The {} provider changed the state for {}, but produced an invalid result: {message}.",
            one.provider.provider, one.key
        );
        let summary = "Invalid resource state transformation";
        Box::new(Diagnostic::error("invalid-conversion", summary, detail).about(one.key.to_string()))
    })?;
    let stored = Object::clone(&one.object);
    let is_told = kind.schema.identity.as_ref().is_some_and(|schema| schema.is_told);
    let (identity, identity_schema_version) = match told {
        // What was told of the object holds as long as it is of the same type.
        None if is_told && one.origin.is_none() => (stored.identity.clone(), stored.identity_schema_version),
        told => encode_identity(value, told, kind),
    };
    Ok(Object {
        attributes,
        schema_version: kind.schema.version,
        provider: one.provider.clone(),
        identity,
        identity_schema_version,
        ..stored
    })
}

fn not_converted(one: &Pending, summary: &str) -> Diagnostic {
    let provider = one.provider.provider.for_display();
    let detail = match &one.origin {
        Some(origin) => format!(
            "The provider {provider} does not take over objects of type {} as {}, so {origin} cannot move to {}.",
            origin.type_name(),
            one.kind.name,
            one.key.address
        ),
        None => format!(
            "{} was stored with version {} of its schema. The provider {provider} has version {}, and does not read older ones.",
            one.key, one.object.schema_version, one.kind.schema.version
        ),
    };
    let hint = match one.origin {
        Some(_) => "Import the object at its new address, and forget it at the old one with a removed block.",
        None => "Use the provider version that made it, or forget the object and import it again.",
    };
    Diagnostic::error("not-converted", summary, detail).about(one.key.to_string()).hint(hint)
}

fn newer(key: &ObjectKey, provider: &ProviderConfigAddress) -> Diagnostic {
    let detail = format!(
        "The current state of {key} was created by a newer provider version than is currently selected. Upgrade the {} provider to work with this state.",
        provider.provider
    );
    Diagnostic::error("newer-object", "Resource instance managed by newer provider version", detail)
        .about(key.to_string())
}
