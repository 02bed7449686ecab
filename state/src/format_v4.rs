//! The snapshot's text: Terraform's state format, version 4, as a superset.
//!
//! OpenTofu reads what is written here and drops our keys (`formwork`, at the top and in instances); what it or
//! anyone else wrote is kept, unknown keys too. `dependencies` names the blocks that an object reads directly, so
//! that the file stays linear in the number of objects.

use crate::address::{
    Address, BlockAddress, Edge, Key, Mode, ModuleInstance, ObjectKey, ProviderConfigAddress,
};
use crate::model::{LANGUAGE_VERSION, Object, OutputValue, State, Target};
use crate::object_codec::{Extra, Instance, InstanceRef, Text};
use arcstr::ArcStr;
use formwork_diagnostic::Diagnostic;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What we keep at the top of a snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Ours {
    #[serde(default)]
    version: String,
    /// Digest of the snapshot that it follows, empty for none: the journal of that one is in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<String>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    targets: IndexMap<String, Target>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    provider_configurations: BTreeMap<String, Arc<RawValue>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    node_edges: BTreeMap<String, Vec<Edge>>,
}

struct Resource {
    module: ModuleInstance,
    mode: Mode,
    type_name: String,
    name: String,
    provider: ProviderConfigAddress,
    instances: Vec<Instance>,
    extra: Extra,
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ResourceVisitor)
    }
}

struct ResourceVisitor;

impl<'de> Visitor<'de> for ResourceVisitor {
    type Value = Resource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a resource object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Resource, A::Error> {
        let (mut module, mut mode, mut type_name, mut name, mut provider) =
            (ModuleInstance::root(), None, None, None, None);
        let (mut instances, mut extra) = (Vec::new(), Extra::new());
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.0.as_ref() {
                "module" => module = map.next_value()?,
                "mode" => {
                    mode = Some(match map.next_value::<Text<'de>>()?.0.as_ref() {
                        "managed" => Mode::Managed,
                        "data" => Mode::Data,
                        other => return Err(A::Error::custom(format!("unknown mode {other:?}"))),
                    });
                }
                "type" => type_name = Some(map.next_value()?),
                "name" => name = Some(map.next_value()?),
                "provider" => provider = Some(map.next_value()?),
                "instances" => instances = map.next_value()?,
                "each" => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                other => {
                    extra.insert(other.to_owned(), map.next_value()?);
                }
            }
        }
        Ok(Resource {
            module,
            mode: mode.ok_or_else(|| A::Error::missing_field("mode"))?,
            type_name: type_name.ok_or_else(|| A::Error::missing_field("type"))?,
            name: name.ok_or_else(|| A::Error::missing_field("name"))?,
            provider: provider.ok_or_else(|| A::Error::missing_field("provider"))?,
            instances,
            extra,
        })
    }
}

/// A snapshot as read: the state, and the snapshot that it follows.
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// Digest of the snapshot that it follows, empty where that was the first; none where another engine wrote it.
    pub follows: Option<String>,
}

struct Document(Snapshot);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut state = State::default();
        let (mut version, mut follows) = (None, None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.0.as_ref() {
                "version" => version = Some(map.next_value::<u64>()?),
                "terraform_version" => state.terraform_version = map.next_value()?,
                "serial" => state.serial = map.next_value()?,
                "lineage" => state.lineage = map.next_value()?,
                "outputs" => {
                    let outputs: Option<IndexMap<ArcStr, OutputValue>> = map.next_value()?;
                    state.outputs = outputs.unwrap_or_default();
                }
                "resources" => {
                    let resources: Option<Vec<Resource>> = map.next_value()?;
                    resources.into_iter().flatten().for_each(|resource| add_resource(&mut state, resource));
                }
                "check_results" => {
                    let results: Option<Box<RawValue>> = map.next_value()?;
                    state.check_results = results.map(Arc::from);
                }
                "formwork" => {
                    let ours: Ours = map.next_value()?;
                    follows = ours.follows;
                    state.targets = ours.targets;
                    state.provider_configurations = ours.provider_configurations;
                    state.node_edges =
                        ours.node_edges.into_iter().map(|(name, edges)| (name.into(), edges)).collect();
                }
                other => {
                    state.extra.insert(other.to_owned(), map.next_value()?);
                }
            }
        }
        match version {
            Some(4) => Ok(Document(Snapshot { state, follows })),
            Some(other) => Err(A::Error::custom(format!("format version {other} is not supported"))),
            None => Err(A::Error::missing_field("version")),
        }
    }
}

