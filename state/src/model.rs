//! State as a value: objects by key, outputs, checks, targets, and the edges of nodes.
//!
//! Invariant: lookup, insertion, replacement and removal of an object are O(1), and order is that of the file with
//! additions at the end. An object's attributes are JSON text that nobody has decoded yet, and no debug form shows it.

use crate::Name;
use crate::address::{
    Address, BlockAddress, DeposedKey, Edge, Key, ObjectKey, ProviderAddress, ProviderConfigAddress,
};
use crate::json_text::{are_same, is_same};
use formwork_value::{Path, json};
use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The version of the language that is implemented here: what other tools know a state's writer by.
pub const LANGUAGE_VERSION: &str = "1.12.6";

/// Keys that this program does not know, kept as they were.
pub type Extra = Map<String, serde_json::Value>;

/// Whether an object can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    #[default]
    Ready,
    /// To be replaced: its creation or a provisioner failed half-way, or somebody asked for it.
    Tainted,
}

/// One remote object as state remembers it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Object {
    /// Ready or tainted.
    #[serde(default)]
    pub status: Status,
    /// The version of the schema that the attributes follow.
    pub schema_version: u64,
    /// The attributes, not decoded.
    pub attributes: Arc<RawValue>,
    /// The paths of sensitive attributes.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "paths")]
    pub sensitive_paths: Vec<Path>,
    /// What the provider wants back with the object.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_text")]
    pub private: Option<Vec<u8>>,
    /// The object's identity, not decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Arc<RawValue>>,
    /// The version of the schema that the identity follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_schema_version: Option<u64>,
    /// The provider configuration it was made under.
    pub provider: ProviderConfigAddress,
    /// What it was read from, directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// What its provider configuration was read from, directly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_edges: Vec<Edge>,
    /// Block-level dependencies as another engine wrote them; they stand in when there are no edges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Whether a replacement is created before this object goes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub create_before_destroy: bool,
    /// Whether the object is forgotten where it would be destroyed, also once its block is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_destroy: bool,
    /// Keys of the file that this program does not know.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Extra,
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
            provider: ProviderConfigAddress::root(ProviderAddress::builtin()),
            edges: Vec::new(),
            provider_edges: Vec::new(),
            dependencies: Vec::new(),
            create_before_destroy: false,
            skip_destroy: false,
            extra: Extra::new(),
        }
    }
}

impl Object {
    /// The direct edges and those of the provider configuration; where there are none, the block-level dependencies
    /// that another engine wrote, each for that block in every instance of its modules.
    pub fn effective_edges(&self) -> Vec<Edge> {
        if self.edges.is_empty() && self.provider_edges.is_empty() {
            return self.dependencies.iter().filter_map(|text| text.parse().ok().map(Edge::Block)).collect();
        }
        self.edges.iter().chain(&self.provider_edges).cloned().collect()
    }

    /// Whether two are the same but for the spacing of their JSON.
    pub fn is_same(&self, other: &Self) -> bool {
        self.status == other.status
            && self.schema_version == other.schema_version
            && is_same(&self.attributes, &other.attributes)
            && self.sensitive_paths == other.sensitive_paths
            && self.private == other.private
            && are_same(self.identity.as_ref(), other.identity.as_ref())
            && self.identity_schema_version == other.identity_schema_version
            && self.provider == other.provider
            && self.edges == other.edges
            && self.provider_edges == other.provider_edges
            && self.dependencies == other.dependencies
            && self.create_before_destroy == other.create_before_destroy
            && self.skip_destroy == other.skip_destroy
            && self.extra == other.extra
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Object")
            .field("status", &self.status)
            .field("schema_version", &self.schema_version)
            .field("provider", &self.provider.to_string())
            .field("edges", &self.edges)
            .finish_non_exhaustive()
    }
}

/// One root output.
#[derive(Clone, Serialize, Deserialize)]
pub struct OutputValue {
    /// The value, by its type.
    pub value: Arc<RawValue>,
    /// The type.
    #[serde(rename = "type")]
    pub value_type: Arc<RawValue>,
    /// Whether it is shown only on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

impl OutputValue {
    /// Whether two are the same but for the spacing of their JSON.
    pub fn is_same(&self, other: &Self) -> bool {
        self.sensitive == other.sensitive
            && is_same(&self.value, &other.value)
            && is_same(&self.value_type, &other.value_type)
    }
}

impl fmt::Debug for OutputValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OutputValue").field("sensitive", &self.sensitive).finish_non_exhaustive()
    }
}

/// Where a provider configuration pointed when its objects were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The stable identity that is compared.
    pub id: String,
    /// The words that people read.
    pub words: String,
}

/// Everything that is known of a deployment between two runs.
#[derive(Clone, Default)]
pub struct State {
    /// Which deployment this is.
    pub lineage: String,
    /// How often it was written.
    pub serial: u64,
    /// The version of the language that the last writer implemented.
    pub terraform_version: String,
    /// The root outputs.
    pub outputs: IndexMap<Name, OutputValue>,
    /// The results of checks, not decoded.
    pub check_results: Option<Arc<RawValue>>,
    /// Where each provider configuration pointed, by the text of its address.
    pub targets: IndexMap<String, Target>,
    /// The configurations themselves, so that objects can be deleted when the block is gone; not decoded.
    pub provider_configurations: BTreeMap<String, Arc<RawValue>>,
    /// What locals, variables and outputs were read from.
    pub node_edges: BTreeMap<Name, Vec<Edge>>,
    /// Keys at the top of the file that this program does not know.
    pub extra: Extra,
    /// Such keys of blocks.
    pub block_extra: FxHashMap<BlockAddress, Extra>,
    /// An object that went leaves its place, so that removal moves nothing.
    objects: IndexMap<ObjectKey, Option<Arc<Object>>, FxBuildHasher>,
    blocks: FxHashMap<BlockAddress, BTreeSet<(Key, Option<DeposedKey>)>>,
    live: usize,
}

