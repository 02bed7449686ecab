//! What a change of a cluster does on its first node: other settings, another version, new certificates.

use crate::attributes::{DUE, NODE_NAME, VERSION};
use crate::certificates::RENEW;
use crate::cluster::{CONFIGURATION, INIT_LATER, init_phase, told};
use crate::node::{TAINTS, marks};
use crate::shell::{NODE, ignored, kubelet_phases, lines, moment, newer_kubeadm, word};
use formwork_provider_host::{HOST, Phase};
use formwork_sdk::values::{given, text, texts, truth};
use formwork_value::{Type, Value};

/// What an update is to do.
pub(crate) struct Changes {
    pub(crate) upgrades: bool,
    pub(crate) configures: bool,
    pub(crate) renews: bool,
    /// Phases that are not left out any more.
    added: Vec<(&'static str, &'static str)>,
}

impl Changes {
    pub(crate) fn of(prior: &Value, planned: &Value) -> Self {
        let plain = |object: &Value| {
            let version = text(object, VERSION).unwrap_or_default();
            // The first document is of the node alone, and what may change of it is not for kubeadm.
            let shared =
                text(object, CONFIGURATION).map(|told| told.split_once("---\n").unwrap_or_default().1);
            shared.map(|told| told.replace(&format!("v{version}"), "v"))
        };
        Self {
            upgrades: prior.get(VERSION) != planned.get(VERSION),
            // Of a cluster that was taken over nobody knows what it was told: the next change tells it all.
            configures: plain(prior).is_some() && plain(prior) != plain(planned),
            renews: truth(prior, DUE) == Some(true),
            added: if prior.is_null() { Vec::new() } else { added(prior, planned) },
        }
    }

    pub(crate) fn phases(&self, prior: &Value, planned: &Value) -> Vec<Phase> {
        // It counts as told when all of it has been done.
        let note = format!("{NODE}name_node {}\n{}", word(planned, NODE_NAME), told(planned, "kubeadm.next"));
        let mut phases = vec![Phase::look("noted", note)];
        if self.configures {
            phases.extend(reconfiguration(prior, planned));
        }
        if prior.get(TAINTS) != planned.get(TAINTS) {
            let n = word(prior, NODE_NAME);
            phases.push(Phase::look("taints", moment(&format!("n={n}\n{}", marks(Some(prior), planned)))));
        }
        if self.upgrades {
            phases.extend(upgrade(prior, planned));
        }
        phases.extend(self.added.iter().map(|(name, words)| init_phase(name, words, "kubeadm.next")));
        if self.renews {
            phases.push(Phase::run("renew", lines(RENEW)));
        }
        phases.push(Phase::look(
            "told",
            "[ ! -e \"$d/kubeadm.next\" ] || mv -- \"$d/kubeadm.next\" \"$d/kubeadm.yaml\"",
        ));
        phases
    }
}

fn added(prior: &Value, planned: &Value) -> Vec<(&'static str, &'static str)> {
    let is_left_out = |object, name: &str| texts(object, "skip_phases").any(|one| one == name);
    let added = INIT_LATER.into_iter();
    added.filter(|(name, _)| is_left_out(prior, name) && !is_left_out(planned, name)).collect()
}

/// What is told takes effect on this node, and on others when they are upgraded or made.
fn reconfiguration(prior: &Value, planned: &Value) -> Vec<Phase> {
    let config = "--config \"$r/kubeadm.yaml\"";
    // The version that runs is left as it is here.
    let running = format!(
        "r=${{0%/job}}\nsed 's/^kubernetesVersion: .*/kubernetesVersion: v{}/' \"$d/kubeadm.next\" > \"$r/kubeadm.yaml\"\n",
        text(prior, VERSION).unwrap_or_default()
    );
    let proxy = if texts(planned, "skip_phases").any(|one| one == "addon-kube-proxy") {
        String::new()
    } else {
        format!("kubeadm init phase addon kube-proxy {config}\n")
    };
    vec![
        Phase::run(
            "configure-control-plane",
            lines(&format!(
                "{running}: > \"$d/telling\"\n\
             rm -f /etc/kubernetes/pki/apiserver.crt /etc/kubernetes/pki/apiserver.key\n\
             kubeadm init phase certs apiserver {config}\nkubeadm init phase control-plane all {config}\n\
             sleep 2\napi_wait\nkubeadm init phase upload-config all {config}\n{proxy}"
            )),
        ),
        Phase::run(
            "configure-kubelet",
            lines(
                "kubeadm upgrade node phase kubelet-config\nsystemctl restart kubelet.service\nsleep 2\nrm -f -- \"$d/telling\"\n",
            ),
        ),
    ]
}

const SNAPSHOT: &str = r#"
o=$d/snapshots/before-$to.db
# What an upgrade that goes on finds is not what was before.
if [ -e "${M%/*}/etcd.yaml" ] && { [ ! -e "$o" ] || [ "$o" -ot "$d/upgrading" ]; }; then
  (umask 077 && mkdir -p "$d/snapshots")
  p=/etc/kubernetes/pki/etcd
  kube --namespace=kube-system exec "etcd-$(cat "$d/node")" -- etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$p/ca.crt --cert=$p/server.crt --key=$p/server.key snapshot save /var/lib/etcd/formwork-snapshot.db
  mv -- "${etcd:-/var/lib/etcd}/formwork-snapshot.db" "$o"
fi
"#;

fn upgrade(prior: &Value, planned: &Value) -> Vec<Phase> {
    let to = text(planned, VERSION).unwrap_or_default();
    let ignored = ignored(planned);
    let null = Value::null(Type::Dynamic);
    let host = given(planned, HOST).unwrap_or(&null);
    let mut phases = vec![
        newer_kubeadm(prior, planned),
        Phase::run("plan", lines(&format!("kubeadm upgrade plan v{to}{ignored}\n"))),
        Phase::run("snapshot", lines(&format!("to={to}\n{SNAPSHOT}"))),
        Phase::run(
            "upgrade",
            lines(&format!(
                "kubeadm upgrade apply --yes --certificate-renewal=false v{to}{ignored}\napi_wait\n"
            )),
        ),
    ];
    phases.extend(kubelet_phases(planned, text(prior, NODE_NAME).unwrap_or_default(), host, "1 first"));
    phases
}

#[cfg(test)]
mod tests {
    use super::SNAPSHOT;
    use std::process::Command;

    /// What is saved in the middle of an upgrade is of no use for going back.
    #[test]
    fn an_upgrade_that_goes_on_keeps_what_was_saved_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["etcd.yaml", "node"] {
            std::fs::write(path(name), "one").unwrap();
        }
        let script =
            format!("set -e\nto=2\nkube() {{ echo \"$now\" > \"$etcd/formwork-snapshot.db\"; }}\n{SNAPSHOT}");
        let saved = |now: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", &script]).env("d", folder.path()).env("etcd", folder.path()).env("now", now);
            assert!(command.env("M", path("kube-apiserver.yaml")).status().unwrap().success());
            std::fs::read_to_string(path("snapshots/before-2.db")).unwrap()
        };
        let begin = |ago: &str| {
            std::fs::write(path("upgrading"), "1").unwrap();
            assert!(
                Command::new("touch").args(["-d", ago]).arg(path("upgrading")).status().unwrap().success()
            );
        };
        begin("-1 hour");
        assert_eq!(saved("whole"), "whole\n");
        assert_eq!(saved("half-way"), "whole\n");
        begin("+1 hour");
        assert_eq!(saved("another upgrade"), "another upgrade\n");
    }
}
