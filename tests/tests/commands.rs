//! The command line from outside: what a user types, sees, and the code it ends with.

use formwork_tests::{Finished, Project, project};

const PAIR: &str = r#"
variable "size" {
  default = 2
}
resource "terraform_data" "a" {
  count = var.size
  input = "a${count.index}"
}
resource "terraform_data" "b" {
  input = terraform_data.a[0].output
}
output "b" {
  value = terraform_data.b.output
}
"#;

fn made() -> Project {
    let project = project().file("main.tf", PAIR).build();
    assert_code(&project.run("apply -auto-approve"), 0);
    project
}

#[track_caller]
fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code, code, "{}\n{}", finished.out, finished.error);
}

#[track_caller]
fn assert_says(finished: &Finished, parts: &[&str]) {
    let text = format!("{}{}", finished.out, finished.error);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_configuration_becomes_real_and_a_second_plan_has_nothing_to_do() {
    let project = made();
    let second = project.run("plan -detailed-exitcode");
    assert_code(&second, 0);
    assert_says(&second, &["No changes. Your infrastructure matches the configuration."]);
    let smaller = project.run("plan -detailed-exitcode -var size=1");
    assert_code(&smaller, 2);
    assert_says(
        &smaller,
        &["# (because index [1] is out of range for count)", "Plan: 0 to add, 0 to change, 1 to destroy."],
    );
    let gone = project.run("destroy -auto-approve");
    assert_code(&gone, 0);
    assert_says(&gone, &["Destroy complete! Resources: 3 destroyed."]);
    assert_says(&project.run("show"), &["The state file is empty. No resources are represented."]);
}

#[test]
fn a_saved_plan_is_applied_once() {
    let project = project().file("main.tf", PAIR).build();
    assert_code(&project.run("plan -out=saved"), 0);
    let applied = project.run("apply saved");
    assert_code(&applied, 0);
    assert_says(&applied, &["Apply complete! Resources: 3 added, 0 changed, 0 destroyed.", "b = \"a0\""]);
    let again = project.run("apply saved");
    assert_code(&again, 1);
    assert_says(&again, &["Error: Saved plan is stale"]);
}

#[test]
fn an_apply_without_changes_keeps_what_it_read() {
    let main = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nresource \"sim_network\" \"n\" {\n  name = \"n\"\n  cidr = \"10.0.0.0/16\"\n}\n";
    let project = project().file("main.tf", main).build();
    assert_code(&project.run("apply -auto-approve"), 0);
    project.write("data.tf", "data \"sim_image\" \"i\" {\n  name = \"ubuntu-24.04\"\n}\n").unwrap();
    let applied = project.run("apply -input=false");
    assert_code(&applied, 0);
    assert_says(&applied, &["No changes.", "0 added, 0 changed, 0 destroyed."]);
    assert_says(&project.run("state list"), &["data.sim_image.i", "sim_network.n"]);
    let stored = project.read("terraform.tfstate");
    assert_code(&project.run("apply -input=false"), 0);
    assert_eq!(project.read("terraform.tfstate"), stored, "what is stored already is not stored again");
}

#[test]
fn a_plan_that_got_nowhere_offers_nothing() {
    let refused = r#"
resource "terraform_data" "a" {
  input = 1
  lifecycle {
    precondition {
      condition     = false
      error_message = "Not today."
    }
  }
}
output "a" {
  value = terraform_data.a.output
}
"#;
    let plan = project().file("main.tf", refused).build().run("plan");
    assert_code(&plan, 1);
    assert_says(&plan, &["Planning failed.", "Not today."]);
    for offer in ["Changes to Outputs", "You can apply this plan"] {
        assert!(!plan.out.contains(offer), "{}", plan.out);
    }
}

#[test]
fn what_was_made_can_be_looked_at() {
    let project = made();
    assert_eq!(project.run("state list").out, "terraform_data.a[0]\nterraform_data.a[1]\nterraform_data.b\n");
    assert_eq!(project.run("state list terraform_data.b").out, "terraform_data.b\n");
    assert_eq!(project.run("output -raw b").out, "a0");
    assert_eq!(project.run("output -json b").out, "\"a0\"\n");
    assert_says(
        &project.run("state show terraform_data.a[1]"),
        &["# terraform_data.a[1]:", "    input  = \"a1\""],
    );
    let state: serde_json::Value = serde_json::from_str(&project.run("show -json").out).unwrap();
    assert_eq!(state["values"]["root_module"]["resources"].as_array().map(Vec::len), Some(3));
    assert_code(&project.run("output nothing"), 1);
}

#[test]
fn the_stream_is_one_object_a_line() {
    let project = project().file("main.tf", PAIR).build();
    let finished = project.run("apply -auto-approve -json");
    assert_code(&finished, 0);
    let lines: Vec<serde_json::Value> =
        finished.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "version");
    for (kind, count) in [
        ("planned_change", 3),
        ("apply_start", 3),
        ("apply_complete", 3),
        ("change_summary", 2),
        ("outputs", 2),
    ] {
        assert_eq!(lines.iter().filter(|line| line["type"] == kind).count(), count, "{kind}");
    }
}

