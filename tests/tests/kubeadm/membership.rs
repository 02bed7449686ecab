//! Nodes that come and go: whom that concerns, and what is left of them.

use crate::one_node::{ENDS_SOON, configuration, prepare, unprepare};
use crate::{EARLIER, find, is_full, kubectl};
use formwork_tests::{Hosts, assert_says, project};
use std::fmt::Write as _;

/// A cluster on the first host with its whole control plane reached there, and nodes on others: name, host, role.
pub(crate) fn with_nodes(hosts: &Hosts, nodes: &[(&str, usize, &str)]) -> String {
    let endpoint = format!("endpoint = \"{}:6443\"\n  pod_subnet = \"10.244.0.0/16\"", hosts.addresses[0]);
    let mut text = configuration(hosts, &endpoint);
    for (name, host, role) in nodes {
        let _ = write!(
            text,
            r#"
resource "kubeadm_node" "{name}" {{
  host                    = {{ address = {:?} }}
  name                    = "{name}"
  role                    = "{role}"
  control_plane           = kubeadm_cluster.one.host
  version                 = kubeadm_cluster.one.version
  labels                  = {{ tier = "{role}" }}
  ignore_preflight_errors = ["SystemVerification"]
}}
"#,
            hosts.addresses[*host]
        );
    }
    text
}

/// Members of etcd, as the first host's says.
fn members(hosts: &Hosts) -> usize {
    let p = "/etc/kubernetes/pki/etcd";
    let list = kubectl(
        hosts,
        &format!(
            "-n kube-system exec etcd-host-1 -- etcdctl --endpoints=https://127.0.0.1:2379 --cacert={p}/ca.crt --cert={p}/server.crt --key={p}/server.key member list"
        ),
    );
    list.lines().count()
}

#[test]
fn one_node_more_concerns_itself_and_the_control_plane() {
    let Some(hosts) = find() else { return };
    for host in 0..3 {
        prepare(&hosts, host);
    }
    let project = project().file("main.tf", &with_nodes(&hosts, &[("b", 1, "control-plane")])).build();
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added"]);
    assert_eq!(members(&hosts), 2);

    let logged: Vec<_> = (0..3).map(|host| hosts.log(host).0).collect();
    project.write("main.tf", &with_nodes(&hosts, &[("b", 1, "control-plane"), ("c", 2, "worker")])).unwrap();
    assert_says(&project.run("apply -auto-approve -refresh=false"), 0, &["1 added, 0 changed"]);
    let connections: Vec<usize> = (0..3).map(|host| hosts.log(host).0 - logged[host]).collect();
    println!("connections for one node more: {connections:?}");
    assert_eq!(connections[1], 0, "the other node is not asked");
    assert!((1..=2).contains(&connections[0]) && (1..=2).contains(&connections[2]), "{connections:?}");
    let version =
        kubectl(&hosts, "get node c -o jsonpath='{.status.nodeInfo.kubeletVersion} {.metadata.labels.tier}'");
    assert_eq!(version, format!("v{EARLIER} worker"));

    // Labels come and go in place; what others wrote stays.
    kubectl(&hosts, "label node c theirs=1");
    let text = project.read("main.tf").replace("tier = \"worker\"", "pool = \"a\"");
    project.write("main.tf", &text).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["0 added, 1 changed"]);
    let labels = kubectl(&hosts, "get node c -o jsonpath='{.metadata.labels}'");
    assert!(
        labels.contains("\"pool\":\"a\"") && labels.contains("theirs") && !labels.contains("tier"),
        "{labels}"
    );
    kubectl(&hosts, "label --overwrite node c pool=b");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["\"pool\" = \"b\" -> \"a\""]);

    // One that somebody else joined is taken over as it is.
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_says(&project.run("state rm kubeadm_node.c"), 0, &[]);
    hosts.run(2, "rm -r /var/lib/formwork");
    assert_says(
        &project.run(&format!("import kubeadm_node.c {},c", hosts.addresses[2])),
        0,
        &["Import successful"],
    );
    assert_says(&project.run("apply -auto-approve"), 0, &["0 added, 1 changed, 0 destroyed"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);

    // One that somebody deleted in the cluster is made anew, in one apply.
    kubectl(&hosts, "delete node c");
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert!(kubectl(&hosts, "get nodes --no-headers").contains("c "));

    // One that somebody reset by hand is made anew, too.
    hosts.run(2, "kubeadm reset --force > /dev/null 2>&1");
    kubectl(&hosts, "delete node c");
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added, 0 changed"]);

    // Certificates of a further control plane are renewed in its turn.
    hosts.run(1, ENDS_SOON);
    let plan = project.run("plan -detailed-exitcode");
    assert_says(&plan, 2, &["certificates_due", "0 to add, 1 to change"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["0 added, 1 changed"]);
    let annotations = kubectl(&hosts, "get node b -o jsonpath='{.metadata.annotations}'");
    assert!(!annotations.contains("formwork.dev"), "its turn is over: {annotations}");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);

    // A node of the control plane takes its etcd out of the others.
    project.write("main.tf", &with_nodes(&hosts, &[("c", 2, "worker")])).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(members(&hosts), 1);
    assert!(!kubectl(&hosts, "get nodes --no-headers").contains("b "));
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    for host in 0..3 {
        unprepare(&hosts, host);
    }
}

