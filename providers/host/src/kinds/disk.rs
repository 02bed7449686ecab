//! `host_disk`: what a disk is and what is on it, looked at. File systems look the same way before they are made.

use super::check_device;
use crate::answer::Answer;
use crate::data::{HostData, Hosts};
use crate::place;
use crate::shell::quote;
use formwork_sdk::values::{Findings, keep_planned, text, texts};
use formwork_sdk::{
    Attribute, Block, ErrorKind, KindSchema, Permission, PlanRequest, Planned, ProviderError,
};
use formwork_value::{Name, Type, Value};
use futures::future::BoxFuture;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

provider "host" {
  connection = "local"
}

data "host_disk" "first" {
  host   = { connection = "local" }
  device = "/dev/vda"
}

output "what_is_on_it" {
  value = data.host_disk.first.signatures
}
"#;

/// The attribute that names what a device holds and may lose.
pub(super) const WIPE: &str = "wipe";

/// Shell that looks at the device in `$p`.
pub(super) const LOOK: &str = r#"
r=$(readlink -f -- "$p")
if [ -b "$r" ]; then
  b=${r##*/}
  emit disk "$r"
  emit size "$(cat "/sys/class/block/$b/size" 2> /dev/null)"
  emit model "$(lsblk -d -n -o MODEL -- "$r" 2> /dev/null | sed 's/ *$//')"
  emit serial "$(lsblk -d -n -o SERIAL -- "$r" 2> /dev/null | sed 's/ *$//')"
  emit mounted "$(lsblk -n -o MOUNTPOINT -- "$r" 2> /dev/null | grep .)"
  emit by_id "$(for one in /dev/disk/by-id/*; do [ "$(readlink -f -- "$one")" != "$r" ] || echo "$one"; done)"
  s=$(wipefs --noheadings --output TYPE,UUID,LABEL -- "$r" 2>&1) || emit trouble "$s"
  emit signatures "$s"
else
  emit disk ''
fi
true
"#;

/// `own_id`: the id that what is made has, as `$id`, written down before it is made. An act that was cut off left nothing
/// else with it, and one that came to its end has another. `guard NAMED...`: stops where the device is in use, or holds
/// what nobody named. `telling COMMAND...`: what it says is said where it fails; a connection that is gone does not end it.
pub(super) const GUARD: &str = r#"
own_id() {
  if [ -z "$made" ] || [ ! -s "$d/uuid" ]; then
    cat /proc/sys/kernel/random/uuid > "$d/uuid.part"
    sync -- "$d/uuid.part"
    mv -- "$d/uuid.part" "$d/uuid"
  fi
  id=$(cat -- "$d/uuid")
}
telling() {
  w=$("$@" 2>&1) || {
    printf '%s\n' "$w" >&2
    return 1
  }
}
guard() {
  [ -b "$p" ] || refuse missing "$p is no device that is there"
  m=$(lsblk -n -o MOUNTPOINT -- "$p" | grep . | head -n 1) || :
  [ -z "$m" ] || refuse conflict "$p is in use, at $m"
  w=$(wipefs --noheadings --output TYPE,UUID -- "$p") || return 1
  printf '%s\n' "$w" | while read -r kind id; do
    [ -n "$kind" ] || continue
    for one in "$@"; do
      [ "$one" != "$kind" ] && [ "$one" != "$id" ] || continue 2
    done
    printf '%s' "$kind $id"
    break
  done > "$d/other"
  o=$(cat -- "$d/other")
  rm -f -- "$d/other"
  [ -z "$o" ] || refuse conflict "$p holds $o by now: it is not written over"
}
"#;

/// Shell that tells the id of what an act began in the mark `folder` (shell, quoted already) and did not end.
pub(super) fn begun(folder: &str) -> String {
    format!(
        "[ -s {folder}/token ] || [ ! -s {folder}/uuid ] || emit unfinished \"$(cat -- {folder}/uuid)\"\n"
    )
}

/// What was seen of a device.
pub(super) struct Seen<'a>(&'a Answer);

impl<'a> Seen<'a> {
    pub(super) fn of(answer: &'a Answer) -> Result<Self, ProviderError> {
        if let Some(error) = super::trouble(answer) {
            return Err(error);
        }
        if answer.given("disk").is_none() {
            return Err(ProviderError::new(ErrorKind::NotFound, "there is no such device")
                .hint("See /dev/disk/by-id on the host."));
        }
        Ok(Self(answer))
    }

