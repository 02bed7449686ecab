//! Which kinds the API server knows, asked for once per group version.
//!
//! Invariant: a kind that is not known is asked for again, but no more than once in [`FRESH_FOR`], so a plan over a
//! thousand objects of an absent kind costs one request and a definition made meanwhile is still seen.

use crate::api::{Api, Refusal};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// An answer that lacks a kind is trusted for so long.
const FRESH_FOR: Duration = Duration::from_secs(1);

/// One kind of object as the server serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServedKind {
    /// `v1`, `apps/v1`
    pub(crate) api_version: String,
    /// `Deployment`
    pub(crate) kind: String,
    /// `deployments`
    pub(crate) plural: String,
    /// Whether its objects stand in namespaces.
    pub(crate) is_namespaced: bool,
}

/// The kinds asked for so far.
#[derive(Default)]
pub(crate) struct Catalogue {
    groups: Mutex<HashMap<String, Asked>>,
}

struct Asked {
    at: Instant,
    kinds: HashMap<String, Arc<ServedKind>>,
}

impl Catalogue {
    /// The kind, or nothing where the server does not know it.
    pub(crate) async fn find(
        &self,
        api: &Api,
        api_version: &str,
        kind: &str,
    ) -> Result<Option<Arc<ServedKind>>, Refusal> {
        let mut groups = self.groups.lock().await;
        if let Some(asked) = groups.get(api_version) {
            if let Some(found) = asked.kinds.get(kind) {
                return Ok(Some(found.clone()));
            }
            if asked.at.elapsed() < FRESH_FOR {
                return Ok(None);
            }
        }
        let kinds = match api.get(&group_path(api_version)).await {
            Ok(list) => served_kinds(api_version, &list),
            Err(refusal) if refusal.is_status(404) => HashMap::new(),
            Err(refusal) => return Err(refusal),
        };
        let found = kinds.get(kind).cloned();
        groups.insert(api_version.to_owned(), Asked { at: Instant::now(), kinds });
        Ok(found)
    }

    /// Forgets what was absent, so that the next question is asked anew.
    pub(crate) async fn forget(&self, api_version: &str) {
        self.groups.lock().await.remove(api_version);
    }
}

fn group_path(api_version: &str) -> String {
    if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") }
}

fn served_kinds(api_version: &str, list: &Json) -> HashMap<String, Arc<ServedKind>> {
    let resources = list["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut kinds = HashMap::new();
    for resource in resources {
        let (Some(plural), Some(kind)) = (resource["name"].as_str(), resource["kind"].as_str()) else { continue };
        // `deployments/scale` is part of another resource.
        if plural.contains('/') {
            continue;
        }
        let served = ServedKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            is_namespaced: resource["namespaced"].as_bool().unwrap_or(false),
        };
        kinds.insert(kind.to_owned(), Arc::new(served));
    }
    kinds
}

impl ServedKind {
    /// Path of all its objects, of one namespace where it is given and the kind has them.
    pub(crate) fn collection_path(&self, namespace: Option<&str>) -> String {
        let group = group_path(&self.api_version);
        match namespace.filter(|_| self.is_namespaced) {
            Some(namespace) => format!("{group}/namespaces/{namespace}/{}", self.plural),
            None => format!("{group}/{}", self.plural),
        }
    }

    /// Path of one object.
    pub(crate) fn object_path(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{name}", self.collection_path(namespace))
    }

    /// `deployments.apps`, as access rules and people name it.
    pub(crate) fn resource_words(&self) -> String {
        match self.api_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", self.plural),
            None => self.plural.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let kind = |api_version: &str, plural: &str, is_namespaced| ServedKind {
            api_version: api_version.to_owned(),
            kind: String::new(),
            plural: plural.to_owned(),
            is_namespaced,
        };
        let table = [
            (kind("v1", "pods", true), Some("a"), "/api/v1/namespaces/a/pods"),
            (kind("v1", "namespaces", false), Some("a"), "/api/v1/namespaces"),
            (kind("apps/v1", "deployments", true), None, "/apis/apps/v1/deployments"),
        ];
        for (kind, namespace, expected) in table {
            assert_eq!(kind.collection_path(namespace), expected);
        }
    }

    #[test]
    fn subresources_are_no_kinds() {
        let list = serde_json::json!({ "resources": [
            { "name": "deployments", "kind": "Deployment", "namespaced": true },
            { "name": "deployments/scale", "kind": "Scale", "namespaced": true },
        ] });
        let kinds = served_kinds("apps/v1", &list);
        assert_eq!(kinds.len(), 1);
        assert_eq!(kinds["Deployment"].resource_words(), "deployments.apps");
    }
}
