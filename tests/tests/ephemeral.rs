//! Ephemeral resources and values from outside: the lines users know, the JSON stream, a saved plan, no secret anywhere.

use formwork_tests::{Lab, project};
use serde_json::Value as Json;

const MAIN: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
variable "password" {
  ephemeral = true
}
ephemeral "sim_token" "run" {}
provider "sim" {}
provider "sim" {
  alias = "closed"
  token = ephemeral.sim_token.run.token
}
resource "sim_secret" "key" {
  provider         = sim.closed
  name             = "key"
  value_wo         = var.password
  value_wo_version = 1
}
"#;

#[test]
fn lines_and_a_saved_plan() {
    let project = project().file("main.tf", MAIN).build();
    let planned = project.run("plan -out=saved -var password=hunter2");
    assert_eq!(planned.code, 0, "{}{}", planned.out, planned.error);
    for line in [
        "ephemeral.sim_token.run: Opening...",
        "ephemeral.sim_token.run: Open complete after 0s",
        "ephemeral.sim_token.run: Closing...",
        "ephemeral.sim_token.run: Close complete after 0s",
        "+ value_wo         = (write-only attribute)",
        "Plan: 1 to add, 0 to change, 0 to destroy.",
    ] {
        assert!(planned.out.contains(line), "{line} is not in:\n{}", planned.out);
    }
    let without = project.run("apply saved");
    assert_eq!(without.code, 1);
    assert!(without.error.contains("No value for required variable"), "{}", without.error);
    let applied = project.run("apply -json -var password=hunter2 saved");
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.error);
    let told: Vec<String> = applied
        .out
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .filter(|line| line["type"].as_str().is_some_and(|kind| kind.starts_with("ephemeral")))
        .map(|line| format!("{} {} {}", line["type"], line["hook"]["resource"]["addr"], line["hook"]["Msg"]))
        .collect();
    assert_eq!(
        told,
        [
            r#""ephemeral_action_started" "ephemeral.sim_token.run" "Opening...""#,
            r#""ephemeral_action_complete" "ephemeral.sim_token.run" "Open complete""#,
            r#""ephemeral_action_started" "ephemeral.sim_token.run" "Closing...""#,
            r#""ephemeral_action_complete" "ephemeral.sim_token.run" "Close complete""#,
        ]
    );
    let shown = project.run("show -json saved");
    let state = project.run("state pull");
    for text in [&planned.out, &applied.out, &shown.out, &state.out] {
        assert!(!text.contains("hunter2") && !text.contains("t1.") && !text.contains("t2."), "{text}");
    }
    assert!(!state.out.contains("sim_token"), "{}", state.out);
    let again = project.run("plan -detailed-exitcode -var password=other");
    assert_eq!(again.code, 0, "{}{}", again.out, again.error);
    assert_eq!(project.run("destroy -auto-approve -var password=other").code, 0);
}

/// A service account, and a provider that acts as it with a token that no file holds: one plan, one apply.
fn robot(lab: &Lab) -> String {
    let (kubeconfig, name) = (lab.kubeconfig.display(), &lab.prefix);
    let server = lab.kubectl(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    format!(
        r#"
terraform {{
  required_providers {{
    kubernetes = {{ source = "formwork/kubernetes" }}
  }}
}}
provider "kubernetes" {{
  config_path    = "{kubeconfig}"
  config_context = "lab"
}}
resource "kubernetes_manifest" "space" {{
  manifest = {{ apiVersion = "v1", kind = "Namespace", metadata = {{ name = "{name}" }} }}
}}
resource "kubernetes_manifest" "robot" {{
  manifest = {{
    apiVersion = "v1"
    kind       = "ServiceAccount"
    metadata   = {{ name = "robot", namespace = kubernetes_manifest.space.object.metadata.name }}
  }}
}}
resource "kubernetes_manifest" "rights" {{
  manifest = {{
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "ClusterRoleBinding"
    metadata   = {{ name = "{name}" }}
    roleRef    = {{ apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = "cluster-admin" }}
    subjects   = [{{ kind = "ServiceAccount", name = "robot", namespace = "{name}" }}]
  }}
}}
ephemeral "kubernetes_token_request_v1" "robot" {{
  metadata {{
    name      = kubernetes_manifest.robot.object.metadata.name
    namespace = kubernetes_manifest.robot.object.metadata.namespace
  }}
  spec {{
    expiration_seconds = 600
  }}
  depends_on = [kubernetes_manifest.rights]
}}
provider "kubernetes" {{
  alias    = "robot"
  host     = "{server}"
  token    = ephemeral.kubernetes_token_request_v1.robot.token
  insecure = true
}}
resource "kubernetes_manifest" "by_robot" {{
  provider = kubernetes.robot
  manifest = {{
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = {{ name = "made-by", namespace = "{name}" }}
    data       = {{ who = "robot" }}
  }}
}}
"#
    )
}

#[test]
fn a_provider_with_a_token_of_this_run_on_a_real_cluster() {
    let Some(lab) = Lab::find("e") else { return };
    let project = project().file("main.tf", &robot(&lab)).build();
    let applied = project.run("apply -auto-approve");
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.error);
    let managers =
        ["get", "configmap", "made-by", "--namespace", &lab.prefix, "--show-managed-fields", "-o", "json"];
    assert!(lab.kubectl(&managers).contains("formwork"), "it is there");
    let state = std::fs::read_to_string(project.path().join("terraform.tfstate")).unwrap_or_default();
    for text in [&applied.out, &applied.error, &state] {
        // A token is three parts of base64, the first of which begins like this.
        assert!(!text.contains("eyJhbGciOi"), "a token is in:\n{text}");
    }
    let audit = std::env::var("FORMWORK_LAB_KUBERNETES_AUDIT").map(std::fs::read_to_string);
    let audit = audit.ok().and_then(Result::ok).unwrap_or_default();
    let by_robot = format!("system:serviceaccount:{}:robot", lab.prefix);
    let is_by_robot = |line: &&str| line.contains(&by_robot) && line.contains("made-by");
    println!(
        "{} requests of the service account in the audit log",
        audit.lines().filter(is_by_robot).count()
    );
    let again = project.run("plan -detailed-exitcode");
    assert_eq!(again.code, 0, "{}{}", again.out, again.error);
    let gone = project.run("destroy -auto-approve");
    assert_eq!(gone.code, 0, "{}{}", gone.out, gone.error);
}
