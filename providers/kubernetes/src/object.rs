//! One object: its identity, what is sent for it, and what of it is stored.
//!
//! Invariants: what is stored of a live object is its identity, the fields that our field manager owns, the fields of
//! the manifest that others took over, and the computed fields asked for; so what the server or another manager adds
//! is never drift. The values of a Secret are stored as digests alone. Our own marks are sent with every object and
//! shown with none.

use crate::fields::{FieldSet, Ownership, canonical, words};
use crate::json::{DocumentPath, without_nulls};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// The label that holds the token of the last apply.
pub(crate) const TOKEN_LABEL: &str = "formwork.dev/token";
/// The annotation that says who owns the object.
pub(crate) const OWNER_ANNOTATION: &str = "formwork.dev/owner";
/// Our field manager, unless `field_manager` names another.
pub(crate) const FIELD_MANAGER: &str = "formwork";

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// `apps/v1`
    pub(crate) api_version: String,
    /// `Deployment`
    pub(crate) kind: String,
    /// Nothing where the kind has no namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Empty where the server is to generate one.
    pub(crate) name: String,
}

impl Identity {
    /// The identity that a document states, as far as it does.
    pub(crate) fn of(document: &Json) -> Option<Self> {
        let metadata = &document["metadata"];
        let text = |at: &Json| at.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            api_version: text(&document["apiVersion"])?,
            kind: text(&document["kind"])?,
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]).unwrap_or_default(),
        })
    }

    /// `apiVersion=v1,kind=ConfigMap,namespace=a,name=b`
    pub(crate) fn import_id(&self) -> String {
        let namespace = self.namespace.as_ref().map(|name| format!("namespace={name},")).unwrap_or_default();
        format!("apiVersion={},kind={},{namespace}name={}", self.api_version, self.kind, self.name)
    }

    /// Reads an import id; the message says what is wrong with it.
    pub(crate) fn parse_import_id(id: &str) -> Result<Self, String> {
        let mut parts = BTreeMap::new();
        for part in id.split(',') {
            let Some((name, value)) = part.split_once('=') else {
                return Err(format!("{part:?} is not NAME=VALUE"));
            };
            if !["apiVersion", "kind", "namespace", "name"].contains(&name.trim()) {
                return Err(format!("{name:?} is none of apiVersion, kind, namespace and name"));
            }
            parts.insert(name.trim(), value.trim().to_owned());
        }
        let mut need = |name: &str| {
            parts.remove(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} is missing"))
        };
        let (api_version, kind, name) = (need("apiVersion")?, need("kind")?, need("name")?);
        Ok(Self { api_version, kind, namespace: parts.remove("namespace"), name })
    }

    /// `apps/v1/Deployment/NAMESPACE/NAME`: the key in `kubernetes_manifests`.
    pub(crate) fn key(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!("{}/{}/{namespace}/{}", self.api_version, self.kind, self.name)
    }
}

/// `Deployment kp-a/web`
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// What the configuration wants of one object.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    /// The document without nulls, a Secret's `stringData` folded into `data`.
    pub(crate) manifest: Json,
    /// Which object.
    pub(crate) identity: Identity,
    /// Who owns the fields.
    pub(crate) manager: String,
    /// Whether fields of others are taken over.
    pub(crate) force: bool,
    /// What the server decides.
    pub(crate) computed: Vec<DocumentPath>,
}

impl Desired {
    /// From a manifest; the message says what is wrong with it.
    pub(crate) fn new(manifest: Json, field_manager: FieldManager, computed: Vec<DocumentPath>) -> Result<Self, String> {
        let mut manifest = without_nulls(manifest);
        let Some(identity) = Identity::of(&manifest) else {
            return Err("A manifest needs apiVersion and kind.".to_owned());
        };
        if identity.name.is_empty() && manifest["metadata"]["generateName"].as_str().is_none() {
            return Err("A manifest needs metadata.name or metadata.generateName.".to_owned());
        }
        fold_string_data(&mut manifest);
        Ok(Self { manifest, identity, manager: field_manager.name, force: field_manager.force, computed })
    }

    /// Whether the server gives the name.
    pub(crate) fn generates_name(&self) -> bool {
        self.identity.name.is_empty()
    }

