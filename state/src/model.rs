//! State as a value: objects by key, outputs, checks, targets, and the edges of nodes.
//!
//! Invariant: lookup, insertion, replacement and removal of an object are O(1), and order is that of the file with
//! additions at the end. Nothing here decodes what an object holds.

use crate::Name;
use crate::address::{
    Address, BlockAddress, DeposedKey, Edge, Key, ModuleInstance, ObjectKey, ProviderConfigAddress,
};
use crate::journal::OpenStep;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use crate::json_text::RawJson;

/// Keys that this program does not know, kept as they were.
pub type Extra = Vec<(Name, RawJson)>;

/// Whether an object can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    #[default]
    Ready,
    /// To be replaced: its creation or a provisioner failed half-way, or somebody asked for it.
    Tainted,
}

/// One remote object as state remembers it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Ready or tainted.
    #[serde(default)]
    pub status: Status,
    /// The version of the schema that the attributes follow.
    pub schema_version: u64,
    /// The attributes, not decoded.
    pub attributes: RawJson,
    /// The paths of sensitive attributes in the form of a state file (a list of lists of steps); none for no path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitive_paths: Option<RawJson>,
    /// What the provider wants back with the object.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_text")]
    pub private: Option<Vec<u8>>,
    /// The object's identity, not decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<RawJson>,
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
    /// Keys of the file that this program does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra: Extra,
}

impl Object {
    /// A ready object with nothing but attributes.
    pub fn new(provider: ProviderConfigAddress, schema_version: u64, attributes: RawJson) -> Self {
        Self {
            status: Status::Ready,
            schema_version,
            attributes,
            sensitive_paths: None,
            private: None,
            identity: None,
            identity_schema_version: None,
            provider,
            edges: Vec::new(),
            provider_edges: Vec::new(),
            dependencies: Vec::new(),
            create_before_destroy: false,
            extra: Extra::new(),
        }
    }

    /// The direct edges and those of the provider configuration; where there are none, the block-level dependencies
    /// that another engine wrote. A dependency that is no address is left out.
    pub fn effective_edges(&self) -> Vec<Edge> {
        if self.edges.is_empty() && self.provider_edges.is_empty() {
            return self.dependencies.iter().filter_map(|text| text.parse().ok().map(Edge::Block)).collect();
        }
        self.edges.iter().chain(&self.provider_edges).cloned().collect()
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputValue {
    /// The value, by its type.
    pub value: RawJson,
    /// The type.
    #[serde(rename = "type")]
    pub value_type: RawJson,
    /// Whether it is shown only on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// Where a provider configuration pointed when its objects were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The stable identity that is compared.
    pub id: String,
    /// The words that people read.
    pub words: String,
}

/// The targets by the text of their provider configuration's address.
pub type Targets = IndexMap<String, Target>;
/// The root outputs, in their order.
pub type Outputs = IndexMap<Name, OutputValue>;
/// The direct edges of locals, variables and outputs.
pub type NodeEdges = BTreeMap<Name, Vec<Edge>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct InstanceKey {
    key: Key,
    deposed: Option<DeposedKey>,
}

/// The objects of one block. An object that went leaves its place, so that removal moves nothing.
#[derive(Debug, Clone, Default)]
struct BlockObjects {
    instances: IndexMap<InstanceKey, Option<Arc<Object>>, FxBuildHasher>,
    live: usize,
    extra: Extra,
}

/// Everything that is known of a deployment between two runs.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Which deployment this is; empty until the first run begins.
    pub lineage: String,
    /// How often it was written.
    pub serial: u64,
    /// The version of the language that the last writer implemented.
    pub terraform_version: String,
    /// The version of Formwork that wrote it; none when another engine did.
    pub formwork_version: Option<String>,
    /// The root outputs.
    pub outputs: Outputs,
    /// The results of checks, not decoded.
    pub check_results: Option<RawJson>,
    /// Where each provider configuration pointed.
    pub targets: Targets,
    /// What locals, variables and outputs were read from.
    pub node_edges: NodeEdges,
    /// The run whose journal this snapshot holds in full.
    pub last_run: Option<String>,
    /// Steps that a finished run left open: what became of them is not known yet.
    pub carried: IndexMap<ObjectKey, OpenStep>,
    /// Keys at the top of the file that this program does not know.
    pub extra: Extra,
    blocks: IndexMap<BlockAddress, BlockObjects, FxBuildHasher>,
    live: usize,
}

impl State {
    /// An empty state without a lineage.
    pub fn new() -> Self {
        Self::default()
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
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.find(&key.address, key.deposed.as_ref())
    }

