//! `kubeadm_cluster`: a cluster by its first node, made by kubeadm's own phases.

use crate::adoption::{Theirs, settings};
use crate::attributes::{
    ADVERTISED, DUE, NODE_NAME, VERSION, check_node, check_step, check_subnets, due_planned, is_endpoint,
    is_label, node_attributes, older, timed,
};
use crate::certificates::expiry;
use crate::change::Changes;
use crate::configuration::{self, PARTS};
use crate::shell::{ADDRESSES, NODE, first_tools, lines, moment, socket, upgrade_failed, word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_provider_host::{
    Act, Answer, HOST, HostKind, Phase, Private, mark_folder, schema, with, write_bytes,
};
use formwork_sdk::values::{Findings, given, keep_planned, set_planned, text, texts};
use formwork_sdk::{
    ApplyRequest, Attribute, Disruption, KindSchema, Operation, PlanRequest, Planned, ProviderError,
};
use formwork_value::{Type, Value};
use serde_json::Value as Json;
use std::net::IpAddr;

const EXAMPLE: &str = r#"terraform {
  required_providers {
    kubeadm = { source = "formwork/kubeadm" }
  }
}

provider "kubeadm" {
  user = "admin"
}

resource "kubeadm_cluster" "ml" {
  host       = { address = "10.0.0.11" }
  name       = "ml"
  version    = "1.37.2"
  endpoint   = "10.0.0.10:6443"
  pod_subnet = "10.244.0.0/16"
}

resource "kubeadm_node" "gpu" {
  host          = { address = "10.0.0.21" }
  name          = "gpu-1"
  control_plane = kubeadm_cluster.ml.host
  version       = kubeadm_cluster.ml.version
}
"#;

pub(crate) const CONFIGURATION: &str = "configuration";
const POD_CIDR: &str = "pod_cidr";
/// What only the cluster can say, and who reads it.
const CREDENTIALS: [(&str, bool, &str); 6] = [
    ("server", false, "Where its API is, as `host` of the provider `kubernetes`."),
    ("cluster_ca_certificate", false, "The authority that its API's certificate is signed by, in PEM."),
    ("client_certificate", false, "An administrator's certificate, in PEM."),
    ("client_key", true, "That certificate's key, in PEM."),
    ("kubeconfig", true, "The administrator's kubeconfig."),
    ("certificates_expire", false, "When the first of the control plane's certificates on this node ends."),
];
/// The file of what kubeadm was told, in the object's folder.
const TOLD: &str = "kubeadm.yaml";
const TIME_LIMIT_MS: u64 = 30 * 60 * 1000;

/// kubeadm's own phases of `init`, after the checks: what each is called here, and there.
const INIT: [(&str, &str); 5] = [
    ("certs", "certs all"),
    ("kubeconfig", "kubeconfig all"),
    ("etcd", "etcd local"),
    ("control-plane", "control-plane all"),
    ("kubelet-start", "kubelet-start"),
];
pub(crate) const INIT_LATER: [(&str, &str); 6] = [
    ("upload-config", "upload-config all"),
    ("mark-control-plane", "mark-control-plane"),
    // It prints the token otherwise, and what a phase prints may come to be shown.
    ("bootstrap-token", "bootstrap-token --skip-token-print"),
    ("kubelet-finalize", "kubelet-finalize all"),
    ("addon-coredns", "addon coredns"),
    ("addon-kube-proxy", "addon kube-proxy"),
];

pub(crate) struct Cluster;

