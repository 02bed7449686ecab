//! `sim_cluster`: machines joined under one control plane, with an endpoint and credentials. It honours tokens.

use super::{Kind, machine};
use crate::chance::digits;
use crate::finding::{Findings, check_name, fill, given, text, texts};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_sdk::{
    Attribute, Block, Disruption, ErrorKind, KindSchema, Operation, PlanRequest, Planned, ProviderError,
    Recovery, mark_computed_unknown,
};
use formwork_value::{Path, Type, Value};

pub(super) const NAME: &str = "sim_cluster";
pub(super) const CONTROL_PLANE: &str = "control_plane";
pub(super) const WORKERS: &str = "workers";

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
"#;

pub(super) struct Cluster;

impl Kind for Cluster {
    fn name(&self) -> &'static str {
        NAME
    }

    fn schema(&self) -> KindSchema {
        let machines = || Type::list(Type::String);
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The cluster's id; a provider's `cluster` takes it.")),
            ("name", Attribute::required(Type::String, "Its name.").replaces()),
            ("version", Attribute::required(Type::String, "Version of the control plane, as `1.34`.")),
            (
                CONTROL_PLANE,
                Attribute::required(machines(), "Ids of the machines that run the control plane."),
            ),
            (WORKERS, Attribute::optional(machines(), "Ids of the machines that run everything else.")),
            ("nodes", Attribute::computed(machines(), "Names of all machines in it.")),
            ("endpoint", Attribute::computed(Type::String, "Where the control plane is reached.")),
            ("token", Attribute::computed(Type::String, "What its administrator shows.").sensitive()),
            ("ca", Attribute::computed(Type::String, "Who signed its certificate, as PEM.").sensitive()),
        ]);
        let mut schema = KindSchema::new(block, "Machines joined under one control plane.");
        schema.example = EXAMPLE;
        schema.import_id = "The cluster's id.";
        schema.recovery = Recovery::Replay;
        schema.disruption = Disruption::Outage;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        if let Some(version) = text(configuration, "version")
            && !is_version(version)
        {
            found.refuse("version", format!("{version:?} is no version as \"1.34\"."));
        }
        let has_none = |list: &Value| list.items().is_some_and(<[Value]>::is_empty);
        if given(configuration, CONTROL_PLANE).is_some_and(has_none) {
            found.refuse(CONTROL_PLANE, "A cluster needs at least one machine for its control plane.");
        }
    }

    fn plan(&self, schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
        if request.prior.is_null() || request.proposed.is_null() {
            return;
        }
        let moves = |name: &&str| request.prior.get(name) != planned.planned.get(name);
        if [CONTROL_PLANE, WORKERS].iter().any(moves) {
            planned.planned =
                mark_computed_unknown(schema, &planned.planned, &request.configuration, "nodes");
        }
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("cluster", token)
    }

    fn create(
        &self,
        world: &World,
        settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        let nodes = join(world, planned, id)?;
        let first = texts(planned, CONTROL_PLANE).next().and_then(|machine| world.get(machine));
        let address =
            first.and_then(|machine| text(&machine.attributes, "address").cloned()).unwrap_or_default();
        let secret = |what: &str| digits(settings.seed, &[what, id]);
        let token = format!("{}.{}{}", &secret("token-id")[..6], secret("token"), &secret("token-end")[..4]);
        let ca = format!(
            "-----BEGIN CERTIFICATE-----\n{}{}\n-----END CERTIFICATE-----\n",
            secret("ca"),
            secret("ca-end")
        );
        Ok(fill(
            planned,
            &[
                ("id", id.into()),
                ("nodes", nodes),
                ("endpoint", format!("https://{address}:6443").into()),
                ("token", token.into()),
                ("ca", ca.into()),
            ],
        ))
    }

    fn update(
        &self,
        world: &World,
        _settings: &Settings,
        object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        Ok(fill(planned, &[("nodes", join(world, planned, &object.id)?)]))
    }

    fn steps(
        &self,
        operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["starting the control plane", "joining machines"],
            Operation::Update => &["rolling over the machines"],
            Operation::Delete => &["draining"],
        }
    }
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.len(), 2 | 3) && parts.iter().all(is_number)
}

/// Names of all machines of a cluster, each of which stands and is in no other one.
fn join(world: &World, planned: &Value, id: &str) -> Result<Value, ProviderError> {
    let mut names = Vec::new();
    for list in [CONTROL_PLANE, WORKERS] {
        for (at, machine) in (0_u64..).zip(texts(planned, list)) {
            let path = || Path::root().attribute(list).index(at);
            let Some(found) = world.get(machine).filter(|found| found.kind == machine::NAME) else {
                return Err(ProviderError::new(
                    ErrorKind::NotFound,
                    format!("machine {machine:?} not found"),
                )
                .at(path()));
            };
            if let Some(other) = world.cluster_of(machine).filter(|other| *other != id) {
                let message = format!("machine {} ({machine}) is in cluster {other}", found.name);
                return Err(ProviderError::new(ErrorKind::Conflict, message).at(path()));
            }
            names.push(Value::string(found.name.as_str()));
        }
    }
    Ok(Value::list(Type::String, names))
}

#[cfg(test)]
mod tests {
    use super::is_version;

    #[test]
    fn versions() {
        for (text, expected) in
            [("1.34", true), ("1.34.2", true), ("1", false), ("1.", false), ("v1.34", false)]
        {
            assert_eq!(is_version(text), expected, "{text}");
        }
    }
}
