//! `kubeadm_preflight`: what is in the way of a cluster on some hosts, before anything is changed.

use crate::attributes::{Subnet, check_subnets};
use formwork_provider_host::{Answer, HOST, HostData, Hosts, host_type, quote};
use formwork_sdk::values::{Findings, given, text, texts, truth};
use formwork_sdk::{Attribute, Block, KindSchema, Permission, ProviderError};
use formwork_value::{Name, Type, Value};
use futures::future::BoxFuture;
use std::fmt::Write as _;
use std::time::Instant;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    kubeadm = { source = "formwork/kubeadm" }
  }
}

provider "kubeadm" {
  connection = "local"
}

data "kubeadm_preflight" "hosts" {
  nodes = {
    here = { host = { connection = "local" }, role = "control-plane" }
  }
  pod_subnet     = "10.244.0.0/16"
  service_subnet = "10.96.0.0/12"
  ignore         = ["cgroups", "cpus", "disk", "machine", "memory", "modules", "names", "ports", "programs", "root", "routes", "swap", "systemd"]
}
"#;

const NODES: &str = "nodes";

/// Shell that looks; `reach` and `plane` are given before it.
const LOOK: &str = r#"
emit root "$(id -u)"
[ ! -d /run/systemd/system ] || emit systemd 1
[ ! -r /etc/os-release ] || emit os "$(. /etc/os-release; echo "$ID $VERSION_ID")"
emit kernel "$(uname -r)"
emit installer "$(command -v apt-get || command -v dnf)"
emit machine "$(uname -m)"
emit hostname "$(cat /proc/sys/kernel/hostname)"
emit id "$(cat /sys/class/dmi/id/product_uuid /etc/machine-id 2> /dev/null | head -n 1)"
emit cpus "$(nproc)"
emit memory "$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)"
emit swap "$(sed 1d /proc/swaps | cut -d ' ' -f 1)"
emit disk "$(df -Pk /var/lib | tail -n 1 | awk '{ print $4 }')"
emit time "$(date +%s)"
m=
for one in overlay br_netfilter; do
  [ -e "/sys/module/$one" ] || grep -q "[[:space:]]$one\$" /proc/filesystems || modinfo "$one" > /dev/null 2>&1 || m="$m $one"
done
[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || m=$(echo "$m" | sed 's/ br_netfilter//')
emit modules "$m"
[ -e /sys/fs/cgroup/cgroup.controllers ] || emit cgroups 1
m=
for one in mount ip; do
  command -v "$one" > /dev/null || m="$m $one"
done
emit programs "$m"
if [ -e /etc/kubernetes/kubelet.conf ]; then
  emit node 1
else
  o=
  for one in $ports; do
    h=$(printf ':%04X' "$one")
    ! awk '$4 == "0A" { print $2 }' /proc/net/tcp /proc/net/tcp6 2> /dev/null | grep -q "$h\$" || o="$o $one"
  done
  emit ports "$o"
fi
emit routes "$(ip -o route show 2> /dev/null | cut -d ' ' -f 1 | grep / ; ip -6 -o route show 2> /dev/null | cut -d ' ' -f 1 | grep / | grep -v '^fe80')"
u=
for one in $reach; do
  timeout 3 bash -c ': < "/dev/tcp/${0%|*}/${0#*|}"' "$one" 2> /dev/null || u="$u $one"
done
emit unreached "$u"
true
"#;
const PLANE_PORTS: &str = "6443 2379 2380 10250 10257 10259";
const WORKER_PORTS: &str = "10250 10256";
const MEMORY_KB: u64 = 1_700_000;
const WORKER_MEMORY_KB: u64 = 700_000;
const DISK_KB: u64 = 5_000_000;
const SKEW_SECONDS: i64 = 30;
/// The first that has all that kubelet and kube-proxy ask for.
const LEAST_KERNEL: (u32, u32) = (4, 19);

pub(crate) struct Preflight;

impl HostData for Preflight {
    fn name(&self) -> &'static str {
        "kubeadm_preflight"
    }

    fn schema(&self) -> KindSchema {
        let node = Type::object_with_optional([(HOST, host_type()), ("role", Type::String)], ["role"]);
        let attributes = [
            (
                NODES,
                Attribute::required(
                    Type::map(node),
                    "The hosts, by the names of their nodes: `host`, and `role` (`worker` or `control-plane`).",
                ),
            ),
            ("pod_subnet", Attribute::optional(Type::String, "The addresses that pods are to have.")),
            (
                "service_subnet",
                Attribute::with_default(
                    Type::String,
                    "10.96.0.0/12",
                    "The addresses that services are to have.",
                ),
            ),
            (
                "reachability",
                Attribute::with_default(
                    Type::Bool,
                    true,
                    "Whether each host is to reach those of the control plane, on the port that SSH is answered at.",
                ),
            ),
            (
                "ignore",
                Attribute::optional(
                    Type::list(Type::String),
                    "Checks whose findings are passed over: root, systemd, os, kernel, machine, cpus, memory, swap, disk, time, modules, cgroups, programs, ports, routes, names, reachability.",
                ),
            ),
            (
                "facts",
                Attribute::computed(
                    Type::map(Type::map(Type::String)),
                    "What was seen on each host: `os`, `kernel`, `machine`, `cpus`, `memory_kb`, `disk_kb`, `is_node`.",
                ),
            ),
        ];
        let mut kind = KindSchema::new(
            Block::new(attributes),
            "What is in the way of a cluster on these hosts. All are looked at at once, and everything that is wrong is said before anything is changed; a host that is a node already is not asked for free ports.",
        );
        kind.example = EXAMPLE;
        kind.read_permissions = vec![Permission("Read /proc, /sys and /etc on each host.".to_owned())];
        kind
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_subnets(configuration, found);
    }

    fn read<'a>(
        &'a self,
        hosts: &'a Hosts,
        configuration: &'a Value,
    ) -> BoxFuture<'a, Result<Value, ProviderError>> {
        Box::pin(async {
            let nodes = nodes(configuration);
            let begun = Instant::now();
            let asked = nodes.iter().map(|node| async {
                let answer = hosts.ask(node.value, question(hosts, node, &nodes, configuration)).await?;
                // Clocks are compared as of one moment, though hosts answer one after the other.
                Ok::<_, ProviderError>((answer, i64::try_from(begun.elapsed().as_secs()).unwrap_or_default()))
            });
            let answers = futures::future::join_all(asked).await;
            let mut wrong = Wrong { ignored: texts(configuration, "ignore").collect(), words: String::new() };
            let mut seen = Vec::new();
            for (node, answer) in nodes.iter().zip(answers) {
                match answer {
                    Ok((answer, after)) => seen.push(Seen { node, answer, after }),
                    Err(error) => wrong.say("reachability", node.name, &error.message),
                }
            }
            for one in &seen {
                check_host(one.node, &one.answer, configuration, &mut wrong);
            }
            check_together(&seen, configuration, &mut wrong);
            wrong.end()?;
            let facts = seen.iter().map(|one| (Name::from(one.node.name), facts(&one.answer)));
            let facts = Value::map(Type::map(Type::String), facts.collect());
            Ok(formwork_provider_host::with(configuration, &[("facts", facts)]))
        })
    }
}

