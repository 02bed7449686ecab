//! What a change of one object would do, asked of the server by a dry run where nothing else can tell.
//!
//! Invariant: an object whose manifest and stored fields are as last applied costs no request. A refusal that
//! another change of the same plan may cure (a quota, a namespace, a webhook) is a warning; one that cannot be cured
//! so is an error.

use crate::api::{ApplyOptions, Refusal};
use crate::discovery::ServedKind;
use crate::failure::{
    Intent, conflict_sentence, is_immutable, manifest_path, owners_of_conflict, provider_error,
};
use crate::json::DocumentPath;
use crate::object::{Desired, Identity, Record, Stored, object_digest, owner_of};
use crate::session::{Session, as_applied, is_other_object, taken_name};
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_sdk::{Deferred, DeferredReason, ProviderError};
use formwork_value::Path;
use serde_json::{Value as Json, json};

/// The object as the state has it.
#[derive(Debug, Clone)]
pub(crate) struct Prior {
    pub(crate) record: Record,
    pub(crate) object: Json,
    pub(crate) is_taken_over: bool,
}

/// What is known of one object after the change.
#[derive(Debug, Default)]
pub(crate) struct ObjectPlan {
    pub(crate) expected: Expected,
    /// Paths in the manifest that can only be given when the object is made.
    pub(crate) replace: Vec<Path>,
    pub(crate) deferred: Option<Deferred>,
    pub(crate) diagnostics: Diagnostics,
}

/// What will be stored of the object.
#[derive(Debug, Default)]
pub(crate) enum Expected {
    /// What is stored already.
    Unchanged,
    /// This, but for what stands at the paths.
    Known(Json, Vec<DocumentPath>),
    /// Only the apply can tell.
    #[default]
    Unknown,
}

impl ObjectPlan {
    fn unknown() -> Self {
        Self::default()
    }

    fn with(diagnostic: Diagnostic) -> Self {
        Self { diagnostics: diagnostic.into(), ..Self::default() }
    }
}

/// The deferral of an object whose kind the server does not know.
pub(crate) fn absent_kind(identity: &Identity) -> Deferred {
    Deferred {
        reason: DeferredReason::AbsentPrerequisite,
        awaits: format!("the kind {} of {}", identity.kind, identity.api_version),
    }
}

/// Paths whose change makes another object of it.
pub(crate) fn identity_changes(before: &Identity, manifest: &Json, after: &Identity) -> Vec<Path> {
    let at = |names: &[&str]| {
        names.iter().fold(Path::root().attribute("manifest"), |path, name| path.attribute(*name))
    };
    let mut changed = Vec::new();
    let mut check = |differs: bool, names: &[&str]| {
        if differs {
            changed.push(at(names));
        }
    };
    check(before.api_version != after.api_version, &["apiVersion"]);
    check(before.kind != after.kind, &["kind"]);
    check(!after.name.is_empty() && before.name != after.name, &["metadata", "name"]);
    let is_stated = manifest["metadata"]["namespace"].is_string();
    let was = before.namespace.as_deref();
    check(
        if is_stated { was != after.namespace.as_deref() } else { was.is_some_and(|name| name != "default") },
        &["metadata", "namespace"],
    );
    changed
}

impl Session {
    /// Plans one object.
    pub(crate) async fn plan_object(
        &self,
        desired: &mut Desired,
        prior: Option<&Prior>,
        owner: &str,
    ) -> Result<ObjectPlan, ProviderError> {
        if prior.is_some_and(|prior| is_unchanged(desired, prior)) {
            return Ok(ObjectPlan { expected: Expected::Unchanged, ..ObjectPlan::default() });
        }
        if let Some(prior) = prior {
            let replace = identity_changes(&prior.record.identity, &desired.manifest, &desired.identity);
            if !replace.is_empty() {
                return Ok(ObjectPlan { replace, ..ObjectPlan::default() });
            }
        }
        let Some(kind) = self.kind(&desired.identity.api_version, &desired.identity.kind).await? else {
            return Ok(ObjectPlan {
                deferred: Some(absent_kind(&desired.identity)),
                ..ObjectPlan::default()
            });
        };
        desired.place(kind.is_namespaced);
        let collection = kind.collection_path(desired.identity.namespace.as_deref());
        let namespace = desired.identity.namespace.as_deref();
        if self.is_denied(&collection) || namespace.is_some_and(|name| self.is_absent_namespace(name)) {
            return Ok(ObjectPlan::unknown());
        }
        let answer = match prior {
            Some(prior) => self.try_update(&kind, desired, prior, owner).await,
            None => self.try_create(&kind, desired, owner).await,
        };
        match answer {
            // A dry run that makes an object gives it no version.
            Ok(live) if prior.is_none() && live["metadata"]["resourceVersion"].is_string() => {
                self.explain_existing(&kind, desired, owner).await
            }
            Err(refusal) if prior.is_none() && !owners_of_conflict(&refusal).is_empty() => {
                self.explain_existing(&kind, desired, owner).await
            }
            Ok(live) => Ok(expected(desired, &live, prior.is_none())),
            Err(refusal) => self.explain(&kind, &desired.identity, &refusal),
        }
    }

