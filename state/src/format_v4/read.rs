//! Reading a state file in one pass.
//!
//! Whatever is wrong becomes one diagnostic with line and column. What serde quotes of the content is left out of it,
//! since it may be secret.

use super::{VERSION, flat, ours};
use crate::Name;
use crate::address::{
    BlockAddress, DeposedKey, Key, Mode, ModuleInstance, ObjectKey, ProviderAddress, ProviderConfigAddress,
};
use crate::model::{Extra, Object, OutputValue, State, Status};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_diagnostic::Diagnostic;
use formwork_value::{Path, json};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A state file read.
#[derive(Debug)]
pub struct Snapshot {
    /// The state in it.
    pub state: State,
    /// The digest of the snapshot that this one follows; none where another engine wrote the file.
    pub follows: Option<String>,
}

/// Reads a state file. `name` is what messages call it.
pub fn read(name: &str, bytes: &[u8]) -> Result<Snapshot, Diagnostic> {
    let mut reader = Reader::default();
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let outcome = TopSeed(&mut reader).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    outcome.map_err(|error| corrupt(name, &error))?;
    Ok(Snapshot { state: reader.state, follows: reader.follows })
}

fn corrupt(name: &str, error: &serde_json::Error) -> Diagnostic {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = without_quotes(text.strip_suffix(&place).unwrap_or(&text));
    let detail = format!("{name}, line {}, column {}: {what}.", error.line(), error.column());
    let summary = if what.contains(NEWER) || what.contains(OLDER) || what.contains(ENCRYPTED) {
        "Unsupported state file"
    } else {
        "The state file is damaged"
    };
    Diagnostic::error("state-unreadable", summary, detail)
        .hint(format!("nothing was changed; the state before is in {name}.backup where it was kept"))
}

const NEWER: &str = "is newer than this program";
const OLDER: &str = "is from before Terraform 0.12";
const ENCRYPTED: &str = "is encrypted";

/// Takes out the value that serde's messages quote between "string" and ", expected".
fn without_quotes(message: &str) -> String {
    for kind in ["string ", "character ", "integer ", "floating point "] {
        if let Some(start) = message.find(kind)
            && let Some(end) = message.find(", expected")
            && message.starts_with("invalid ")
        {
            return format!("{}{}", message[..start + kind.len()].trim_end(), &message[end..]);
        }
    }
    message.to_owned()
}

/// A text that is borrowed from the file wherever it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default)]
struct Reader {
    state: State,
    follows: Option<String>,
    providers: FxHashMap<String, ProviderConfigAddress>,
    modules: FxHashMap<String, ModuleInstance>,
    names: FxHashMap<String, Name>,
}

impl Reader {
    fn provider<E: Error>(&mut self, text: &str) -> Result<ProviderConfigAddress, E> {
        if let Some(known) = self.providers.get(text) {
            return Ok(known.clone());
        }
        let parsed: ProviderConfigAddress = text.parse().map_err(E::custom)?;
        self.providers.insert(text.to_owned(), parsed.clone());
        Ok(parsed)
    }

    fn module<E: Error>(&mut self, text: &str) -> Result<ModuleInstance, E> {
        if let Some(known) = self.modules.get(text) {
            return Ok(known.clone());
        }
        let parsed: ModuleInstance = text.parse().map_err(E::custom)?;
        self.modules.insert(text.to_owned(), parsed.clone());
        Ok(parsed)
    }

    fn name(&mut self, text: &str) -> Name {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name = Name::from(text);
        self.names.insert(text.to_owned(), name.clone());
        name
    }
}

struct TopSeed<'a>(&'a mut Reader);

impl<'de> DeserializeSeed<'de> for TopSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a state object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        let mut has_version = false;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "version" => {
                    check_version(&map.next_value::<Box<RawValue>>()?)?;
                    has_version = true;
                }
                "terraform_version" => reader.state.terraform_version = map.next_value()?,
                "serial" => reader.state.serial = whole(&map.next_value::<Box<RawValue>>()?, "serial")?,
                "lineage" => reader.state.lineage = map.next_value()?,
                "outputs" => {
                    let outputs: Option<IndexMap<Name, OutputValue>> = map.next_value()?;
                    reader.state.outputs = outputs.unwrap_or_default();
                }
                "resources" => map.next_value_seed(ResourcesSeed(reader))?,
                "check_results" => reader.state.check_results = unless_null(map.next_value()?),
                ours::KEY => {
                    reader.follows = map.next_value::<ours::Top<'_>>()?.apply(&mut reader.state);
                }
                "encrypted_data" => {
                    return Err(A::Error::custom(format!("the state {ENCRYPTED}, and no key is configured")));
                }
                _ => drop(reader.state.extra.insert(key.0.into_owned(), map.next_value()?)),
            }
        }
        if has_version { Ok(()) } else { Err(A::Error::custom("there is no \"version\"")) }
    }
}

