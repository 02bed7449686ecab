//! `kubeadm_node`: a host that joins a cluster, as a worker or as a further node of the control plane.
//!
//! What lets it in is made on a control plane when it is needed, lives for minutes, and passes through memory alone.

use crate::attributes::{
    DUE, VERSION, check_node, check_step, due_planned, is_node_name, node_attributes, older, taints_type,
    timed,
};
use crate::certificates::{RENEW, expiry};
use crate::configuration::{self, Invitation, json_of, plane_taint};
use crate::shell::{
    ADDRESSES, NODE, first_tools, ignored, kubelet_phases, lines, moment, newer_kubeadm, socket, turn,
    undrain, upgrade_failed, word,
};
use formwork_provider_host::{
    Act, Answer, HostKind, Phase, Private, Work, host_type, mark_folder, pairs, quote, schema, with,
    write_bytes,
};
use formwork_sdk::values::{Findings, given, keep_planned, set_planned, text, truth, whole_number};
use formwork_sdk::{
    ApplyRequest, Attribute, Disruption, KindSchema, Operation, PlanRequest, Planned, ProviderError,
};
use formwork_value::{Name, Type, Value};
use serde_json::Value as Json;
use std::fmt::Write as _;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    kubeadm = { source = "formwork/kubeadm" }
  }
}

resource "kubeadm_node" "gpu" {
  for_each = {
    gpu-1 = { address = "10.0.0.21" }
    gpu-2 = { address = "10.0.0.22" }
  }
  host          = each.value
  name          = each.key
  control_plane = { address = "10.0.0.11" }
  version       = "1.37.2"
  labels        = { workload = "training" }
  taints        = [{ key = "nvidia.com/gpu", value = "present", effect = "NoSchedule" }]
}
"#;

const ROLE: &str = "role";
const CONTROL: &str = "control-plane";
const CONTROL_PLANE: &str = "control_plane";
const LABELS: &str = "labels";
pub(crate) const TAINTS: &str = "taints";
/// What the cluster says of it.
const COMPUTED: [(&str, &str); 2] =
    [("internal_ip", "Its address in the cluster."), ("pod_cidr", "The addresses of its pods.")];
const TIME_LIMIT_MS: u64 = 30 * 60 * 1000;

pub(crate) struct Node;