struct NodeHost<'a> {
    name: &'a str,
    value: &'a Value,
    is_control_plane: bool,
}

/// What a host answered, so many seconds after all were asked.
struct Seen<'a> {
    node: &'a NodeHost<'a>,
    answer: Answer,
    after: i64,
}

/// What was found, of all hosts.
struct Wrong<'a> {
    ignored: Vec<&'a str>,
    words: String,
}

impl Wrong<'_> {
    fn say(&mut self, check: &str, node: &str, words: &str) {
        if !self.ignored.contains(&check) {
            let _ = write!(self.words, "\n  {node}: {words} ({check})");
        }
    }

    fn end(&self) -> Result<(), ProviderError> {
        if self.words.is_empty() {
            return Ok(());
        }
        let message = format!("the hosts cannot be nodes of a cluster as they are:{}", self.words);
        Err(ProviderError::invalid(message)
            .hint("Mend what is named, or pass over a check by its name in `ignore`."))
    }
}

fn nodes(configuration: &Value) -> Vec<NodeHost<'_>> {
    let entries = given(configuration, NODES).and_then(Value::entries);
    let entries = entries.into_iter().flat_map(|entries| entries.iter());
    entries
        .map(|(name, value)| NodeHost {
            name: name.as_str(),
            value,
            is_control_plane: text(value, "role") == Some("control-plane"),
        })
        .collect()
}

