//! `stacks/tenancy` on a real API server, through the real program, `kubectl` as the outsider.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{Finished, Lab, OtherLab, Project, program, project, repository};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TENANTS: [&str; 4] = ["language-dev", "language-prod", "vision-dev", "vision-prod"];
/// Objects of the stack with its defaults.
const OBJECTS: usize = 29;

#[track_caller]
fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code, code, "{}\n{}", finished.out, finished.error);
}

#[track_caller]
fn assert_says(finished: &Finished, parts: &[&str]) {
    let text = format!("{}{}", finished.out, finished.error);
    // The screen's frame and the breaks of its lines say nothing.
    let flowing = text.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(text.contains(part) || flowing.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// The stack, with names of this test's own.
fn tenancy(lab: &Lab) -> Project {
    let project = project();
    for name in ["main.tf", "variables.tf", "outputs.tf"] {
        let text = std::fs::read_to_string(repository().join("stacks/tenancy").join(name)).unwrap();
        project.write(name, &text).unwrap();
    }
    let values = json!({ "config_path": lab.kubeconfig, "config_context": "lab", "name": lab.prefix });
    project.write("terraform.tfvars.json", &values.to_string()).unwrap();
    project
}

fn provider(lab: &Lab) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    kubernetes = {{ source = \"formwork/kubernetes\" }}\n  }}\n}}\n\
         variable \"config_path\" {{ default = {:?} }}\n\
         provider \"kubernetes\" {{\n  config_path = var.config_path\n  config_context = \"lab\"\n}}\n",
        lab.kubeconfig.display().to_string()
    )
}

/// The nodes' network is a module for clusters that kubeadm makes; its images cannot be had there, so its objects live
/// here, where pods are played.
#[test]
fn the_network_of_pods_lives() {
    const FLANNEL: &str = r#"
variable "backend" { default = "vxlan" }
module "flannel" {
  source     = "./modules/flannel"
  pod_subnet = "10.244.0.0/16"
  backend    = var.backend
}
"#;
    let Some(lab) = Lab::find("f") else { return };
    let project = project().file("main.tf", &format!("{}{FLANNEL}", provider(&lab))).build();
    project.copy("modules/flannel").unwrap();
    assert_code(&project.run("init"), 0);
    let plan = project.run("plan");
    assert_says(&plan, &["Network", "10.244.0.0/16", "/opt/bin/flanneld", "6 to add"]);
    assert_says(&project.run("apply -auto-approve"), &["Resources: 6 added, 0 changed, 0 destroyed."]);
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    let daemons = |path: &str| {
        lab.kubectl(&[
            "get",
            "daemonset",
            "flannel",
            "--namespace",
            "kube-flannel",
            "-o",
            &format!("jsonpath={path}"),
        ])
    };
    let nodes = lab.kubectl(&["get", "nodes", "-o", "name"]).lines().count().to_string();
    assert_eq!(daemons("{.status.numberReady}"), nodes, "one on each node");

    // Other settings are other pods.
    assert_says(
        &project.run("plan -var backend=host-gw"),
        &["host-gw", "0 to add, 2 to change, 0 to destroy"],
    );
    assert_says(
        &project.run("apply -auto-approve -var backend=host-gw"),
        &["0 added, 2 changed, 0 destroyed."],
    );
    assert_eq!(daemons("{.status.updatedNumberScheduled} {.status.numberReady}"), format!("{nodes} {nodes}"));
    assert_says(
        &project.run("apply -auto-approve -var backend=carrier-pigeon"),
        &["\"vxlan\", \"host-gw\" or \"wireguard\""],
    );
    assert_says(&project.run("destroy -auto-approve"), &["6 destroyed"]);
    assert_eq!(lab.kubectl(&["get", "namespace,clusterrole", "-o", "name"]).matches("flannel").count(), 0);
}

#[test]
fn tenancy_lives() {
    let Some(lab) = Lab::find("a") else { return };
    let project = tenancy(&lab);
    let start = Instant::now();
    assert_says(&project.run("apply -auto-approve"), &["Resources: 29 added, 0 changed, 0 destroyed."]);
    println!("{OBJECTS} objects applied in {:.1} s", start.elapsed().as_secs_f64());
    let made = lab.owned();
    assert_eq!(made.len(), OBJECTS, "{made:?}");
    for tenant in TENANTS {
        let quota = format!("ResourceQuota/{}-{tenant}/tenant", lab.prefix);
        assert!(made.contains_key(&quota), "{quota} is not in {made:?}");
    }
    assert_code(&project.run("plan -detailed-exitcode"), 0);

    assert_eq!(untold_requests(&lab, &project), Vec::<String>::new());

    let namespace = format!("{}-vision-dev", lab.prefix);
    let edit = ["edit", "resourcequota", "tenant", "--namespace", &namespace];
    let edited = lab.command(&edit).env("KUBE_EDITOR", "sed -i 's/pods: \"50\"/pods: \"500\"/'").output();
    assert!(edited.unwrap().status.success());
    let drift = project.run("plan -detailed-exitcode");
    assert_code(&drift, 2);
    assert_says(
        &drift,
        &[
            "\"500\" -> \"50\"",
            "\".spec.hard.pods\" = \"kubectl-edit\"",
            "0 to add, 1 to change, 0 to destroy",
        ],
    );
    assert_says(&project.run("apply -auto-approve"), &["Resources: 0 added, 1 changed, 0 destroyed."]);
    let pods = "jsonpath={.spec.hard.pods}";
    assert_eq!(
        lab.kubectl(&["get", "resourcequota", "tenant", "--namespace", &namespace, "--output", pods]),
        "50"
    );
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    assert_eq!(lab.owned(), made, "a repair makes nothing anew");

    let (is_taken, refusal) = lab.create(&greedy_pod(&namespace));
    assert!(!is_taken && refusal.contains("exceeded quota: tenant"), "{refusal}");
    assert!(refusal.contains("requests.nvidia.com/gpu"), "{refusal}");

    let gone = project.run("destroy -auto-approve");
    assert_code(&gone, 0);
    assert_says(&gone, &["Destroy complete! Resources: 29 destroyed."]);
    assert_eq!(lab.owned(), BTreeMap::new());
}

/// Steps of the last run whose requests the history does not name as the server's own audit log does.
fn untold_requests(lab: &Lab, project: &Project) -> Vec<String> {
    // Not through the project, which redacts ids.
    let output = project.command("history show -json 1").output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let document: Json = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
    let steps = document["entry"]["steps"].as_array().unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(steps.len(), 29);
    let audit = std::fs::read_to_string(&lab.audit).unwrap();
    let is_told = |step: &&Json| {
        let requests = step["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
        !requests.is_empty() && requests.iter().all(|id| audit.contains(id.as_str().unwrap()))
    };
    steps.iter().filter(|step| !is_told(step)).map(ToString::to_string).collect()
}

/// More GPUs than the tenant's quota.
fn greedy_pod(namespace: &str) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "greedy", "namespace": namespace },
        "spec": {
            "securityContext": { "runAsNonRoot": true, "runAsUser": 1, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "greedy", "image": "busybox",
                "resources": { "limits": { "nvidia.com/gpu": "8" } },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}

#[test]
fn a_plan_needs_to_get_and_list_alone() {
    let Some(lab) = Lab::find("b") else { return };
    let project = tenancy(&lab);
    assert_code(&project.run("apply -auto-approve"), 0);
    let (user, kubeconfig) = lab.account(&project, "get,list");
    let reader = format!("-var config_path={}", kubeconfig.display());

    let unchanged = project.run(&format!("plan -detailed-exitcode {reader}"));
    assert_code(&unchanged, 0);
    let looks = lab.requests_of(&user);
    assert!(looks.iter().all(|request| request["verb"] == "get" || request["verb"] == "list"), "{looks:?}");

    let changed = project.run(&format!("plan -detailed-exitcode -var has_gpus=false {reader}"));
    assert_code(&changed, 2);
    assert_eq!(changed.error.matches("No dry run").count() + changed.out.matches("No dry run").count(), 1);
    assert_says(&changed, &["these credentials may only read", "0 to add, 7 to change, 0 to destroy"]);
    let requests = lab.requests_of(&user);
    let written: Vec<&Json> = requests
        .iter()
        .filter(|request| request["verb"] != "get" && request["verb"] != "list")
        .filter(|request| request["responseStatus"]["code"] != 403)
        .collect();
    assert!(written.is_empty(), "{written:?}");
    println!("{} requests, then {} with changes", looks.len(), requests.len() - looks.len());
    assert_code(&project.run("destroy -auto-approve"), 0);
}

#[test]
fn the_rights_that_are_said_are_enough_and_no_more() {
    let Some(lab) = Lab::find("r") else { return };
    let project = tenancy(&lab);
    let role = |line: &str, name: &str| {
        let said = project.run(line);
        assert_code(&said, 0);
        // Every namespace of the stack is its own, so there is one role for the whole cluster.
        assert_eq!(said.out.matches("kind: ").count(), 1, "{}", said.out);
        project.write("role.yaml", &said.out.replace(name, &lab.role())).unwrap();
        lab.kubectl(&["apply", "-f", &project.path().join("role.yaml").to_string_lossy()]);
    };
    role("permissions", "formwork-apply");
    let (_, kubeconfig) = lab.account_in_role(&project);
    let account = format!("-var config_path={}", kubeconfig.display());
    assert_code(&project.run(&format!("apply -auto-approve {account}")), 0);
    assert_eq!(lab.owned().len(), OBJECTS);

    role("permissions -read-only", "formwork-plan");
    assert_code(&project.run(&format!("plan -detailed-exitcode {account}")), 0);
    assert_says(
        &project.run(&format!("apply -auto-approve -var has_gpus=false {account}")),
        &["cannot patch resource \"resourcequotas\""],
    );
    role("permissions", "formwork-apply");
    assert_code(&project.run(&format!("destroy -auto-approve {account}")), 0);
    assert_eq!(lab.owned(), BTreeMap::new());
}

#[test]
fn a_plan_without_changes_over_2_000_objects_takes_few_requests() {
    let Some(lab) = Lab::find("c") else { return };
    let configuration = format!(
        r#"{}
resource "kubernetes_manifest" "namespace" {{
  count    = 4
  manifest = {{ apiVersion = "v1", kind = "Namespace", metadata = {{ name = "{}-${{count.index}}" }} }}
}}
resource "kubernetes_manifest" "setting" {{
  for_each = {{ for pair in setproduct(range(2), range(1000)) : format("setting-%d-%03d", pair...) => pair[1] }}
  manifest = {{
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = {{ name = each.key, namespace = kubernetes_manifest.namespace[each.value % 4].manifest.metadata.name }}
    data       = {{ index = tostring(each.value), text = "a setting of some length, to give the pages their weight" }}
  }}
}}
"#,
        provider(&lab),
        lab.prefix
    );
    let project = project().file("main.tf", &configuration).build();
    let start = Instant::now();
    assert_says(&project.run("apply -auto-approve -parallelism=20"), &["Resources: 2004 added"]);
    let applied = start.elapsed();
    let (user, kubeconfig) = lab.account(&project, "get,list");
    let start = Instant::now();
    let plan = project.run(&format!("plan -detailed-exitcode -var config_path={}", kubeconfig.display()));
    let planned = start.elapsed();
    assert_code(&plan, 0);
    let requests = lab.requests_of(&user);
    println!(
        "{} requests and {:.1} s for the plan of 2,004 objects, applied in {:.1} s",
        requests.len(),
        planned.as_secs_f64(),
        applied.as_secs_f64()
    );
    assert!((1..40).contains(&requests.len()), "{} requests", requests.len());
}

/// Objects whose names the server makes up: a second create would make a second object.
const GENERATED: &str = r#"
resource "kubernetes_manifest" "generated" {
  for_each = local.tenants

  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { generateName = "made-", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    data       = { tenant = each.key }
  }
}
"#;

#[test]
fn an_apply_that_was_killed_goes_on() {
    if Lab::find("d").is_none() {
        return;
    }
    let is_full = std::env::var_os("FORMWORK_FULL").is_some_and(|value| value == "1");
    let total: usize = if is_full { 50 } else { 5 };
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let mut stood: Vec<usize> = std::thread::scope(|scope| {
        let work = || {
            let kills =
                std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::SeqCst)).filter(|kill| *kill < total));
            kills.map(|kill| kill_and_go_on(kill, total)).collect::<Vec<_>>()
        };
        // Most of the time is the server's own, spent on taking namespaces away.
        let workers: Vec<_> = (0..5).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    stood.sort_unstable();
    println!(
        "{} kills in {:.1} s; so many objects stood at them: {stood:?}",
        stood.len(),
        start.elapsed().as_secs_f64()
    );
    assert_eq!(stood.len(), total);
}

/// One life: an apply killed somewhere, taken up, compared, destroyed; how many objects stood at the kill.
fn kill_and_go_on(kill: usize, kills: usize) -> usize {
    let lab = Lab::find(&format!("d{kill}-")).unwrap();
    let project = tenancy(&lab);
    project.write("generated.tf", GENERATED).unwrap();
    let expected = OBJECTS + TENANTS.len();
    // The lines that an apply says are twice its objects; the last of them come as it ends.
    let (line, delay) =
        (1 + kill * (2 * expected - 8) / kills, Duration::from_millis(kill as u64 * 7 % 5 * 4));
    // Taken up as it was, by its plan file, or planned anew after a variable changed.
    let apply = if kill % 3 == 1 { "apply saved" } else { "apply -auto-approve" };
    if kill % 3 == 1 {
        assert_code(&project.run("plan -out=saved"), 0);
    }
    let cut = project.run_until_killed(apply, line, delay);
    assert_eq!(cut.code, -1, "the apply ended before its kill at line {line}:\n{}", cut.out);
    let before = lab.owned();
    if kill % 3 == 2 {
        project.write("image.auto.tfvars", "image = \"busybox:musl\"\n").unwrap();
    }

    let resumed = project.run(apply);
    assert_code(&resumed, 0);
    assert!(!resumed.out.contains("Enter a value"), "{}", resumed.out);
    let after = lab.owned();
    assert_eq!(after.len(), expected, "kill {kill} at line {line}: {after:?}\n{}", resumed.out);
    for (name, uid) in &before {
        assert_eq!(after.get(name), Some(uid), "kill {kill} at line {line}: {name} was made anew");
    }
    assert_code(&project.run("plan -detailed-exitcode"), 0);

    if kill % 2 == 1 {
        project.run_until_killed("destroy -auto-approve", line, delay);
    }
    assert_code(&project.run("destroy -auto-approve"), 0);
    assert_eq!(lab.owned(), BTreeMap::new(), "kill {kill} at line {line}");
    before.len()
}

#[test]
fn another_api_server_and_none_are_told_apart_from_an_empty_one() {
    let Some(lab) = Lab::find("e") else { return };
    let name = format!("{}-here", lab.prefix);
    let resource = format!(
        "resource \"kubernetes_manifest\" \"here\" {{\n  manifest = {{ apiVersion = \"v1\", kind = \"Namespace\", metadata = {{ name = {name:?} }} }}\n}}\n\
         output \"here\" {{\n  value = kubernetes_manifest.here.object.metadata.uid\n}}\n"
    );
    let project = project().file("main.tf", &format!("{}{resource}", provider(&lab))).build();
    assert_code(&project.run("apply -auto-approve"), 0);
    let state = std::fs::read(project.path().join("terraform.tfstate")).unwrap();

    // A port that was free a moment ago: nobody listens there.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let shown = lab.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"]);
    let mut config: Json = serde_json::from_str(&shown).unwrap();
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned();
    config["clusters"][0]["cluster"]["server"] = json!(format!("https://{dead}"));
    project.write("dead.kubeconfig", &config.to_string()).unwrap();
    for command in ["plan", "apply -auto-approve", "destroy -auto-approve"] {
        let refused = project.run(&format!("{command} -var config_path=dead.kubeconfig"));
        assert_code(&refused, 1);
        assert_says(
            &refused,
            &[
                "Error: The Kubernetes API server cannot be reached",
                &format!("https://{dead}/"),
                "Connection refused",
            ],
        );
        assert!(!refused.out.contains("You can apply this plan"), "{}", refused.out);
    }

    let other = OtherLab::up();
    let elsewhere = other.kubeconfig();
    for command in ["plan", "apply -auto-approve", "destroy -auto-approve"] {
        let refused = project.run(&format!("{command} -var config_path={}", elsewhere.display()));
        assert_code(&refused, 1);
        assert_says(
            &refused,
            &[
                "Error: Provider points to another target",
                &format!("server {server}"),
                "-accept-new-target=kubernetes",
            ],
        );
        let names = refused.error.matches("server https://").count();
        assert_eq!(names, 2, "both are named: {}", refused.error);
        assert!(!refused.out.contains("Changes to Outputs"), "{}", refused.out);
    }
    for request in other.requests() {
        let asked = request["requestURI"].as_str().unwrap();
        assert!(["/version", "/api/v1/namespaces/kube-system"].contains(&asked), "a read of {asked}");
    }
    assert_eq!(std::fs::read(project.path().join("terraform.tfstate")).unwrap(), state);
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    assert_code(&project.run("destroy -auto-approve"), 0);
    assert_eq!(lab.owned(), BTreeMap::new());
}

#[test]
fn the_page_for_the_first_cluster_is_true() {
    let Some(lab) = Lab::find("f") else { return };
    // The page's own names are nobody's prefix, so its two lives come one after the other.
    for has_gpus in ["false", "true"] {
        follow_the_page(&lab, has_gpus);
    }
}

fn follow_the_page(lab: &Lab, has_gpus: &str) {
    let page = std::fs::read_to_string(repository().join("docs/first-cluster.md")).unwrap();
    let page = page.replace("has_gpus       = false", &format!("has_gpus       = {has_gpus}"));
    let blocks = fenced(&page);
    assert!(blocks.len() > 7, "{blocks:?}");
    let folder = project();
    std::os::unix::fs::symlink(repository().join("stacks"), folder.path().join("stacks")).unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(program(), folder.path().join("bin/formwork")).unwrap();
    let search = std::env::var("PATH").unwrap();
    let search = format!("{}:{search}", folder.path().join("bin").display());
    let mut said = String::new();
    for (language, text) in blocks {
        let script = match language {
            "sh" => text.to_owned(),
            "hcl" => format!(
                "cat >> my-tenancy/terraform.tfvars <<'END'\n{text}END\n\
                 formwork -chdir=my-tenancy plan\nformwork -chdir=my-tenancy apply -auto-approve\n"
            ),
            other => panic!("what is to be done with {other}?"),
        };
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script]).current_dir(folder.path());
        shell.env("PATH", &search).env("KUBECONFIG", &lab.kubeconfig).env("NO_COLOR", "1");
        let output = shell.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{text}\n{error}");
        said.push_str(&text);
    }
    let quota =
        if has_gpus == "true" { "requests.nvidia.com/gpu: 0/2" } else { "requests.nvidia.com/gpu: 0/0" };
    let in_use = quota.replace(": 0/2", ": 1/2");
    assert!(said.contains(&in_use), "no {in_use} in:\n{said}");
    for part in [
        "Plan: 29 to add",
        "No changes. Your infrastructure matches the configuration.",
        "\"500\" -> \"50\"",
        "\"kubectl-patch\"",
        "0 added, 1 changed, 0 destroyed",
        "robotics",
        "Destroy complete!",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    let left = lab.kubectl(&["get", "namespaces,priorityclasses", "--output", "name"]);
    assert!(!left.contains("/ml-"), "{left}");
}

/// The page's fenced blocks: language and text.
fn fenced(page: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = page.split("```").collect();
    parts.iter().skip(1).step_by(2).filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn a_custom_resource_comes_with_its_definition_in_one_go() {
    let Some(lab) = Lab::find("g") else { return };
    let group = format!("{}.example.com", lab.prefix);
    let configuration = format!(
        r#"{}
resource "kubernetes_manifest" "definition" {{
  manifest = {{
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = {{ name = "{prefix}s.{group}" }}
    spec = {{
      group = "{group}"
      names = {{ kind = "Model", plural = "{prefix}s", singular = "{prefix}", listKind = "ModelList" }}
      scope = "Cluster"
      versions = [{{
        name    = "v1"
        served  = true
        storage = true
        schema = {{
          openAPIV3Schema = {{
            type       = "object"
            properties = {{
              spec = {{
                type       = "object"
                properties = {{ replicas = {{ type = "integer" }}, tier = {{ type = "string", default = "standard" }} }}
              }}
            }}
          }}
        }}
      }}]
    }}
  }}
}}
resource "kubernetes_manifest" "model" {{
  for_each   = toset(["a", "b"])
  manifest   = {{ apiVersion = "{group}/v1", kind = "Model", metadata = {{ name = each.key }}, spec = {{ replicas = 2 }} }}
  depends_on = [kubernetes_manifest.definition]
}}
output "tier" {{
  value = kubernetes_manifest.model["a"].object
}}
"#,
        provider(&lab),
        prefix = lab.prefix,
    );
    let project = project().file("main.tf", &configuration).build();
    let plan = project.run("plan");
    assert_code(&plan, 0);
    assert_says(&plan, &["Stage 2 follows in the same run", "kubernetes_manifest.model"]);
    let applied = project.run("apply -auto-approve");
    assert_code(&applied, 0);
    let plural = format!("{}s.{group}", lab.prefix);
    let names = lab.kubectl(&["get", &plural, "--output", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(names, "a b");
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    let gone = project.run("destroy -auto-approve");
    assert_code(&gone, 0);
    assert_says(&gone, &["Resources: 3 destroyed."]);
    assert_eq!(
        lab.kubectl(&["get", "customresourcedefinitions", "--output", "name"]).matches(&lab.prefix).count(),
        0
    );
}
