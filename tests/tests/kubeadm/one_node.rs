//! A cluster of one node: what is in its way, its certificates, its settings.

use crate::{EARLIER, KUBELET, find, is_full, kubectl};
use formwork_tests::{Hosts, Project, assert_says, project};

/// A cluster on the first host, without a module; `MORE` stands for more attributes.
pub(crate) fn configuration(hosts: &Hosts, more: &str) -> String {
    let path = |name: &str| hosts.folder.join(name).display().to_string();
    let settings =
        format!("  private_key_file = {:?}\n  known_hosts_file = {:?}\n", path("id"), path("known_hosts"));
    let address = &hosts.addresses[0];
    format!(
        r#"
terraform {{
  required_providers {{
    host    = {{ source = "formwork/host" }}
    kubeadm = {{ source = "formwork/kubeadm" }}
  }}
}}
provider "host" {{
{settings}}}
provider "kubeadm" {{
{settings}}}
resource "kubeadm_cluster" "one" {{
  host                    = {{ address = {address:?} }}
  name                    = "one"
  version                 = "{EARLIER}"
  taints                  = []
  skip_phases             = ["addon-coredns", "addon-kube-proxy"]
  ignore_preflight_errors = ["SystemVerification"]
  kubelet_configuration   = {KUBELET}
  {more}
}}
"#
    )
}

pub(crate) fn one(hosts: &Hosts, more: &str) -> Project {
    project().file("main.tf", &configuration(hosts, more)).build()
}

/// Has a host be ready for kubeadm, past the program.
pub(crate) fn prepare(hosts: &Hosts, host: usize) {
    hosts.run(
        host,
        r#"set -e
mkdir -p /etc/containerd/lab /etc/cni/net.d
cat > /etc/containerd/lab/network <<X
{"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"bridge","bridge":"cni0","isGateway":true,"ipam":{"type":"host-local","ranges":[[{"subnet":"{{.PodCIDR}}"}]],"routes":[{"dst":"0.0.0.0/0"}]}}]}
X
cat > /etc/containerd/config.toml <<X
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "registry.k8s.io/pause:3.10.2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
    conf_template = "/etc/containerd/lab/network"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
X
systemctl restart containerd
for one in pause etcd coredns v1.37.1/kube-apiserver v1.37.1/kube-controller-manager v1.37.1/kube-scheduler v1.37.1/kube-proxy; do
  ctr -n k8s.io images import /srv/images/$one.tar > /dev/null
done
echo 1 > /proc/sys/net/ipv4/ip_forward"#,
    );
}

/// The host as it was before [`prepare`].
pub(crate) fn unprepare(hosts: &Hosts, host: usize) {
    hosts.run(
        host,
        "apt-get purge -q -y --allow-change-held-packages kubeadm kubelet kubectl > /dev/null 2>&1; ctr -n k8s.io images ls -q | xargs -r ctr -n k8s.io images rm > /dev/null; systemctl stop containerd; rm -rf /etc/containerd/lab /etc/cni; echo 0 > /proc/sys/net/ipv4/ip_forward",
    );
}

#[test]
fn what_is_in_the_way_is_said_before_anything_is_done() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let [first, second, third] = hosts.addresses.as_slice() else { panic!("three hosts are wanted") };
    let asked = format!(
        "{}\ndata \"kubeadm_preflight\" \"all\" {{\n  nodes = {{\n    a = {{ host = {{ address = {first:?} }}, role = \"control-plane\" }}\n    b = {{ host = {{ address = {second:?} }} }}\n    c = {{ host = {{ address = {third:?} }} }}\n  }}\n  pod_subnet = \"10.77.0.0/16\"\n  IGNORED\n}}\n",
        configuration(&hosts, "depends_on = [data.kubeadm_preflight.all]"),
    );
    hosts.run(0, "nohup python3 -m http.server 6443 > /dev/null 2>&1 & echo $! > /run/listener; sleep 0.5");
    hosts.run(1, "nohup python3 -m http.server 10250 > /dev/null 2>&1 & echo $! > /run/listener; sleep 0.5");
    let project = project().file("main.tf", &asked.replace("IGNORED", "")).build();
    let parts = [
        "the hosts cannot be nodes of a cluster as they are",
        "a: something answers on these ports already: 6443 (ports)",
        "b: something answers on these ports already: 10250 (ports)",
        "where pods are to be (routes)",
        "control groups of version 1",
        "pass over a check by its name in `ignore`",
    ];
    assert_says(&project.run("plan"), 1, &parts);
    for host in [0, 1] {
        hosts.run(host, "kill $(cat /run/listener)");
    }
    assert_eq!(hosts.written(0), bare);

    // kubeadm's own checks come before its first change; what was put there for them goes again, and nothing else.
    let project = one(&hosts, "");
    let theirs = ["/var/lib/etcd/theirs", "/var/lib/kubelet/theirs", "/etc/cni/net.d/10-flannel.conflist"];
    for one in theirs {
        hosts.run(0, &format!("mkdir -p $(dirname {one}) && touch {one}"));
    }
    let parts = ["preflight: root@", "[ERROR CRI]"];
    assert_says(&project.run("apply -auto-approve"), 1, &parts);
    assert_says(&project.run("apply -auto-approve"), 1, &parts);
    assert_says(&project.run("destroy -auto-approve"), 0, &[]);
    for one in theirs {
        hosts.run(0, &format!("rm {one} && (rmdir -p $(dirname {one}) 2> /dev/null || :)"));
    }
    hosts.run(0, "mkdir -p /etc/kubernetes && touch /etc/kubernetes/kubelet.conf");
    assert_says(&project.run("apply -auto-approve"), 1, &["check: root@", "is part of a cluster already"]);
    hosts.run(0, "rm -r /etc/kubernetes");
    assert_eq!(hosts.written(0), bare);
}

