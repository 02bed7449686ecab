//! `host_facts`: what a host is, looked at.

use crate::answer::Answer;
use crate::data::{HostData, Hosts};
use crate::place;
use formwork_sdk::{Attribute, Block, KindSchema, Permission, ProviderError};
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

data "host_facts" "here" {
  host = { connection = "local" }
}

output "cores" {
  value = data.host_facts.here.cpus
}
"#;

const PROBE: &str = r#"
[ ! -r /etc/os-release ] || . /etc/os-release
emit os_id "${ID:-}"
emit os_version "${VERSION_ID:-}"
emit hostname "$(cat /proc/sys/kernel/hostname)"
emit kernel "$(uname -r)"
emit architecture "$(uname -m)"
emit cpus "$(nproc --all)"
emit memory "$(grep '^MemTotal:' /proc/meminfo)"
emit disks "$(for one in /sys/block/*; do
  [ -e "$one/device" ] || continue
  printf '%s|%s|%s\n' "${one##*/}" "$(cat "$one/size")" "$(cat "$one/device/model" 2>/dev/null)"
done)"
emit links "$(for one in /sys/class/net/*; do printf '%s|%s\n' "${one##*/}" "$(cat "$one/address" 2>/dev/null)"; done)"
emit gpus "$(for one in /sys/bus/pci/devices/*; do
  [ -r "$one/class" ] || continue
  case $(cat "$one/class") in
  0x0300* | 0x0302* | 0x1200*) printf '%s|%s|%s|%s\n' "${one##*/}" "$(cat "$one/vendor")" "$(cat "$one/device")" "$(basename -- "$(readlink "$one/driver" 2>/dev/null)")" ;;
  esac
done)"
"#;

/// The data source.
pub(crate) struct Facts;

impl HostData for Facts {
    fn name(&self) -> &'static str {
        "host_facts"
    }

    fn schema(&self) -> KindSchema {
        let texts = [
            ("hostname", "Its own name."),
            ("os_id", "The distribution, as /etc/os-release has it: `debian`, `ubuntu`, `rocky`."),
            ("os_version", "The distribution's version."),
            ("kernel", "The running kernel's release."),
            ("architecture", "The machine's architecture: `x86_64`."),
        ];
        let texts = texts.map(|(name, doc)| (name, Attribute::computed(Type::String, doc)));
        let lists = [
            ("disks", disk(), "Its disks: name, size in bytes, model."),
            ("network_interfaces", link(), "Its network interfaces: name and hardware address."),
            (
                "gpus",
                gpu(),
                "Its GPUs and accelerators: PCI address, vendor and device by number, driver; empty where none drives it.",
            ),
        ];
        let lists = lists.map(|(name, element, doc)| (name, Attribute::computed(Type::list(element), doc)));
        let numbers = [
            ("cpus", Attribute::computed(Type::Number, "How many processors it has.")),
            ("memory_bytes", Attribute::computed(Type::Number, "How much memory it has.")),
        ];
        let attributes =
            [(place::HOST, place::attribute())].into_iter().chain(texts).chain(numbers).chain(lists);
        let mut kind = KindSchema::new(
            Block::new(attributes),
            "What a host is: its system, processors, memory, disks, network interfaces and GPUs.",
        );
        kind.example = EXAMPLE;
        kind.read_permissions = vec![Permission("Read /proc, /sys and /etc/os-release.".to_owned())];
        kind
    }

    fn read<'a>(
        &'a self,
        hosts: &'a Hosts,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(async {
            let answer = hosts.ask(configuration, PROBE.to_owned()).await?;
            Self::reading(configuration, &answer)
        })
    }
}

