//! Lines for hosts: what every phase begins with, and the pieces that several kinds have in common.

use formwork_provider_host::{Phase, TAKE, quote};
use formwork_sdk::values::{text, texts, truth};
use formwork_value::Value;

/// Functions for nodes; see there.
pub(crate) const NODE: &str = include_str!("node.sh");

/// Waits until the cluster gave the node addresses for its pods.
pub(crate) const ADDRESSES: &str = r#"
s=$(kube get node "$n" -o 'jsonpath={.spec.podCIDR}' 2>&1) || s=
if [ -z "$s" ]; then
  emit waits "the cluster to give $n addresses for its pods"
  exit 0
fi
"#;

/// Lines that run apart from the connection; `$d` is the folder of the object's mark.
pub(crate) fn lines(body: &str) -> String {
    format!(
        "set -e\nd=${{0%/run-*}}\nexport LC_ALL=C DEBIAN_FRONTEND=noninteractive HOME=/root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\nrefuse() {{ echo \"$2\" >&2; exit 1; }}\n{TAKE}{NODE}{body}"
    )
}

/// A script of a moment, here or on another host.
pub(crate) fn moment(body: &str) -> String {
    format!("{NODE}{body}")
}

/// The word of an attribute.
pub(crate) fn word(object: &Value, name: &str) -> String {
    quote(text(object, name).unwrap_or_default())
}

/// Has programs be there at the object's version.
fn tools(object: &Value, programs: &str) -> String {
    let version = word(object, "version");
    if truth(object, "packages") == Some(false) {
        format!("tools_given {version} {programs}\n")
    } else {
        format!("tools {version} {programs}\n")
    }
}

/// The first phase that changes a host: what is left of an earlier node goes, and the programs come.
pub(crate) fn first_tools(object: &Value) -> Phase {
    let programs = tools(object, "kubeadm kubelet kubectl");
    Phase::run("tools", lines(&format!("begin{}\n{programs}", socket(object))))
}

/// Waits on the control plane until it is the node's turn; `most` is what `turn` is told of how many may have theirs.
pub(crate) fn turn(node: &str, control_plane: &Value, most: &str) -> Phase {
    Phase::ask("turn", control_plane, moment(&format!("n={}\nturn \"$n\" {most}\n", quote(node))))
}

/// The node's turn is over, and it is back at work.
pub(crate) fn undrain(node: &str, control_plane: &Value) -> Phase {
    Phase::ask("undrain", control_plane, moment(&format!("n={}\nundrain \"$n\"\n", quote(node))))
}

/// What kubeadm is to pass over.
pub(crate) fn ignored(object: &Value) -> String {
    let checks: Vec<&str> = texts(object, "ignore_preflight_errors").collect();
    if checks.is_empty() {
        String::new()
    } else {
        format!(" --ignore-preflight-errors={}", quote(&checks.join(",")))
    }
}

/// Where kubelet and kubeadm reach containers.
pub(crate) fn socket(object: &Value) -> String {
    text(object, "cri_socket").map_or_else(String::new, |socket| format!(" --cri-socket={}", quote(socket)))
}

/// kubeadm of another version comes, and until the node is through with it the version that was there counts.
pub(crate) fn newer_kubeadm(prior: &Value, planned: &Value) -> Phase {
    let note =
        format!("[ -s \"$d/upgrading\" ] || printf %s {} > \"$d/upgrading\"\n", word(prior, "version"));
    Phase::run("tools", lines(&(note + &tools(planned, "kubeadm"))))
}

