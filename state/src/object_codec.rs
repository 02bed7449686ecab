//! An object as JSON: the instance of the v4 format, and the same keys in journal records.

use crate::address::{Edge, Key, ProviderConfigAddress};
use crate::model::{Object, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use formwork_value::{Path, json};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// An instance as the v4 format has it: the object, its key, and its deposed key.
pub(crate) struct Instance {
    pub(crate) key: Key,
    pub(crate) deposed: Option<String>,
    pub(crate) object: Object,
    /// Written only in journal records; in a snapshot the resource has it.
    pub(crate) provider: Option<ProviderConfigAddress>,
}

#[derive(Serialize, Deserialize)]
struct Ours {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    edges: Vec<Edge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    provider_edges: Vec<Edge>,
}

/// What is written of an object, in OpenTofu's order of keys.
pub(crate) struct InstanceRef<'a> {
    pub(crate) key: Option<&'a Key>,
    pub(crate) deposed: Option<&'a str>,
    pub(crate) object: &'a Object,
    pub(crate) dependencies: &'a [String],
    pub(crate) with_provider: bool,
}

impl Serialize for InstanceRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = self.object;
        let mut map = serializer.serialize_map(None)?;
        match self.key {
            Some(Key::Int(index)) => map.serialize_entry("index_key", index)?,
            Some(Key::Text(text)) => map.serialize_entry("index_key", text.as_str())?,
            Some(Key::None) | None => {}
        }
        if object.status == Status::Tainted {
            map.serialize_entry("status", "tainted")?;
        }
        if let Some(deposed) = self.deposed {
            map.serialize_entry("deposed", deposed)?;
        }
        map.serialize_entry("schema_version", &object.schema_version)?;
        map.serialize_entry("attributes", &object.attributes)?;
        map.serialize_entry(
            "sensitive_attributes",
            &paths_json(&object.sensitive_paths).map_err(S::Error::custom)?,
        )?;
        if let Some(version) = object.identity_schema_version {
            map.serialize_entry("identity_schema_version", &version)?;
        }
        if let Some(identity) = &object.identity {
            map.serialize_entry("identity", identity)?;
        }
        if let Some(private) = &object.private {
            map.serialize_entry("private", &BASE64.encode(private))?;
        }
        if !self.dependencies.is_empty() {
            map.serialize_entry("dependencies", self.dependencies)?;
        }
        if object.create_before_destroy {
            map.serialize_entry("create_before_destroy", &true)?;
        }
        for (key, value) in &object.extra {
            map.serialize_entry(key, value)?;
        }
        if self.with_provider {
            map.serialize_entry("provider", &object.provider)?;
        }
        if !object.edges.is_empty() || !object.provider_edges.is_empty() {
            let ours = Ours { edges: object.edges.clone(), provider_edges: object.provider_edges.clone() };
            map.serialize_entry("formwork", &ours)?;
        }
        map.end()
    }
}

fn paths_json(paths: &[Path]) -> Result<Vec<Box<RawValue>>, String> {
    let one = |path: &Path| {
        let text = json::path_to_json(path).map_err(|error| error.to_string())?;
        RawValue::from_string(text).map_err(|error| error.to_string())
    };
    paths.iter().map(one).collect()
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        InstanceRef {
            key: None,
            deposed: None,
            object: self,
            dependencies: &self.dependencies,
            with_provider: true,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let instance = Instance::deserialize(deserializer)?;
        let provider = instance.provider.ok_or_else(|| D::Error::missing_field("provider"))?;
        Ok(Self { provider, ..instance.object })
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InstanceVisitor)
    }
}

struct InstanceVisitor;

impl<'de> Visitor<'de> for InstanceVisitor {
    type Value = Instance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instance object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Instance, A::Error> {
        let mut instance =
            Instance { key: Key::None, deposed: None, object: Object::default(), provider: None };
        let object = &mut instance.object;
        let mut has_attributes = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.0.as_ref() {
                "index_key" => instance.key = index_key(&map.next_value()?).map_err(A::Error::custom)?,
                "status" => {
                    let status: String = map.next_value()?;
                    object.status = if status == "tainted" { Status::Tainted } else { Status::Ready };
                }
                "deposed" => {
                    let deposed: Option<String> = map.next_value()?;
                    instance.deposed = deposed.filter(|key| !key.is_empty());
                }
                "schema_version" => object.schema_version = map.next_value()?,
                "attributes" => {
                    object.attributes = map.next_value::<Box<RawValue>>()?.into();
                    has_attributes = true;
                }
                "sensitive_attributes" => object.sensitive_paths = read_paths::<A>(map.next_value()?)?,
                "identity" => object.identity = map.next_value::<Option<Box<RawValue>>>()?.map(Arc::from),
                "identity_schema_version" => object.identity_schema_version = map.next_value()?,
                "private" => object.private = read_private::<A>(map.next_value()?)?,
                "dependencies" => {
                    let dependencies: Option<Vec<String>> = map.next_value()?;
                    object.dependencies = dependencies.unwrap_or_default();
                }
                "create_before_destroy" => object.create_before_destroy = map.next_value()?,
                "provider" => instance.provider = Some(map.next_value()?),
                "formwork" => {
                    let ours: Ours = map.next_value()?;
                    object.edges = ours.edges;
                    object.provider_edges = ours.provider_edges;
                }
                other => {
                    object.extra.insert(other.to_owned(), map.next_value()?);
                }
            }
        }
        if !has_attributes && !object.extra.contains_key("attributes_flat") {
            return Err(A::Error::missing_field("attributes"));
        }
        Ok(instance)
    }
}

fn index_key(value: &Value) -> Result<Key, String> {
    match value {
        Value::Null => Ok(Key::None),
        Value::String(text) => Ok(Key::Text(text.as_str().into())),
        Value::Number(number) => {
            number.as_u64().map(Key::Int).ok_or_else(|| format!("index_key {number} is no whole number"))
        }
        other => Err(format!("index_key {other} is neither text nor a number")),
    }
}

fn read_paths<'de, A: MapAccess<'de>>(raw: Option<Vec<Box<RawValue>>>) -> Result<Vec<Path>, A::Error> {
    let one = |raw: Box<RawValue>| json::path_from_json(raw.get()).map_err(A::Error::custom);
    raw.unwrap_or_default().into_iter().map(one).collect()
}

fn read_private<'de, A: MapAccess<'de>>(text: Option<String>) -> Result<Option<Vec<u8>>, A::Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    BASE64.decode(text).map(Some).map_err(|_| A::Error::custom("private is not base64"))
}

/// Text that is copied only where it is escaped.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Keys that are kept though nobody here knows them.
pub(crate) type Extra = Map<String, Value>;
