//! Verbs that show what there is: `graph`, `docs`, `doctor`, `providers schema`, completion.

use formwork_tests::{Project, project};

const ROOT: &str = r#"variable "size" {
  default = 2
}
locals {
  label = "n${var.size}"
}
module "m" {
  source = "./m"
  label  = local.label
}
resource "terraform_data" "b" {
  input = module.m.out
}
resource "terraform_data" "many" {
  count = var.size
  input = terraform_data.b.id
}
output "last" {
  value = terraform_data.many[1].id
}
"#;
const MODULE: &str = r#"variable "label" {}
resource "terraform_data" "a" {
  input = upper(var.label)
}
output "out" {
  value = terraform_data.a.output
}
"#;

fn written() -> Project {
    project().file("main.tf", ROOT).file("m/main.tf", MODULE).build()
}

#[test]
fn what_comes_after_what_is_drawn() {
    let project = written();
    let dot = r#"digraph G {
  rankdir = "RL";
  node [shape = rect, fontname = "sans-serif"];
  "terraform_data.b" [label="terraform_data.b"];
  "terraform_data.many" [label="terraform_data.many"];
  subgraph "cluster_module.m" {
    label = "module.m"
    fontname = "sans-serif"
    "module.m.terraform_data.a" [label="terraform_data.a"];
  }
  "terraform_data.b" -> "module.m.terraform_data.a";
  "terraform_data.many" -> "terraform_data.b";
}
"#;
    let mermaid = r#"flowchart RL
  n1["terraform_data.b"]
  n2["terraform_data.many"]
  subgraph c0["module.m"]
    n0["terraform_data.a"]
  end
  n1 --> n0
  n2 --> n1
"#;
    for (line, expected) in [("graph", dot), ("graph -format=mermaid", mermaid)] {
        let run = project.run(line);
        assert_eq!((run.code, run.out.as_str()), (0, expected), "{line}: {}", run.error);
    }
    let blocks = project.run("graph -type=plan -format=json").out;
    for words in ["\"local.label\"", "\"module.m.var.label\"", "\"output.last\""] {
        assert!(blocks.contains(words), "{words} is missing: {blocks}");
    }
    assert_eq!(project.run("plan -out=p").code, 0);
    let steps: serde_json::Value =
        serde_json::from_str(&project.run("graph -plan=p -format=json").out).unwrap();
    let edge = serde_json::json!({
        "from": "terraform_data.many[1] (create)", "to": "terraform_data.b (create)"
    });
    assert!(steps["edges"].as_array().unwrap().contains(&edge), "{steps}");
    for (line, words) in [
        ("graph -type=apply", "Missing plan file"),
        ("graph -plan=p -type=plan", "Incompatible graph options"),
    ] {
        let run = project.run(line);
        assert!(run.code == 1 && run.error.contains(words), "{line}: {}", run.error);
    }
}

#[test]
fn every_kind_has_an_example_that_holds() {
    let listed = project().build().run("docs").out;
    let kinds: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(kinds.len() >= 10, "{listed}");
    for kind in kinds {
        let page = project().build().run(&format!("docs {kind}"));
        let example = page.out.split_once("```hcl\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
        let project = project().file("main.tf", example).build();
        assert_eq!(project.run("fmt -check").code, 0, "{kind}: {example}");
        // A cluster or a disk is needed for the others: they are planned in their labs.
        let line = if kind.contains("kubernetes_") || kind == "data.host_disk" { "validate" } else { "plan" };
        let run = project.run(line);
        assert_eq!(run.code, 0, "{kind}: {}{}", run.out, run.error);
    }
}

#[test]
fn documentation_answers_for_a_type_and_an_argument() {
    let project = project().build();
    for (line, code, words) in [
        (
            "docs sim_machine.flavour",
            0,
            "`flavour` (string, required): Its size; a change resizes and restarts it.",
        ),
        ("docs data.sim_image", 0, "# sim_image (data source)"),
        ("docs kubernetes_manifest.wait.condition", 0, "`condition`: block, any number of times."),
        ("docs sim_machne", 1, "Did you mean \"sim_machine\"?"),
        ("docs sim_machine.flavor", 1, "Did you mean \"flavour\"?"),
    ] {
        let run = project.run(line);
        assert_eq!(run.code, code, "{line}");
        assert!(format!("{}{}", run.out, run.error).contains(words), "{line}: {}{}", run.out, run.error);
    }
}

#[test]
fn a_doctor_looks_at_what_a_run_stands_on() {
    let project = written();
    let run = project.run("doctor");
    assert_eq!(run.code, 0, "{}", run.error);
    for words in ["resource and data blocks: 3, modules: 2", "none yet", "no run was cut off"] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let broken = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}
provider "kubernetes" {
  host  = "https://127.0.0.1:1"
  token = "secret-token"
}
resource "kubernetes_manifest" "x" {
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = "x" }
  }
}
"#;
    let run = formwork_tests::project().file("main.tf", broken).build().run("doctor");
    assert!(run.code == 1 && run.out.contains("fail plan"), "{}{}", run.out, run.error);
    assert!(run.out.contains("127.0.0.1:1") && !run.out.contains("secret-token"), "{}", run.out);
}

