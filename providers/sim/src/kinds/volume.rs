//! `sim_volume`: a disk that may hang on a machine. It grows in place and never shrinks.

use super::{Kind, machine};
use crate::finding::{Findings, check_choice, check_name, check_number, fill, text, whole_number};
use crate::settings::Settings;
use crate::world::{Object, World};
use formwork_diagnostic::Diagnostic;
use formwork_sdk::{
    Attribute, Block, Disruption, ErrorKind, KindSchema, Operation, PlanRequest, Planned, ProviderError,
    Recovery,
};
use formwork_value::{Path, Type, Value};

const CLASSES: [&str; 3] = ["hdd", "ssd", "nvme"];
const SIZE_GB_MAX: i64 = 65_536;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

resource "sim_volume" "scratch" {
  name    = "scratch"
  size_gb = 2048
  class   = "nvme"
}
"#;

pub(super) struct Volume;

impl Kind for Volume {
    fn name(&self) -> &'static str {
        "sim_volume"
    }

    fn schema(&self) -> KindSchema {
        let block = Block::new([
            ("id", Attribute::computed(Type::String, "The volume's id.")),
            ("name", Attribute::required(Type::String, "Its name.")),
            ("size_gb", Attribute::required(Type::Number, "Its size in gigabytes; it grows in place.")),
            ("class", Attribute::with_default(Type::String, "ssd", "`hdd`, `ssd` or `nvme`.").replaces()),
            ("machine", Attribute::optional(Type::String, "Id of the machine it hangs on.")),
        ]);
        let mut schema = KindSchema::new(block, "A disk that may hang on a machine.");
        schema.example = EXAMPLE;
        schema.import_id = "The volume's id.";
        schema.recovery = Recovery::Find;
        schema.holds_data = true;
        schema.disruption = Disruption::None;
        schema
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_name(found, configuration, "name");
        check_number(found, configuration, "size_gb", 1, SIZE_GB_MAX);
        check_choice(found, configuration, "class", "class", &CLASSES);
    }

    fn plan(&self, _schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
        let size = |object: &Value| whole_number(object, "size_gb");
        if let (Some(before), Some(after)) = (size(&request.prior), size(&planned.planned))
            && after < before
            && planned.requires_replace.is_empty()
        {
            let detail = format!("A volume never shrinks: it has {before} GB, {after} GB are wanted.");
            planned.diagnostics.push(
                Diagnostic::error("volume-shrinks", "Invalid attribute value", detail)
                    .attribute(".size_gb")
                    .hint("Give at least the present size, or replace the volume."),
            );
        }
    }

    fn id(&self, world: &World, _attributes: &Value, _settings: &Settings, token: &str) -> String {
        world.free_id("volume", token)
    }

    fn create(
        &self,
        world: &World,
        settings: &Settings,
        planned: &Value,
        id: &str,
    ) -> Result<Value, ProviderError> {
        check_machine(world, planned)?;
        check_quota(world, settings, whole_number(planned, "size_gb").unwrap_or(0))?;
        Ok(fill(planned, &[("id", id.into())]))
    }

    fn update(
        &self,
        world: &World,
        settings: &Settings,
        object: &Object,
        planned: &Value,
    ) -> Result<Value, ProviderError> {
        if planned.get("machine") != object.attributes.get("machine") {
            check_machine(world, planned)?;
        }
        let size = |object: &Value| whole_number(object, "size_gb").unwrap_or(0);
        check_quota(world, settings, size(planned) - size(&object.attributes))?;
        Ok(planned.clone())
    }

    fn steps(
        &self,
        operation: Operation,
        _prior: Option<&Value>,
        _planned: &Value,
    ) -> &'static [&'static str] {
        match operation {
            Operation::Create => &["reserving space"],
            Operation::Update | Operation::Delete => &[],
        }
    }
}

fn check_machine(world: &World, planned: &Value) -> Result<(), ProviderError> {
    match text(planned, "machine") {
        Some(id) if world.referenced(machine::NAME, planned, "machine").is_none() => {
            Err(ProviderError::new(ErrorKind::NotFound, format!("machine {id:?} not found"))
                .at(Path::root().attribute("machine")))
        }
        _ => Ok(()),
    }
}

fn check_quota(world: &World, settings: &Settings, more_gb: i64) -> Result<(), ProviderError> {
    let taken = world.volume_gb();
    match settings.quota.volume_gb {
        Some(limit) if more_gb > 0 && taken + more_gb > limit => {
            let message =
                format!("quota exceeded: {taken} of {limit} GB are taken, {more_gb} more are wanted");
            Err(ProviderError::new(ErrorKind::Quota, message).at(Path::root().attribute("size_gb")))
        }
        _ => Ok(()),
    }
}
