//! `host_filesystem`: a file system on a device.
//!
//! Invariant: what a device holds is never written over unless it is named, by its kind or its id. A plan looks at the
//! device before there is anything to read, and shows what it is and what is on it.

use super::disk::{self, GUARD, LOOK, Seen, WIPE};
use super::{Act, HostKind, check_device, mark_folder, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, given, keep_planned, set_planned, text, texts};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_filesystem" "cache" {
  host   = { connection = "local" }
  device = "/dev/disk/by-id/nvme-SAMSUNG_MZQL23T8HCLS_S64HNE0T500001"
  type   = "xfs"
  label  = "cache"
}

resource "host_mount" "cache" {
  host   = { connection = "local" }
  path   = "/var/cache/datasets"
  source = "UUID=${host_filesystem.cache.uuid}"
  type   = host_filesystem.cache.type
}
"#;

const DEVICE: &str = "device";
const UUID: &str = "uuid";
const FOUND: &str = "found";
const TYPES: [&str; 3] = ["ext4", "xfs", "btrfs"];

pub(super) struct Filesystem;

impl HostKind for Filesystem {
    fn name(&self) -> &'static str {
        "host_filesystem"
    }

    fn key(&self) -> &'static str {
        DEVICE
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            (
                DEVICE,
                Attribute::required(Type::String, "The device, by its id: `/dev/disk/by-id/…`.").replaces(),
            ),
            ("type", Attribute::required(Type::String, "`ext4`, `xfs` or `btrfs`.").replaces()),
            ("label", Attribute::optional(Type::String, "Its label.").replaces()),
            (
                "options",
                Attribute::optional(Type::list(Type::String), "Arguments for mkfs besides.").replaces(),
            ),
            (
                WIPE,
                Attribute::optional(
                    Type::list(Type::String),
                    "What may be written over when it is made, by type (`ext4`, `linux_raid_member`, `dos`) or by UUID. A device that holds anything else is left alone, and that is an error.",
                ),
            ),
            (UUID, Attribute::computed(Type::String, "Its own id.")),
            (
                FOUND,
                Attribute::computed(
                    Type::String,
                    "What was on the device before: types and ids; empty for a bare one.",
                ),
            ),
        ];
        attributes.extend(disk::facts());
        let doc = "A file system on a device. The plan shows the device's model and serial number and what is on it, and nothing is written over that `wipe` does not name. Removing the object makes the device bare again: what is in the file system is gone then.";
        let permissions = ["Read the device.", "Write to the device and to /var/lib/formwork."];
        KindSchema { holds_data: true, ..super::schema(DEVICE, attributes, doc, EXAMPLE, permissions) }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_device(configuration, DEVICE, found);
        found.check_choice(configuration, "type", &TYPES);
        if text(configuration, "label").is_some_and(|label| label.is_empty() || label.len() > 12) {
            found.refuse("label", "A label has 1 to 12 characters, which every type of file system takes.");
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        for name in [UUID, FOUND] {
            keep_planned(&schema, request, planned, name);
        }
        disk::keep_facts(&schema, request, planned);
    }

    fn foresees(&self) -> bool {
        true
    }

    fn foreseen(
        &self,
        request: &PlanRequest,
        planned: &mut Planned,
        answer: &Answer,
    ) -> Result<(), ProviderError> {
        let seen = Seen::of(answer)?;
        seen.check_others(text(&planned.planned, DEVICE).unwrap_or_default(), &planned.planned)?;
        let schema = self.schema();
        set_planned(&schema, request, planned, FOUND, &Value::from(seen.found()));
        for (name, value) in seen.facts() {
            set_planned(&schema, request, planned, name, &value);
        }
        Ok(())
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let begun = disk::begun(&mark_folder(self, object));
        format!("{begun}p={}\n{LOOK}", quote(text(object, DEVICE).unwrap_or_default()))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        let seen = Seen::of(answer)?;
        let own = text(object, "type").unwrap_or_default();
        let known = text(object, UUID);
        let signatures = seen.signatures();
        let found = signatures.iter().find(|one| {
            one.first().is_some_and(|kind| kind == own)
                && known.is_none_or(|known| one.get(1).is_some_and(|id| id == known))
        });
        let Some(found) = found else { return Ok(None) };
        let mut changed = seen.facts();
        changed.push((
            UUID,
            found.get(1).map_or_else(|| Value::null(Type::String), |id| Value::from(id.as_str())),
        ));
        if given(object, FOUND).is_none() {
            changed.push((FOUND, Value::from("")));
        }
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        if !act.request.prior.is_null() {
            return Ok(String::new());
        }
        let planned = &act.planned;
        let named: Vec<String> = texts(planned, WIPE).map(quote).collect();
        let kind = text(planned, "type").unwrap_or_default();
        let force = match kind {
            "ext4" => "-F -q -U \"$id\"",
            "xfs" => "-f -q -m uuid=\"$id\"",
            _ => "-f -q -U \"$id\"",
        };
        let label = text(planned, "label").map_or_else(String::new, |label| format!(" -L {}", quote(label)));
        let options: Vec<String> = texts(planned, "options").map(quote).collect();
        Ok(format!(
            "p={}\n{GUARD}own_id\n\
             unwind() {{ [ \"$(blkid -p -s UUID -o value -- \"$p\")\" != \"$id\" ] || wipefs --all --quiet -- \"$p\"; }}\n\
             guard \"$id\" {}\n\
             wipefs --all --quiet -- \"$p\"\n\
             telling mkfs.{kind} {force}{label} {} \"$p\"\nsync -- \"$p\"\n",
            quote(text(planned, DEVICE).unwrap_or_default()),
            named.join(" "),
            options.join(" "),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        self.remove(object)
    }

    fn remove(&self, object: &Value) -> String {
        format!(
            "p={}\nu={}\nif [ -b \"$p\" ] && [ \"$(blkid -p -s UUID -o value -- \"$p\")\" = \"$u\" ]; then\n\
             m=$(findmnt -n -o TARGET --source \"$p\" | head -n 1) || :\n\
             [ -z \"$m\" ] || refuse conflict \"$p is mounted at $m: take that away first\"\nwipefs --all --quiet -- \"$p\"\nfi\n",
            quote(text(object, DEVICE).unwrap_or_default()),
            quote(text(object, UUID).unwrap_or_default()),
        )
    }
}