#[test]
fn schemas_are_told_in_the_common_form() {
    let project = written();
    let run = project.run("providers schema -json");
    let document: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let schema =
        &document["provider_schemas"]["terraform.io/builtin/terraform"]["resource_schemas"]["terraform_data"];
    assert_eq!(document["format_version"], "1.0");
    assert_eq!(schema["block"]["attributes"]["id"]["computed"], true);
    assert_eq!(schema["block"]["attributes"]["input"]["type"], "dynamic");
}

#[test]
fn a_shell_is_told_what_may_come() {
    let project = written();
    assert_eq!(project.run("apply -auto-approve").code, 0);
    for (line, expected) in [
        ("complete 1 -- formwork gr", "graph\n"),
        ("complete 2 -- formwork plan -refresh-o", "-refresh-only\n"),
        (
            "complete 3 -- formwork state show terraform_data.m",
            "terraform_data.many\nterraform_data.many[0]\nterraform_data.many[1]\n",
        ),
        (
            "complete 2 -- formwork plan -target=module",
            "-target=module.m\n-target=module.m.terraform_data.a\n",
        ),
        ("complete 4 -- formwork plan -target = module.m.", "module.m.terraform_data.a\n"),
        ("complete 2 -- formwork output ", "last\n"),
        ("complete 2 -- formwork completion z", "zsh\n"),
        ("complete 1 -- formwork nonsense", ""),
    ] {
        let run = project.run(line);
        assert_eq!((run.code, run.out.as_str()), (0, expected), "{line}: {}", run.error);
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(project.run(&format!("completion {shell}")).out.contains("formwork complete"), "{shell}");
    }
}

#[test]
fn blocks_are_written_for_what_is_imported() {
    let head = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\n";
    let made = format!(
        "{head}resource \"sim_network\" \"main\" {{\n  name   = \"training\"\n  cidr   = \"10.20.0.0/16\"\n  labels = {{ \"a b\" = \"$${{x}}\", team = \"vision\" }}\n}}\n"
    );
    let project = project().file("main.tf", &made).build();
    assert_eq!(project.run("apply -auto-approve").code, 0);
    let shown: serde_json::Value =
        serde_json::from_str(&project.run("state show -json sim_network.main").out).unwrap();
    let id = shown["values"]["root_module"]["resources"][0]["values"]["id"].as_str().unwrap().to_owned();
    assert_eq!(project.run("state rm sim_network.main").code, 0);
    project
        .write("main.tf", &format!("{head}import {{\n  to = sim_network.main\n  id = \"{id}\"\n}}\n"))
        .unwrap();
    let without = project.run("plan");
    assert!(without.code == 1 && without.error.contains("-generate-config-out"), "{}", without.error);

    let run = project.run("plan -generate-config-out=generated.tf -out=p");
    assert_eq!(run.code, 0, "{}{}", run.out, run.error);
    for words in ["# (config will be generated)", "Plan: 1 to import, 0 to add, 0 to change, 0 to destroy."] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let expected = "# __generated__ by Formwork
# Please review these resources and move them into your main configuration files.

resource \"sim_network\" \"main\" {
  name = \"training\"
  cidr = \"10.20.0.0/16\"
  labels = {
    \"a b\" = \"$${x}\"
    team  = \"vision\"
  }
}
";
    assert_eq!(project.read("generated.tf"), expected);
    let json = project.run("show -json p").out;
    assert!(json.contains("\"generated_config\":\"resource"), "{json}");
    let again = project.run("plan -generate-config-out=generated.tf");
    assert!(again.code == 1 && again.error.contains("already exists"), "{}", again.error);
    assert_eq!(project.run("apply p").code, 0);
    assert_eq!(project.run("plan -detailed-exitcode").code, 0);
    assert_eq!(project.run("fmt -check").code, 0);
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let root = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nimport {\n  to = sim_network.main\n  id = \"net-none\"\n}\n";
    let project = project().file("main.tf", root).build();
    let run = project.run("plan -generate-config-out=generated.tf");
    assert!(run.code == 1 && run.error.contains("net-none"), "{}{}", run.out, run.error);
    assert!(!run.error.contains("Missing required argument"), "{}", run.error);
    assert_eq!(project.read("generated.tf"), "");
}