/// A name, a project, the command, and what must be said.
type BadInput = (&'static str, Project, &'static str, Vec<&'static str>);

fn bad_inputs() -> Vec<BadInput> {
    vec![
        (
            "syntax errors in three files at once",
            project()
                .file("a.tf", "resource \"x\" {")
                .file("b.tf", "locals { a = }")
                .file("c.tf", "x = 1 +")
                .build(),
            "validate",
            vec!["on a.tf line 1", "on b.tf line 1", "on c.tf line 1"],
        ),
        (
            "a cycle",
            project()
                .file(
                    "main.tf",
                    "locals {\n  a = local.b\n  b = local.a\n}\noutput \"o\" {\n  value = local.a\n}\n",
                )
                .build(),
            "validate",
            vec!["local.a", "local.b"],
        ),
        (
            "an unknown variable",
            project()
                .file("main.tf", "variable \"image\" { default = 1 }\noutput \"o\" { value = var.imag }\n")
                .build(),
            "validate",
            vec!["Reference to undeclared input variable", "image"],
        ),
        (
            "a value that is missing",
            project().file("main.tf", "variable \"size\" {}\n").build(),
            "plan -input=false",
            vec!["No value for required variable", "TF_VAR_size"],
        ),
        (
            "a wrong type",
            project().file("main.tf", "variable \"size\" { type = number }\n").build(),
            "plan -var size=big",
            vec!["Invalid value for input variable"],
        ),
        (
            "a missing provider",
            project().file("main.tf", "resource \"aws_vpc\" \"a\" {}\n").build(),
            "plan",
            vec!["hashicorp/aws"],
        ),
        (
            "a corrupt state",
            project()
                .file("main.tf", PAIR)
                .file("terraform.tfstate", "{\"version\": 4, \"serial\": ")
                .build(),
            "plan",
            vec!["terraform.tfstate", "line 1"],
        ),
        (
            "a folder that is not there",
            project().build(),
            "-chdir=nowhere plan",
            vec!["Invalid -chdir option"],
        ),
        ("a plan that is none", project().file("saved", "{}").build(), "apply saved", vec!["Error:"]),
    ]
}

fn bad_places() -> Vec<BadInput> {
    vec![
        (
            "a corrupt state when things are set up",
            project()
                .file("main.tf", PAIR)
                .file("terraform.tfstate", "{\"version\": 4, \"serial\": ")
                .build(),
            "init",
            vec!["terraform.tfstate", "line 1"],
        ),
        (
            "a backend that does not answer",
            project()
                .file(
                    "main.tf",
                    "terraform {\n  backend \"http\" {\n    address   = \"http://127.0.0.1:9/state\"\n    retry_max = 0\n  }\n}\n",
                )
                .build(),
            "init",
            vec!["State cannot be read", "127.0.0.1:9"],
        ),
    ]
}

#[test]
fn bad_input_is_said_with_its_place() {
    for (name, project, line, parts) in bad_inputs().into_iter().chain(bad_places()) {
        let finished = project.run(line);
        assert_eq!(finished.code, 1, "{name}: {}\n{}", finished.out, finished.error);
        let text = format!("{}{}", finished.out, finished.error);
        for part in parts {
            assert!(text.contains(part), "{name}: {part:?} is not in:\n{text}");
        }
        assert!(!text.contains("panicked"), "{name}: {text}");
    }
}

#[test]
fn nothing_is_done_unasked() {
    let project = project().file("main.tf", PAIR).build();
    let finished = project.run("apply -input=false");
    assert_code(&finished, 1);
    assert_says(&finished, &["Approval is needed", "-auto-approve"]);
    assert_eq!(project.run("state list").out, "");
}

#[test]
fn secrets_are_shown_nowhere() {
    let text = r#"
variable "p" {
  sensitive = true
  default   = "hunter2"
}
resource "terraform_data" "a" {
  triggers_replace = var.p
}
resource "terraform_data" "whole" {
  input = var.p
}
resource "terraform_data" "part" {
  input = { user = "admin", words = [var.p] }
}
resource "terraform_data" "reader" {
  input = terraform_data.part.output.words
}
output "o" {
  value     = var.p
  sensitive = true
}
"#;
    let project = project().file("main.tf", text).build();
    let lines = [
        "plan",
        "apply -auto-approve",
        "show",
        "output",
        "state show terraform_data.a",
        "state show terraform_data.whole",
        "state show terraform_data.part",
        "state show terraform_data.reader",
        "plan -json",
        "plan -var p=hunter2-next",
        "apply -auto-approve -var p=hunter2-next",
        "plan -destroy -var p=hunter2-next",
    ];
    for line in lines {
        let finished = project.run(line);
        assert_code(&finished, 0);
        for text in [&finished.out, &finished.error] {
            assert!(!text.contains("hunter2"), "{line}:\n{text}");
        }
    }
    let part = project.run("state show terraform_data.part").out;
    assert!(part.contains("\"admin\""), "only what is secret is hidden:\n{part}");
}