fn add_resource(state: &mut State, resource: Resource) {
    let block = BlockAddress::new(resource.module, resource.mode, resource.type_name, resource.name);
    if !resource.extra.is_empty() {
        state.block_extra.insert(block.clone(), resource.extra);
    }
    state.reserve(resource.instances.len());
    for instance in resource.instances {
        let address = block.instance(instance.key);
        let deposed = instance.deposed.map(|key| crate::address::DeposedKey(key.into()));
        let object = Object { provider: resource.provider.clone(), ..instance.object };
        state.insert(ObjectKey { address, deposed }, Arc::new(object));
    }
}

/// Reads a snapshot. An empty text is no state.
pub fn read(name: &str, bytes: &[u8]) -> Result<Snapshot, Diagnostic> {
    let damaged = |detail: String| {
        Diagnostic::error("state-unreadable", "State file cannot be read", format!("{name}: {detail}")).hint(
            format!(
                "Nothing was changed. Restore the file from {name}.backup, or from where you keep copies."
            ),
        )
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| damaged(format!("it is not text at byte {}.", error.valid_up_to())))?;
    let document: Result<Document, serde_json::Error> = serde_json::from_str(text);
    match document {
        Ok(Document(snapshot)) => Ok(snapshot),
        Err(error) => Err(damaged(format!("{error}."))),
    }
}

struct ResourceRef<'a> {
    block: &'a BlockAddress,
    provider: &'a ProviderConfigAddress,
    objects: &'a [(&'a ObjectKey, &'a Arc<Object>)],
    extra: Option<&'a Extra>,
    nodes: &'a NodeBlocks<'a>,
}

impl Serialize for ResourceRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.block.module().is_root() {
            map.serialize_entry("module", self.block.module())?;
        }
        map.serialize_entry("mode", if self.block.mode() == Mode::Data { "data" } else { "managed" })?;
        map.serialize_entry("type", self.block.type_name().as_str())?;
        map.serialize_entry("name", self.block.name().as_str())?;
        map.serialize_entry("provider", self.provider)?;
        let dependencies: Vec<Vec<String>> =
            self.objects.iter().map(|(_, object)| self.nodes.dependencies(object)).collect();
        let instances: Vec<InstanceRef<'_>> = self
            .objects
            .iter()
            .zip(&dependencies)
            .map(|((key, object), dependencies)| InstanceRef {
                key: Some(key.address.key()),
                deposed: key.deposed.as_ref().map(|key| key.0.as_str()),
                object,
                dependencies,
                with_provider: false,
            })
            .collect();
        map.serialize_entry("instances", &instances)?;
        for (key, value) in self.extra.into_iter().flatten() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// The blocks that values in between lead to, each found once.
struct NodeBlocks<'a> {
    node_edges: &'a BTreeMap<ArcStr, Vec<Edge>>,
    known: std::cell::RefCell<FxHashMap<ArcStr, Arc<BTreeSet<String>>>>,
}

impl NodeBlocks<'_> {
    fn dependencies(&self, object: &Object) -> Vec<String> {
        if object.edges.is_empty() {
            return object.dependencies.clone();
        }
        let mut blocks = BTreeSet::new();
        object.edges.iter().for_each(|edge| self.add(edge, &mut blocks));
        blocks.into_iter().collect()
    }

    fn add(&self, edge: &Edge, blocks: &mut BTreeSet<String>) {
        match edge {
            Edge::Object(address) => {
                blocks.insert(address.block().config_name());
            }
            Edge::Block(block) => {
                blocks.insert(block.config_name());
            }
            Edge::Node(node) => blocks.extend(self.of_node(node).iter().cloned()),
        }
    }

    fn of_node(&self, node: &ArcStr) -> Arc<BTreeSet<String>> {
        if let Some(known) = self.known.borrow().get(node) {
            return known.clone();
        }
        self.known.borrow_mut().insert(node.clone(), Arc::default());
        let mut blocks = BTreeSet::new();
        self.node_edges.get(node).into_iter().flatten().for_each(|edge| self.add(edge, &mut blocks));
        let blocks = Arc::new(blocks);
        self.known.borrow_mut().insert(node.clone(), blocks.clone());
        blocks
    }
}