impl State {
    /// An empty state of a lineage.
    pub fn new(lineage: impl Into<String>) -> Self {
        Self { lineage: lineage.into(), terraform_version: LANGUAGE_VERSION.to_owned(), ..Self::default() }
    }

    /// All objects, in the order of the file, with additions at the end.
    pub fn objects(&self) -> Objects<'_> {
        Objects { entries: self.objects.iter(), left: self.live }
    }

    /// How many objects there are, deposed ones too.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no object.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The object of a key.
    pub fn object(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(key)?.as_ref()
    }

    /// The current object of an instance.
    pub fn current(&self, address: &Address) -> Option<&Arc<Object>> {
        self.object(&ObjectKey::current(address.clone()))
    }

    /// The names of an instance's objects that were set aside.
    pub fn deposed(&self, address: &Address) -> Vec<DeposedKey> {
        let keys = self.blocks.get(&address.block()).into_iter().flatten();
        keys.filter(|(key, _)| key == address.key()).filter_map(|(_, deposed)| deposed.clone()).collect()
    }

    /// The current objects of a block, in the order of their keys.
    pub fn block_instances(&self, block: &BlockAddress) -> Vec<(Key, Arc<Object>)> {
        let keys = self.blocks.get(block).into_iter().flatten().filter(|(_, deposed)| deposed.is_none());
        keys.filter_map(|(key, _)| Some((key.clone(), self.current(&block.instance(key.clone()))?.clone())))
            .collect()
    }

    /// The blocks that have objects, in no order.
    pub fn blocks(&self) -> impl Iterator<Item = &BlockAddress> {
        self.blocks.keys()
    }

    /// Puts an object in, in place of any other under its key.
    pub fn insert(&mut self, key: ObjectKey, object: Arc<Object>) {
        let instance = (key.address.key().clone(), key.deposed.clone());
        self.blocks.entry(key.address.block()).or_default().insert(instance);
        if self.objects.insert(key, Some(object)).flatten().is_none() {
            self.live += 1;
        }
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let object = self.objects.get_mut(key)?.take()?;
        self.live -= 1;
        let block = key.address.block();
        if let Some(keys) = self.blocks.get_mut(&block) {
            keys.remove(&(key.address.key().clone(), key.deposed.clone()));
            if keys.is_empty() {
                self.blocks.remove(&block);
            }
        }
        Some(object)
    }

    /// The blocks that have objects in the order of OpenTofu's file (modules by their text, data sources first), each
    /// with its objects in the order of their keys.
    pub(crate) fn sorted(&self) -> Vec<(&BlockAddress, BlockObjects<'_>)> {
        let mut blocks: Vec<_> = self.blocks.iter().collect();
        blocks.sort_unstable_by(|(left, _), (right, _)| {
            (left.module().text(), left.mode(), left.type_name(), left.name()).cmp(&(
                right.module().text(),
                right.mode(),
                right.type_name(),
                right.name(),
            ))
        });
        let objects = |block: &BlockAddress, keys: &BTreeSet<(Key, Option<DeposedKey>)>| {
            let keys = keys.iter().map(|(key, deposed)| ObjectKey {
                address: block.instance(key.clone()),
                deposed: deposed.clone(),
            });
            keys.filter_map(|key| self.object(&key).map(|object| (key, object))).collect()
        };
        blocks.into_iter().map(|(block, keys)| (block, objects(block, keys))).collect()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("State")
            .field("lineage", &self.lineage)
            .field("serial", &self.serial)
            .field("objects", &self.live)
            .finish_non_exhaustive()
    }
}

/// The objects of one block.
pub(crate) type BlockObjects<'a> = Vec<(ObjectKey, &'a Arc<Object>)>;

/// The objects of a state, one after another.
#[derive(Debug, Clone)]
pub struct Objects<'a> {
    entries: indexmap::map::Iter<'a, ObjectKey, Option<Arc<Object>>>,
    left: usize,
}

impl<'a> Iterator for Objects<'a> {
    type Item = (&'a ObjectKey, &'a Arc<Object>);

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.entries.find_map(|(key, object)| Some((key, object.as_ref()?)))?;
        self.left -= 1;
        Some(next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Objects<'_> {}

/// Paths in the form of a state file.
mod paths {
    use super::{Path, RawValue, json};
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(paths: &[Path], serializer: S) -> Result<S::Ok, S::Error> {
        let one = |path: &Path| {
            let text = json::path_to_json(path).map_err(S::Error::custom)?;
            RawValue::from_string(text).map_err(S::Error::custom)
        };
        paths.iter().map(one).collect::<Result<Vec<_>, _>>()?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Path>, D::Error> {
        let raw = Vec::<Box<RawValue>>::deserialize(deserializer)?;
        raw.iter().map(|raw| json::path_from_json(raw.get()).map_err(D::Error::custom)).collect()
    }
}

/// Bytes as base64 text.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests;
