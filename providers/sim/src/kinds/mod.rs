//! The kinds, one file each, behind one trait: what each is, refuses, computes and how long it takes.

mod bucket;
mod cluster;
mod document;
mod image;
mod machine;
mod names;
mod network;
mod secret;
mod volume;

pub(crate) use document::require_cluster;
pub(crate) use image::{
    DATA_KIND as IMAGE, read as read_image, schema as image_schema, validate as validate_image,
};
pub(crate) use names::{
    DATA_KIND as NAMES, read as read_names, schema as names_schema, validate as validate_names,
};

use crate::finding::{Findings, text};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_sdk::{KindSchema, Operation, Permission, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};
use std::net::Ipv4Addr;
use std::sync::LazyLock;

/// Lists of machines' ids in a cluster.
pub(crate) const MEMBERS: [&str; 2] = [cluster::CONTROL_PLANE, cluster::WORKERS];

/// Stored attributes, not decoded.
pub(crate) type Attributes = serde_json::Map<String, serde_json::Value>;

/// What sets one kind apart.
pub(crate) trait Kind: Send + Sync {
    /// The type name.
    fn name(&self) -> &'static str;

    /// The schema.
    fn schema(&self) -> KindSchema;

    /// What is wrong with a configuration that may hold unknowns.
    fn validate(&self, configuration: &Value, found: &mut Findings);

    /// Adjusts the default plan.
    fn plan(&self, _schema: &KindSchema, _request: &PlanRequest, _planned: &mut Planned) {}

    /// The object's name, unique under a natural key.
    fn object_name(&self, attributes: &Value, _settings: &Settings) -> String {
        text(attributes, "name").map(ToString::to_string).unwrap_or_default()
    }

    /// The id of an object to be made.
    fn id(&self, world: &World, attributes: &Value, settings: &Settings, token: &str) -> String;

    /// Checks the order against the world and completes the object.
    fn create(
        &self,
        world: &World,
        settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError>;

    /// Checks the change against the world and completes the object.
    fn update(
        &self,
        _world: &World,
        _settings: &Settings,
        _object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        Ok(planned.clone())
    }

    /// Whether something stands in the way of deleting.
    fn check_delete(&self, _world: &World, _object: &Object) -> Result<(), ProviderError> {
        Ok(())
    }

    /// What each step of an operation is called; it takes as many polls.
    fn steps(&self, operation: Operation, prior: Option<&Value>, planned: &Value) -> &'static [&'static str];

    /// Brings stored attributes of an older version to those of today.
    fn upgrade(&self, _version: u64, _attributes: &mut Attributes) {}

    /// Whether objects of another type are taken over, as they are stored.
    fn takes_over(&self, _type_name: &str) -> bool {
        false
    }

    /// The object as a read shows it while it is being made or changed.
    fn shown(&self, object: &Object) -> Value {
        object.attributes.clone()
    }
}

struct Entry {
    kind: &'static dyn Kind,
    schema: KindSchema,
    object_type: Type,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let kinds: [&'static dyn Kind; 7] = [
        &network::Network,
        &machine::Machine,
        &volume::Volume,
        &bucket::Bucket,
        &cluster::Cluster,
        &document::Document,
        &secret::Secret,
    ];
    let entry = |kind: &'static dyn Kind| {
        let mut schema = kind.schema();
        schema.can_list = true;
        let permission = |right: &str| vec![Permission(format!("{}:{right}", kind.name()))];
        schema.read_permissions = permission("read");
        schema.write_permissions = permission("write");
        let object_type = schema.block.implied_type();
        Entry { kind, schema, object_type }
    };
    kinds.map(entry).into()
});

fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.kind.name() == name)
}

/// All kinds with their schemas.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static KindSchema)> {
    ENTRIES.iter().map(|entry| (entry.kind.name(), &entry.schema))
}

/// A kind and its schema.
pub(crate) fn find(name: &str) -> Option<(&'static dyn Kind, &'static KindSchema)> {
    entry(name).map(|entry| (entry.kind, &entry.schema))
}

/// The type of a kind's objects.
pub(crate) fn object_type(name: &str) -> Option<&'static Type> {
    entry(name).map(|entry| &entry.object_type)
}

/// Whether the kind lives in a cluster.
pub(crate) fn lives_in_cluster(name: &str) -> bool {
    entry(name).is_some_and(|entry| entry.schema.dies_with_container)
}

/// Ids of what dies with an object.
pub(crate) fn inside(world: &World, object: &Object) -> Vec<String> {
    match object.kind.as_str() {
        cluster::NAME => world.ids_beginning(document::NAME, &format!("{}/", object.id)),
        document::NAME => document::inside_namespace(world, object),
        _ => Vec::new(),
    }
}

/// The network that a machine stands in, and its address there.
pub(crate) fn place_in_network(object: &Object) -> Option<(String, u32)> {
    if object.kind != machine::NAME {
        return None;
    }
    let network = text(&object.attributes, "network")?;
    let address: Ipv4Addr = text(&object.attributes, "address")?.parse().ok()?;
    Some((network.to_string(), address.to_bits()))
}