    /// Puts the object into a namespace or out of all, as its kind asks.
    pub(crate) fn place(&mut self, is_namespaced: bool) {
        if is_namespaced && self.identity.namespace.is_none() {
            self.identity.namespace = Some("default".to_owned());
        }
        if !is_namespaced {
            self.identity.namespace = None;
        }
    }

    /// The document to send: the manifest with our marks.
    pub(crate) fn body(&self, owner: &str, token: Option<&str>) -> Json {
        let mut body = self.manifest.clone();
        if let Some(namespace) = &self.identity.namespace {
            body["metadata"]["namespace"] = json!(namespace);
        }
        if !self.generates_name() {
            body["metadata"]["name"] = json!(self.identity.name);
            if let Json::Object(metadata) = &mut body["metadata"] {
                metadata.remove("generateName");
            }
        }
        set_entry(&mut body["metadata"], "annotations", OWNER_ANNOTATION, owner);
        set_entry(&mut body["metadata"], "labels", TOKEN_LABEL, &token_label(token.unwrap_or("planned")));
        body
    }

    /// A digest of the manifest and of how it is applied.
    pub(crate) fn digest(&self) -> String {
        digest(&canonical(&json!([self.manifest, self.manager, self.computed_texts()])))
    }

    fn computed_texts(&self) -> Vec<String> {
        self.computed.iter().map(|path| path.0.join("\u{0}")).collect()
    }
}

/// Who owns the fields, and whether those of others are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldManager {
    pub(crate) name: String,
    pub(crate) force: bool,
}

impl Default for FieldManager {
    fn default() -> Self {
        Self { name: FIELD_MANAGER.to_owned(), force: false }
    }
}

fn set_entry(metadata: &mut Json, map: &str, key: &str, value: &str) {
    if !metadata.is_object() {
        *metadata = Json::Object(Map::new());
    }
    if !metadata[map].is_object() {
        metadata[map] = Json::Object(Map::new());
    }
    metadata[map][key] = json!(value);
}

/// `stringData` is for writing alone and the server folds it into `data`; done here, the two never disagree.
fn fold_string_data(manifest: &mut Json) {
    if !is_secret(manifest) {
        return;
    }
    let Json::Object(entries) = manifest else { return };
    let Some(Json::Object(texts)) = entries.remove("stringData") else { return };
    let data = entries.entry("data").or_insert_with(|| Json::Object(Map::new()));
    for (name, text) in texts {
        if let Some(text) = text.as_str() {
            data[name] = json!(base64::engine::general_purpose::STANDARD.encode(text));
        }
    }
}

/// Whether a document is a core Secret.
pub(crate) fn is_secret(document: &Json) -> bool {
    document["apiVersion"] == "v1" && document["kind"] == "Secret"
}

/// The token as a label's value: as it is where it may stand there, else a digest of it.
pub(crate) fn token_label(token: &str) -> String {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = token.as_bytes();
    let is_label = bytes.len() <= 63
        && is_edge(bytes.first())
        && is_edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    if is_label { token.to_owned() } else { digest(token)[..40].to_owned() }
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        hex
    })
}

/// The owner that an object carries.
pub(crate) fn owner_of(live: &Json) -> Option<&str> {
    live["metadata"]["annotations"][OWNER_ANNOTATION].as_str()
}

/// The token label that an object carries.
pub(crate) fn token_of(live: &Json) -> Option<&str> {
    live["metadata"]["labels"][TOKEN_LABEL].as_str()
}

/// The UID of an object.
pub(crate) fn uid_of(live: &Json) -> Option<&str> {
    live["metadata"]["uid"].as_str()
}

/// What is stored of a live object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    /// The part of the object that is ours.
    pub(crate) object: Json,
    /// Fields of the manifest that others own, with their manager.
    pub(crate) taken_over: BTreeMap<String, String>,
}

impl Stored {
    /// The part of a live object that is to be stored, for a manifest applied by a field manager.
    pub(crate) fn of(live: &Json, manifest: Option<&Json>, manager: &str, computed: &[DocumentPath]) -> Self {
        let ownership = Ownership::of(live, manager);
        let mut fields = if ownership.ours.is_leaf() { nothing() } else { ownership.ours.clone() };
        let mut taken_over = BTreeMap::new();
        for field in manifest.map(|manifest| ownership.foreign_fields(manifest)).unwrap_or_default() {
            fields.insert(&field.steps);
            taken_over.insert(words(&field.steps), field.manager);
        }
        let mut object = fields.extract(live).unwrap_or_else(|| json!({}));
        if !object.is_object() {
            object = json!({});
        }
        add_identity(&mut object, live);
        strip_marks(&mut object);
        for path in computed {
            if let Some(value) = path.get(live) {
                path.set(&mut object, value.clone());
            }
        }
        hide_secret_values(&mut object);
        taken_over.retain(|field, _| !field.contains("formwork.dev/"));
        Self { object, taken_over }
    }