    async fn try_create(&self, kind: &ServedKind, desired: &Desired, owner: &str) -> Result<Json, Refusal> {
        let options = ApplyOptions { manager: &desired.manager, force: desired.force, dry_run: true };
        let body = desired.body(owner, None);
        let namespace = desired.identity.namespace.as_deref();
        if desired.generates_name() {
            let mut live = self.api.create(&kind.collection_path(namespace), &body, options).await?;
            live["metadata"]["managedFields"] = as_applied(&live, &desired.manager, &body);
            return Ok(live);
        }
        self.api.apply(&kind.object_path(namespace, &desired.identity.name), &body, options).await
    }

    /// An object of the name stands. With our mark it is about to be replaced, or it is another's.
    async fn explain_existing(
        &self,
        kind: &ServedKind,
        desired: &Desired,
        owner: &str,
    ) -> Result<ObjectPlan, ProviderError> {
        let live = self.look(kind, &desired.identity).await?;
        let is_ours = live.as_ref().and_then(owner_of) == Some(owner);
        if is_ours || live.is_none() {
            return Ok(ObjectPlan::unknown());
        }
        Ok(ObjectPlan::with(taken_diagnostic(&desired.identity)))
    }

    async fn try_update(
        &self,
        kind: &ServedKind,
        desired: &mut Desired,
        prior: &Prior,
        owner: &str,
    ) -> Result<Json, Refusal> {
        desired.identity.name.clone_from(&prior.record.identity.name);
        let mut body = desired.body(owner, None);
        if !prior.record.uid.is_empty() {
            body["metadata"]["uid"] = json!(prior.record.uid);
        }
        let options = ApplyOptions { manager: &desired.manager, force: desired.force, dry_run: true };
        let path = kind.object_path(desired.identity.namespace.as_deref(), &desired.identity.name);
        self.api.apply(&path, &body, options).await
    }

    /// What a refused dry run means for the plan.
    fn explain(
        &self,
        kind: &ServedKind,
        identity: &Identity,
        refusal: &Refusal,
    ) -> Result<ObjectPlan, ProviderError> {
        if refusal.is_access_denied() && refusal.is_status(403) {
            let is_first = self.note_denied(&kind.collection_path(identity.namespace.as_deref()));
            return Ok(if is_first {
                ObjectPlan::with(read_only_warning(refusal))
            } else {
                ObjectPlan::unknown()
            });
        }
        let owners = owners_of_conflict(refusal);
        if !owners.is_empty() {
            return Ok(ObjectPlan::with(conflict_diagnostic(identity, &owners)));
        }
        if is_immutable(refusal) {
            return Ok(ObjectPlan { replace: immutable_paths(refusal), ..ObjectPlan::default() });
        }
        if is_curable(refusal) {
            return Ok(ObjectPlan::with(refused_today(identity, refusal)));
        }
        if let Some(namespace) = identity.namespace.as_deref().filter(|name| is_absence_of(refusal, name)) {
            self.note_absent_namespace(namespace);
        }
        if refusal.is_status(404)
            || is_other_object(refusal)
            || refusal.message.contains("does not support dry run")
        {
            return Ok(ObjectPlan::unknown());
        }
        if matches!(refusal.status, Some(400 | 422)) || refusal.is_schema_error() {
            return Ok(ObjectPlan::with(invalid_diagnostic(identity, refusal)));
        }
        Err(provider_error(refusal, Intent::Look, &identity.to_string()))
    }
}

fn is_unchanged(desired: &Desired, prior: &Prior) -> bool {
    !prior.is_taken_over
        && desired.digest() == prior.record.manifest_digest
        && object_digest(&prior.object, &desired.computed) == prior.record.object_digest
}

fn expected(desired: &Desired, live: &Json, is_create: bool) -> ObjectPlan {
    let stored = Stored::of(live, Some(&desired.manifest), &desired.manager, &desired.computed);
    let mut unknown = desired.computed.clone();
    let metadata = |name: &str| DocumentPath(vec!["metadata".to_owned(), name.to_owned()]);
    if is_create {
        unknown.push(metadata("uid"));
        if desired.generates_name() {
            unknown.push(metadata("name"));
        }
    }
    ObjectPlan { expected: Expected::Known(stored.object, unknown), ..ObjectPlan::default() }
}

/// Whether another change of the same plan may cure it: a quota, a policy of the namespace, a webhook's service.
fn is_curable(refusal: &Refusal) -> bool {
    refusal.is_status(403) || refusal.message.contains("failed calling webhook")
}

/// Whether the namespace itself is what was not found.
fn is_absence_of(refusal: &Refusal, namespace: &str) -> bool {
    refusal.is_status(404) && refusal.message == format!("namespaces {namespace:?} not found")
}