impl HostKind for Node {
    fn name(&self) -> &'static str {
        "kubeadm_node"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            ("name", Attribute::required(Type::String, "What the node is called.").replaces()),
            (
                CONTROL_PLANE,
                Attribute::required(
                    host_type(),
                    "A host of the control plane, as `host` of `kubeadm_cluster`: there a token is made for it, and it is drained and deleted from there.",
                ),
            ),
            (
                VERSION,
                Attribute::required(
                    Type::String,
                    "The version of Kubernetes, as the cluster's; another is an upgrade: `kubeadm upgrade node`, and kubelet once the node is drained.",
                ),
            ),
            (
                ROLE,
                Attribute::with_default(Type::String, "worker", "`worker` or `control-plane`.").replaces(),
            ),
            (
                "advertise_address",
                Attribute::optional(
                    Type::String,
                    "For a node of the control plane: the address that its API is told to others by.",
                )
                .replaces(),
            ),
            (
                LABELS,
                Attribute::optional(
                    Type::map(Type::String),
                    "Labels of the node; others on it are left alone.",
                ),
            ),
            (
                "startup_taints",
                Attribute::optional(
                    taints_type(),
                    "Taints that it comes with besides, and loses when it is ready for work: `kubeadm_node_ready` takes them off, and they are not put back.",
                ),
            ),
            (
                "max_unavailable",
                Attribute::with_default(
                    Type::Number,
                    1,
                    "How many nodes of the cluster are out of work at once for an upgrade.",
                ),
            ),
        ];
        attributes.extend(node_attributes());
        attributes.extend(COMPUTED.map(|(name, doc)| (name, Attribute::computed(Type::String, doc))));
        let doc = "A host as a node of a cluster that kubeadm made. It is a node when it has joined; whether it is ready is for `kubeadm_node_ready`, since the network comes later. Removing it drains it, takes its etcd out of the others where it has one, resets the host and deletes the node.";
        let permissions = [
            "Read /etc/kubernetes as root.",
            "Be root there and on the control plane: kubeadm, packages, systemd, /etc/kubernetes, /var/lib/kubelet, /var/lib/formwork.",
        ];
        let kind = KindSchema {
            time_limit_ms: TIME_LIMIT_MS,
            disruption: Disruption::Restart,
            ..schema("name", attributes, doc, EXAMPLE, permissions)
        };
        timed(kind)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_node(configuration, found);
        found.check_choice(configuration, ROLE, &["worker", CONTROL]);
        found.check_number(configuration, "max_unavailable", 1, 1000);
        if text(configuration, "name").is_some_and(|name| !is_node_name(name)) {
            found.refuse("name", "It is no name of a node: give small letters, digits, `-` and `.`.");
        }
        if !is_control_plane(configuration)
            && text(configuration, "advertise_address").is_some()
            && configuration.get(ROLE).is_none_or(Value::is_known)
        {
            found.refuse("advertise_address", "It is for nodes of the control plane: leave it out.");
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        set_planned(&schema, request, planned, DUE, &due_planned(request, &planned.planned));
        for (name, _) in COMPUTED {
            keep_planned(&schema, request, planned, name);
        }
    }

    fn check_plan(&self, request: &PlanRequest, planned: &Value) -> Result<(), ProviderError> {
        check_step(&request.prior, planned)
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!(
            "{NODE}d={}\nn={}\n{LOOK}{}true",
            mark_folder(self, object),
            word(object, "name"),
            expiry(object)
        )
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let said = |name: &str| answer.given(name).map(str::trim);
        let version = older(older(said("kubelet"), said("apiserver")), said("upgrading"));
        let mut changed = vec![(VERSION, version.map_or_else(|| Value::null(Type::String), Value::from))];
        changed.push((DUE, Value::from(is_control_plane(object) && answer.given("due").is_some())));
        if given(object, ROLE).is_none() {
            let role = if said("apiserver").is_some() { CONTROL } else { "worker" };
            changed.push((ROLE, Value::from(role)));
        }
        if answer.given("missing").is_some() {
            return Ok(None);
        }
        if let Some(node) = answer.given("node").and_then(|text| serde_json::from_str::<Json>(text).ok()) {
            changed.extend(of_node(object, &node));
        }
        Ok(Some(with(object, &changed)))
    }

    fn phases(&self, act: &Act<'_>) -> Result<Vec<Phase>, ProviderError> {
        let request = act.request;
        Ok(match request.operation {
            Operation::Create => creation(&act.planned),
            Operation::Update => update(&request.prior, &act.planned),
            Operation::Delete => removal(&request.prior),
        })
    }

    fn failed(&self, request: &ApplyRequest) -> Option<(Value, String)> {
        let object = (request.operation == Operation::Update).then_some(&request.prior)?;
        Some((given(object, CONTROL_PLANE)?.clone(), upgrade_failed(text(object, "name")?)))
    }
}

/// What stands on the host, and what the cluster tells the node of itself.
const LOOK: &str = r#"
if { [ -s "$d/owner" ] && ! undone; } || [ -s "$N" ]; then
  emit there 1
  emit upgrading "$(cat "$d/upgrading" 2> /dev/null)"
  emit kubelet "$(kubelet --version 2> /dev/null | sed 's/^.* v//')"
  emit apiserver "$(sed -n 's/^ *image: .*kube-apiserver:v//p' /etc/kubernetes/manifests/kube-apiserver.yaml 2> /dev/null)"
  if [ -s "$d/token" ] || [ ! -e "$d/owner" ]; then
    s=$(as_node get node "$n" -o json 2>&1) || case $s in
    *'(NotFound)'*) emit missing 1 ;;
    esac
    emit node "$s"
  fi
fi
"#;

/// The attributes that the cluster's own object says.
fn of_node(object: &Value, node: &Json) -> Vec<(&'static str, Value)> {
    let text_at = |path: &str| node.pointer(path).and_then(Json::as_str);
    let address = node.pointer("/status/addresses").and_then(Json::as_array).and_then(|all| {
        let own = all.iter().find(|one| one["type"] == "InternalIP")?;
        own["address"].as_str()
    });
    let value = |text: Option<&str>| text.map_or_else(|| Value::null(Type::String), Value::from);
    let mut changed = vec![("internal_ip", value(address)), ("pod_cidr", value(text_at("/spec/podCIDR")))];
    if given(object, LABELS).is_some() {
        let found = pairs(object, LABELS).filter_map(|(name, _)| {
            let there = node["metadata"]["labels"].get(&name)?.as_str()?;
            Some((Name::from(name.as_str()), Value::from(there)))
        });
        changed.push((LABELS, Value::map(Type::String, found.collect())));
    }
    if let Some(taints) = given(object, TAINTS).and_then(Value::items) {
        let there: Vec<&Json> = node["spec"]["taints"].as_array().into_iter().flatten().collect();
        let is_there = |taint: &&Value| {
            there.iter().any(|one| {
                let same = |name: &str| {
                    one[name].as_str().unwrap_or_default() == text(taint, name).unwrap_or_default()
                };
                same("key") && same("value") && same("effect")
            })
        };
        let left: Vec<Value> = taints.iter().filter(is_there).cloned().collect();
        let element = given(object, TAINTS).map(Value::value_type).and_then(|list| match list {
            Type::List(element) => Some(element.as_ref().clone()),
            _ => None,
        });
        if left.len() != taints.len() {
            changed.push((TAINTS, Value::list(element.unwrap_or(Type::Dynamic), left)));
        }
    }
    changed
}

