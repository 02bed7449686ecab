//! The state: objects by key, outputs, and what else a snapshot holds.
//!
//! Invariant: an object's attributes are JSON text that nobody has decoded yet; who needs a value decodes it.

use crate::address::{Address, BlockAddress, DeposedKey, Edge, Key, ObjectKey, ProviderConfigAddress};
use arcstr::ArcStr;
use formwork_value::Path;
use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::Map;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

/// The version of the OpenTofu language that is implemented; what `terraform_version` says.
pub const LANGUAGE_VERSION: &str = "1.12.6";

/// Whether an object is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    #[default]
    Ready,
    /// It must be replaced.
    Tainted,
}

/// One stored object.
#[derive(Debug, Clone)]
pub struct Object {
    /// Whether it is whole.
    pub status: Status,
    /// The version of its schema.
    pub schema_version: u64,
    /// Its attributes as JSON text.
    pub attributes: Arc<RawValue>,
    /// What in it is never shown.
    pub sensitive_paths: Vec<Path>,
    /// The provider's private bytes.
    pub private: Option<Vec<u8>>,
    /// Its identity, as JSON text.
    pub identity: Option<Arc<RawValue>>,
    /// The version of the identity's schema.
    pub identity_schema_version: Option<u64>,
    /// Whose it is.
    pub provider: ProviderConfigAddress,
    /// What its expressions read.
    pub edges: Vec<Edge>,
    /// What its provider's configuration read.
    pub provider_edges: Vec<Edge>,
    /// Blocks it depends on, as another engine wrote them; used where there are no edges.
    pub dependencies: Vec<String>,
    /// Whether its replacement is made first.
    pub create_before_destroy: bool,
    /// Keys that we do not know, kept as they are.
    pub extra: Map<String, serde_json::Value>,
}

impl Default for Object {
    fn default() -> Self {
        Self {
            status: Status::Ready,
            schema_version: 0,
            attributes: Arc::from(RawValue::NULL.to_owned()),
            sensitive_paths: Vec::new(),
            private: None,
            identity: None,
            identity_schema_version: None,
            provider: ProviderConfigAddress {
                module_path: Vec::new(),
                provider: crate::address::ProviderAddress::builtin(),
                alias: None,
            },
            edges: Vec::new(),
            provider_edges: Vec::new(),
            dependencies: Vec::new(),
            create_before_destroy: false,
            extra: Map::new(),
        }
    }
}

/// One stored output.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct OutputValue {
    /// Its value as JSON text.
    pub value: Arc<RawValue>,
    /// Its type as JSON text.
    #[serde(rename = "type")]
    pub value_type: Arc<RawValue>,
    /// Whether it is never shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Where a provider configuration pointed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Target {
    /// Stable: the same system answers the same id.
    pub id: String,
    /// For people.
    pub words: String,
}

/// A whole state.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Which line of states it belongs to.
    pub lineage: String,
    /// Rises with every snapshot that differs.
    pub serial: u64,
    /// The language version of the engine that wrote it.
    pub terraform_version: String,
    /// Root outputs.
    pub outputs: IndexMap<ArcStr, OutputValue>,
    /// Results of checks, as JSON text.
    pub check_results: Option<Arc<RawValue>>,
    /// Where each provider configuration pointed.
    pub targets: IndexMap<String, Target>,
    /// The last configuration of each provider, as JSON text of its schema's type: for objects whose provider block
    /// is gone.
    pub provider_configurations: BTreeMap<String, Arc<RawValue>>,
    /// What values in between read.
    pub node_edges: BTreeMap<ArcStr, Vec<Edge>>,
    /// Keys that we do not know, kept as they are.
    pub extra: Map<String, serde_json::Value>,
    /// Keys of resources that we do not know, by block.
    pub block_extra: FxHashMap<BlockAddress, Map<String, serde_json::Value>>,
    objects: IndexMap<ObjectKey, Arc<Object>, FxBuildHasher>,
    blocks: FxHashMap<BlockAddress, BTreeSet<Key>>,
    deposed: FxHashMap<Address, BTreeSet<DeposedKey>>,
}

impl State {
    /// An empty state of a new line.
    pub fn new(lineage: impl Into<String>) -> Self {
        Self { lineage: lineage.into(), terraform_version: LANGUAGE_VERSION.to_owned(), ..Self::default() }
    }

    /// All objects in the order they came.
    pub fn objects(&self) -> impl ExactSizeIterator<Item = (&ObjectKey, &Arc<Object>)> {
        self.objects.iter()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// One object.
    pub fn object(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(key)
    }

    /// The current object of an instance.
    pub fn current(&self, address: &Address) -> Option<&Arc<Object>> {
        self.objects.get(&ObjectKey::current(address.clone()))
    }

    /// Deposed objects of an instance, in order.
    pub fn deposed(&self, address: &Address) -> Vec<DeposedKey> {
        self.deposed.get(address).into_iter().flatten().cloned().collect()
    }

    /// Current instances of a block with their keys, in order of the keys.
    pub fn block_instances(&self, block: &BlockAddress) -> Vec<(Key, Arc<Object>)> {
        let keys = self.blocks.get(block).into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), self.current(&block.instance(key.clone()))?.clone())))
            .collect()
    }

    /// Makes room for objects that are about to come.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.objects.reserve(more);
    }

    /// Puts in an object; the one before it of the same key goes.
    pub fn insert(&mut self, key: ObjectKey, object: Arc<Object>) {
        match &key.deposed {
            None => self.blocks.entry(key.address.block()).or_default().insert(key.address.key().clone()),
            Some(deposed) => self.deposed.entry(key.address.clone()).or_default().insert(deposed.clone()),
        };
        self.objects.insert(key, object);
    }

    /// Takes an object out. Constant time: the last object takes its place in the order.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let removed = self.objects.swap_remove(key)?;
        match &key.deposed {
            None => take(&mut self.blocks, &key.address.block(), key.address.key()),
            Some(deposed) => take(&mut self.deposed, &key.address, deposed),
        }
        Some(removed)
    }
}

/// Takes an entry out of an index; nothing empty stays.
fn take<Group: Hash + Eq, Entry: Ord>(
    index: &mut FxHashMap<Group, BTreeSet<Entry>>,
    group: &Group,
    entry: &Entry,
) {
    if let Some(entries) = index.get_mut(group) {
        entries.remove(entry);
        if entries.is_empty() {
            index.remove(group);
        }
    }
}