impl HostKind for Cluster {
    fn name(&self) -> &'static str {
        "kubeadm_cluster"
    }

    fn key(&self) -> &'static str {
        "name"
    }

    fn schema(&self) -> KindSchema {
        let mut attributes = vec![
            ("name", Attribute::required(Type::String, "The cluster's name.").replaces()),
            (VERSION, Attribute::required(Type::String, "The version of Kubernetes, `1.37.2`; another is an upgrade: kubeadm is put there, `upgrade plan` asked, etcd saved, the control plane upgraded, and kubelet once the node is drained.")),
            ("endpoint", Attribute::optional(Type::String, "Where all nodes and clients reach the control plane, `NAME:PORT`: a load balancer's or a virtual address. Without it there can be one node of the control plane alone.").replaces()),
            (ADVERTISED, Attribute::optional_computed(Type::String, "The node's address that its API is told to others by; the host's own, by itself.").replaces()),
            (NODE_NAME, Attribute::optional_computed(Type::String, "What the node is called; as the host, by itself.").replaces()),
            ("pod_subnet", Attribute::optional(Type::String, "The addresses of pods.").replaces()),
            ("service_subnet", Attribute::with_default(Type::String, "10.96.0.0/12", "The addresses of services.").replaces()),
            ("dns_domain", Attribute::with_default(Type::String, "cluster.local", "The domain of services.").replaces()),
            ("image_repository", Attribute::optional(Type::String, "Where the control plane's images come from; kubeadm's own default, by itself.")),
            ("skip_phases", Attribute::optional(Type::list(Type::String), "Phases that are left out: `addon-kube-proxy` where the network plugin does its work, `addon-coredns`. One that is not any more is done then; what one did before stays.")),
        ];
        attributes.extend(node_attributes());
        let parts = [
            "Parts of kubeadm's ClusterConfiguration, over what follows from the attributes.",
            "Parts of KubeletConfiguration, for all nodes.",
            "Parts of KubeProxyConfiguration.",
        ];
        attributes.extend(
            PARTS.iter().zip(parts).map(|((name, ..), doc)| (*name, Attribute::optional(Type::Dynamic, doc))),
        );
        attributes.push((
            CONFIGURATION,
            Attribute::computed(Type::String, "What kubeadm is told, whole, as YAML."),
        ));
        attributes.push((
            POD_CIDR,
            Attribute::computed(
                Type::String,
                "The addresses of this node's own pods, where pod_subnet is given.",
            ),
        ));
        for (name, is_secret, doc) in CREDENTIALS {
            let attribute = Attribute::computed(Type::String, doc);
            attributes.push((name, if is_secret { attribute.sensitive() } else { attribute }));
        }
        let doc = "A Kubernetes cluster on its first node of the control plane, by kubeadm. It is made phase by phase, each recorded when it is over. Removing it resets the host; other nodes are objects of their own and go before it. What runs in it, and etcd's data, goes with it.";
        let permissions = [
            "Read /etc/kubernetes as root.",
            "Be root: kubeadm, packages, systemd, /etc/kubernetes, /var/lib/kubelet, /var/lib/etcd, /var/lib/formwork.",
        ];
        let kind = KindSchema {
            time_limit_ms: TIME_LIMIT_MS,
            disruption: Disruption::Outage,
            holds_data: true,
            ..schema("name", attributes, doc, EXAMPLE, permissions)
        };
        timed(kind)
    }

    fn validate(&self, configuration: &Value, found: &mut Findings) {
        check_node(configuration, found);
        if text(configuration, "name").is_some_and(|name| !is_label(name)) {
            found.refuse("name", "It is no name of a cluster: give small letters, digits and `-`.");
        }
        if let Some(endpoint) = text(configuration, "endpoint").filter(|one| !is_endpoint(one)) {
            found.refuse(
                "endpoint",
                format!("{endpoint:?} is no address with a port: write it as `10.0.0.10:6443`."),
            );
        }
        check_subnets(configuration, found);
        let known = INIT_LATER.map(|(name, _)| name);
        if let Some(wrong) = texts(configuration, "skip_phases").find(|one| !known.contains(one)) {
            found.refuse(
                "skip_phases",
                format!("{wrong:?} is no phase that can be left out: give some of {}.", known.join(", ")),
            );
        }
    }

    fn adjust(&self, request: &PlanRequest, planned: &mut Planned) {
        let schema = self.schema();
        let prior =
            |name: &str| if request.prior.is_null() { None } else { request.prior.get(name).cloned() };
        let is_set = |name: &str| request.configuration.get(name).is_some_and(|value| !value.is_null());
        if !is_set(ADVERTISED) {
            let known = prior(ADVERTISED).filter(|value| !value.is_null());
            set_planned(
                &schema,
                request,
                planned,
                ADVERTISED,
                &known.unwrap_or_else(|| own_address(&request.configuration)),
            );
        }
        let configuration = if request.configuration.is_wholly_known() {
            // What was asked for, not what came of it: kubeadm is told the same at every time.
            let asked = |name: &str| {
                request.configuration.get(name).cloned().unwrap_or_else(|| Value::null(Type::String))
            };
            let own = own_address(&request.configuration);
            let advertised = if is_set(ADVERTISED) { asked(ADVERTISED) } else { own };
            let told = [(NODE_NAME, asked(NODE_NAME)), (ADVERTISED, advertised)];
            Value::from(configuration::init(&with(&planned.planned, &told)))
        } else {
            Value::unknown(Type::String)
        };
        set_planned(&schema, request, planned, CONFIGURATION, &configuration);
        let changes = Changes::of(&request.prior, &planned.planned);
        let is_renewed = request.prior.is_null() || changes.renews;
        for (name, ..) in CREDENTIALS {
            let is_other = is_renewed || name == "certificates_expire" && changes.configures;
            if is_other {
                set_planned(&schema, request, planned, name, &Value::unknown(Type::String));
            } else {
                keep_planned(&schema, request, planned, name);
            }
        }
        let addresses = match prior(POD_CIDR) {
            Some(addresses) => addresses,
            None if is_set("pod_subnet") => Value::unknown(Type::String),
            None => Value::null(Type::String),
        };
        set_planned(&schema, request, planned, POD_CIDR, &addresses);
        set_planned(&schema, request, planned, DUE, &due_planned(request, &planned.planned));
    }

    fn check_plan(&self, request: &PlanRequest, planned: &Value) -> Result<(), ProviderError> {
        check_step(&request.prior, planned)
    }

    fn probe(&self, object: &Value, _: &Private) -> String {
        format!("{NODE}d={}\n{LOOK}{}true", mark_folder(self, object), expiry(object))
    }

    fn reading(&self, object: &Value, answer: &Answer) -> Result<Option<Value>, ProviderError> {
        if answer.given("there").is_none() {
            return Ok(None);
        }
        let said = |name: &str| answer.given(name).map(str::trim).filter(|text| !text.is_empty());
        let null = || Value::null(Type::String);
        let mut changed = vec![
            (NODE_NAME, said("node").map_or_else(null, Value::from)),
            (DUE, Value::from(answer.given("due").is_some())),
            ("certificates_expire", said("expire").map_or_else(null, Value::from)),
            (
                VERSION,
                older(older(said("apiserver"), said("kubelet")), said("upgrading"))
                    .map_or_else(null, Value::from),
            ),
        ];
        // They stay what they are, also where nobody answers for them.
        changed.extend(said("addresses").map(|addresses| (POD_CIDR, Value::from(addresses))));
        if given(object, ADVERTISED).is_none() {
            changed.push((ADVERTISED, said("advertised").map_or_else(null, Value::from)));
        }
        let text_of = |name: &str| answer.given(name).and_then(decoded);
        // Where nobody answers, what was known stays.
        if let Some(cluster) = text_of("theirs") {
            let [kubelet, proxy] =
                ["theirs_kubelet", "theirs_proxy"].map(|name| text_of(name).unwrap_or_default());
            let theirs = Theirs { cluster: &cluster, kubelet: &kubelet, proxy: &proxy };
            changed.extend(settings(text(object, "name").unwrap_or_default(), &theirs));
            changed.push((CONFIGURATION, Value::from(would_be_told(&with(object, &changed)))));
        } else if let Some(told) = text_of("told") {
            changed.push((CONFIGURATION, Value::from(told)));
        }
        let admin = answer.given("admin").and_then(decoded);
        changed.extend(credentials(admin.as_deref()));
        Ok(Some(with(object, &changed)))
    }

    fn phases(&self, act: &Act<'_>) -> Result<Vec<Phase>, ProviderError> {
        let request = act.request;
        Ok(match request.operation {
            Operation::Delete => removal(&request.prior),
            Operation::Create => creation(&act.planned),
            Operation::Update => {
                let changes = Changes::of(&request.prior, &request.planned);
                changes.phases(&request.prior, &with(&act.planned, &[(NODE_NAME, node_of(&request.prior))]))
            }
        })
    }

    fn failed(&self, request: &ApplyRequest) -> Option<(Value, String)> {
        let node = text(&request.prior, NODE_NAME).filter(|_| request.operation == Operation::Update)?;
        Some((given(&request.prior, HOST)?.clone(), upgrade_failed(node)))
    }
}

