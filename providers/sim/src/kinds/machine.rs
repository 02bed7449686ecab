//! `sim_machine`: a machine that boots in steps. Its name need not be unique; the token stands on it.

use super::{Kind, image, network};
use crate::finding::{
    Findings, check_choice, check_name, check_number, fill, given, text, whole_number, with_attribute,
};
use crate::settings::Settings;
use crate::world::{Object, Phase, World};
use formwork_sdk::{
    Attribute, Block, Disruption, ErrorKind, KindSchema, NestedBlock, Operation, PlanRequest, Planned,
    ProviderError, Recovery,
};
use formwork_value::{Path, Type, Value};

pub(super) const NAME: &str = "sim_machine";

/// Name and the greatest number of GPUs.
const FLAVOURS: [(&str, i64); 5] =
    [("small", 0), ("medium", 0), ("large", 0), ("gpu-small", 4), ("gpu-large", 8)];
const GPU_MODELS: [&str; 4] = ["a100", "h100", "l40s", "rtx6000"];
const STATUS_READY: &str = "active";

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

resource "sim_network" "main" {
  name = "training"
  cidr = "10.20.0.0/16"
}

resource "sim_machine" "gpu" {
  count     = 2
  name      = "gpu-${count.index}"
  flavour   = "gpu-large"
  image     = "ubuntu-24.04-cuda"
  network   = sim_network.main.id
  gpu_model = "a100"
  gpu_count = 8
}
"#;

pub(super) struct Machine;

impl Kind for Machine {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The machine's id.")),
            ("name", Attribute::required(Type::String, "A host name.")),
            ("flavour", Attribute::required(Type::String, "Its size; a change resizes and restarts it.")),
            ("image", Attribute::required(Type::String, "Name or id of an image.").replaces()),
            ("network", Attribute::required(Type::String, "Id of the network it stands in.").replaces()),
            ("gpu_model", Attribute::optional(Type::String, "Model of its GPUs.").replaces()),
            ("gpu_count", Attribute::with_default(Type::Number, 0, "How many GPUs it has.").replaces()),
            ("labels", Attribute::optional(Type::map(Type::String), "Words for people and tools.")),
            ("address", Attribute::computed(Type::String, "Its address in the network.")),
            ("status", Attribute::computed(Type::String, "`building`, `active`, `resizing` or `deleting`.")),
        ])
        .with_block("timeouts", NestedBlock::timeouts());
        let mut schema = KindSchema::new(block, "A machine, with GPUs or without, that boots in steps.");
        schema.example = EXAMPLE;
        schema.import_id = "The machine's id.";
        schema.recovery = Recovery::Find;
        schema.disruption = Disruption::Restart;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        check_choice(found, configuration, "flavour", "flavour", &FLAVOURS.map(|(name, _)| name));
        check_choice(found, configuration, "gpu_model", "GPU model", &GPU_MODELS);
        check_number(found, configuration, "gpu_count", 0, 16);
        if let Some(name) = text(configuration, "image")
            && image::find(name).is_none()
        {
            found.refuse("image", image::unknown_image(name));
        }
        check_gpus(found, configuration);
    }

    fn plan(&self, schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
        let is_ready = text(&request.prior, "status").is_some_and(|status| status == STATUS_READY);
        if !request.prior.is_null() && !request.proposed.is_null() && !is_ready {
            planned.planned = formwork_sdk::mark_computed_unknown(
                schema,
                &planned.planned,
                &request.configuration,
                "status",
            );
        }
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("machine", token)
    }

    fn create(
        &self,
        world: &World,
        settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let network = world.referenced(network::NAME, planned, "network").ok_or_else(|| {
            let id = text(planned, "network").map_or("", |id| id.as_str());
            ProviderError::new(ErrorKind::NotFound, format!("network {id:?} not found"))
                .at(Path::root().attribute("network"))
        })?;
        let machines = i64::try_from(world.count(NAME)).unwrap_or(i64::MAX);
        if let Some(limit) = settings.quota.machines.filter(|limit| machines >= *limit) {
            return Err(ProviderError::new(
                ErrorKind::Quota,
                format!("quota exceeded: {machines} of {limit} machines"),
            )
            .hint("Raise the quota of machines, or make fewer."));
        }
        let wanted = whole_number(planned, "gpu_count").unwrap_or(0);
        let taken = world.gpus();
        if let Some(limit) = settings.quota.gpus.filter(|limit| wanted > 0 && taken + wanted > *limit) {
            let message =
                format!("quota exceeded: {taken} of {limit} GPUs are taken, {wanted} more are wanted");
            return Err(ProviderError::new(ErrorKind::Quota, message)
                .at(Path::root().attribute("gpu_count"))
                .hint("Raise the quota of GPUs, or ask for fewer."));
        }
        let address = network::free_address(world, network)?.to_string();
        Ok(fill(planned, &[("id", id.into()), ("address", address.into()), ("status", STATUS_READY.into())]))
    }

    fn update(
        &self,
        _world: &World,
        _settings: &Settings,
        _object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        Ok(fill(planned, &[("status", STATUS_READY.into())]))
    }

    fn steps(&self, operation: Operation, prior: Option<&Value>, planned: &Value) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["finding a host", "writing the image", "booting"],
            Operation::Update
                if prior.is_some_and(|prior| prior.get("flavour") != planned.get("flavour")) =>
            {
                &["stopping", "resizing"]
            }
            Operation::Update => &[],
            Operation::Delete => &["shutting down"],
        }
    }

    fn shown(&self, object: &Object) -> Value {
        let status = match object.phase {
            Phase::Ready => return object.attributes.clone(),
            Phase::Creating(_) => "building",
            Phase::Updating(_) => "resizing",
            Phase::Deleting(_) => "deleting",
        };
        with_attribute(&object.attributes, "status", &status.into())
    }
}

fn check_gpus(found: &mut Findings, configuration: &Value) {
    let count = whole_number(configuration, "gpu_count").unwrap_or(0);
    let flavour = text(configuration, "flavour");
    let limit = flavour.and_then(|flavour| FLAVOURS.iter().find(|(name, _)| *name == flavour.as_str()));
    if let Some((name, limit)) = limit.filter(|(_, limit)| count > *limit) {
        found.refuse(
            "gpu_count",
            format!("A machine of flavour {name:?} takes at most {limit} GPUs, not {count}."),
        );
    }
    let is_decided = |name: &str| configuration.get(name).is_none_or(Value::is_known);
    if !is_decided("gpu_count") || !is_decided("gpu_model") {
        return;
    }
    match (given(configuration, "gpu_model"), count) {
        (None, 1..) => found.refuse("gpu_model", "A machine with GPUs needs the model of its GPUs."),
        (Some(_), 0) => found.refuse("gpu_count", "A machine with a GPU model needs at least one GPU."),
        _ => {}
    }
}