/// Has a certificate that ends in ten days take the place of one.
pub(crate) const ENDS_SOON: &str = r#"set -e
cd /etc/kubernetes/pki
t=$(mktemp -d)
touch $t/index
echo 01 > $t/serial
cat > $t/config <<X
[ca]
default_ca = c
[c]
database = $t/index
serial = $t/serial
new_certs_dir = $t
default_md = sha256
policy = p
x509_extensions = e
[e]
extendedKeyUsage = clientAuth
[p]
commonName = supplied
X
openssl req -new -key front-proxy-client.key -subj /CN=front-proxy-client -out $t/request
openssl ca -batch -notext -config $t/config -cert front-proxy-ca.crt -keyfile front-proxy-ca.key \
  -startdate 20260101000000Z -enddate "$(date -u -d '+10 days' +%Y%m%d%H%M%SZ)" -in $t/request -out $t/certificate 2> /dev/null
cp $t/certificate front-proxy-client.crt
rm -r $t"#;

#[test]
fn certificates_are_renewed_and_settings_changed_in_place() {
    const POD_SUBNET: &str = "pod_subnet = \"10.244.0.0/16\"";
    let Some(hosts) = find() else { return };
    prepare(&hosts, 0);
    let project = one(&hosts, POD_SUBNET);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    let serial =
        |name: &str| hosts.run(0, &format!("openssl x509 -noout -serial -in /etc/kubernetes/pki/{name}.crt"));
    let uid = || kubectl(&hosts, "get namespace kube-system -o jsonpath='{.metadata.uid}'");
    let (before, cluster) = (serial("apiserver-etcd-client"), uid());
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    hosts.run(0, ENDS_SOON);
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["certificates_due", "1 to change"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_ne!(serial("apiserver-etcd-client"), before);

    // Taints and phases that were left out are its own, too; a control plane has kubeadm's taint by itself.
    let taints = || kubectl(&hosts, "get nodes -o jsonpath='{..spec.taints[*].key}'");
    assert!(!taints().contains("control-plane"), "{}", taints());
    let text =
        configuration(&hosts, POD_SUBNET).replace("taints  ", "# ").replace(", \"addon-kube-proxy\"", "");
    project.write("main.tf", &text).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert!(taints().contains("control-plane"), "{}", taints());
    assert!(kubectl(&hosts, "-n kube-system get daemonsets").contains("kube-proxy"));
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);

    let more = "cluster_configuration = { apiServer = { certSANs = [\"api.lab\"], extraArgs = [{ name = \"audit-log-path\", value = \"-\" }] } }";
    project.write("main.tf", &configuration(&hosts, &format!("{more}\n  {POD_SUBNET}"))).unwrap();
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["certSANs", "audit-log-path", "1 to change"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    let certificate =
        hosts.run(0, "openssl x509 -noout -ext subjectAltName -in /etc/kubernetes/pki/apiserver.crt");
    assert!(certificate.contains("api.lab"), "{certificate}");
    assert!(hosts.run(0, "cat /etc/kubernetes/manifests/kube-apiserver.yaml").contains("--audit-log-path=-"));
    assert_eq!(uid(), cluster, "it is the same cluster");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    if is_full() {
        settings_that_the_api_server_does_not_take(&project, more);
    }

    // A probe with another image, that somebody gave up on, is not what is waited for.
    hosts.run(0, "ctr -n k8s.io images import /srv/images/app.tar > /dev/null");
    kubectl(&hosts, "-n kube-system run formwork-probe-host-1 --image=lab.local/none:1");
    let ready = r#"
resource "kubeadm_node_ready" "one" {
  host  = kubeadm_cluster.one.host
  name  = kubeadm_cluster.one.node_name
  probe = { image = "lab.local/app:1", command = ["nvidia-smi"] }
}
"#;
    project.write("main.tf", &(project.read("main.tf") + ready)).unwrap();
    let applied = project.run("apply -auto-approve");
    assert_says(&applied, 0, &["1 added"]);

    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    unprepare(&hosts, 0);
}

/// Its own words are in the diagnostic, and what was there before is a change that mends it.
fn settings_that_the_api_server_does_not_take(project: &Project, more: &str) {
    let good = project.read("main.tf");
    let wrong = more.replace("audit-log-path\", value = \"-\"", "audit-policy-file\", value = \"/nowhere\"");
    project.write("main.tf", &good.replace(more, &wrong)).unwrap();
    let parts = ["configure-control-plane: root@", "it begins and ends again and again", "/nowhere"];
    assert_says(&project.run("apply -auto-approve"), 1, &parts);
    project.write("main.tf", &good).unwrap();
    let parts = ["It was not told to the end.", "audit-policy-file", "1 to change"];
    assert_says(&project.run("plan -detailed-exitcode"), 2, &parts);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
}

#[test]
fn a_running_cluster_is_taken_over() {
    const THEIRS: &str = "cluster_configuration = { apiServer = { extraArgs = [{ name = \"audit-log-path\", value = \"-\" }] } }";
    let Some(hosts) = find() else { return };
    prepare(&hosts, 0);
    let project = one(&hosts, THEIRS);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_says(&project.run("state rm kubeadm_cluster.one"), 0, &[]);
    let parts = ["check: root@", "is part of a cluster already", "import it"];
    assert_says(&project.run("apply -auto-approve"), 1, &parts);
    assert!(kubectl(&hosts, "get nodes --no-headers").contains("host-1"), "nothing was reset");
    std::fs::remove_file(project.path().join("terraform.tfstate")).unwrap();
    // Somebody else made it: nothing of ours is on the host.
    hosts.run(0, "rm -r /var/lib/formwork");
    let id = format!("{},one", hosts.addresses[0]);
    assert_says(&project.run(&format!("import kubeadm_cluster.one {id}")), 0, &["Import successful"]);
    // What it was told is in the plan where it is not asked for, and nothing of it where it is.
    project.write("main.tf", &configuration(&hosts, "")).unwrap();
    assert_says(&project.run("plan"), 0, &["- cluster_configuration", "audit-log-path", "1 to change"]);
    project.write("main.tf", &configuration(&hosts, THEIRS)).unwrap();
    let plan = project.run("plan -detailed-exitcode");
    assert_says(&plan, 2, &["1 to change, 0 to destroy"]);
    let differs =
        ["cluster_configuration ", "kubelet_configuration ", "kube_proxy_configuration ", "endpoint "];
    assert!(!differs.iter().any(|name| plan.out.contains(name)), "{}", plan.out);
    let serial = || hosts.run(0, "openssl x509 -noout -serial -in /etc/kubernetes/pki/apiserver.crt");
    let before = serial();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_eq!(serial(), before, "nothing was made anew");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);

    // One that somebody reset is made anew; others' pods of kubelet stay when it goes.
    hosts.run(0, "kubeadm reset --force > /dev/null 2>&1");
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    hosts.run(0, "echo '# theirs' > /etc/kubernetes/manifests/theirs.yaml");
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.run(0, "find /etc/kubernetes -type f"), "/etc/kubernetes/manifests/theirs.yaml\n");
    hosts.run(0, "rm -r /etc/kubernetes");
    unprepare(&hosts, 0);
}
