//! Later stages through the real program: on the simulated datacentre, and `stacks/staged` on a real API server, where
//! one plan makes an account, definitions by its token, and what is defined by them.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{Finished, Lab, Project, project, repository};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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

const COUNTED: &str = r#"
variable "names" {
  default = ["x", "y"]
}
resource "terraform_data" "source" {
  input = var.names
}
resource "terraform_data" "each" {
  for_each = toset(terraform_data.source.output)
  input    = each.key
}
module "part" {
  source   = "./part"
  for_each = toset(terraform_data.source.output)
}
output "inputs" {
  value = [for one in terraform_data.each : one.output]
}
"#;

fn counted() -> Project {
    project()
        .file("main.tf", COUNTED)
        .file("part/main.tf", "resource \"terraform_data\" \"inner\" {}\n")
        .build()
}

#[test]
fn a_plan_shows_the_boundary_and_its_file_is_all_that_apply_needs() {
    let project = counted();
    let plan = project.run("plan -out=saved -detailed-exitcode");
    assert_code(&plan, 2);
    assert_says(
        &plan,
        &[
            "Stage 2 follows in the same run, when more is known: module.part takes its for_each from terraform_data.source, which is created first;",
            "# terraform_data.each: create, any number",
            "# module.part.terraform_data.inner: create, any number",
            "Plan: 1 to add, 0 to change, 0 to destroy.",
        ],
    );
    let document: Json = serde_json::from_str(&project.run("show -json saved").out).unwrap();
    assert_eq!(document["complete"], json!(false));
    let deferred: BTreeMap<&str, &str> = document["deferred_changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["resource_change"]["address"].as_str().unwrap(), one["reason"].as_str().unwrap()))
        .collect();
    let expected = [
        ("module.part.terraform_data.inner", "instance_count_unknown"),
        ("terraform_data.each", "instance_count_unknown"),
    ];
    assert_eq!(deferred, expected.into());

    let elsewhere = self::project().build();
    std::fs::copy(project.path().join("saved"), elsewhere.path().join("saved")).unwrap();
    let applied = elsewhere.run("apply saved");
    assert_code(&applied, 0);
    assert_says(&applied, &["Resources: 5 added, 0 changed, 0 destroyed."]);
    assert_eq!(
        elsewhere.run("state list").out,
        "terraform_data.each[\"x\"]\nterraform_data.each[\"y\"]\nterraform_data.source\nmodule.part[\"x\"].terraform_data.inner\nmodule.part[\"y\"].terraform_data.inner\n"
    );
}

#[test]
fn what_stands_of_an_undecided_block_stays_and_is_named() {
    let project = counted();
    assert_code(&project.run("apply -auto-approve"), 0);
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    project.write("terraform.tfvars", "names = [\"y\"]\n").unwrap();
    let plan = project.run("plan -out=saved");
    assert_says(
        &plan,
        &[
            "terraform_data.each[\"x\"] (stands now)",
            "module.part[\"x\"].terraform_data.inner (stands now)",
            "Plan: 0 to add, 1 to change, 0 to destroy.",
        ],
    );
    let document: Json = serde_json::from_str(&project.run("show -json saved").out).unwrap();
    let changed: Vec<&str> = document["resource_changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["address"].as_str().unwrap())
        .collect();
    assert_eq!(changed, ["terraform_data.source"], "nothing is said of what a later stage decides");
    assert_says(&project.run("apply saved"), &["Resources: 0 added, 1 changed, 2 destroyed."]);
    assert_code(&project.run("plan -detailed-exitcode"), 0);
}

#[test]
fn later_stages_can_be_ruled_out() {
    let project = counted();
    let refused = project.run("plan -stages=false -detailed-exitcode");
    assert_code(&refused, 1);
    assert_says(
        &refused,
        &["Error: Invalid for_each argument", "for_each = toset(terraform_data.source.output)"],
    );
    assert!(!refused.out.contains("Stage 2"), "{}", refused.out);
}

/// The seed of the second datacentre is not known before the volume is there, and the names are looked at again.
const GROWING: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {}
resource "sim_volume" "v" {
  name    = "volume"
  size_gb = 10
}
resource "terraform_data" "seed" {
  input = 1
}
data "sim_names" "volumes" {
  kind = "sim_volume"
}
provider "sim" {
  alias = "later"
  world = "later.json"
  seed  = terraform_data.seed.output
}
resource "sim_bucket" "b" {
  provider = sim.later
  count    = 1 + length(data.sim_names.volumes.names)
  name     = "bucket-${count.index}"
}
"#;

#[test]
fn a_stage_that_does_more_than_was_approved_is_written_as_a_plan_of_its_own() {
    let project = project().file("main.tf", GROWING).build();
    let applied = project.run("apply -auto-approve");
    assert_code(&applied, 1);
    assert_says(
        &applied,
        &[
            "Error: Later stage differs from what was approved",
            "sim_bucket.b would have 2 instances; the approved plan allows 1 at most.",
            "Nothing of it was started; finished stages are kept.",
            "formwork apply next.tfplan",
        ],
    );
    let standing = project.run("state list").out;
    assert!(standing.contains("sim_volume.v") && !standing.contains("sim_bucket"), "{standing}");
    assert_says(&project.run("apply next.tfplan"), &["Resources: 2 added, 0 changed, 0 destroyed."]);
    assert_code(&project.run("plan -detailed-exitcode"), 0);

    // The later datacentre is lost.
    std::fs::remove_file(project.path().join("later.json")).unwrap();
    std::fs::create_dir(project.path().join("later.json")).unwrap();
    let refused = project.run("destroy -auto-approve");
    assert_code(&refused, 1);
    assert_says(
        &refused,
        &["Objects cannot be destroyed while their provider cannot be reached", "-forget-unreachable"],
    );
    assert_code(&project.run("apply -auto-approve -forget-unreachable"), 1);
    let gone = project.run("destroy -auto-approve -forget-unreachable");
    assert_code(&gone, 0);
    assert_says(&gone, &["are given up", "sim_bucket.b[1]", "Destroy complete! Resources: 2 destroyed."]);
    assert_eq!(project.run("state list").out, "");
}

/// Objects of the stack with its defaults: namespace, account, role, binding, secret; two definitions; two datasets and
/// a training.
const OBJECTS: usize = 10;

/// The stack, with names of this test's own.
fn staged(lab: &Lab) -> Project {
    let project = project();
    for name in ["main.tf", "variables.tf", "outputs.tf"] {
        let text = std::fs::read_to_string(repository().join("stacks/staged").join(name)).unwrap();
        project.write(name, &text).unwrap();
    }
    let server = "jsonpath={.clusters[0].cluster.server}";
    let values = json!({
        "config_path": lab.kubeconfig,
        "config_context": "lab",
        "host": lab.kubectl(&["config", "view", "--minify", "--output", server]),
        "name": lab.prefix,
    });
    project.write("terraform.tfvars.json", &values.to_string()).unwrap();
    project
}

/// Definitions, custom resources and cluster roles of this test that stand.
fn standing(lab: &Lab) -> Vec<String> {
    let kinds = "customresourcedefinitions,clusterroles,clusterrolebindings,namespaces";
    let listed = lab.kubectl(&["get", kinds, "--output", "name"]);
    let mut found: Vec<String> =
        listed.lines().filter(|name| name.contains(&lab.prefix)).map(ToOwned::to_owned).collect();
    if found.iter().any(|name| name.contains("datasets.")) {
        for kind in ["datasets", "trainings"] {
            let kind = format!("{kind}.{}.formwork.dev", lab.prefix);
            let listed = lab.kubectl(&["get", &kind, "--all-namespaces", "--output", "name"]);
            found.extend(listed.lines().map(ToOwned::to_owned));
        }
    }
    found
}

#[test]
fn an_account_its_definitions_and_what_is_counted_from_their_status() {
    let Some(lab) = Lab::find("s") else { return };
    let project = staged(&lab);
    let plan = project.run("plan -out=saved -detailed-exitcode");
    assert_code(&plan, 2);
    assert_says(
        &plan,
        &[
            "Stage 2 follows in the same run, when more is known: provider.kubernetes.operator is configured from data.kubernetes_resource.token, which is read first.",
            "# kubernetes_manifest.definition: create, at most 2 instances",
            "kubernetes_manifest.dataset[\"images\"]",
            "# kubernetes_manifest.training: create, any number",
            "Plan: 5 to add, 0 to change, 0 to destroy.",
        ],
    );
    let start = Instant::now();
    let applied = project.run("apply saved");
    assert_code(&applied, 0);
    assert_says(&applied, &["Resources: 10 added, 0 changed, 0 destroyed.", "\"v1\" = \"all-v1\""]);
    println!("{OBJECTS} objects in three stages in {:.1} s", start.elapsed().as_secs_f64());
    assert_code(&project.run("plan -detailed-exitcode"), 0);

    let user = format!("system:serviceaccount:{}-operator:operator", lab.prefix);
    let written: Vec<Json> = lab
        .requests_of(&user)
        .into_iter()
        .filter(|request| !request["requestURI"].as_str().unwrap_or_default().contains("dryRun"))
        .filter(|request| request["verb"] == "patch" || request["verb"] == "create")
        .collect();
    assert!(written.len() >= 5, "what lies behind the second provider is made by its account: {written:?}");

    let gone = project.run("destroy -auto-approve");
    assert_code(&gone, 0);
    assert_says(&gone, &["Destroy complete! Resources: 10 destroyed."]);
    assert_eq!(standing(&lab), Vec::<String>::new());
}

#[test]
fn a_staged_apply_that_was_killed_goes_on() {
    let Some(lab) = Lab::find("t") else { return };
    let project = staged(&lab);
    // So many lines are said when stage one, two and three are at work.
    for (lines, delay_ms, said) in
        [(4, 0, "namespace: Creating..."), (12, 20, "Stage 2: "), (6, 0, "dataset[\"texts\"]: Creating...")]
    {
        let killed = project.run_until_killed("apply -auto-approve", lines, Duration::from_millis(delay_ms));
        assert_code(&killed, -1);
        assert_says(&killed, &[said]);
    }
    let resumed = project.run("apply -auto-approve");
    assert_code(&resumed, 0);
    assert_code(&project.run("plan -detailed-exitcode"), 0);
    let made = standing(&lab);
    assert_eq!(made.len(), 8, "{made:?}");
    assert_code(&project.run("destroy -auto-approve"), 0);
    assert_eq!(standing(&lab), Vec::<String>::new());
}
