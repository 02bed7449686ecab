//! `host_raid`: an array of devices, by the kernel's own driver.
//!
//! Invariant: as with file systems, no device is taken that holds what nobody named.

use super::disk::{self, GUARD, LOOK, Seen, WIPE};
use super::{Act, HostKind, mark_folder, with};
use crate::answer::Answer;
use crate::private::Private;
use crate::shell::quote;
use formwork_sdk::values::{Findings, keep_planned, text, texts, whole_number};
use formwork_sdk::{Attribute, KindSchema, PlanRequest, Planned, ProviderError};
use formwork_value::{Type, Value};

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

resource "host_raid" "cache" {
  host    = { address = "10.0.0.11" }
  name    = "cache"
  level   = 0
  devices = ["/dev/disk/by-id/nvme-one", "/dev/disk/by-id/nvme-two"]
}

resource "host_filesystem" "cache" {
  host   = host_raid.cache.host
  device = host_raid.cache.path
  type   = "xfs"
}
"#;

const DEVICES: &str = "devices";
const COMPUTED: [(&str, &str); 3] = [
    ("path", "Where the array is: /dev/md/NAME."),
    ("uuid", "Its id."),
    ("state", "How it is: `clean`, `active`, `degraded`."),
];

pub(super) struct Raid;

impl HostKind for Raid {
    fn name(&self) -> &'static str {
        "host_raid"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            ("name", Attribute::required(Type::String, "Its name: it is /dev/md/NAME.").replaces()),
            ("level", Attribute::required(Type::Number, "0, 1, 5, 6 or 10.").replaces()),
            (DEVICES, Attribute::required(Type::list(Type::String), "Its devices, by their ids.").replaces()),
            (
                "chunk_kb",
                Attribute::optional(Type::Number, "How much stands on one device before the next.")
                    .replaces(),
            ),
            (
                WIPE,
                Attribute::optional(
                    Type::list(Type::String),
                    "What on the devices may be written over, by type or UUID.",
                ),
            ),
        ];
        attributes.extend(COMPUTED.map(|(name, doc)| (name, Attribute::computed(Type::String, doc))));
        let doc = "An array of devices, by mdadm. Devices that hold what `wipe` does not name are left alone, and that is an error. Removing the object stops the array and makes its devices bare again.";
        let permissions = [
            "Read /proc/mdstat and the devices.",
            "Make arrays; write to the devices, /etc/mdadm and /var/lib/formwork.",
        ];
        KindSchema { holds_data: true, ..super::schema("name", attributes, doc, EXAMPLE, permissions) }
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        super::check_file_name(configuration, "_-", found);
        let level = whole_number(configuration, "level");
        if level.is_some_and(|level| ![0, 1, 5, 6, 10].contains(&level)) {
            found.refuse("level", "It is no level of an array: give 0, 1, 5, 6 or 10.");
        }
        let least = match level {
            Some(5) => 3,
            Some(6 | 10) => 4,
            _ => 2,
        };
        let devices: Vec<&str> = texts(configuration, DEVICES).collect();
        if !devices.is_empty() && devices.len() < least {
            found.refuse(DEVICES, format!("An array of this level has {least} devices or more."));
        }
        if devices.iter().any(|one| !one.starts_with("/dev/")) {
            found.refuse(DEVICES, "They are paths of devices: write them as `/dev/disk/by-id/…`.");
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        for (name, _) in COMPUTED {
            keep_planned(&schema, request, planned, name);
        }
    }

    fn foresees(&self) -> bool {
        true
    }

    fn foreseen(&self, _: &PlanRequest, planned: &mut Planned, answer: &Answer) -> Result<(), ProviderError> {
        if answer.given("there").is_some() {
            return Ok(());
        }
        for device in texts(&planned.planned, DEVICES) {
            Seen::of(&answer.under(device))?.check_others(device, &planned.planned)?;
        }
        Ok(())
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        let path = quote(&path_of(object));
        // Before there is one, its devices are looked at.
        let looks: Vec<String> = texts(object, DEVICES)
            .map(|device| {
                let begun = disk::begun(&mark_folder(self, object));
                let name = quote(device);
                format!("(\nof={name}\nemit() {{ printf '%s\\0%s %s\\0%s\\0' \"$at\" \"$1\" \"$of\" \"$2\"; }}\n{begun}p={name}\n{LOOK})\n")
            })
            .collect();
        format!(
            "if [ -b {path} ]; then\nemit there 1\nemit detail \"$(mdadm --detail -- {path} 2>&1)\"\nelse\n:\n{}fi\ntrue",
            looks.concat()
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let detail = answer.given("detail").unwrap_or_default();
        let said = |name: &str| {
            let line = detail.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" : "));
            line.map_or_else(|| Value::null(Type::String), |text| Value::from(text.trim()))
        };
        let changed =
            [("path", Value::from(path_of(object))), ("uuid", said("UUID")), ("state", said("State"))];
        Ok(Some(with(object, &changed)))
    }

    fn put(&self, act: &Act<'_>) -> Result<String, ProviderError> {
        if !act.request.prior.is_null() {
            return Ok(String::new());
        }
        let planned = &act.planned;
        let devices: Vec<String> = texts(planned, DEVICES).map(quote).collect();
        let named: Vec<String> = texts(planned, WIPE).map(quote).collect();
        let chunk =
            whole_number(planned, "chunk_kb").map_or_else(String::new, |size| format!(" --chunk={size}"));
        Ok(format!(
            "command -v mdadm > /dev/null || refuse missing \"mdadm is not there: install it, as with host_package\"\n\
             a={}\n{GUARD}{STOP}own_id\n\
             unwind() {{ stop_own; for p in {devices}; do ! holds_own || wipefs --all --quiet -- \"$p\"; done; }} 2> /dev/null\n\
             stop_own\nfor p in {devices}; do guard \"$id\" {}; done\nfor p in {devices}; do wipefs --all --quiet -- \"$p\"; done\n\
             telling mdadm --create \"$a\" --run --metadata=1.2 --uuid=\"$id\" --level={} --raid-devices={}{chunk} -- {devices}\nudevadm settle 2> /dev/null || :\n",
            quote(&path_of(planned)),
            named.join(" "),
            whole_number(planned, "level").unwrap_or_default(),
            devices.len(),
            devices = devices.join(" "),
        ))
    }

    fn restore(&self, object: &Value) -> String {
        self.remove(object)
    }

    fn remove(&self, object: &Value) -> String {
        let devices: Vec<String> = texts(object, DEVICES).map(quote).collect();
        // It may be stopped already, by an attempt that was cut off: its devices are known by what they bear.
        format!(
            "p={}\nu={}\n[ ! -b \"$p\" ] || mdadm --stop -- \"$p\" >&2\n\
             for one in {}; do\n\
               i=$(mdadm --examine --export -- \"$one\" 2> /dev/null | sed -n 's/^MD_UUID=//p') || :\n\
               [ -z \"$i\" ] || [ \"$i\" != \"$u\" ] || mdadm --zero-superblock -- \"$one\" >&2\n\
             done\n",
            quote(&path_of(object)),
            quote(text(object, "uuid").unwrap_or_default()),
            devices.join(" ")
        )
    }
}

/// `stop_own`: an array with our id that an attempt which was cut off began runs no more, wherever the system put it.
const STOP: &str = r#"
stop_own() {
  for one in /sys/class/block/md*; do
    one=/dev/${one##*/}
    [ -b "$one" ] || continue
    [ "$(mdadm --detail --export -- "$one" 2> /dev/null | sed -n 's/^MD_UUID=//p' | tr -d :)" != "$(printf %s "$id" | tr -d -)" ] || mdadm --stop -- "$one"
  done
}
holds_own() { wipefs --noheadings --output UUID -- "$p" | grep -q -x -F -- "$id"; }
"#;

fn path_of(object: &Value) -> String {
    format!("/dev/md/{}", text(object, "name").unwrap_or_default())
}