fn question(hosts: &Hosts, node: &NodeHost<'_>, nodes: &[NodeHost<'_>], configuration: &Value) -> String {
    let reached = nodes.iter().filter(|other| other.is_control_plane && other.name != node.name);
    let reached = reached.filter_map(|other| {
        let host = given(other.value, HOST)?;
        Some(format!("{}|{}", text(host, "address")?, hosts.port(other.value).ok()?))
    });
    let reached: Vec<String> =
        reached.take_while(|_| truth(configuration, "reachability") != Some(false)).collect();
    let ports = if node.is_control_plane { PLANE_PORTS } else { WORKER_PORTS };
    format!("ports={}\nreach={}\n{LOOK}", quote(ports), quote(&reached.join(" ")))
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.given(name).and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// The first two numbers of a kernel's release.
fn release(text: &str) -> (u32, u32) {
    let mut numbers =
        text.split(|one: char| !one.is_ascii_digit()).map(|part| part.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

fn check_host(node: &NodeHost<'_>, answer: &Answer, configuration: &Value, wrong: &mut Wrong<'_>) {
    let name = node.name;
    let mut refuse = |check: &str, is_wrong: bool, words: &str| {
        if is_wrong {
            wrong.say(check, name, words);
        }
    };
    let said = |field: &str| answer.given(field).map_or("", str::trim);
    refuse("root", said("root") != "0", "what is done there is not done as root: set become = true");
    refuse("systemd", said("systemd").is_empty(), "it has no systemd, which keeps kubelet running");
    let is_machine = ["x86_64", "aarch64"].contains(&said("machine"));
    refuse("machine", !is_machine, &format!("Kubernetes has no packages for {}", said("machine")));
    let without = said("installer").is_empty();
    let os = if said("os").is_empty() { "its system" } else { said("os") };
    let words =
        format!("{os} has neither apt nor dnf: put kubeadm, kubelet and kubectl there by other means");
    refuse("os", without, &words);
    let kernel = said("kernel");
    refuse("kernel", release(kernel) < LEAST_KERNEL, &format!("its kernel {kernel} is older than 4.19"));
    let few = node.is_control_plane && number(answer, "cpus") < 2;
    refuse("cpus", few, "a node of the control plane needs two processors");
    let least = if node.is_control_plane { MEMORY_KB } else { WORKER_MEMORY_KB };
    let memory = number(answer, "memory");
    refuse("memory", memory < least, &format!("{} MB of memory are too few", memory / 1000));
    refuse(
        "swap",
        !said("swap").is_empty(),
        &format!("it swaps to {}: turn that off, for good", said("swap")),
    );
    let disk = number(answer, "disk");
    let is_node = answer.given("node").is_some();
    refuse(
        "disk",
        disk < DISK_KB && !is_node,
        &format!("{} MB are free in /var/lib, and images need 5 GB", disk / 1000),
    );
    refuse("modules", !said("modules").is_empty(), &format!("its kernel has no {}", said("modules")));
    refuse(
        "cgroups",
        !said("cgroups").is_empty(),
        "it has control groups of version 1: kubelet wants failCgroupV1 = false for them",
    );
    refuse(
        "programs",
        !said("programs").is_empty(),
        &format!("these programs are missing: {}", said("programs")),
    );
    refuse(
        "ports",
        !said("ports").is_empty(),
        &format!("something answers on these ports already: {}", said("ports")),
    );
    let unreached = said("unreached").replace('|', " port ");
    refuse("reachability", !unreached.is_empty(), &format!("it does not reach {unreached}"));
    for (attribute, whose) in [("pod_subnet", "pods"), ("service_subnet", "services")] {
        let Some(subnet) = text(configuration, attribute).and_then(Subnet::parse) else { continue };
        // A node has routes to pods itself.
        for route in said("routes").lines().filter(|_| !is_node) {
            let meets = Subnet::parse(route).is_some_and(|route| route.meets(&subnet));
            refuse("routes", meets, &format!("it has a route to {route}, where {whose} are to be"));
        }
    }
}

/// What shows in several hosts alone.
fn check_together(seen: &[Seen<'_>], configuration: &Value, wrong: &mut Wrong<'_>) {
    let subnet = |name: &str| text(configuration, name).and_then(Subnet::parse);
    if let (Some(pods), Some(services)) = (subnet("pod_subnet"), subnet("service_subnet"))
        && pods.meets(&services)
    {
        wrong.say("routes", "all", "pod_subnet and service_subnet have addresses in common");
    }
    let time = |one: &Seen<'_>| one.answer.given("time")?.trim().parse::<i64>().ok();
    let times = || seen.iter().filter_map(|one| Some((one.node.name, time(one)? - one.after)));
    if let (Some((slow, least)), Some((fast, most))) =
        (times().min_by_key(|one| one.1), times().max_by_key(|one| one.1))
        && most - least > SKEW_SECONDS
    {
        wrong.say("time", fast, &format!("its clock is {} s before that of {slow}", most - least));
    }
    for (field, what) in [("hostname", "the name"), ("id", "the machine's id")] {
        let said = |one: &Seen<'_>| one.answer.given(field).map(|text| text.trim().to_owned());
        for (at, one) in seen.iter().enumerate() {
            let own = said(one);
            if let Some(other) = seen[..at].iter().find(|other| own.is_some() && said(other) == own) {
                let words =
                    format!("it has {what} of {}, and kubelets are told apart by it", other.node.name);
                wrong.say("names", one.node.name, &words);
            }
        }
    }
}

fn facts(answer: &Answer) -> Value {
    let said = |name: &str| Value::from(answer.given(name).map_or("", str::trim));
    let fields = [
        ("os", said("os")),
        ("kernel", said("kernel")),
        ("machine", said("machine")),
        ("cpus", said("cpus")),
        ("memory_kb", said("memory")),
        ("disk_kb", said("disk")),
        ("is_node", Value::from(if answer.given("node").is_some() { "true" } else { "false" })),
    ];
    Value::map(Type::String, fields.map(|(name, value)| (Name::from(name), value)).into())
}

#[cfg(test)]
mod tests {
    use super::{LEAST_KERNEL, release};

    #[test]
    fn a_kernel_that_is_too_old_is_told_from_others() {
        for (text, is_old) in [
            ("6.1.0-18-amd64", false),
            ("4.18.0-553.el8_10.x86_64", true),
            ("4.19.0", false),
            ("5.4", false),
            ("3.10.0-1160.el7", true),
            ("", true),
        ] {
            assert_eq!(release(text) < LEAST_KERNEL, is_old, "{text}");
        }
    }
}