fn check_version<E: Error>(raw: &RawValue) -> Result<(), E> {
    match raw.get().parse::<u64>() {
        Ok(VERSION) => Ok(()),
        Ok(version) if version > VERSION => Err(E::custom(format!(
            "version {version} of the state format {NEWER}, which knows up to {VERSION}"
        ))),
        Ok(version) => Err(E::custom(format!(
            "version {version} of the state format {OLDER}; any later Terraform or OpenTofu can bring it up to {VERSION}"
        ))),
        Err(_) => Err(E::custom("the version of the state format is no whole number")),
    }
}

fn whole<E: Error>(raw: &RawValue, what: &str) -> Result<u64, E> {
    raw.get().parse().map_err(|_| {
        let why = if raw.get().starts_with('-') { "must not be negative" } else { "must be a whole number" };
        E::custom(format!("\"{what}\" {why}"))
    })
}

fn unless_null(raw: Box<RawValue>) -> Option<Arc<RawValue>> {
    (raw.get() != "null").then(|| raw.into())
}

struct ResourcesSeed<'a>(&'a mut Reader);

impl<'de> DeserializeSeed<'de> for ResourcesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ResourcesSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of resources")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(()) = list.next_element_seed(ResourceSeed(self.0))? {}
        Ok(())
    }
}

struct ResourceSeed<'a>(&'a mut Reader);

impl<'de> DeserializeSeed<'de> for ResourceSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// A resource as far as it is read: its instances may come before what they need to know of it.
#[derive(Default)]
struct Resource {
    module: ModuleInstance,
    mode: Option<Mode>,
    type_name: Option<Name>,
    name: Option<Name>,
    provider: Option<ProviderConfigAddress>,
    instances: Vec<Instance>,
    extra: Extra,
}

impl<'de> Visitor<'de> for ResourceSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a resource")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        let mut resource = Resource::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "module" => resource.module = reader.module(&map.next_value::<Text<'de>>()?.0)?,
                "mode" => resource.mode = Some(read_mode(&map.next_value::<Text<'de>>()?.0)?),
                "type" => resource.type_name = Some(reader.name(&map.next_value::<Text<'de>>()?.0)),
                "name" => resource.name = Some(reader.name(&map.next_value::<Text<'de>>()?.0)),
                "provider" => resource.provider = Some(reader.provider(&map.next_value::<Text<'de>>()?.0)?),
                "instances" => map.next_value_seed(InstancesSeed(reader, &mut resource.instances))?,
                _ => drop(resource.extra.insert(key.0.into_owned(), map.next_value()?)),
            }
        }
        add_resource(&mut reader.state, resource)
    }
}

fn read_mode<E: Error>(text: &str) -> Result<Mode, E> {
    match text {
        "managed" => Ok(Mode::Managed),
        "data" => Ok(Mode::Data),
        _ => Err(E::custom("a resource has a mode that is neither managed nor data")),
    }
}

fn add_resource<E: Error>(state: &mut State, resource: Resource) -> Result<(), E> {
    let (Some(mode), Some(type_name), Some(name)) = (resource.mode, resource.type_name, resource.name) else {
        return Err(E::custom("a resource lacks its mode, type or name"));
    };
    let block = BlockAddress::new(resource.module, mode, type_name, name);
    for instance in resource.instances {
        let address = block.instance(instance.key);
        let provider = instance.provider.or_else(|| resource.provider.clone());
        let Some(provider) = provider else {
            return Err(E::custom(format!("{address} has no provider")));
        };
        let object = Object { provider, ..instance.object };
        let key = ObjectKey { address, deposed: instance.deposed };
        if state.object(&key).is_some() {
            return Err(E::custom(format!("{key} appears twice")));
        }
        state.insert(key, Arc::new(object));
    }
    if !resource.extra.is_empty() {
        state.block_extra.insert(block, resource.extra);
    }
    Ok(())
}

struct Instance {
    key: Key,
    deposed: Option<DeposedKey>,
    provider: Option<ProviderConfigAddress>,
    object: Object,
}

struct InstancesSeed<'a>(&'a mut Reader, &'a mut Vec<Instance>);

impl<'de> DeserializeSeed<'de> for InstancesSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InstancesSeed<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of instances")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(instance) = list.next_element_seed(InstanceSeed(self.0))? {
            self.1.push(instance);
        }
        Ok(())
    }
}

struct InstanceSeed<'a>(&'a mut Reader);