    /// A digest that changes with everything but what the server decides.
    pub(crate) fn digest(&self, computed: &[DocumentPath]) -> String {
        object_digest(&self.object, computed)
    }
}

/// A set that names no field of an object.
fn nothing() -> FieldSet {
    FieldSet::parse(&json!({ "f:": {} }))
}

/// A digest of a stored object without its computed fields.
pub(crate) fn object_digest(object: &Json, computed: &[DocumentPath]) -> String {
    let mut object = object.clone();
    for path in computed {
        path.remove(&mut object);
    }
    digest(&canonical(&object))
}

fn add_identity(object: &mut Json, live: &Json) {
    for name in ["apiVersion", "kind"] {
        object[name] = live[name].clone();
    }
    for name in ["name", "namespace", "uid"] {
        if let Some(value) = live["metadata"].get(name) {
            object["metadata"][name] = value.clone();
        }
    }
}

fn strip_marks(object: &mut Json) {
    for (map, key) in [("annotations", OWNER_ANNOTATION), ("labels", TOKEN_LABEL)] {
        let Some(metadata) = object["metadata"].as_object_mut() else { return };
        let Some(Json::Object(entries)) = metadata.get_mut(map) else { continue };
        entries.remove(key);
        if entries.is_empty() {
            metadata.remove(map);
        }
    }
}

/// A Secret's values as digests, salted with the object's name so that equal values in two Secrets look different.
pub(crate) fn hide_secret_values(object: &mut Json) {
    if !is_secret(object) {
        return;
    }
    let place = Identity::of(object).map(|identity| identity.key()).unwrap_or_default();
    for part in ["data", "stringData"] {
        let Some(Json::Object(entries)) = object.get_mut(part) else { continue };
        for (name, value) in entries {
            *value = json!(format!("sha256:{}", digest(&format!("{place}/{name}/{}", canonical(value)))));
        }
    }
}

