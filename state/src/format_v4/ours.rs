//! The keys of a state file that are this program's own.

use crate::Name;
use crate::address::Edge;
use crate::model::{State, Target};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key under which ours stand.
pub(super) const KEY: &str = "formwork";

/// What stands under it at the top.
#[derive(Serialize, Deserialize)]
pub(super) struct Top<'a> {
    #[serde(default)]
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
    #[serde(default, skip_serializing_if = "are_no_targets")]
    targets: Cow<'a, IndexMap<String, Target>>,
    #[serde(default, skip_serializing_if = "is_empty_map")]
    provider_configurations: Cow<'a, BTreeMap<String, Arc<RawValue>>>,
    #[serde(default, skip_serializing_if = "is_empty_map")]
    node_edges: Cow<'a, BTreeMap<Name, Vec<Edge>>>,
}

/// What stands under it in an instance.
#[derive(Default, Deserialize)]
pub(super) struct Instance {
    #[serde(default)]
    pub(super) edges: Vec<Edge>,
    #[serde(default)]
    pub(super) provider_edges: Vec<Edge>,
}

impl<'a> Top<'a> {
    pub(super) fn of(state: &'a State, follows: Option<&str>, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            follows: follows.map(str::to_owned),
            targets: Cow::Borrowed(&state.targets),
            provider_configurations: Cow::Borrowed(&state.provider_configurations),
            node_edges: Cow::Borrowed(&state.node_edges),
        }
    }

    /// Puts it into a state, and gives back the digest of the snapshot that it follows.
    pub(super) fn apply(self, state: &mut State) -> Option<String> {
        state.targets = self.targets.into_owned();
        state.provider_configurations = self.provider_configurations.into_owned();
        state.node_edges = self.node_edges.into_owned();
        self.follows
    }
}

fn are_no_targets(targets: &IndexMap<String, Target>) -> bool {
    targets.is_empty()
}

fn is_empty_map<K, V>(map: &BTreeMap<K, V>) -> bool {
    map.is_empty()
}