impl<'de> DeserializeSeed<'de> for InstanceSeed<'_> {
    type Value = Instance;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Instance, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InstanceSeed<'_> {
    type Value = Instance;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an instance")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Instance, A::Error> {
        let reader = self.0;
        let mut found = InstanceFields::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key.0 {
                "index_key" => found.key = read_key(&map.next_value::<Box<RawValue>>()?)?,
                "deposed" => found.deposed = read_deposed(map.next_value()?)?,
                "instance_provider" => {
                    let text = map.next_value::<Option<Text<'de>>>()?.filter(|text| !text.0.is_empty());
                    found.provider = text.map(|text| reader.provider(&text.0)).transpose()?;
                }
                "status" => found.status = read_status(map.next_value::<Option<Text<'de>>>()?.as_ref())?,
                "schema_version" => {
                    found.schema_version = whole(&map.next_value::<Box<RawValue>>()?, "schema_version")?;
                }
                "attributes" => found.attributes = unless_null(map.next_value()?),
                "attributes_flat" => found.flat = map.next_value()?,
                "sensitive_attributes" => {
                    found.sensitive_paths = read_paths(&map.next_value::<Box<RawValue>>()?)?;
                }
                "identity_schema_version" => {
                    let version = unless_null(map.next_value()?);
                    let version = version.map(|raw| whole(&raw, "identity_schema_version")).transpose()?;
                    found.identity_schema_version = version;
                }
                "identity" => found.identity = unless_null(map.next_value()?),
                "private" => found.private = read_private(map.next_value()?)?,
                "dependencies" => found.dependencies = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "create_before_destroy" => found.create_before_destroy = map.next_value()?,
                "skip_destroy" => found.skip_destroy = map.next_value()?,
                ours::KEY => found.ours = map.next_value()?,
                _ => drop(found.extra.insert(key.0.into_owned(), map.next_value()?)),
            }
        }
        found.finish()
    }
}

#[derive(Default)]
struct InstanceFields {
    key: Key,
    deposed: Option<DeposedKey>,
    provider: Option<ProviderConfigAddress>,
    status: Status,
    schema_version: u64,
    attributes: Option<Arc<RawValue>>,
    flat: Option<BTreeMap<String, String>>,
    sensitive_paths: Vec<Path>,
    identity: Option<Arc<RawValue>>,
    identity_schema_version: Option<u64>,
    private: Option<Vec<u8>>,
    dependencies: Vec<String>,
    create_before_destroy: bool,
    skip_destroy: bool,
    ours: ours::Instance,
    extra: Extra,
}

impl InstanceFields {
    fn finish<E: Error>(self) -> Result<Instance, E> {
        let attributes = if let Some(attributes) = self.attributes {
            attributes
        } else {
            let text = flat::unfolded(&self.flat.unwrap_or_default()).to_string();
            RawValue::from_string(text).map_err(E::custom)?.into()
        };
        // Our edges say more than the dependencies that were written along for others.
        let has_edges = !self.ours.edges.is_empty() || !self.ours.provider_edges.is_empty();
        let object = Object {
            status: self.status,
            schema_version: self.schema_version,
            attributes,
            sensitive_paths: self.sensitive_paths,
            private: self.private,
            identity: self.identity,
            identity_schema_version: self.identity_schema_version,
            provider: ProviderConfigAddress::root(ProviderAddress::builtin()),
            edges: self.ours.edges,
            provider_edges: self.ours.provider_edges,
            dependencies: if has_edges { Vec::new() } else { self.dependencies },
            create_before_destroy: self.create_before_destroy,
            skip_destroy: self.skip_destroy,
            extra: self.extra,
        };
        Ok(Instance { key: self.key, deposed: self.deposed, provider: self.provider, object })
    }
}

fn read_key<E: Error>(raw: &RawValue) -> Result<Key, E> {
    let text = raw.get();
    if text == "null" {
        return Ok(Key::None);
    }
    if text.starts_with('"') {
        return serde_json::from_str::<Name>(text).map(Key::Text).map_err(E::custom);
    }
    let digits = text.strip_suffix(".0").unwrap_or(text);
    digits
        .parse()
        .map(Key::Int)
        .map_err(|_| E::custom("an instance key is neither a whole number nor a text"))
}

fn read_deposed<E: Error>(text: Option<Text<'_>>) -> Result<Option<DeposedKey>, E> {
    text.filter(|text| !text.0.is_empty()).map(|text| text.0.parse().map_err(E::custom)).transpose()
}

fn read_status<E: Error>(text: Option<&Text<'_>>) -> Result<Status, E> {
    match text.map(|text| &*text.0) {
        None | Some("") => Ok(Status::Ready),
        Some("tainted") => Ok(Status::Tainted),
        Some(_) => Err(E::custom("an instance has a status that is not \"tainted\"")),
    }
}

fn read_paths<E: Error>(raw: &RawValue) -> Result<Vec<Path>, E> {
    // Most lists are empty, and need no second look.
    let inside = raw.get().strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if raw.get() == "null" || inside.is_some_and(|inside| inside.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let paths: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).map_err(|_| E::custom(NO_PATHS))?;
    paths.iter().map(|path| json::path_from_json(path.get()).map_err(|_| E::custom(NO_PATHS))).collect()
}

const NO_PATHS: &str = "\"sensitive_attributes\" is no list of paths";

fn read_private<E: Error>(text: Option<Text<'_>>) -> Result<Option<Vec<u8>>, E> {
    let Some(text) = text.filter(|text| !text.0.is_empty()) else { return Ok(None) };
    STANDARD.decode(text.0.as_bytes()).map(Some).map_err(|_| E::custom("private bytes are no base64"))
}