/// The address of the host where that is one, null where it is a name.
fn own_address(object: &Value) -> Value {
    let address = object.get(HOST).and_then(|host| host.get("address"));
    match address.map(|address| (address.is_known(), address.as_str())) {
        Some((false, _)) => Value::unknown(Type::String),
        Some((_, Some(address))) if address.parse::<IpAddr>().is_ok() => Value::from(address.as_str()),
        _ => Value::null(Type::String),
    }
}

fn node_of(prior: &Value) -> Value {
    prior.get(NODE_NAME).cloned().unwrap_or_else(|| Value::null(Type::String))
}

fn decoded(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

/// What kubeadm would be told, had the attributes of a cluster that somebody else made been asked for.
fn would_be_told(object: &Value) -> String {
    let asked = [(NODE_NAME, Value::null(Type::String)), (ADVERTISED, own_address(object))];
    configuration::init(&with(object, &asked))
}

/// What an administrator's kubeconfig says.
fn credentials(admin: Option<&str>) -> Vec<(&'static str, Value)> {
    let parsed: Option<Json> = admin.and_then(|text| serde_saphyr::from_str(text).ok());
    let at = |path: &str| parsed.as_ref()?.pointer(path)?.as_str().map(str::to_owned);
    let pem = |path: &str| at(path).as_deref().and_then(decoded);
    let value = |text: Option<String>| text.map_or_else(|| Value::null(Type::String), Value::from);
    vec![
        ("server", value(at("/clusters/0/cluster/server"))),
        ("cluster_ca_certificate", value(pem("/clusters/0/cluster/certificate-authority-data"))),
        ("client_certificate", value(pem("/users/0/user/client-certificate-data"))),
        ("client_key", value(pem("/users/0/user/client-key-data"))),
        ("kubeconfig", value(admin.map(str::to_owned))),
    ]
}

/// What stands on the first node.
const LOOK: &str = r#"
c=/etc/kubernetes
if { [ -s "$d/owner" ] && ! undone; } || [ -s $c/admin.conf ]; then
  emit there 1
  emit node "$(cat "$d/node" 2> /dev/null || sed -n 's/^ *user: system:node://p' $c/kubelet.conf 2> /dev/null)"
  emit apiserver "$(sed -n 's/^ *image: .*kube-apiserver:v//p' $c/manifests/kube-apiserver.yaml 2> /dev/null)"
  emit upgrading "$(cat "$d/upgrading" 2> /dev/null)"
  emit advertised "$(sed -n 's/^ *- --advertise-address=//p' $c/manifests/kube-apiserver.yaml 2> /dev/null)"
  emit kubelet "$(kubelet --version 2> /dev/null | sed 's/^.* v//')"
  # Of a cluster that was taken over: what it was told is in the cluster alone.
  if [ ! -s "$d/kubeadm.yaml" ]; then
    theirs() { kube --namespace=kube-system get configmap "$1" --ignore-not-found -o "jsonpath={.data.$2}" 2> /dev/null; }
    e=$(theirs kubeadm-config ClusterConfiguration) && k=$(theirs kubelet-config kubelet) && p=$(theirs kube-proxy 'config\.conf') && {
      emit theirs "$(printf %s "$e" | base64 -w0)"
      emit theirs_kubelet "$(printf %s "$k" | base64 -w0)"
      emit theirs_proxy "$(printf %s "$p" | base64 -w0)"
    }
  fi
  t=$d/kubeadm.yaml
  [ ! -e "$d/telling" ] || t=$d/kubeadm.next
  emit told "$({ cat "$t" && if [ -e "$d/telling" ]; then echo '# It was not told to the end.'; fi; } 2> /dev/null | base64 -w0)"
  [ ! -s "$N" ] || [ ! -s "$d/token" ] || emit addresses "$(as_node get node "$(cat "$d/node")" -o 'jsonpath={.spec.podCIDR}' 2> /dev/null)"
  emit admin "$(base64 -w0 < $c/admin.conf 2> /dev/null)"
fi
"#;

/// A phase that is kubeadm's own.
pub(crate) fn init_phase(name: &'static str, words: &str, told: &str) -> Phase {
    // Until the checks are over the host is as it was: see `unmake`.
    let changes = if name == "preflight" { "" } else { ": > \"$d/changed\"\n" };
    Phase::run(name, lines(&format!("{changes}kubeadm init phase {words} --config \"$d/{told}\"\n")))
}

/// What kubeadm is told, in a file of the object's own folder.
pub(crate) fn told(object: &Value, file: &str) -> String {
    let text = text(object, CONFIGURATION).unwrap_or_default();
    format!("umask 077\n{}umask 022\n", write_bytes(text.as_bytes(), &format!("\"$d/{file}\"")))
}

fn creation(object: &Value) -> Vec<Phase> {
    let skipped: Vec<&str> = texts(object, "skip_phases").collect();
    let later = INIT_LATER.iter().filter(|(name, _)| !skipped.contains(name));
    let check = format!(
        "if undone; then : > \"$d/deserted\"; else standing; fi\n{}name_node {}\n",
        told(object, TOLD),
        word(object, NODE_NAME)
    );
    [
        Phase::look("check", moment(&check)).check(),
        first_tools(object),
        init_phase("preflight", "preflight", TOLD),
    ]
    .into_iter()
    .chain(INIT.iter().map(|(name, words)| init_phase(name, words, TOLD)))
    .chain([Phase::run("wait-control-plane", lines("api_wait\n"))])
    .chain(later.map(|(name, words)| init_phase(name, words, TOLD)))
    .chain(
        given(object, "pod_subnet")
            .map(|_| Phase::look("addresses", moment(&format!("n=$(cat \"$d/node\")\n{ADDRESSES}")))),
    )
    .collect()
}

fn removal(object: &Value) -> Vec<Phase> {
    vec![Phase::run("reset", lines(&format!("unmake{}\npurge_added\n", socket(object))))]
}

#[cfg(test)]
mod tests {
    use super::{Cluster, HostKind as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use formwork_provider_host::Answer;
    use formwork_sdk::values;
    use formwork_value::Value;

    /// An endpoint that is not known any more would replace the cluster.
    #[test]
    fn a_cluster_that_was_taken_over_is_what_it_was_while_its_api_does_not_answer() {
        let schema = Cluster.schema();
        let read = |object: &Value, theirs: &str| {
            let answer = Answer::made(&[("there", "1"), ("theirs", &STANDARD.encode(theirs))]);
            Cluster.reading(object, &answer).unwrap().unwrap()
        };
        let imported = values::object(&schema, &[("name", Value::from("ml"))]);
        let known = read(&imported, "controlPlaneEndpoint: api.lab:6443\nclusterName: ml\n");
        assert_eq!(values::text(&known, "endpoint"), Some("api.lab:6443"));
        assert!(values::text(&known, "configuration").unwrap().contains("api.lab:6443"));
        let silent = read(&known, "");
        for name in ["endpoint", "configuration", "cluster_configuration"] {
            assert_eq!(silent.get(name), known.get(name), "{name}");
        }
        let other = read(&known, "clusterName: other\n");
        assert_eq!(values::text(&other, "endpoint"), None);
        assert!(values::given(&other, "cluster_configuration").is_some());
    }
}