#[test]
fn automation_is_told_less() {
    let project = written();
    let hint = "To perform exactly these actions";
    assert!(project.run("plan -out=p").out.contains(hint));
    let run = project.finish(project.command("plan -out=p").env("TF_IN_AUTOMATION", "1"));
    assert!(run.code == 0 && run.out.contains("Plan: 4 to add") && !run.out.contains(hint), "{}", run.out);
    let run = project.finish(project.command("plan").env("TF_ENCRYPTION", "x"));
    assert!(run.code == 1 && run.error.contains("TF_ENCRYPTION"), "{}", run.error);
    let run = project.finish(project.command("plan").env("TF_CLI_ARGS_plan", "-out=q -no-such"));
    assert!(run.code == 1 && run.error.contains("no-such"), "{}", run.error);
}

#[test]
fn a_collector_finds_figures() {
    let project = written();
    assert_eq!(project.run("plan -metrics-file=plan.prom").code, 0);
    let figures = project.read("plan.prom");
    for words in [
        "# TYPE formwork_plan_changes gauge",
        "formwork_plan_changes{action=\"add\"} 4",
        "formwork_plan_drift_objects 0",
        "formwork_plan_errors 0",
    ] {
        assert!(figures.contains(words), "{words}: {figures}");
    }
    let run = project.run("plan -metrics-file=no/such/folder");
    assert!(run.code == 1 && run.error.contains("-metrics-file"), "{}", run.error);
}

#[test]
fn rights_are_said_before_anybody_has_them() {
    let root = r#"terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
    sim        = { source = "formwork/sim" }
  }
}
data "sim_image" "this" {
  name = "ubuntu-24.04"
}
resource "sim_machine" "first" {
  name    = "first"
  flavour = "small"
  image   = data.sim_image.this.id
  network = "network"
}
resource "sim_cluster" "main" {
  name          = "main"
  version       = "1.34"
  control_plane = [sim_machine.first.id]
}
provider "kubernetes" {
  host  = sim_cluster.main.endpoint
  token = sim_cluster.main.token
}
resource "kubernetes_manifest" "team" {
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = "team" }
  }
}
resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = kubernetes_manifest.team.object.metadata.name }
  }
}
resource "kubernetes_manifest" "quota" {
  for_each = toset(["a", "b"])
  manifest = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "gpus", namespace = each.key }
    spec       = { hard = { "requests.nvidia.com/gpu" = "8" } }
  }
}
"#;
    let project = project().file("main.tf", root).build();
    let run = project.run("permissions");
    assert_eq!(run.code, 0, "{}", run.error);
    for words in [
        "resources: [configmaps, namespaces]\n    verbs: [get, list, create, patch, delete]",
        "sim_cluster:write",
        "kind: Role\nmetadata:\n  name: formwork-apply\n  namespace: a\n",
        "resources: [resourcequotas]\n    verbs: [get, list, create, patch, delete]",
    ] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
    let read_only = project.run("permissions -read-only").out;
    assert!(!read_only.contains("write") && !read_only.contains("patch"), "{read_only}");
}

/// What OpenTofu 1.12.6 said of the same trees of modules, with another provider.
#[test]
fn plan_json_names_the_provider_configuration_that_a_module_has() {
    const REQUIRED: &str =
        "terraform {\n  required_providers {\n    random = { source = \"formwork/random\" }\n  }\n}\n";
    const BLOCK: &str = "provider \"random\" {}\n";
    const USE: &str = "resource \"random_id\" \"x\" {\n  byte_length = 2\n}\n";
    let (both, all) = (format!("{REQUIRED}{USE}"), format!("{REQUIRED}{BLOCK}{USE}"));
    let (block, required) = (format!("{REQUIRED}{BLOCK}"), REQUIRED.to_owned());
    let none = String::new();
    // Root, the module that it calls, the module that this calls; the configurations there are.
    let cases: [(&String, &String, &String, &[&str]); 6] = [
        (&required, &none, &both, &["module.a.module.b:random", "random"]),
        (&none, &required, &both, &["module.a:random"]),
        (&block, &required, &both, &["random"]),
        (&block, &none, &both, &["module.a.module.b:random", "random"]),
        (&required, &all, &none, &["module.a:random", "random"]),
        (&both, &both, &both, &["random"]),
    ];
    for (root, a, b, expected) in cases {
        let root = format!("{root}module \"a\" {{\n  source = \"./a\"\n}}\n");
        let a = format!("{a}module \"b\" {{\n  source = \"./b\"\n}}\n");
        let project = project().file("main.tf", &root).file("a/main.tf", &a).file("a/b/main.tf", b).build();
        project.run("plan -out=saved").ended("plan", 0);
        let shown = project.run("show -json saved").ended("show", 0);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let configurations = shown["configuration"]["provider_config"].as_object().unwrap();
        let keys: Vec<&String> = configurations.keys().collect();
        assert_eq!(keys, expected, "{root}{a}{b}");
    }
}
