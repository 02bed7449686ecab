//! Reads of many objects: one LIST for each kind and namespace, in pages, whatever the number of objects.
//!
//! Invariant: an object costs no request of its own. Objects spread over many namespaces are looked for by our
//! label in one LIST of them all; only where that misses some, or is not allowed, is each namespace listed.

use crate::discovery::ServedKind;
use crate::failure::{Intent, provider_error};
use crate::object::{Identity, TOKEN_LABEL};
use crate::session::Session;
use formwork_sdk::ProviderError;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Above so many namespaces of one kind, one LIST of all namespaces is cheaper.
const NAMESPACES_ONE_BY_ONE: usize = 4;

/// Namespace, or nothing, and name.
type Place = (Option<String>, String);

/// What a read found of one object.
pub(crate) type Found = Result<Option<Json>, ProviderError>;

/// All objects asked for, by kind: what is read with one question.
pub(crate) fn by_kind(identities: Vec<Identity>) -> Vec<((String, String), Vec<Identity>)> {
    let mut groups: BTreeMap<(String, String), Vec<Identity>> = BTreeMap::new();
    for identity in identities {
        groups.entry((identity.api_version.clone(), identity.kind.clone())).or_default().push(identity);
    }
    groups.into_iter().collect()
}

impl Session {
    /// Looks for objects of any kinds.
    pub(crate) async fn read_all(&self, identities: Vec<Identity>) -> HashMap<Identity, Found> {
        let mut found = HashMap::new();
        for ((api_version, kind), identities) in by_kind(identities) {
            found.extend(self.read_kind(&api_version, &kind, identities).await);
        }
        found
    }

    /// Looks for objects of one kind.
    pub(crate) async fn read_kind(
        &self,
        api_version: &str,
        kind: &str,
        identities: Vec<Identity>,
    ) -> Vec<(Identity, Found)> {
        let served = match self.kind(api_version, kind).await {
            Ok(Some(served)) => served,
            // With its definition all objects of a kind go.
            Ok(None) => return identities.into_iter().map(|identity| (identity, Ok(None))).collect(),
            Err(error) => return identities.into_iter().map(|identity| (identity, Err(error.clone()))).collect(),
        };
        let mut wanted: HashSet<Place> = identities.iter().map(place_of).collect();
        let mut live = HashMap::new();
        let mut failed = HashMap::new();
        if namespaces_of(&wanted).len() > NAMESPACES_ONE_BY_ONE && served.is_namespaced {
            // A refusal is answered by the lists of single namespaces below.
            let _ = self.list(&served, None, Some(TOKEN_LABEL), &mut wanted, &mut live).await;
        }
        for namespace in namespaces_of(&wanted) {
            if let Err(error) = self.list(&served, namespace.as_deref(), None, &mut wanted, &mut live).await {
                failed.insert(namespace, error);
            }
        }
        let answer = |identity: Identity| {
            let place = place_of(&identity);
            let found = match (live.remove(&place), failed.get(&place.0)) {
                (Some(live), _) => Ok(Some(live)),
                (None, Some(error)) => Err(error.clone()),
                (None, None) => Ok(None),
            };
            (identity, found)
        };
        identities.into_iter().map(answer).collect()
    }

    /// Lists all pages and moves what is wanted over to what is found.
    async fn list(
        &self,
        served: &Arc<ServedKind>,
        namespace: Option<&str>,
        label: Option<&str>,
        wanted: &mut HashSet<Place>,
        live: &mut HashMap<Place, Json>,
    ) -> Result<(), ProviderError> {
        let path = served.collection_path(namespace);
        let mut next: Option<String> = None;
        loop {
            let page = self.api.list_page(&path, label, next.as_deref()).await.map_err(|refusal| {
                let place = namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
                provider_error(&refusal, Intent::Look, &format!("{}{place}", served.resource_words()))
            })?;
            let (items, more) = split_page(page);
            for mut item in items {
                let metadata = &item["metadata"];
                let place = (metadata["namespace"].as_str().map(str::to_owned), name_of(metadata));
                if wanted.remove(&place) {
                    item["apiVersion"] = json!(served.api_version);
                    item["kind"] = json!(served.kind);
                    live.insert(place, item);
                }
            }
            next = more;
            if next.is_none() || wanted.is_empty() {
                return Ok(());
            }
        }
    }
}

fn name_of(metadata: &Json) -> String {
    metadata["name"].as_str().unwrap_or_default().to_owned()
}

fn place_of(identity: &Identity) -> Place {
    (identity.namespace.clone(), identity.name.clone())
}

fn namespaces_of(wanted: &HashSet<Place>) -> Vec<Option<String>> {
    let mut names: Vec<Option<String>> = wanted.iter().map(|place| place.0.clone()).collect();
    names.sort();
    names.dedup();
    names
}

fn split_page(mut page: Json) -> (Vec<Json>, Option<String>) {
    let more = page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
    match page["items"].take() {
        Json::Array(items) => (items, more),
        _ => (Vec::new(), more),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_say_where_to_go_on() {
        let table = [
            (json!({ "items": [1, 2], "metadata": { "continue": "x" } }), 2, Some("x")),
            (json!({ "items": [1], "metadata": { "continue": "" } }), 1, None),
            (json!({ "items": null, "metadata": {} }), 0, None),
        ];
        for (page, count, next) in table {
            let (items, more) = split_page(page);
            assert_eq!((items.len(), more.as_deref()), (count, next));
        }
    }

    #[test]
    fn objects_are_asked_for_by_kind() {
        let identity = |kind: &str, name: &str| Identity {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let groups = by_kind(vec![identity("A", "1"), identity("B", "2"), identity("A", "3")]);
        let counts: Vec<(&str, usize)> = groups.iter().map(|((_, kind), all)| (kind.as_str(), all.len())).collect();
        assert_eq!(counts, [("A", 2), ("B", 1)]);
    }
}
