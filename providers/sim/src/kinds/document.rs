//! `sim_object`: any document in a cluster. Kind, namespace and name together are unique there; it dies with the
//! cluster, and with its namespace.

use super::{Kind, cluster};
use crate::finding::{Findings, check_name, fill, given, text, whole_number};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_sdk::{
    Attribute, Block, ErrorKind, KindSchema, Operation, PlanRequest, Planned, ProviderError, Recovery,
    mark_computed_unknown,
};
use formwork_value::{Path, Type, Value};

pub(super) const NAME: &str = "sim_object";

const NAMESPACE_KIND: &str = "Namespace";
/// Namespaces that every cluster has.
const NAMESPACES: [&str; 2] = ["default", "kube-system"];

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

resource "sim_network" "main" {
  name = "training"
  cidr = "10.20.0.0/16"
}

resource "sim_machine" "control_plane" {
  name    = "control-plane"
  flavour = "large"
  image   = "ubuntu-24.04"
  network = sim_network.main.id
}

resource "sim_cluster" "main" {
  name          = "training"
  version       = "1.34"
  control_plane = [sim_machine.control_plane.id]
}

provider "sim" {
  alias   = "inside"
  cluster = sim_cluster.main.id
}

resource "sim_object" "team" {
  provider = sim.inside
  kind     = "Namespace"
  name     = "ml-training"
  document = { labels = { team = "vision" } }
}
"#;

pub(super) struct Document;

impl Kind for Document {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "`CLUSTER/NAMESPACE/KIND/NAME`.")),
            ("kind", Attribute::required(Type::String, "What it is, as `ResourceQuota`.").replaces()),
            (
                "namespace",
                Attribute::optional(Type::String, "The namespace it lives in, if in one.").replaces(),
            ),
            ("name", Attribute::required(Type::String, "Unique for its kind and namespace.").replaces()),
            ("document", Attribute::required(Type::Dynamic, "The document, an object of any form.")),
            ("generation", Attribute::computed(Type::Number, "How often the document was written.")),
        ]);
        let mut schema = KindSchema::new(block, "Any document in a cluster.");
        schema.example = EXAMPLE;
        schema.import_id = "The cluster's id, then kind, namespace and name, parted by slashes.";
        schema.recovery = Recovery::NaturalKey;
        schema.dies_with_container = true;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        check_name(found, configuration, "namespace");
        if let Some(kind) = text(configuration, "kind") {
            let is_kind = kind.starts_with(|first: char| first.is_ascii_uppercase())
                && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_kind {
                found.refuse("kind", format!("{kind:?} is no kind: a capital and then letters and digits."));
            }
        }
        let Some(document) = given(configuration, "document") else { return };
        if document.entries().is_none() {
            found.refuse("document", "A document is an object.");
        } else if let (Some(said), Some(kind)) = (text(document, "kind"), text(configuration, "kind"))
            && said != kind
        {
            let path = Path::root().attribute("document").attribute("kind");
            found.refuse_at(path, format!("The document says that it is a {said}, not a {kind}."));
        }
    }

    fn plan(&self, schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
        let is_update = !request.prior.is_null() && !request.proposed.is_null();
        if is_update && request.prior.get("document") != planned.planned.get("document") {
            planned.planned =
                mark_computed_unknown(schema, &planned.planned, &request.configuration, "generation");
        }
    }

    fn object_name(&self, attributes: &Value, settings: &Settings) -> String {
        let part = |name: &str| text(attributes, name).map_or("", |text| text.as_str());
        let cluster = settings.cluster.as_deref().unwrap_or_default();
        format!("{cluster}/{}/{}/{}", part("namespace"), part("kind"), part("name"))
    }

    fn id(&self, _world: &World, attributes: &Value, settings: &Settings, _token: &str) -> String {
        self.object_name(attributes, settings)
    }

    fn create(
        &self,
        world: &World,
        settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        if let Some(namespace) =
            text(planned, "namespace").filter(|name| !NAMESPACES.contains(&name.as_str()))
        {
            let cluster = settings.cluster.as_deref().unwrap_or_default();
            let wanted = format!("{cluster}//{NAMESPACE_KIND}/{namespace}");
            if world.get(&wanted).is_none() {
                return Err(ProviderError::new(
                    ErrorKind::NotFound,
                    format!("namespace {namespace:?} not found"),
                )
                .at(Path::root().attribute("namespace")));
            }
        }
        Ok(fill(planned, &[("id", id.into()), ("generation", 1.into())]))
    }

    fn update(
        &self,
        _world: &World,
        _settings: &Settings,
        object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        let generation = whole_number(&object.attributes, "generation").unwrap_or(0) + 1;
        Ok(fill(planned, &[("generation", generation.into())]))
    }

    fn steps(
        &self,
        _operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        &[]
    }
}

/// Ids of everything in the namespace that the object is, if it is one.
pub(super) fn inside_namespace(world: &World, object: &Object) -> Vec<String> {
    let Some((cluster, rest)) = object.id.split_once("//") else { return Vec::new() };
    let Some(namespace) = rest.strip_prefix(NAMESPACE_KIND).and_then(|rest| rest.strip_prefix('/')) else {
        return Vec::new();
    };
    world.ids_beginning(NAME, &format!("{cluster}/{namespace}/"))
}

/// The cluster that a connection's objects live in, where it stands.
pub(crate) fn require_cluster(world: &World, settings: &Settings) -> Result<(), ProviderError> {
    let Some(id) = &settings.cluster else {
        return Err(ProviderError::invalid("this provider configuration names no cluster for its objects")
            .hint("Set `cluster` in the provider block, or use `provider = sim.NAME` of one that has it."));
    };
    match world.get(id).filter(|found| found.kind == cluster::NAME) {
        Some(_) => Ok(()),
        None => Err(ProviderError::new(ErrorKind::NotFound, format!("cluster {id:?} not found"))),
    }
}