fn is_control_plane(object: &Value) -> bool {
    text(object, ROLE) == Some(CONTROL)
}

fn plane(object: &Value) -> Value {
    given(object, CONTROL_PLANE).cloned().unwrap_or_else(|| Value::null(Type::Dynamic))
}

fn creation(object: &Value) -> Vec<Phase> {
    let node = word(object, "name");
    let is_plane = is_control_plane(object);
    let joining = object.clone();
    let join = Work::RunKnowing {
        host: plane(object),
        question: invitation(is_plane),
        lines: Box::new(move |answer| {
            let said = |name: &str| {
                let missing = || ProviderError::bug(format!("the control plane did not say its {name}"));
                answer.given(name).ok_or_else(missing)
            };
            let invitation = Invitation {
                endpoint: said("endpoint")?,
                token: said("token")?,
                ca_hash: said("hash")?,
                certificate_key: if is_plane { Some(said("key")?) } else { None },
            };
            let told = configuration::join(&joining, &invitation);
            Ok(lines(&format!(
                "r=${{0%/job}}\numask 077\n{}umask 022\nkubeadm join phase preflight --config \"$r/join.yaml\"\n: > \"$d/changed\"\nkubeadm join --skip-phases=preflight --config \"$r/join.yaml\"\nrm -f -- \"$r/join.yaml\"\n",
                write_bytes(told.as_bytes(), "\"$r/join.yaml\"")
            )))
        }),
    };
    let check = format!("n={node}\ndeserted || standing\nname_node \"$n\"\n");
    vec![
        Phase::look("check", moment(&check)).check(),
        first_tools(object),
        Phase { name: "join", work: join, is_check: false },
        Phase::look("registered", moment(&format!("n={node}\n{REGISTERED}"))),
        Phase::ask(
            "addresses",
            &plane(object),
            moment(&format!(
                "n={node}\ngrep -q allocate-node-cidrs=true /etc/kubernetes/manifests/kube-controller-manager.yaml || exit 0\n{ADDRESSES}"
            )),
        ),
        Phase::ask("labels", &plane(object), moment(&format!("n={node}\n{}", marks(None, object)))),
    ]
}

/// The cluster knows the node.
const REGISTERED: &str = r#"
# What let it in is of no use any more.
[ ! -s "$d/run-join/job" ] || : > "$d/run-join/job"
s=$(as_node get node "$n" -o 'go-template={{.spec.podCIDR}}' 2>&1) || {
  emit waits "the cluster to know the node"
  trap - EXIT
  exit 0
}
"#;

/// What a control plane answers to a node that wants to join.
fn invitation(is_control_plane: bool) -> String {
    let keys = if is_control_plane { "certificate_key\nemit key \"$key\"\n" } else { "" };
    moment(&format!(
        "{keys}j=$(kubeadm token create --kubeconfig \"$A\" --ttl=15m --description='a node that joins' --print-join-command)\n\
         set -- $j\nemit endpoint \"$3\"\nemit token \"$5\"\nemit hash \"$7\"\n",
    ))
}

