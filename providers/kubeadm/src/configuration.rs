//! The files that kubeadm reads, in the form `kubeadm.k8s.io/v1beta4`.

use crate::yaml;
use formwork_sdk::values::{given, text, texts};
use formwork_value::{Value, encode_plain};
use serde_json::{Map, Value as Json, json};

const KUBEADM: &str = "kubeadm.k8s.io/v1beta4";
/// How long the token lives that `init` makes and nobody uses.
const FIRST_TOKEN: &str = "1m0s";

/// The port that the API is served at.
pub(crate) const API_PORT: i64 = 6443;

/// Attributes that hold a part of a configuration, and the document that each is part of.
pub(crate) const PARTS: [(&str, &str, &str); 3] = [
    ("cluster_configuration", KUBEADM, "ClusterConfiguration"),
    ("kubelet_configuration", "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"),
    ("kube_proxy_configuration", "kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"),
];

/// What a value is as JSON; null where it is not known.
pub(crate) fn json_of(value: &Value) -> Json {
    encode_plain(value).ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Json::Null)
}

fn part(object: &Value, name: &str) -> Json {
    given(object, name).map_or(Json::Null, json_of)
}

/// Lays what somebody wrote over what follows from the attributes.
fn over(below: &mut Json, above: Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (name, value) in above {
                over(below.entry(name).or_insert(Json::Null), value);
            }
        }
        (_, Json::Null) => {}
        (below, above) => *below = above,
    }
}

/// What kubeadm is told of the node that it works on.
pub(crate) fn registration(object: &Value, node: Option<&str>) -> Json {
    let mut entries = Map::new();
    let mut put = |name: &str, value: Json| {
        if !value.is_null() {
            entries.insert(name.to_owned(), value);
        }
    };
    put("name", node.map_or(Json::Null, Json::from));
    put("criSocket", text(object, "cri_socket").map_or(Json::Null, Json::from));
    put("taints", taints(object));
    let ignored: Vec<&str> = texts(object, "ignore_preflight_errors").collect();
    put("ignorePreflightErrors", if ignored.is_empty() { Json::Null } else { json!(ignored) });
    if let Json::Object(arguments) = part(object, "kubelet_arguments") {
        let arguments = arguments.into_iter().map(|(name, value)| json!({ "name": name, "value": value }));
        put("kubeletExtraArgs", arguments.collect());
    }
    Json::Object(entries)
}

/// What kubeadm gives a node of the control plane.
pub(crate) fn plane_taint() -> Json {
    json!({ "key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule" })
}

/// The taints that a node comes with; kubeadm's own, by itself, where none are named.
fn taints(object: &Value) -> Json {
    let given = ["taints", "startup_taints"].map(|name| given(object, name).map(json_of));
    if given.iter().all(Option::is_none) {
        return Json::Null;
    }
    // kubeadm gives a control plane its own where it is told of none.
    let is_plane = text(object, "role") == Some("control-plane") && given[0].is_none();
    let all = is_plane.then(|| json!([plane_taint()])).into_iter().chain(given.into_iter().flatten());
    let all = all.filter_map(|taints| match taints {
        Json::Array(taints) => Some(taints),
        _ => None,
    });
    bare(all.flatten().collect())
}

/// Without what is null.
pub(crate) fn bare(value: Json) -> Json {
    match value {
        Json::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, bare(value)))
            .collect(),
        Json::Array(elements) => elements.into_iter().map(bare).collect(),
        other => other,
    }
}

/// The documents of a first node, as `init` takes them.
pub(crate) fn init(object: &Value) -> String {
    let mut first = json!({
        "apiVersion": KUBEADM,
        "kind": "InitConfiguration",
        "bootstrapTokens": [{ "ttl": FIRST_TOKEN }],
        "nodeRegistration": registration(object, text(object, "node_name")),
    });
    if let Some(address) = text(object, "advertise_address") {
        first["localAPIEndpoint"] = json!({ "advertiseAddress": address, "bindPort": API_PORT });
    }
    let documents = PARTS.iter().filter_map(|(attribute, version, kind)| {
        let mut document = json!({ "apiVersion": version, "kind": kind });
        match *kind {
            "ClusterConfiguration" => over(&mut document, cluster(object)),
            "KubeletConfiguration" => over(&mut document, json!({ "cgroupDriver": "systemd" })),
            _ => given(object, attribute).map(|_| ())?,
        }
        over(&mut document, part(object, attribute));
        Some(yaml::document(&document))
    });
    let all: Vec<String> = std::iter::once(yaml::document(&first)).chain(documents).collect();
    all.join("---\n")
}

fn cluster(object: &Value) -> Json {
    let optional = |name: &str| text(object, name).map_or(Json::Null, Json::from);
    bare(json!({
        "kubernetesVersion": text(object, "version").map(|version| format!("v{version}")),
        "clusterName": optional("name"),
        "controlPlaneEndpoint": optional("endpoint"),
        "imageRepository": optional("image_repository"),
        "networking": {
            "podSubnet": optional("pod_subnet"),
            "serviceSubnet": optional("service_subnet"),
            "dnsDomain": optional("dns_domain"),
        },
    }))
}

/// What a control plane tells a node that joins.
pub(crate) struct Invitation<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) token: &'a str,
    pub(crate) ca_hash: &'a str,
    /// What the cluster's keys are encrypted with; for further control planes.
    pub(crate) certificate_key: Option<&'a str>,
}

/// The document of a node that joins.
pub(crate) fn join(object: &Value, invitation: &Invitation<'_>) -> String {
    let mut document = json!({
        "apiVersion": KUBEADM,
        "kind": "JoinConfiguration",
        "discovery": { "bootstrapToken": {
            "apiServerEndpoint": invitation.endpoint,
            "token": invitation.token,
            "caCertHashes": [invitation.ca_hash],
        } },
        "nodeRegistration": registration(object, text(object, "name")),
    });
    if let Some(key) = invitation.certificate_key {
        let mut plane = json!({ "certificateKey": key });
        if let Some(address) = text(object, "advertise_address") {
            plane["localAPIEndpoint"] = json!({ "advertiseAddress": address, "bindPort": API_PORT });
        }
        document["controlPlane"] = plane;
    }
    yaml::document(&document)
}