/// kubelet of another version takes the place of the one that runs, once the node is out of work; `most` is what `turn`
/// is told of how many may be.
pub(crate) fn kubelet_phases(object: &Value, node: &str, control_plane: &Value, most: &str) -> Vec<Phase> {
    let [first, last] = [turn(node, control_plane, most), undrain(node, control_plane)];
    let node = format!("n={}\n", quote(node));
    let is_drained = truth(object, "drain") != Some(false);
    let drain = if is_drained { "drain \"$n\"\n" } else { "" };
    let version = text(object, "version").unwrap_or_default();
    vec![
        first,
        Phase::ask("drain", control_plane, moment(&format!("{node}{drain}"))),
        Phase::run(
            "kubelet",
            lines(&format!(
                "{}systemctl daemon-reload\nsystemctl restart kubelet.service\n",
                tools(object, "kubelet kubectl")
            )),
        ),
        Phase::ask(
            "ready",
            control_plane,
            moment(&format!(
                "{node}w=$(kube get node \"$n\" -o 'jsonpath={{.status.nodeInfo.kubeletVersion}}' 2>&1) || w=\n\
                 [ \"$w\" = v{version} ] || {{ emit waits \"kubelet to say it is {version}\"; exit 0; }}\n\
                 node_ready \"$n\"\n"
            )),
        ),
        last,
        Phase::look("upgraded", "rm -f -- \"$d/upgrading\""),
    ]
}

/// Whoever upgrades another node of the cluster is to know that this one failed.
pub(crate) fn upgrade_failed(node: &str) -> String {
    moment(&format!(
        "n={}\nkube get node \"$n\" -o 'go-template={{{{index .metadata.annotations \"formwork.dev/upgrade\"}}}}' | grep -q -x begun && kube annotate --overwrite node \"$n\" formwork.dev/upgrade=failed\n",
        quote(node)
    ))
}

#[cfg(test)]
mod tests {
    use super::moment;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    /// A cluster whose nodes are files that hold what they are marked with; it takes its time.
    const KUBECTL: &str = r#"kubectl() {
  case "$*" in
  *get*)
    sleep 0.3
    for one in a b; do echo "$one $(cat "$nodes/$one")"; done
    ;;
  *annotate*)
    sleep 0.3
    for one in a b; do case "$*" in *"node $one "*) echo begun > "$nodes/$one" ;; esac; done
    ;;
  esac
}
emit() { echo "$2"; }
refuse() { echo "$2"; exit 1; }
"#;

    fn says(node: &str, nodes: &Path) -> String {
        String::from_utf8(asks(node, nodes).wait_with_output().unwrap().stdout).unwrap()
    }

    /// Whoever is asked for first after a failure is not always the one that failed.
    #[test]
    fn another_waits_a_moment_for_the_one_that_failed_to_go_on() {
        let nodes = tempfile::tempdir().unwrap();
        let set =
            |node: &str, state: &str| std::fs::write(nodes.path().join(node), format!("{state}\n")).unwrap();
        set("a", "failed");
        set("b", "<no value>");
        assert!(says("b", nodes.path()).contains("a, which did not come through"));
        set("a", "begun");
        assert!(says("b", nodes.path()).contains("its turn: a"));
        set("a", "failed");
        assert!(says("b", nodes.path()).contains("a, which did not come through"));
        let since = std::process::Command::new("touch");
        let age =
            |mut touch: Command| touch.args(["-d", "-30 seconds"]).arg(nodes.path().join("turns.b")).status();
        assert!(age(since).unwrap().success());
        assert!(says("b", nodes.path()).contains("the upgrade stopped at a"));
        assert!(!says("b 1 first #", nodes.path()).contains("stopped"));
    }

    fn asks(node: &str, nodes: &Path) -> Child {
        let script = format!("{KUBECTL}{}", moment(&format!("turn {node} 1\n")));
        Command::new("sh")
            .args(["-c", &script])
            .env("nodes", nodes)
            .env("turns", nodes.join("turns"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn of_two_that_ask_at_once_one_has_its_turn() {
        let nodes = tempfile::tempdir().unwrap();
        for node in ["a", "b"] {
            std::fs::write(nodes.path().join(node), "<no value>\n").unwrap();
        }
        let asked = ["a", "b"].map(|node| asks(node, nodes.path()));
        let said = asked.map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap());
        let waiting = said.iter().filter(|said| said.contains("its turn:")).count();
        assert_eq!(waiting, 1, "{said:?}");
    }
}