/// The node's labels and taints, as they differ from what was planned before; `$n` is its name.
pub(crate) fn marks(prior: Option<&Value>, planned: &Value) -> String {
    let mut words = String::new();
    let wanted: Vec<(String, String)> = pairs(planned, LABELS).collect();
    let mut labels: Vec<String> =
        wanted.iter().map(|(name, value)| quote(&format!("{name}={value}"))).collect();
    let gone = prior.into_iter().flat_map(|prior| pairs(prior, LABELS));
    labels.extend(
        gone.filter(|(name, _)| !wanted.iter().any(|(one, _)| one == name))
            .map(|(name, _)| quote(&format!("{name}-"))),
    );
    if !labels.is_empty() {
        let _ = writeln!(words, "kube label --overwrite node \"$n\" {} > /dev/null", labels.join(" "));
    }
    // The first node is no `kubeadm_node`, and has no role. A taint that somebody took off stays off until others are
    // planned.
    let is_other = prior.is_some_and(|prior| prior.get(TAINTS) != planned.get(TAINTS));
    let is_plane = is_other && text(planned, ROLE).is_none_or(|role| role == CONTROL);
    let taints = |object: &Value| match given(object, TAINTS).map(json_of) {
        Some(Json::Array(taints)) => taints,
        _ if is_plane => vec![plane_taint()],
        _ => Vec::new(),
    };
    let of = |taint: &Json| {
        let part = |name: &str| taint[name].as_str().unwrap_or_default().to_owned();
        (part("key"), part("value"), part("effect"))
    };
    let wanted: Vec<_> = taints(planned).iter().map(of).collect();
    for (key, value, effect) in &wanted {
        let word = quote(&format!("{key}={value}:{effect}"));
        let _ = writeln!(words, "kube taint --overwrite node \"$n\" {word} > /dev/null");
    }
    for (key, _, effect) in prior.map(taints).unwrap_or_default().iter().map(of) {
        if !wanted.iter().any(|(one, _, other)| (one, other) == (&key, &effect)) {
            let word = quote(&format!("{key}:{effect}-"));
            let _ = writeln!(words, "kube taint node \"$n\" {word} > /dev/null 2>&1 || :");
        }
    }
    words
}

fn update(prior: &Value, planned: &Value) -> Vec<Phase> {
    let mut phases = Vec::new();
    let plane = plane(planned);
    let other = |name: &str| prior.get(name) != planned.get(name);
    if other(VERSION) {
        let node = text(planned, "name").unwrap_or_default();
        let upgrade = format!("kubeadm upgrade node{}\n", ignored(planned));
        let most = whole_number(planned, "max_unavailable").unwrap_or(1).to_string();
        let mut kubelet = kubelet_phases(planned, node, &plane, &most).into_iter();
        // A node of the control plane is one of a few: what it is upgraded by waits for its turn, too.
        phases.extend(kubelet.next());
        phases.push(newer_kubeadm(prior, planned));
        phases.push(Phase::run("upgrade", lines(&upgrade)));
        phases.extend(kubelet);
    }
    if truth(prior, DUE) == Some(true) && phases.is_empty() {
        // Each of them ends an etcd for a moment.
        let node = text(planned, "name").unwrap_or_default();
        phases.push(turn(node, &plane, "1"));
        phases.push(Phase::run("renew", lines(RENEW)));
        phases.push(undrain(node, &plane));
    }
    if other(LABELS) || other(TAINTS) {
        let marks = format!("n={}\n{}", word(planned, "name"), marks(Some(prior), planned));
        phases.push(Phase::ask("labels", &plane, moment(&marks)));
    }
    if phases.is_empty() {
        // What else may change is for later acts: `drain`, and what is passed over.
        phases.push(Phase::look("noted", ":"));
    }
    phases
}

fn removal(object: &Value) -> Vec<Phase> {
    let node = format!("n={}\n", word(object, "name"));
    let drain = if truth(object, "drain") == Some(false) { "" } else { "drain \"$n\"\n" };
    let member = if is_control_plane(object) { "forget_member \"$n\"\n" } else { "" };
    vec![
        Phase::ask("drain", &plane(object), moment(&format!("{node}{drain}"))),
        Phase::run("reset", lines(&format!("unmake{}\npurge_added\n", socket(object)))),
        Phase::ask(
            "delete",
            &plane(object),
            moment(&format!("{node}{member}asked \"$n\" delete node \"$n\" --ignore-not-found\n")),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{TAINTS, marks, taints_type};
    use formwork_value::{Name, Type, Value};

    fn plane(tier: &str, taints: Value) -> Value {
        let labels = Value::map(Type::String, vec![("tier".into(), Value::from(tier))]);
        Value::object(vec![
            (Name::from("role"), Value::from("control-plane")),
            (Name::from("labels"), labels),
            (Name::from(TAINTS), taints),
        ])
    }

    #[test]
    fn a_control_plane_gets_its_own_taint_back_where_taints_change_alone() {
        let [unset, none] = [Value::null(taints_type()), Value::list(Type::Dynamic, Vec::new())];
        let own = "node-role.kubernetes.io/control-plane";
        let relabelled = marks(Some(&plane("a", unset.clone())), &plane("b", unset.clone()));
        assert!(relabelled.contains("tier=b") && !relabelled.contains("taint"), "{relabelled}");
        let taken_off = marks(Some(&plane("a", unset.clone())), &plane("a", none.clone()));
        assert!(taken_off.contains(&format!("'{own}:NoSchedule-'")), "{taken_off}");
        let put_back = marks(Some(&plane("a", none)), &plane("a", unset));
        assert!(put_back.contains(&format!("--overwrite node \"$n\" '{own}=:NoSchedule'")), "{put_back}");
    }
}
