//! Clusters that kubeadm makes of lab hosts, through the real program and `stacks/bare-metal`; kubectl on a host is the
//! outsider.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

mod kills;
mod membership;
mod one_node;

use formwork_tests::{Hosts, Project, assert_says, project};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the bring-up of three hosts may take of wall time, in seconds.
const BUDGET_SECONDS: f64 = 120.0;
pub(crate) const EARLIER: &str = "1.37.1";
pub(crate) const LATER: &str = "1.37.2";
/// GPUs that the third host is to have.
const GPUS: u32 = 2;

/// Whether every acceptance line is asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("FORMWORK_FULL").is_some_and(|full| full == "1")
}

fn find() -> Option<Hosts> {
    Hosts::find("cluster")
}

/// What kubectl says on the first host.
#[track_caller]
pub(crate) fn kubectl(hosts: &Hosts, words: &str) -> String {
    hosts.run(0, &format!("kubectl --kubeconfig /etc/kubernetes/admin.conf {words}"))
}

/// What kubelet is told on hosts that are a corner of a machine: control groups of version 1, a disk that others fill.
pub(crate) const KUBELET: &str = r#"{
  failCgroupV1                = false
  fileCheckFrequency          = "2s"
  imageGCHighThresholdPercent = 100
  evictionHard                = { "memory.available" = "50Mi", "nodefs.available" = "50Mi", "imagefs.available" = "50Mi" }
}"#;

fn archives(names: &[&str], version: &str) -> String {
    let of_version = |name: &&str| name.starts_with("kube-");
    let paths = names.iter().map(|name| {
        let folder = if of_version(name) { format!("v{version}/") } else { String::new() };
        format!("\"/srv/images/{folder}{name}.tar\"")
    });
    format!("[{}]", paths.collect::<Vec<_>>().join(", "))
}

const ON_PLANES: [&str; 8] = [
    "pause",
    "app",
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
];
const ON_WORKERS: [&str; 4] = ["pause", "app", "coredns", "kube-proxy"];

/// The stack's variables for these hosts: two of the control plane, and a worker with GPUs.
fn variables(hosts: &Hosts, version: &str, gpus: u32) -> String {
    let path = |name: &str| hosts.folder.join(name).display().to_string();
    let [first, second, third] = hosts.addresses.as_slice() else { panic!("three hosts are wanted") };
    // On a machine without a network plugin that can be had, the pods' network is a bridge.
    format!(
        r#"
name                 = "lab"
kubernetes_version   = "{version}"
network              = "bridge"
ssh_private_key_file = "{}"
ssh_known_hosts_file = "{}"
nodes = {{
  host-1 = {{ address = "{first}", role = "control-plane", taints = [] }}
  host-2 = {{ address = "{second}", role = "control-plane" }}
  host-3 = {{ address = "{third}", gpus = {gpus}, labels = {{ workload = "training" }} }}
}}
probe_image = "lab.local/app:1"
# No GPUs are there: what the third host offers is patched in, and pods have containerd's own runtime.
gpu_software = {{ driver = false, runtime = false }}
teams = {{ vision = {{ gpus = 2 }} }}
hosts = {{
  kernel_modules          = []
  kernel_settings         = {{ "net.ipv4.ip_forward" = "1" }}
  containerd_settings     = "restrict_oom_score_adj = true"
  cni_programs            = "/usr/lib/cni"
  image_archives          = {{ control-plane = {}, worker = {} }}
  ignore_checks           = ["cgroups", "disk", "modules", "names"]
  ignore_preflight_errors = ["SystemVerification"]
}}
kubelet_configuration = {KUBELET}
"#,
        path("id"),
        path("known_hosts"),
        archives(&ON_PLANES, version),
        archives(&ON_WORKERS, version),
    )
}