    /// The current object of an instance.
    pub fn current(&self, address: &Address) -> Option<&Arc<Object>> {
        self.find(address, None)
    }

    fn find(&self, address: &Address, deposed: Option<&DeposedKey>) -> Option<&Arc<Object>> {
        let key = InstanceKey { key: address.key().clone(), deposed: deposed.cloned() };
        self.blocks.get(address.block())?.instances.get(&key)?.as_ref()
    }

    /// Whether there is an object of that key.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.get(key).is_some()
    }

    /// Puts an object in, and gives back the one that it replaces.
    pub fn insert(&mut self, key: ObjectKey, object: Arc<Object>) -> Option<Arc<Object>> {
        let ObjectKey { address, deposed } = key;
        let block = self.blocks.entry(address.block().clone()).or_default();
        let instance = InstanceKey { key: address.key().clone(), deposed };
        let previous = block.instances.insert(instance, Some(object)).flatten();
        if previous.is_none() {
            block.live += 1;
            self.live += 1;
        }
        previous
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Object>> {
        let instance = InstanceKey { key: key.address.key().clone(), deposed: key.deposed.clone() };
        let block = self.blocks.get_mut(key.address.block())?;
        let object = block.instances.get_mut(&instance)?.take()?;
        block.live -= 1;
        self.live -= 1;
        Some(object)
    }

    /// All objects, block by block.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectKey, &Arc<Object>)> {
        self.blocks.iter().flat_map(|(block, objects)| iterate(block, objects))
    }

    /// The objects of one block, deposed ones too.
    pub fn block(&self, block: &BlockAddress) -> impl Iterator<Item = (ObjectKey, &Arc<Object>)> {
        self.blocks.get_key_value(block).into_iter().flat_map(|(block, objects)| iterate(block, objects))
    }

    /// The blocks that have objects.
    pub fn blocks(&self) -> impl Iterator<Item = &BlockAddress> {
        self.blocks.iter().filter(|(_, objects)| objects.live > 0).map(|(block, _)| block)
    }

    /// The objects set aside of one instance.
    pub fn deposed(&self, address: &Address) -> impl Iterator<Item = (ObjectKey, &Arc<Object>)> {
        self.block(address.block()).filter(|(key, _)| key.deposed.is_some() && key.address == *address)
    }

    /// The blocks by their place in the configuration: what an edge to a block without module keys stands for.
    pub fn by_configuration(&self) -> IndexMap<BlockAddress, Vec<BlockAddress>> {
        let mut found: IndexMap<BlockAddress, Vec<BlockAddress>> = IndexMap::new();
        for block in self.blocks() {
            found.entry(block.in_configuration()).or_default().push(block.clone());
        }
        found
    }

    /// The module instances that have objects, each once.
    pub fn modules(&self) -> Vec<ModuleInstance> {
        let modules: indexmap::IndexSet<ModuleInstance> =
            self.blocks().map(|block| block.module().clone()).collect();
        modules.into_iter().collect()
    }

    /// Keys that this program does not know of a block in the file.
    pub(crate) fn block_extra(&self, block: &BlockAddress) -> &[(Name, RawJson)] {
        self.blocks.get(block).map_or(&[], |objects| &objects.extra)
    }

    pub(crate) fn set_block_extra(&mut self, block: &BlockAddress, extra: Extra) {
        if !extra.is_empty() {
            self.blocks.entry(block.clone()).or_default().extra = extra;
        }
    }

    /// The blocks that have objects in the order of the file, each with its objects in the order of their keys.
    pub(crate) fn sorted(&self) -> Vec<(&BlockAddress, Vec<(ObjectKey, &Arc<Object>)>)> {
        let mut blocks: Vec<_> = self.blocks.iter().filter(|(_, objects)| objects.live > 0).collect();
        blocks.sort_by_key(|(block, _)| *block);
        blocks
            .into_iter()
            .map(|(block, objects)| {
                let mut instances: Vec<_> = iterate(block, objects).collect();
                instances.sort_by(|(left, _), (right, _)| {
                    (left.address.key(), &left.deposed).cmp(&(right.address.key(), &right.deposed))
                });
                (block, instances)
            })
            .collect()
    }
}

fn iterate<'a>(
    block: &'a BlockAddress,
    objects: &'a BlockObjects,
) -> impl Iterator<Item = (ObjectKey, &'a Arc<Object>)> {
    objects.instances.iter().filter_map(|(instance, object)| {
        let address = block.instance(instance.key.clone());
        Some((ObjectKey { address, deposed: instance.deposed.clone() }, object.as_ref()?))
    })
}

/// Bytes as base64 text.
pub(crate) mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde asks for")]
    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests;
