//! A cluster that somebody else made: what it was told, as attributes, so that a plan shows what differs.

use crate::attributes::Subnet;
use formwork_value::{Type, Value, decode_implied};
use serde_json::{Map, Value as Json, json};

/// What the cluster says of itself, as it stores it.
pub(crate) struct Theirs<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) kubelet: &'a str,
    pub(crate) proxy: &'a str,
}

const REGISTRY: &str = "registry.k8s.io";

/// The attributes that say it: those of their own, and in the parts what kubeadm would not have written by itself.
pub(crate) fn settings(name: &str, theirs: &Theirs<'_>) -> Vec<(&'static str, Value)> {
    let [cluster, kubelet, proxy] = [theirs.cluster, theirs.kubelet, theirs.proxy].map(parsed);
    let at = |path: &str| cluster.pointer(path).and_then(Json::as_str);
    let value = |text: Option<&str>| text.map_or_else(|| Value::null(Type::String), Value::from);
    let mut found = vec![
        ("endpoint", value(at("/controlPlaneEndpoint"))),
        ("pod_subnet", value(at("/networking/podSubnet"))),
        ("image_repository", value(at("/imageRepository").filter(|one| *one != REGISTRY))),
    ];
    // They have defaults.
    let table = [("service_subnet", "/networking/serviceSubnet"), ("dns_domain", "/networking/dnsDomain")];
    found.extend(table.into_iter().filter_map(|(name, path)| Some((name, Value::from(at(path)?)))));
    found.extend([
        ("cluster_configuration", part(&cluster, &usual_cluster(name, &cluster))),
        ("kubelet_configuration", part(&kubelet, &usual_kubelet(&cluster))),
        ("kube_proxy_configuration", part(&proxy, &usual_proxy(&cluster))),
    ]);
    found
}

fn parsed(text: &str) -> Json {
    serde_saphyr::from_str(text).unwrap_or(Json::Null)
}

fn part(theirs: &Json, usual: &Json) -> Value {
    let told = differing(theirs, usual).and_then(|told| decode_implied(&told.to_string()).ok());
    told.unwrap_or_else(|| Value::null(Type::Dynamic))
}

/// What is neither usual nor empty.
fn differing(theirs: &Json, usual: &Json) -> Option<Json> {
    if let Json::Object(entries) = theirs {
        let entries = entries.iter().filter_map(|(name, value)| {
            Some((name.clone(), differing(value, usual.get(name).unwrap_or(&Json::Null))?))
        });
        let entries: Map<String, Json> = entries.collect();
        return (!entries.is_empty()).then_some(Json::Object(entries));
    }
    let is_empty = theirs.is_null() || theirs == "" || theirs == "0s" || *theirs == json!([]);
    (!is_empty && theirs != usual).then(|| theirs.clone())
}

/// What attributes of their own say, and kubeadm's defaults.
fn usual_cluster(name: &str, theirs: &Json) -> Json {
    json!({
        "apiVersion": theirs["apiVersion"],
        "kind": theirs["kind"],
        "kubernetesVersion": theirs["kubernetesVersion"],
        "controlPlaneEndpoint": theirs["controlPlaneEndpoint"],
        "networking": {
            "podSubnet": theirs["networking"]["podSubnet"],
            "serviceSubnet": theirs["networking"]["serviceSubnet"],
            "dnsDomain": theirs["networking"]["dnsDomain"],
        },
        "imageRepository": theirs["imageRepository"],
        "clusterName": name,
        "caCertificateValidityPeriod": "87600h0m0s",
        "certificateValidityPeriod": "8760h0m0s",
        "certificatesDir": "/etc/kubernetes/pki",
        "encryptionAlgorithm": "RSA-2048",
        "etcd": { "local": { "dataDir": "/var/lib/etcd" } },
    })
}

/// Of components that log.
fn usual_logging() -> Json {
    let buffer = json!({ "infoBufferSize": "0" });
    json!({ "flushFrequency": 0, "options": { "json": buffer, "text": buffer }, "verbosity": 0 })
}