impl Facts {
    /// The object that the answer makes of a configuration.
    fn reading(configuration: &Value, answer: &Answer) -> Result<Value, ProviderError> {
        let said = |name: &str| answer.text(name).map(str::trim);
        let text = |name: &str| said(name).map_or_else(|| Value::null(Type::String), Value::from);
        let cpus = said("cpus").and_then(|cpus| cpus.parse::<i64>().ok());
        let Some(cpus) = cpus else {
            return Err(ProviderError::bug("the host did not say how many processors it has"));
        };
        let memory = said("memory").and_then(|line| line.split_whitespace().nth(1)?.parse::<i64>().ok());
        let host = configuration.get(place::HOST).cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
        let names = ["hostname", "os_id", "os_version", "kernel", "architecture"];
        let mut found: Vec<(Name, Value)> = vec![
            (place::HOST.into(), host),
            ("cpus".into(), Value::from(cpus)),
            (
                "memory_bytes".into(),
                memory.map_or_else(|| Value::null(Type::Number), |kibibytes| Value::from(kibibytes * 1024)),
            ),
            ("disks".into(), list(said("disks"), &disk(), &["name", "size_bytes", "model"])),
            ("network_interfaces".into(), list(said("links"), &link(), &["name", "mac"])),
            ("gpus".into(), list(said("gpus"), &gpu(), &["address", "vendor", "device", "driver"])),
        ];
        found.extend(names.map(|name| (Name::from(name), text(name))));
        Ok(Value::object(found))
    }
}

fn texts(names: &[&'static str]) -> Type {
    Type::object(names.iter().map(|name| (*name, Type::String)))
}

fn disk() -> Type {
    Type::object([("name", Type::String), ("size_bytes", Type::Number), ("model", Type::String)])
}

fn link() -> Type {
    texts(&["name", "mac"])
}

fn gpu() -> Type {
    texts(&["address", "vendor", "device", "driver"])
}

/// A line an object, `|` between its fields.
fn list(said: Option<&str>, element: &Type, names: &[&'static str]) -> Value {
    // The system counts disks in blocks of this size, whatever theirs is.
    const BLOCK_BYTES: i64 = 512;
    let lines = said.unwrap_or_default().lines().filter(|line| !line.trim().is_empty());
    let objects = lines.map(|line| {
        let fields = line.split('|').map(str::trim).chain(std::iter::repeat(""));
        let attribute = |(name, field): (&&'static str, &str)| {
            let value = if *name == "size_bytes" {
                field
                    .parse::<i64>()
                    .map_or_else(|_| Value::null(Type::Number), |blocks| Value::from(blocks * BLOCK_BYTES))
            } else {
                Value::from(field)
            };
            (Name::from(*name), value)
        };
        Value::object(names.iter().zip(fields).map(attribute).collect())
    });
    Value::list(element.clone(), objects.collect())
}

#[cfg(test)]
mod tests {
    use super::Facts;
    use crate::answer::Answer;
    use formwork_value::{Value, encode_plain};

    #[test]
    fn an_answer_makes_an_object_of_the_schema() {
        let configuration = Value::object(vec![("host".into(), crate::place::host_of("a", None, None))]);
        let answer = Answer::of(&[
            ("hostname", "gpu-1\n"),
            ("os_id", "debian"),
            ("cpus", "64"),
            ("memory", "MemTotal:       2113536 kB"),
            ("disks", "nvme0n1|2048|SAMSUNG X\nsda|x"),
            ("links", "eth0|aa:bb\n"),
            ("gpus", "0000:01:00.0|0x10de|0x20b5|nvidia"),
        ]);
        let object = Facts::reading(&configuration, &answer).unwrap();
        let text = encode_plain(&object).unwrap();
        for part in [
            r#""hostname":"gpu-1""#,
            r#""memory_bytes":2164260864"#,
            r#"{"model":"SAMSUNG X","name":"nvme0n1","size_bytes":1048576}"#,
            r#"{"model":"","name":"sda","size_bytes":null}"#,
            r#"{"address":"0000:01:00.0","device":"0x20b5","driver":"nvidia","vendor":"0x10de"}"#,
            r#""kernel":null"#,
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        let schema = crate::data::HostData::schema(&Facts).block.implied_type();
        assert_eq!(object.value_type(), schema, "what is read has the schema's type");
        assert!(Facts::reading(&configuration, &Answer::default()).is_err());
    }
}
