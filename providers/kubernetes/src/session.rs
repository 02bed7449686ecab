//! What one connection knows, and the acts on one object that every kind is built from.
//!
//! Invariant: each act here is a bounded number of requests, none of them repeated and none of them a wait.

use crate::api::{Api, ApplyOptions, Refusal};
use crate::discovery::{Catalogue, ServedKind};
use crate::failure::{Intent, provider_error};
use crate::fields::FieldSet;
use crate::object::{
    Desired, Identity, Record, Stored, TOKEN_LABEL, owner_of, token_label, token_of, uid_of,
};
use crate::stream::served_versions;
use crate::wait::is_definition;
use formwork_sdk::{ErrorKind, Outcome, ProviderError, Target};
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A connection to one API server.
pub(crate) struct Session {
    pub(crate) api: Api,
    pub(crate) target: Target,
    catalogue: Catalogue,
    /// Collections that these credentials may not write to.
    denied: Mutex<HashSet<String>>,
    /// Namespaces that a dry run did not find and nobody here has made since.
    absent_namespaces: Mutex<HashSet<String>>,
}

/// The mark that an apply leaves on its object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark<'a> {
    pub(crate) owner: &'a str,
    pub(crate) token: &'a str,
}

impl Session {
    pub(crate) fn new(api: Api, target: Target) -> Self {
        Self {
            api,
            target,
            catalogue: Catalogue::default(),
            denied: Mutex::default(),
            absent_namespaces: Mutex::default(),
        }
    }

    /// Notes that a collection cannot be written; answers whether that is the connection's first.
    pub(crate) fn note_denied(&self, collection: &str) -> bool {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = denied.is_empty();
        denied.insert(collection.to_owned());
        is_first
    }