/// Two more at once do not take each other's keys away, and one whose own reset can't reach etcd is no member any more.
#[test]
fn two_more_of_the_control_plane_join_at_once() {
    let Some(hosts) = find() else { return };
    if !is_full() {
        return;
    }
    for host in 0..3 {
        prepare(&hosts, host);
    }
    let both = with_nodes(&hosts, &[("b", 1, "control-plane"), ("c", 2, "control-plane")]);
    let project = project().file("main.tf", &both).build();
    assert_says(&project.run("apply -auto-approve"), 0, &["3 added"]);
    assert_eq!(members(&hosts), 3);
    let key = "stat -c '%a %U' /run/formwork-certificate-key; ls /run/formwork-certificate-key*";
    assert_eq!(
        hosts.run(0, key),
        "600 root\n/run/formwork-certificate-key\n/run/formwork-certificate-key.lock\n"
    );

    hosts.run(2, "rm /etc/kubernetes/admin.conf /etc/kubernetes/kubelet.conf");
    project.write("main.tf", &with_nodes(&hosts, &[("b", 1, "control-plane")])).unwrap();
    assert_says(&project.run("apply -auto-approve -refresh=false"), 0, &["1 destroyed"]);
    assert_eq!(members(&hosts), 2);
    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    for host in 0..3 {
        unprepare(&hosts, host);
    }
}

/// An upgrade stops at the first node that does not come through, and goes on when it is mended.
#[test]
fn an_upgrade_stops_at_a_node_that_fails() {
    let Some(hosts) = find() else { return };
    if !is_full() {
        return;
    }
    for host in 0..3 {
        prepare(&hosts, host);
    }
    let nodes = [("b", 1, "worker"), ("c", 2, "worker")];
    // kubeadm upgrades a cluster with all its parts.
    let text = with_nodes(&hosts, &nodes).replace("skip_phases", "#");
    let project = project().file("main.tf", &text).build();
    assert_says(&project.run("apply -auto-approve"), 0, &["3 added"]);
    for host in 0..3 {
        hosts.run(
            host,
            "for one in /srv/images/*.tar /srv/images/v1.37.2/*.tar; do ctr -n k8s.io images import $one > /dev/null; done",
        );
    }
    // On both workers there is no kubelet of that version to be had.
    for host in [1, 2] {
        hosts.run(host, "mv /srv/kubernetes/kubelet_1.37.2-1.1_amd64.deb /srv/kubernetes/gone");
    }
    project.write("main.tf", &project.read("main.tf").replace(EARLIER, crate::LATER)).unwrap();
    let failed = project.run("apply -auto-approve");
    assert_says(&failed, 1, &["kubelet: root@", "the upgrade stopped at", "which did not come through"]);
    let versions = kubectl(&hosts, "get nodes -o jsonpath='{..kubeletVersion}'");
    assert_eq!(versions.matches("v1.37.1").count(), 2, "{versions}");
    for host in [1, 2] {
        hosts.run(host, "mv /srv/kubernetes/gone /srv/kubernetes/kubelet_1.37.2-1.1_amd64.deb");
    }
    assert_says(&project.run("apply -auto-approve"), 0, &["2 changed"]);
    let nodes = kubectl(&hosts, "get nodes --no-headers");
    assert!(nodes.matches("v1.37.2").count() == 3 && !nodes.contains("SchedulingDisabled"), "{nodes}");
    assert_says(&project.run("destroy -auto-approve"), 0, &["3 destroyed"]);
    for host in 0..3 {
        unprepare(&hosts, host);
    }
}