fn usual_kubelet(cluster: &Json) -> Json {
    let services = cluster["networking"]["serviceSubnet"].as_str().and_then(Subnet::parse);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": "/etc/kubernetes/pki/ca.crt" },
        },
        "authorization": { "mode": "Webhook" },
        "cgroupDriver": "systemd",
        "clusterDNS": services.map(|subnet| vec![subnet.address(10).to_string()]),
        "clusterDomain": cluster["networking"]["dnsDomain"],
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "logging": usual_logging(),
        "resolvConf": "/run/systemd/resolve/resolv.conf",
        "rotateCertificates": true,
        "staticPodPath": "/etc/kubernetes/manifests",
    })
}

fn usual_proxy(cluster: &Json) -> Json {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "bindAddressHardFail": false,
        "clientConnection": { "burst": 0, "kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf", "qps": 0 },
        "clusterCIDR": cluster["networking"]["podSubnet"],
        "conntrack": { "tcpBeLiberal": false },
        "enableProfiling": false,
        "iptables": { "masqueradeAll": false },
        "ipvs": { "strictARP": false },
        "logging": usual_logging(),
        "mode": "iptables",
        "nftables": { "masqueradeAll": false },
        "winkernel": { "enableDSR": false, "forwardHealthCheckVip": false },
    })
}

#[cfg(test)]
mod tests {
    use super::{Theirs, settings};
    use crate::configuration::json_of;
    use serde_json::{Value as Json, json};

    /// As kubeadm 1.37 stores what it was told; what somebody set is marked with a comment.
    const CLUSTER: &str = "apiServer:
  extraArgs: # theirs
  - name: encryption-provider-config
    value: /etc/kubernetes/secrets.yaml
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
certificateValidityPeriod: 8760h0m0s
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {}
dns: {}
encryptionAlgorithm: RSA-2048
etcd:
  external: # theirs
    endpoints: [https://10.0.0.9:2379]
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v1.37.1
networking:
  dnsDomain: cluster.local
  podSubnet: 10.233.64.0/18
  serviceSubnet: 10.233.0.0/18
proxy: {}
scheduler: {}
";
    const KUBELET: &str = "apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous: { enabled: false }
  webhook: { cacheTTL: 0s, enabled: true }
  x509: { clientCAFile: /etc/kubernetes/pki/ca.crt }
authorization:
  mode: Webhook
  webhook: { cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s }
cgroupDriver: systemd
clusterDNS: [ADDRESS]
clusterDomain: cluster.local
containerRuntimeEndpoint: \"\"
crashLoopBackOff: {}
failCgroupV1: false # theirs
healthzBindAddress: 127.0.0.1
healthzPort: 10248
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options: { json: { infoBufferSize: \"0\" }, text: { infoBufferSize: \"0\" } }
  verbosity: 0
memorySwap: {}
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
syncFrequency: 0s
";

    fn found(name: &str, dns: &str) -> Vec<(&'static str, Json)> {
        let kubelet = KUBELET.replace("ADDRESS", dns);
        let theirs = Theirs { cluster: CLUSTER, kubelet: &kubelet, proxy: "" };
        let found = settings(name, &theirs).into_iter().map(|(name, value)| (name, json_of(&value)));
        found.filter(|(_, value)| !value.is_null()).collect()
    }

    #[test]
    fn what_somebody_else_set_is_all_that_is_found() {
        let expected = [
            ("pod_subnet", json!("10.233.64.0/18")),
            ("service_subnet", json!("10.233.0.0/18")),
            ("dns_domain", json!("cluster.local")),
            (
                "cluster_configuration",
                json!({
                    "apiServer": { "extraArgs": [
                        { "name": "encryption-provider-config", "value": "/etc/kubernetes/secrets.yaml" }
                    ] },
                    "etcd": { "external": { "endpoints": ["https://10.0.0.9:2379"] } },
                }),
            ),
            ("kubelet_configuration", json!({ "failCgroupV1": false })),
        ];
        assert_eq!(found("kubernetes", "10.233.0.10"), expected);
        let other = found("ml", "169.254.25.10");
        assert_eq!(other[3].1["clusterName"], "kubernetes");
        assert_eq!(other[4].1["clusterDNS"], json!(["169.254.25.10"]));
    }
}