/// A service of the self-made image, two pods of it, on different nodes.
const APPLICATION: &str = r#"
resource "kubernetes_manifests" "application" {
  content = <<-END
    apiVersion: apps/v1
    kind: Deployment
    metadata: { name: app, namespace: default }
    spec:
      replicas: 2
      selector: { matchLabels: { app: app } }
      template:
        metadata: { labels: { app: app } }
        spec:
          topologySpreadConstraints:
            - maxSkew: 1
              topologyKey: kubernetes.io/hostname
              whenUnsatisfiable: DoNotSchedule
              labelSelector: { matchLabels: { app: app } }
          containers:
            - name: app
              image: lab.local/app:1
              command: [/app]
              imagePullPolicy: IfNotPresent
              readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
    ---
    apiVersion: v1
    kind: Service
    metadata: { name: app, namespace: default }
    spec:
      clusterIP: 10.96.0.100
      selector: { app: app }
      ports: [{ port: 80, targetPort: 8080 }]
  END

  depends_on = [kubeadm_node_ready.gpu]
}
"#;

/// `stacks/bare-metal` as it stands, with the application beside it.
fn stack(hosts: &Hosts) -> Project {
    let project = project().build();
    project.copy("stacks/bare-metal").unwrap();
    project.copy("modules").unwrap();
    project.write("stacks/bare-metal/application.tf", APPLICATION).unwrap();
    project.write("stacks/bare-metal/terraform.tfvars", &variables(hosts, EARLIER, GPUS)).unwrap();
    assert_says(&project.run("-chdir=stacks/bare-metal init"), 0, &[]);
    project
}

/// Does what a device plugin does: the third host says that it has GPUs, a moment after it joined.
fn offer_gpus(hosts: &Hosts, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(500));
        let patch = format!(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf patch node host-3 --subresource=status --type=json \
             -p '[{{\"op\":\"add\",\"path\":\"/status/capacity/nvidia.com~1gpu\",\"value\":\"{GPUS}\"}}]' 2>&1 || true"
        );
        if hosts.run(0, &patch).contains("patched") {
            return;
        }
    }
}

/// Shell that shows a host's network as far as a cluster changes it, and what lies beside the overlay.
const NETWORK: &str = "ip -o route show; ip -o link show | cut -d : -f 2; iptables-save 2>/dev/null | grep '^-'; find /var/lib/etcd /var/lib/kubelet -mindepth 1 || true";

/// What the service answers, asked from a host: the pod's name.
fn answer(hosts: &Hosts, host: usize) -> String {
    hosts.run(
        host,
        "bash -c 'for i in $(seq 50); do exec 3<>/dev/tcp/10.96.0.100/80 && break; sleep 0.2; done; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3' 2>/dev/null",
    )
}

/// A cluster on a machine that the same run makes: what depends on its address is known when that is.
#[test]
fn a_cluster_on_a_machine_that_is_not_there_yet_is_planned() {
    let main = r#"
terraform {
  required_providers {
    kubeadm = { source = "formwork/kubeadm" }
  }
}
resource "terraform_data" "machine" {
  input = "10.0.0.11"
}
resource "kubeadm_cluster" "this" {
  host    = { address = terraform_data.machine.output }
  name    = "ml"
  version = "1.37.2"
}
"#;
    let project = project().file("main.tf", main).build();
    let parts = ["+ advertise_address", "= (known after apply)", "2 to add"];
    let plan = project.run("plan");
    assert_says(&plan, 0, &parts);
    let unknown = |name: &str| {
        plan.out
            .lines()
            .any(|line| line.contains(&format!("+ {name} ")) && line.contains("(known after apply)"))
    };
    assert!(unknown("advertise_address") && unknown("configuration"), "{}", plan.out);
}