/// A live object without what only the server or its controllers write: what a manifest of it would say.
pub(crate) fn manifest_of(live: &Json) -> Json {
    let mut manifest = live.clone();
    if let Json::Object(entries) = &mut manifest {
        entries.remove("status");
    }
    if let Json::Object(metadata) = &mut manifest["metadata"] {
        for name in
            ["managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "ownerReferences"]
        {
            metadata.remove(name);
        }
        if let Some(Json::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            annotations.remove("deployment.kubernetes.io/revision");
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    strip_marks(&mut manifest);
    manifest
}

/// What is kept in the private bytes: enough to find the object, and to see without a request that nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Which object.
    pub(crate) identity: Identity,
    /// Its UID.
    pub(crate) uid: String,
    /// Whose fields are ours.
    pub(crate) manager: String,
    /// Digest of the manifest as last applied.
    pub(crate) manifest_digest: String,
    /// Digest of the stored object as last applied.
    pub(crate) object_digest: String,
}

impl Record {
    /// From private bytes; nothing where they are not ours.
    pub(crate) fn decode(private: &[u8]) -> Option<Self> {
        serde_json::from_slice(private).ok()
    }

    /// As private bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(manifest: Json) -> Desired {
        Desired::new(manifest, FieldManager::default(), Vec::new()).unwrap()
    }

    #[test]
    fn import_ids() {
        let table = [
            ("apiVersion=v1,kind=Namespace,name=a", Ok("v1/Namespace//a")),
            ("apiVersion=apps/v1,kind=Deployment,namespace=n,name=a", Ok("apps/v1/Deployment/n/a")),
            ("apiVersion=v1,kind=Namespace", Err("name is missing")),
            ("a/b", Err("\"a/b\" is not NAME=VALUE")),
            ("uid=3", Err("\"uid\" is none of apiVersion, kind, namespace and name")),
        ];
        for (id, expected) in table {
            let found = Identity::parse_import_id(id);
            if let Ok(identity) = &found {
                assert_eq!(identity.import_id(), id);
            }
            assert_eq!(found.map(|identity| identity.key()), expected.map(str::to_owned).map_err(str::to_owned), "{id}");
        }
    }

    #[test]
    fn tokens_become_labels() {
        let long = "a".repeat(64);
        let table = [("abc-1", "abc-1".to_owned()), ("-abc", digest("-abc")[..40].to_owned()), (&long, digest(&long)[..40].to_owned())];
        for (token, expected) in table {
            assert_eq!(token_label(token), expected);
        }
    }

    #[test]
    fn digests_are_sha256() {
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn bad_manifests_are_refused() {
        let table = [
            (json!({ "kind": "A", "metadata": { "name": "a" } }), "A manifest needs apiVersion and kind."),
            (json!({ "apiVersion": "v1", "kind": "A" }), "A manifest needs metadata.name or metadata.generateName."),
        ];
        for (manifest, expected) in table {
            let found = Desired::new(manifest, FieldManager::default(), Vec::new()).map(|_| ());
            assert_eq!(found, Err(expected.to_owned()));
        }
    }

    #[test]
    fn a_body_carries_our_marks() {
        let body = desired(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "labels": { "x": "y" } } }))
            .body("me", Some("t1"));
        assert_eq!(body["metadata"]["labels"], json!({ "x": "y", TOKEN_LABEL: "t1" }));
        assert_eq!(body["metadata"]["annotations"], json!({ OWNER_ANNOTATION: "me" }));
    }

    #[test]
    fn string_data_is_folded() {
        let secret = desired(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "a" }, "stringData": { "k": "v" },
        }));
        assert_eq!(secret.manifest["data"], json!({ "k": "dg==" }));
        assert_eq!(secret.manifest.get("stringData"), None);
    }

    #[test]
    fn only_our_part_is_stored() {
        let live = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "labels": { TOKEN_LABEL: "t", "theirs": "1" }, "annotations": { OWNER_ANNOTATION: "me" },
                "managedFields": [
                    { "manager": "formwork", "operation": "Apply", "fieldsV1": {
                        "f:metadata": { "f:labels": { "f:formwork.dev/token": {} }, "f:annotations": { "f:formwork.dev/owner": {} } },
                        "f:data": { "f:a": {} } } },
                    { "manager": "kubectl-edit", "operation": "Update", "fieldsV1": { "f:data": { "f:b": {}, "f:c": {} } } },
                ],
            },
            "data": { "a": "1", "b": "changed", "c": "theirs" },
            "status": { "phase": "x" },
        });
        let manifest = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "a": "1", "b": "2" } });
        let computed = [DocumentPath::parse("status").unwrap()];
        let stored = Stored::of(&live, Some(&manifest), "formwork", &computed);
        assert_eq!(stored.object, json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "n", "uid": "u" },
            "data": { "a": "1", "b": "changed" }, "status": { "phase": "x" },
        }));
        assert_eq!(stored.taken_over, BTreeMap::from([(".data.b".to_owned(), "kubectl-edit".to_owned())]));
        let mut other = stored.clone();
        other.object["status"] = json!("y");
        assert_eq!(stored.digest(&computed), other.digest(&computed));
        assert_ne!(stored.digest(&[]), other.digest(&[]));
    }

    #[test]
    fn an_object_that_is_not_ours_keeps_its_identity_alone() {
        let live = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "uid": "u" }, "data": { "x": "1" } });
        let stored = Stored::of(&live, None, "formwork", &[]);
        assert_eq!(stored.object, json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "uid": "u" } }));
    }

    #[test]
    fn values_of_secrets_are_hidden() {
        let secret = |name: &str, value: &str| {
            let mut object =
                json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "data": { "k": value } });
            hide_secret_values(&mut object);
            object["data"]["k"].as_str().unwrap().to_owned()
        };
        assert!(secret("a", "dg==").starts_with("sha256:") && !secret("a", "dg==").contains("dg=="));
        assert_eq!(secret("a", "dg=="), secret("a", "dg=="));
        assert_ne!(secret("a", "dg=="), secret("a", "dw=="));
        assert_ne!(secret("a", "dg=="), secret("b", "dg=="));
    }
}