fn immutable_paths(refusal: &Refusal) -> Vec<Path> {
    let paths: Vec<Path> = refusal.causes.iter().filter_map(|cause| manifest_path(&cause.field)).collect();
    if paths.is_empty() { vec![Path::root().attribute("manifest")] } else { paths }
}

fn read_only_warning(refusal: &Refusal) -> Diagnostic {
    Diagnostic::warning(
        "kubernetes-read-only",
        "No dry run: these credentials may only read",
        format!(
            "The plan is made from what was read alone, so what the API server would refuse or fill in shows only on \
             apply. The server said: {}",
            refusal.message
        ),
    )
}

fn taken_diagnostic(identity: &Identity) -> Diagnostic {
    let error = taken_name(identity, false);
    let diagnostic = Diagnostic::error("kubernetes-exists", "The object exists already", error.message);
    diagnostic.hint(error.hint.unwrap_or_default()).attribute(".manifest.metadata.name")
}

fn conflict_diagnostic(identity: &Identity, owners: &[(String, String)]) -> Diagnostic {
    Diagnostic::error(
        "kubernetes-field-conflict",
        "Another field manager owns fields of this manifest",
        format!("{identity}: {}.", conflict_sentence(owners)),
    )
    .hint("Leave the field out of the manifest, or set field_manager { force_conflicts = true } to take it over.")
    .attribute(attribute_of(&owners[0].0))
}

fn refused_today(identity: &Identity, refusal: &Refusal) -> Diagnostic {
    Diagnostic::warning(
        "kubernetes-refused-today",
        "The API server would refuse this as things stand",
        format!("{identity}: {}. It is tried again on apply.", refusal.message.trim_end_matches('.')),
    )
}

fn invalid_diagnostic(identity: &Identity, refusal: &Refusal) -> Diagnostic {
    let field = refusal.causes.first().map(|cause| cause.field.as_str()).unwrap_or_default();
    Diagnostic::error(
        "kubernetes-invalid-manifest",
        "The API server refuses this manifest",
        format!("{identity}: {}.", refusal.message.trim_end_matches('.')),
    )
    .attribute(attribute_of(field))
}

fn attribute_of(field: &str) -> String {
    manifest_path(field).map_or_else(|| ".manifest".to_owned(), |path| path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::FieldManager;

    #[test]
    fn another_identity_is_another_object() {
        let identity = |api_version: &str, kind: &str, namespace: Option<&str>, name: &str| Identity {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        };
        let before = identity("v1", "Pod", Some("a"), "x");
        let table: [(Identity, &[&str]); 6] = [
            (identity("v1", "Pod", Some("a"), "x"), &[]),
            (identity("v2", "Pod", Some("a"), "x"), &[".manifest.apiVersion"]),
            (identity("v1", "Job", Some("a"), "y"), &[".manifest.kind", ".manifest.metadata.name"]),
            (identity("v1", "Pod", Some("b"), "x"), &[".manifest.metadata.namespace"]),
            (identity("v1", "Pod", None, "x"), &[".manifest.metadata.namespace"]),
            (identity("v1", "Pod", Some("a"), ""), &[]),
        ];
        for (after, expected) in table {
            let manifest = json!({ "metadata": { "namespace": after.namespace } });
            let found: Vec<String> =
                identity_changes(&before, &manifest, &after).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{after}");
        }
    }

    #[test]
    fn an_absent_namespace_is_told_from_an_absent_object() {
        let table = [
            (404, "namespaces \"a\" not found", true),
            (404, "namespaces \"b\" not found", false),
            (404, "configmaps \"a\" not found", false),
            (403, "namespaces \"a\" not found", false),
        ];
        for (status, message, expected) in table {
            let body = json!({ "message": message }).to_string();
            let refusal = Refusal::of_answer(status, &http::HeaderMap::new(), body.as_bytes());
            assert_eq!(is_absence_of(&refusal, "a"), expected, "{status} {message}");
        }
    }

    #[test]
    fn what_is_as_last_applied_is_unchanged() {
        let manifest = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } });
        let desired = Desired::new(manifest.clone(), FieldManager::default(), Vec::new()).unwrap();
        let object = json!({ "data": { "k": "v" } });
        let prior = Prior {
            record: Record {
                identity: desired.identity.clone(),
                uid: "u".to_owned(),
                manager: "formwork".to_owned(),
                manifest_digest: desired.digest(),
                object_digest: object_digest(&object, &[]),
            },
            object,
            is_taken_over: false,
        };
        assert!(is_unchanged(&desired, &prior));
        assert!(!is_unchanged(&desired, &Prior { is_taken_over: true, ..prior.clone() }));
        assert!(!is_unchanged(&desired, &Prior { object: json!({}), ..prior.clone() }));
        let mut changed = manifest;
        changed["data"] = json!({ "k": "w" });
        assert!(!is_unchanged(&Desired::new(changed, FieldManager::default(), Vec::new()).unwrap(), &prior));
    }
}