#[test]
fn hosts_become_a_cluster_that_answers_is_upgraded_and_goes() {
    let Some(hosts) = find() else { return };
    let bare: Vec<_> = (0..3).map(|host| (hosts.written(host), hosts.run(host, NETWORK))).collect();
    let project = stack(&hosts);
    let run = |line: &str| project.run(&format!("-chdir=stacks/bare-metal {line}"));

    let is_over = AtomicBool::new(false);
    let begun = Instant::now();
    let applied = std::thread::scope(|scope| {
        scope.spawn(|| offer_gpus(&hosts, &is_over));
        let applied = run("apply -auto-approve");
        is_over.store(true, Ordering::Relaxed);
        applied
    });
    assert_says(&applied, 0, &["Apply complete!"]);
    let said = answer(&hosts, 2);
    let seconds = begun.elapsed().as_secs_f64();
    println!("from three bare hosts to a service that answers: {seconds:.1} s");
    assert!(said.contains("200 OK") && said.contains("app-"), "{said}");
    assert!(answer(&hosts, 0).contains("200 OK"));
    assert!(!is_full() || seconds < BUDGET_SECONDS, "{seconds} s");

    let nodes = kubectl(&hosts, "get nodes --no-headers");
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 3, "{nodes}");
    assert_eq!(nodes.matches("control-plane").count(), 2, "{nodes}");
    let third = kubectl(&hosts, "get node host-3 -o yaml");
    assert!(third.contains("workload: training") && !third.contains("formwork.dev/starting"), "{third}");
    let quota = kubectl(&hosts, "-n lab-vision get resourcequota team -o yaml");
    assert!(quota.contains("requests.nvidia.com/gpu: \"2\""), "{quota}");
    let state = project.read("stacks/bare-metal/terraform.tfstate");
    let tokens = kubectl(
        &hosts,
        "-n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o jsonpath='{.items[*].data.token-secret}'",
    );
    let key = hosts.run(0, "cut -d ' ' -f 1 /run/formwork-certificate-key");
    let mut secrets = vec![key.trim().to_owned()];
    for token in tokens.split_whitespace() {
        secrets.push(hosts.run(0, &format!("echo {token} | base64 -d")));
    }
    assert!(
        secrets.len() > 1 && secrets.iter().all(|secret| secret.len() >= 16),
        "they are there for a while"
    );
    for secret in secrets {
        assert!(!state.contains(&secret), "what lets a node in is in the state");
    }
    assert_says(&run("plan -detailed-exitcode"), 0, &["No changes."]);

    if is_full() {
        upgraded(&hosts, &project);
    }

    let begun = Instant::now();
    assert_says(&run("destroy -auto-approve"), 0, &["Destroy complete!"]);
    println!("destroyed in {:.1} s", begun.elapsed().as_secs_f64());
    for (host, bare) in bare.iter().enumerate() {
        assert_eq!(
            &(hosts.written(host), hosts.run(host, NETWORK)),
            bare,
            "host {host} is as bare as before"
        );
    }
}

/// Another version: the first control plane, the other one, the worker.
///
/// kubeadm takes half a minute for each part of a control plane, five minutes in all: only the long run has them.
#[expect(clippy::print_stdout, reason = "the time is what is asked for")]
fn upgraded(hosts: &Hosts, project: &Project) {
    let run = |line: &str| project.run(&format!("-chdir=stacks/bare-metal {line}"));
    let set = |version: &str| {
        project.write("stacks/bare-metal/terraform.tfvars", &variables(hosts, version, GPUS)).unwrap();
    };
    set("1.39.0");
    assert_says(&run("plan"), 1, &["it is done one minor version at a time"]);
    set("1.37.0");
    assert_says(&run("plan"), 1, &["kubeadm knows no way back"]);
    set(LATER);
    let begun = Instant::now();
    let upgraded = run("apply -auto-approve");
    assert_says(&upgraded, 0, &["6 changed, 0 destroyed"]);
    println!("upgraded in {:.1} s", begun.elapsed().as_secs_f64());
    let order: Vec<usize> =
        ["kubeadm_cluster.this: Mod", "control_plane[\"host-2\"]: Mod", "worker[\"host-3\"]: Mod"]
            .iter()
            .map(|begun| upgraded.out.find(begun).unwrap())
            .collect();
    assert!(order.is_sorted(), "{order:?}");
    let nodes = kubectl(hosts, "get nodes --no-headers");
    assert_eq!(nodes.matches(&format!("v{LATER}")).count(), 3, "{nodes}");
    assert!(!nodes.contains("SchedulingDisabled"), "{nodes}");
    let images = kubectl(hosts, "-n kube-system get pods -o jsonpath='{..image}'");
    assert!(!images.contains(EARLIER), "{images}");
    let snapshot =
        hosts.run(0, &format!("stat -c %a /var/lib/formwork/kubeadm_cluster/*/snapshots/before-{LATER}.db"));
    assert_eq!(snapshot, "600\n");
    assert!(answer(hosts, 2).contains("200 OK"));
    assert_says(&run("plan -detailed-exitcode"), 0, &["No changes."]);
}