struct StateRef<'a> {
    state: &'a State,
    serial: u64,
    follows: Option<&'a str>,
    version: &'a str,
}

impl Serialize for StateRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = self.state;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &4)?;
        map.serialize_entry("terraform_version", LANGUAGE_VERSION)?;
        map.serialize_entry("serial", &self.serial)?;
        map.serialize_entry("lineage", &state.lineage)?;
        map.serialize_entry("outputs", &state.outputs)?;
        let mut objects: Vec<(&ObjectKey, &Arc<Object>)> = state.objects().collect();
        objects.sort_by(|left, right| left.0.cmp(right.0));
        let nodes = NodeBlocks { node_edges: &state.node_edges, known: std::cell::RefCell::default() };
        let same_resource = |left: &(&ObjectKey, &Arc<Object>), right: &(&ObjectKey, &Arc<Object>)| {
            is_same_block(&left.0.address, &right.0.address) && left.1.provider == right.1.provider
        };
        let mut groups: Vec<&[(&ObjectKey, &Arc<Object>)]> = objects.chunk_by(same_resource).collect();
        groups.sort_by_cached_key(|group| place(&group[0].0.address));
        let blocks: Vec<BlockAddress> = groups.iter().map(|group| group[0].0.address.block()).collect();
        let resources: Vec<ResourceRef<'_>> = groups
            .iter()
            .zip(&blocks)
            .map(|(objects, block)| ResourceRef {
                block,
                provider: &objects[0].1.provider,
                objects,
                extra: state.block_extra.get(block),
                nodes: &nodes,
            })
            .collect();
        map.serialize_entry("resources", &resources)?;
        map.serialize_entry("check_results", &state.check_results)?;
        for (key, value) in &state.extra {
            map.serialize_entry(key, value)?;
        }
        let ours = Ours {
            version: self.version.to_owned(),
            follows: self.follows.map(str::to_owned),
            targets: state.targets.clone(),
            provider_configurations: state.provider_configurations.clone(),
            node_edges: state
                .node_edges
                .iter()
                .map(|(name, edges)| (name.to_string(), edges.clone()))
                .collect(),
        };
        map.serialize_entry("formwork", &ours)?;
        map.end()
    }
}

/// Where a resource stands in OpenTofu's order: modules by their text, data sources first.
fn place(address: &Address) -> (String, bool, ArcStr, ArcStr) {
    let is_managed = address.mode() == Mode::Managed;
    (address.module().to_string(), is_managed, address.type_name().clone(), address.name().clone())
}

fn is_same_block(left: &Address, right: &Address) -> bool {
    left.type_name() == right.type_name()
        && left.name() == right.name()
        && left.mode() == right.mode()
        && left.module() == right.module()
}

/// Writes a snapshot with a serial of its own and the digest of the one it follows: two spaces of indentation,
/// OpenTofu's order of keys.
pub fn write(
    state: &State,
    serial: u64,
    follows: Option<&str>,
    version: &str,
) -> Result<Vec<u8>, Diagnostic> {
    let compact = serde_json::to_string(&StateRef { state, serial, follows, version }).map_err(|error| {
        Diagnostic::error("state-unwritable", "State cannot be written", error.to_string())
    })?;
    let mut text = indent(&compact);
    text.push(b'\n');
    Ok(text)
}

/// Indents JSON text as Go's `MarshalIndent` does, without decoding it.
fn indent(compact: &str) -> Vec<u8> {
    let bytes = compact.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let mut depth = 0usize;
    let mut at = 0;
    let newline = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = string_end(bytes, at);
                escape_into(&mut out, &bytes[at..end]);
                at = end;
                continue;
            }
            open @ (b'{' | b'[') => {
                let next = bytes[at + 1..]
                    .iter()
                    .position(|byte| !byte.is_ascii_whitespace())
                    .map_or(at + 1, |skip| at + 1 + skip);
                if matches!(bytes.get(next), Some(b'}' | b']')) {
                    out.extend([open, bytes[next]]);
                    at = next + 1;
                    continue;
                }
                depth += 1;
                out.push(open);
                newline(&mut out, depth);
            }
            close @ (b'}' | b']') => {
                depth = depth.saturating_sub(1);
                newline(&mut out, depth);
                out.push(close);
            }
            b',' => {
                out.push(b',');
                newline(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            byte if byte.is_ascii_whitespace() => {}
            byte => out.push(byte),
        }
        at += 1;
    }
    out
}

