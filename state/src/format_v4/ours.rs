//! The keys of a state file that are this program's own.

use crate::Name;
use crate::address::Edge;
use crate::model::{State, Target};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key under which ours stand.
pub(super) const KEY: &str = "formwork";

/// What stands under it at the top.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Top {
    #[serde(default)]
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    targets: IndexMap<String, Target>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    provider_configurations: BTreeMap<String, Arc<RawValue>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    node_edges: BTreeMap<Name, Vec<Edge>>,
}

/// What stands under it in an instance.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Instance {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) edges: Vec<Edge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) provider_edges: Vec<Edge>,
}

impl Top {
    pub(super) fn of(state: &State, follows: Option<&str>, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            follows: follows.map(str::to_owned),
            targets: state.targets.clone(),
            provider_configurations: state.provider_configurations.clone(),
            node_edges: state.node_edges.clone(),
        }
    }

    /// Puts it into a state, and gives back the digest of the snapshot that it follows.
    pub(super) fn apply(self, state: &mut State) -> Option<String> {
        state.targets = self.targets;
        state.provider_configurations = self.provider_configurations;
        state.node_edges = self.node_edges;
        self.follows
    }
}