    fn said(&self, name: &str) -> &'a str {
        self.0.given(name).map_or("", str::trim)
    }

    /// What it holds: type, id and label of each.
    pub(super) fn signatures(&self) -> Vec<Vec<String>> {
        let lines = self.said("signatures").lines().filter(|line| !line.trim().is_empty());
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    /// The same but for what an act of ours began and did not end.
    pub(super) fn others(&self) -> Vec<Vec<String>> {
        let mut all = self.signatures();
        all.retain(|one| one.get(1).is_none_or(|id| Some(id.as_str()) != self.0.given("unfinished")));
        all
    }

    /// Refuses a device that holds what the object's `wipe` does not name.
    pub(super) fn check_others(&self, device: &str, object: &Value) -> Result<(), ProviderError> {
        let is_named = |one: &[String]| texts(object, WIPE).any(|named| one.iter().any(|part| part == named));
        let Some(other) = self.others().into_iter().find(|one| !is_named(one)) else { return Ok(()) };
        Err(ProviderError::invalid(format!(
            "{device} ({}) holds {}: it is not written over",
            self.words(),
            other.join(" ")
        ))
        .hint("Take another device, or name what may go in `wipe`."))
    }

    /// The same for people.
    pub(super) fn found(&self) -> String {
        let all: Vec<String> = self.others().into_iter().map(|one| one.join(" ")).collect();
        all.join(", ")
    }

    /// What it is, for people.
    pub(super) fn words(&self) -> String {
        // In tenths, to be exact to what is shown.
        let size = self.size().map(|bytes| (bytes + 50_000_000) / 100_000_000);
        let size = size.map(|tenths| format!("{}.{} GB", tenths / 10, tenths % 10));
        let model = Some(self.said("model").to_owned()).filter(|text| !text.is_empty());
        let serial =
            Some(self.said("serial")).filter(|text| !text.is_empty()).map(|text| format!("serial {text}"));
        let parts: Vec<String> = [model, serial, size].into_iter().flatten().collect();
        parts.join(", ")
    }

    fn size(&self) -> Option<i64> {
        // The system counts disks in blocks of this size, whatever theirs is.
        const BLOCK_BYTES: i64 = 512;
        Some(self.said("size").parse::<i64>().ok()? * BLOCK_BYTES)
    }

    /// The attributes of [`facts`].
    pub(super) fn facts(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("model", Value::from(self.said("model"))),
            ("serial", Value::from(self.said("serial"))),
            ("size_bytes", self.size().map_or_else(|| Value::null(Type::Number), Value::from)),
        ]
    }
}

/// What a device is.
pub(super) fn facts() -> [(&'static str, Attribute); 3] {
    [
        ("model", Attribute::computed(Type::String, "The disk's model; empty where it has none.")),
        ("serial", Attribute::computed(Type::String, "Its serial number.")),
        ("size_bytes", Attribute::computed(Type::Number, "Its size.")),
    ]
}

/// Plans the facts as they are known.
pub(super) fn keep_facts(schema: &KindSchema, request: &PlanRequest, planned: &mut Planned) {
    for (name, _) in facts() {
        keep_planned(schema, request, planned, name);
    }
}

/// The data source.
pub(crate) struct Disk;

impl HostData for Disk {
    fn name(&self) -> &'static str {
        "host_disk"
    }

    fn schema(&self) -> KindSchema {
        let signature =
            Type::object([("type", Type::String), ("uuid", Type::String), ("label", Type::String)]);
        let attributes = [
            (place::HOST, place::attribute()),
            ("device", Attribute::required(Type::String, "The device: any of its paths.")),
            ("path", Attribute::computed(Type::String, "Its plain path.")),
            ("by_id", Attribute::computed(Type::list(Type::String), "Its paths that stay: /dev/disk/by-id.")),
            (
                "mounted",
                Attribute::computed(Type::list(Type::String), "Where it, or a part of it, is mounted."),
            ),
            ("signatures", Attribute::computed(Type::list(signature), "What it holds.")),
        ];
        let mut kind = KindSchema::new(
            Block::new(attributes.into_iter().chain(facts())),
            "A disk of a host: what it is, how it is named for good, and what is on it.",
        );
        kind.example = EXAMPLE;
        kind.read_permissions = vec![Permission("Read the device, as root.".to_owned())];
        kind
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        place::check(configuration, found);
        check_device(configuration, "device", found);
    }

    fn read<'a>(
        &'a self,
        hosts: &'a Hosts,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(async {
            let device = quote(text(configuration, "device").unwrap_or_default());
            let answer = hosts.ask(configuration, format!("p={device}\n{LOOK}")).await?;
            let seen = Seen::of(&answer)?;
            let lines = |name: &str| {
                let lines = seen.said(name).lines().filter(|line| !line.is_empty());
                Value::list(Type::String, lines.map(Value::from).collect())
            };
            let part = |one: &[String], at: usize| Value::from(one.get(at).map_or("", String::as_str));
            let names = ["type", "uuid", "label"];
            let signature = |one: &Vec<String>| {
                let parts = names.iter().enumerate().map(|(at, name)| (Name::from(*name), part(one, at)));
                Value::object(parts.collect())
            };
            let element = Type::object(names.map(|name| (name, Type::String)));
            let mut found = vec![
                (
                    Name::from(place::HOST),
                    configuration.get(place::HOST).cloned().unwrap_or_else(|| Value::null(Type::Dynamic)),
                ),
                ("device".into(), Value::from(text(configuration, "device").unwrap_or_default())),
                ("path".into(), Value::from(seen.said("disk"))),
                ("by_id".into(), lines("by_id")),
                ("mounted".into(), lines("mounted")),
                (
                    "signatures".into(),
                    Value::list(element, seen.signatures().iter().map(signature).collect()),
                ),
            ];
            found.extend(seen.facts().into_iter().map(|(name, value)| (Name::from(name), value)));
            Ok(Value::object(found))
        })
    }
}
