//! The smallest roles that let somebody make objects, as YAML to apply.
//!
//! Invariant: a rule names what the requests of this provider need, and nothing a kind might need elsewhere.

use crate::json::to_json;
use crate::object::FieldManager;
use crate::schema::{MANIFEST, MANIFESTS, RESOURCE};
use crate::{stream, wait};
use formwork_sdk::Use;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const READ: [&str; 2] = ["get", "list"];
/// Server-side apply is a patch that may create.
const WRITE: [&str; 3] = ["create", "patch", "delete"];
const RBAC: &str = "rbac.authorization.k8s.io";

/// Kinds that stand in no namespace; of others a namespace in the manifest tells.
const CLUSTER_KINDS: [&str; 20] = [
    "APIService",
    "CSIDriver",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// An API group and the plural name of a kind in it.
type Resource = (String, String);
type Rules = BTreeMap<Resource, BTreeSet<&'static str>>;

/// One object that is read, and perhaps written.
struct Object {
    group: String,
    kind: String,
    namespace: Option<String>,
    name: String,
    is_written: bool,
    manifest: Json,
}

/// Roles for objects, and what binds them left to whoever gives rights away.
pub(crate) fn roles(uses: &[Use], read_only: bool) -> String {
    let objects: Vec<Object> = uses.iter().flat_map(objects).collect();
    let definitions = definitions(&objects);
    // A role in a namespace that the same run makes could not stand before the run.
    let made: BTreeSet<&str> = objects
        .iter()
        .filter(|one| one.kind == "Namespace" && one.is_written)
        .map(|one| one.name.as_str())
        .collect();
    let mut rules: BTreeMap<Option<String>, Rules> = BTreeMap::new();
    for object in &objects {
        let (plural, is_namespaced) = resource(object, &definitions);
        let namespace = object.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let place = (is_namespaced && !made.contains(namespace.as_str())).then_some(namespace);
        let verbs = rules.entry(place).or_default().entry((object.group.clone(), plural)).or_default();
        verbs.extend(READ);
        if !read_only && object.is_written {
            verbs.extend(WRITE);
            verbs.extend(beyond(object));
        }
    }
    let name = if read_only { "formwork-plan" } else { "formwork-apply" };
    let mut out = String::new();
    let in_cluster = rules.remove(&None).unwrap_or_default();
    write_role(&mut out, name, None, &in_cluster);
    for (namespace, rules) in &rules {
        write_role(&mut out, name, namespace.as_deref(), rules);
    }
    out
}

/// Whoever makes a role must hold its rights or may escalate; whoever binds one likewise.
fn beyond(object: &Object) -> &'static [&'static str] {
    match (object.group.as_str(), object.kind.as_str()) {
        (RBAC, "Role" | "ClusterRole") => &["escalate", "bind"],
        _ => &[],
    }
}