    pub(crate) fn is_denied(&self, collection: &str) -> bool {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).contains(collection)
    }

    /// Notes that a namespace is not there: for each object in it the server would wait a while before it says so.
    pub(crate) fn note_absent_namespace(&self, namespace: &str) {
        self.absent_namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned());
    }

    pub(crate) fn is_absent_namespace(&self, namespace: &str) -> bool {
        self.absent_namespaces.lock().unwrap_or_else(PoisonError::into_inner).contains(namespace)
    }

    fn note_made(&self, identity: &Identity) {
        if identity.kind == "Namespace" {
            self.absent_namespaces.lock().unwrap_or_else(PoisonError::into_inner).remove(&identity.name);
        }
    }

    /// The kind as the server serves it, or nothing.
    pub(crate) async fn kind(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Arc<ServedKind>>, ProviderError> {
        let found = self.catalogue.find(&self.api, api_version, kind).await;
        found.map_err(|refusal| {
            provider_error(&refusal, Intent::Look, &format!("kind {kind} of {api_version}"))
        })
    }

    /// The kind, for an act that cannot do without.
    pub(crate) async fn need_kind(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<Arc<ServedKind>, ProviderError> {
        if let Some(found) = self.kind(api_version, kind).await? {
            return Ok(found);
        }
        self.catalogue.forget(api_version).await;
        let absent = || {
            ProviderError::new(
                ErrorKind::NotFound,
                format!("The API server does not know the kind {kind} of {api_version}."),
            )
            .hint("Install its CustomResourceDefinition first, or correct apiVersion and kind.")
        };
        self.kind(api_version, kind).await?.ok_or_else(absent)
    }

    /// Forgets what was known of a kind.
    pub(crate) async fn forget_kind(&self, kind: &ServedKind) {
        self.catalogue.forget(&kind.api_version).await;
    }

    /// Whether the server serves what a definition of custom resources brings; so for anything else. Discovery
    /// follows the definition's condition by a moment.
    pub(crate) async fn is_served(&self, manifest: &Json) -> Result<bool, ProviderError> {
        if !is_definition(manifest) {
            return Ok(true);
        }
        for (api_version, kind) in served_versions(manifest) {
            self.catalogue.forget(&api_version).await;
            if self.kind(&api_version, &kind).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The object, or nothing.
    pub(crate) async fn look(
        &self,
        kind: &ServedKind,
        identity: &Identity,
    ) -> Result<Option<Json>, ProviderError> {
        let path = kind.object_path(identity.namespace.as_deref(), &identity.name);
        match self.api.get(&path).await {
            Ok(live) => Ok(Some(live)),
            Err(refusal) if refusal.is_status(404) => Ok(None),
            Err(refusal) => Err(provider_error(&refusal, Intent::Look, &identity.to_string())),
        }
    }

    /// The one object in the collection that carries the token, or nothing.
    pub(crate) async fn look_by_token(
        &self,
        kind: &ServedKind,
        namespace: Option<&str>,
        token: &str,
    ) -> Result<Option<Json>, ProviderError> {
        let selector = format!("{TOKEN_LABEL}={}", token_label(token));
        let page = self.api.list_page(&kind.collection_path(namespace), Some(&selector), None).await;
        let page = page.map_err(|refusal| provider_error(&refusal, Intent::Look, &kind.resource_words()))?;
        let Some(found) = page["items"].get(0) else { return Ok(None) };
        let mut live = found.clone();
        // Items of a list lack what the list says once.
        live["apiVersion"] = json!(kind.api_version);
        live["kind"] = json!(kind.kind);
        Ok(Some(live))
    }

    /// Makes the object, or finds that this very apply has made it before.
    pub(crate) async fn create(&self, desired: &mut Desired, mark: Mark<'_>) -> Result<Json, ProviderError> {
        let kind = self.need_kind(&desired.identity.api_version, &desired.identity.kind).await?;
        desired.place(kind.is_namespaced);
        if desired.generates_name() {
            return self.create_generated(&kind, desired, mark).await;
        }
        if let Some(live) = self.look(&kind, &desired.identity).await? {
            let is_ours = owner_of(&live) == Some(mark.owner);
            if !is_ours || token_of(&live) != Some(token_label(mark.token).as_str()) {
                return Err(taken_name(&desired.identity, is_ours));
            }
        }
        self.write(&kind, desired, mark, None).await
    }

    async fn create_generated(
        &self,
        kind: &ServedKind,
        desired: &mut Desired,
        mark: Mark<'_>,
    ) -> Result<Json, ProviderError> {
        let namespace = desired.identity.namespace.clone();
        let body = desired.body(mark.owner, Some(mark.token));
        let live = match self.look_by_token(kind, namespace.as_deref(), mark.token).await? {
            Some(live) if is_applied(&live, &desired.manager) => return Ok(live),
            Some(live) => live,
            None => {
                let options =
                    ApplyOptions { manager: &desired.manager, force: desired.force, dry_run: false };
                let made = self.api.create(&kind.collection_path(namespace.as_deref()), &body, options).await;
                made.map_err(|refusal| {
                    provider_error(&refusal, Intent::Change, &desired.identity.to_string())
                })?
            }
        };
        // Made by POST, the fields and all defaults are in an `Update` entry; later applies take fields away only if
        // the given ones, and they alone, stand as applied.
        let name = live["metadata"]["name"].as_str().unwrap_or_default();
        let change = json!({ "metadata": { "managedFields": as_applied(&live, &desired.manager, &body) } });
        let path = kind.object_path(namespace.as_deref(), name);
        self.api.merge(&path, &change, &desired.manager).await.map_err(|refusal| {
            let error = provider_error(&refusal, Intent::Change, &desired.identity.to_string());
            // The object stands: found by its token, it is taken up.
            error.outcome(Outcome::Unknown)
        })
    }

    /// Changes the object, as long as it is the one with this UID.
    pub(crate) async fn update(
        &self,
        desired: &mut Desired,
        mark: Mark<'_>,
        uid: Option<&str>,
    ) -> Result<Json, ProviderError> {
        let kind = self.need_kind(&desired.identity.api_version, &desired.identity.kind).await?;
        desired.place(kind.is_namespaced);
        self.write(&kind, desired, mark, uid).await
    }

    async fn write(
        &self,
        kind: &ServedKind,
        desired: &Desired,
        mark: Mark<'_>,
        uid: Option<&str>,
    ) -> Result<Json, ProviderError> {
        let mut body = desired.body(mark.owner, Some(mark.token));
        if let Some(uid) = uid {
            body["metadata"]["uid"] = json!(uid);
        }
        let options = ApplyOptions { manager: &desired.manager, force: desired.force, dry_run: false };
        let path = kind.object_path(desired.identity.namespace.as_deref(), &desired.identity.name);
        let applied = self.api.apply(&path, &body, options).await;
        self.note_made(&desired.identity);
        applied.map_err(|refusal| {
            if is_other_object(&refusal) {
                return ProviderError::new(
                    ErrorKind::NotFound,
                    format!("{} was deleted, or made anew by somebody else, meanwhile.", desired.identity),
                )
                .hint("Plan again.");
            }
            provider_error(&refusal, Intent::Change, &desired.identity.to_string())
        })
    }

    /// Asks for the deletion; the object as it goes, or nothing where it is gone.
    pub(crate) async fn delete(
        &self,
        identity: &Identity,
        uid: Option<&str>,
    ) -> Result<Option<Json>, ProviderError> {
        let Some(kind) = self.kind(&identity.api_version, &identity.kind).await? else { return Ok(None) };
        let path = kind.object_path(identity.namespace.as_deref(), &identity.name);
        match self.api.delete(&path, uid).await {
            Ok(going) if going["metadata"]["deletionTimestamp"].is_string() => Ok(Some(going)),
            Ok(_) => Ok(None),
            Err(refusal) if refusal.is_status(404) || is_other_object(&refusal) => Ok(None),
            Err(refusal) => Err(provider_error(&refusal, Intent::Change, &identity.to_string())),
        }
    }

    /// The object while it goes, or nothing where it is gone or its name is another object's.
    pub(crate) async fn look_going(
        &self,
        identity: &Identity,
        uid: Option<&str>,
    ) -> Result<Option<Json>, ProviderError> {
        let Some(kind) = self.kind(&identity.api_version, &identity.kind).await? else { return Ok(None) };
        let live = self.look(&kind, identity).await?;
        Ok(live.filter(|live| uid.is_none() || uid_of(live) == uid))
    }
}

/// Whether a precondition on the UID failed: the object is gone, or another has its name.
pub(crate) fn is_other_object(refusal: &Refusal) -> bool {
    let message = &refusal.message;
    refusal.is_status(409)
        && (message.contains("uid mismatch") || message.contains("Precondition failed: UID"))
        || refusal.is_status(422) && message.contains("metadata.uid") && message.contains("immutable")
}

/// The name is somebody's. With our owner mark it is another resource of this configuration, or a lost state.
pub(crate) fn taken_name(identity: &Identity, is_ours: bool) -> ProviderError {
    let message = if is_ours {
        format!(
            "{identity} exists already and carries this state's owner mark, but the state does not know it."
        )
    } else {
        format!("{identity} exists already and is not managed here.")
    };
    ProviderError::new(ErrorKind::Conflict, message).hint(format!(
        "To manage it, import it with the id \"{}\"; else choose another name.",
        identity.import_id()
    ))
}

/// Whether our fields stand as applied.
pub(crate) fn is_applied(live: &Json, manager: &str) -> bool {
    let entries = live["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().any(|entry| entry["manager"] == manager && entry["operation"] == "Apply")
}

/// The managed fields of an object with our `Update` entry turned into an `Apply` entry of what the body gives.
pub(crate) fn as_applied(live: &Json, manager: &str, body: &Json) -> Json {
    let mut given = body.clone();
    if let Some(metadata) = given["metadata"].as_object_mut() {
        metadata.remove("generateName");
    }
    let mut entries = live["metadata"]["managedFields"].clone();
    for entry in entries.as_array_mut().map(Vec::as_mut_slice).unwrap_or_default() {
        if entry["manager"] == manager && entry.get("subresource").is_none() {
            let fields = FieldSet::parse(&entry["fieldsV1"]).restricted_to(&given).unwrap_or_default();
            entry["operation"] = json!("Apply");
            entry["fieldsV1"] = fields.to_json();
        }
    }
    entries
}

/// The record of an object as it was last applied.
pub(crate) fn record_of(desired: &Desired, live: &Json, stored: &Stored) -> Record {
    let mut identity = desired.identity.clone();
    if let Some(name) = live["metadata"]["name"].as_str() {
        name.clone_into(&mut identity.name);
    }
    Record {
        identity,
        uid: uid_of(live).unwrap_or_default().to_owned(),
        manager: desired.manager.clone(),
        manifest_digest: desired.digest(),
        object_digest: stored.digest(&desired.computed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn another_object_of_the_name_is_recognised() {
        let table = [
            (
                409,
                "Operation cannot be fulfilled: uid mismatch: the provided object specified uid a, and no existing object was found",
                true,
            ),
            (409, "Precondition failed: UID in precondition: a, UID in object meta: b", true),
            (409, "Apply failed with 1 conflict", false),
            (404, "uid mismatch", false),
        ];
        for (status, message, expected) in table {
            let body = json!({ "message": message }).to_string();
            assert_eq!(
                is_other_object(&Refusal::of_answer(status, &HeaderMap::new(), body.as_bytes())),
                expected
            );
        }
    }

    #[test]
    fn our_update_entry_becomes_an_apply_entry() {
        let fields = json!({ "f:metadata": { "f:generateName": {} }, "f:data": { "f:a": {} }, "f:type": {} });
        let entries = json!([
            { "manager": "formwork", "operation": "Update", "fieldsV1": fields },
            { "manager": "other", "operation": "Update", "fieldsV1": fields },
        ]);
        let live = json!({ "metadata": { "managedFields": entries } });
        assert!(!is_applied(&live, "formwork"));
        let body = json!({ "metadata": { "generateName": "a-" }, "data": { "a": 1 } });
        let applied = as_applied(&live, "formwork", &body);
        let expected =
            json!({ "manager": "formwork", "operation": "Apply", "fieldsV1": { "f:data": { "f:a": {} } } });
        assert_eq!(applied, json!([expected, entries[1]]));
        assert!(is_applied(&json!({ "metadata": { "managedFields": applied } }), "formwork"));
    }
}