/// Go's encoder writes these so that its text may stand in a web page.
fn escape_into(out: &mut Vec<u8>, string: &[u8]) {
    let mut rest = string;
    let is_special = |byte: &u8| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
    while let Some(at) = rest.iter().position(is_special) {
        out.extend_from_slice(&rest[..at]);
        let (escaped, length): (&[u8], usize) = match &rest[at..] {
            [b'<', ..] => (b"\\u003c", 1),
            [b'>', ..] => (b"\\u003e", 1),
            [b'&', ..] => (b"\\u0026", 1),
            [0xe2, 0x80, 0xa8, ..] => (b"\\u2028", 3),
            [0xe2, 0x80, 0xa9, ..] => (b"\\u2029", 3),
            other => (&other[..1], 1),
        };
        out.extend_from_slice(escaped);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The key that an instance of a block without repetition has.
pub const SINGLE: Key = Key::None;

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = r#"{
  "version": 4,
  "terraform_version": "1.3.7",
  "serial": 7,
  "lineage": "l",
  "outputs": {"secret": {"value": "x", "type": "string", "sensitive": true}},
  "resources": [
    {
      "module": "module.a[\"k\"]",
      "mode": "managed", "type": "t", "name": "n", "each": "list",
      "provider": "provider[\"registry.opentofu.org/hashicorp/t\"]",
      "instances": [
        {"index_key": 0, "status": "tainted", "schema_version": 2, "attributes": {"big": 123456789012345678901234567890, "s": "é"},
         "sensitive_attributes": [[{"type": "get_attr", "value": "s"}]], "private": "AAEC", "dependencies": ["t.other"],
         "create_before_destroy": true, "identity": {"id": 1}, "identity_schema_version": 3, "skip_destroy": true},
        {"index_key": 0, "deposed": "1a2b3c4d", "schema_version": 2, "attributes": {}, "sensitive_attributes": []}
      ],
      "unknown": [1]
    }
  ],
  "check_results": [{"object_kind": "var"}],
  "future": {"a": 1}
}"#;

    #[test]
    fn what_another_engine_wrote_survives() {
        let first = read("s", FOREIGN.as_bytes()).unwrap().state;
        let written = write(&first, 7, None, "0").unwrap();
        let mut again: serde_json::Value = serde_json::from_slice(&written).unwrap();
        let mut expected: serde_json::Value = serde_json::from_str(FOREIGN).unwrap();
        again.as_object_mut().unwrap().remove("formwork");
        expected["terraform_version"] = LANGUAGE_VERSION.into();
        expected["resources"][0].as_object_mut().unwrap().remove("each");
        assert_eq!(again, expected);
        assert_eq!(write(&read("s", &written).unwrap().state, 7, None, "0").unwrap(), written, "byte-stable");
    }

    #[test]
    fn indentation_and_escapes_are_gos() {
        let cases = [
            (
                r#"{"a":[],"b":{},"c":[1,{"d":"x:{,}\""}]}"#,
                "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": \"x:{,}\\\"\"\n    }\n  ]\n}",
            ),
            (r#""<a> & é€\u003c""#, r#""\u003ca\u003e \u0026 é€\u003c""#),
            ("\"\u{2028}\u{2029}\u{2027}\"", "\"\\u2028\\u2029\u{2027}\""),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(indent(text)).unwrap(), expected);
        }
    }

    #[test]
    fn damage_is_a_diagnostic_with_a_place() {
        for (text, expected) in [
            ("{\"version\": 4,", "line 1"),
            ("{\"version\": 3}", "version 3"),
            ("[]", "state object"),
            ("{\"version\":4,\"serial\":-1}", "column"),
        ] {
            let diagnostic = read("s", text.as_bytes()).err().unwrap();
            assert!(diagnostic.detail.contains(expected), "{}", diagnostic.detail);
        }
    }
}