fn objects(one: &Use) -> Vec<Object> {
    let text = |name: &str| one.object.get(name).and_then(|value| value.as_str().map(ToString::to_string));
    match one.kind.as_str() {
        MANIFEST => {
            let manifest = one.object.get("manifest").and_then(to_json);
            manifest.into_iter().filter_map(|manifest| object(manifest, true)).collect()
        }
        MANIFESTS => {
            let content = text("content").unwrap_or_default();
            let parsed = stream::parse(&content, &FieldManager::default()).unwrap_or_default();
            parsed.into_iter().filter_map(|desired| object(desired.manifest, true)).collect()
        }
        RESOURCE => {
            let metadata = one.object.get("metadata").and_then(to_json).unwrap_or_default();
            let manifest = serde_json::json!({
                "apiVersion": text("api_version"), "kind": text("kind"), "metadata": metadata[0],
            });
            object(manifest, false).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn object(manifest: Json, is_written: bool) -> Option<Object> {
    let version = manifest["apiVersion"].as_str()?;
    let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
    let kind = manifest["kind"].as_str()?.to_owned();
    let metadata = &manifest["metadata"];
    let namespace = metadata["namespace"].as_str().map(str::to_owned);
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    Some(Object { group, kind, namespace, name, is_written, manifest })
}

/// Plural and whether it stands in namespaces, of kinds that the objects themselves define.
fn definitions(objects: &[Object]) -> BTreeMap<(String, String), (String, bool)> {
    let definitions = objects.iter().filter(|one| wait::is_definition(&one.manifest));
    definitions
        .filter_map(|one| {
            let spec = &one.manifest["spec"];
            let text = |value: &Json| value.as_str().map(str::to_owned);
            let key = (text(&spec["group"])?, text(&spec["names"]["kind"])?);
            Some((key, (text(&spec["names"]["plural"])?, spec["scope"] == "Namespaced")))
        })
        .collect()
}

/// The plural of an object's kind, and whether the kind stands in namespaces.
fn resource(object: &Object, definitions: &BTreeMap<(String, String), (String, bool)>) -> (String, bool) {
    if let Some(defined) = definitions.get(&(object.group.clone(), object.kind.clone())) {
        return defined.clone();
    }
    let is_of_the_system = !object.group.contains('.') || object.group.ends_with(".k8s.io");
    let in_cluster = is_of_the_system && CLUSTER_KINDS.contains(&object.kind.as_str());
    let is_namespaced = !in_cluster && (is_of_the_system || object.namespace.is_some());
    (plural(&object.kind), is_namespaced)
}

/// As Kubernetes forms it where nobody says otherwise.
fn plural(kind: &str) -> String {
    let name = kind.to_lowercase();
    if name == "endpoints" {
        return name;
    }
    if let Some(stem) = name.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        return format!("{stem}ies");
    }
    let ending = if name.ends_with(['s', 'x']) || name.ends_with("ch") { "es" } else { "s" };
    format!("{name}{ending}")
}

fn write_role(out: &mut String, name: &str, namespace: Option<&str>, rules: &Rules) {
    if !out.is_empty() {
        out.push_str("---\n");
    }
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    let _ = writeln!(out, "apiVersion: {RBAC}/v1\nkind: {kind}\nmetadata:\n  name: {name}");
    if let Some(namespace) = namespace {
        let _ = writeln!(out, "  namespace: {namespace}");
    }
    out.push_str("rules:\n");
    if namespace.is_none() {
        out.push_str("  # Which cluster it is.\n");
        out.push_str("  - apiGroups: [\"\"]\n    resources: [namespaces]\n    resourceNames: [kube-system]\n    verbs: [get]\n");
    }
    // Resources of one group with the same verbs make one rule.
    let mut grouped: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, plural), verbs) in rules {
        let order = |verb: &&str| READ.iter().chain(&WRITE).position(|one| one == verb).unwrap_or(usize::MAX);
        let mut verbs: Vec<&str> = verbs.iter().copied().collect();
        verbs.sort_by_key(order);
        grouped.entry((group, verbs)).or_default().push(plural);
    }
    for ((group, verbs), plurals) in grouped {
        let _ = writeln!(
            out,
            "  - apiGroups: [{group:?}]\n    resources: [{}]\n    verbs: [{}]",
            plurals.join(", "),
            verbs.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{plural, roles};
    use crate::json::from_json;
    use formwork_sdk::Use;
    use formwork_value::Value;
    use serde_json::{Value as Json, json};

    fn manifest(manifest: &Json) -> Use {
        let object = Value::object(vec![("manifest".into(), from_json(manifest))]);
        Use { is_data: false, kind: "kubernetes_manifest".to_owned(), object }
    }

    #[test]
    fn plurals_are_formed_as_the_server_forms_them() {
        for (kind, expected) in [
            ("Deployment", "deployments"),
            ("NetworkPolicy", "networkpolicies"),
            ("Ingress", "ingresses"),
            ("Endpoints", "endpoints"),
            ("Gateway", "gateways"),
            ("PriorityClass", "priorityclasses"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }

    #[test]
    fn a_role_stands_where_its_objects_do() {
        let uses = [
            manifest(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}})),
            manifest(
                &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "new"}}),
            ),
            manifest(
                &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "old"}}),
            ),
            manifest(
                &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "old"}}),
            ),
        ];
        let expected = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: formwork-apply
rules:
  # Which cluster it is.
  - apiGroups: [\"\"]
    resources: [namespaces]
    resourceNames: [kube-system]
    verbs: [get]
  - apiGroups: [\"\"]
    resources: [namespaces, resourcequotas]
    verbs: [get, list, create, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: formwork-apply
  namespace: old
rules:
  - apiGroups: [\"\"]
    resources: [configmaps]
    verbs: [get, list, create, patch, delete]
  - apiGroups: [\"apps\"]
    resources: [deployments]
    verbs: [get, list, create, patch, delete]
";
        assert_eq!(roles(&uses, false), expected);
        let read_only = roles(&uses, true);
        assert!(!read_only.contains("patch") && read_only.contains("formwork-plan"), "{read_only}");
    }
}
