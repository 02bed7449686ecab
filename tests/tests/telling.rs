//! What of a plan is told, in which form, and what is refused.

use formwork_tests::{Project, project};
use serde_json::Value as Json;

const BUCKET: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
variable "names" {
  type    = list(string)
  default = ["aaa", "bbb"]
}
variable "word" {
  default   = "hunter2"
  sensitive = true
}
resource "sim_bucket" "data" {
  for_each = toset(var.names)
  name     = each.key
}
resource "terraform_data" "secret" {
  input = var.word
}
"#;

fn made() -> Project {
    let project = project().file("main.tf", BUCKET).build();
    let applied = project.run("apply -auto-approve");
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.error);
    project
}

#[test]
fn each_form_tells_its_part() {
    let project = made();
    let fewer = "plan -var names=[\"aaa\"] -var word=other -out=saved";
    let lost = "! sim_bucket.data[\"bbb\"]: the data in it is destroyed";
    for (line, code, parts, absent) in [
        (fewer, 0, vec!["Attention:", lost, "Plan: 0 to add, 1 to change, 1 to destroy."], vec!["hunter2"]),
        (
            "plan -var names=[\"aaa\"] -summary",
            0,
            vec!["module", "sim_bucket", "destroy", lost, "1 to destroy."],
            vec!["# sim_bucket"],
        ),
        ("show -summary saved", 0, vec!["sim_bucket", lost], vec!["# sim_bucket"]),
        (
            "show -markdown saved",
            0,
            vec!["### Plan: 0 to add", "**Attention**", "<details><summary>(root): 2 changes", "````diff"],
            vec!["hunter2", "\u{1b}"],
        ),
        (
            "plan -var names=[\"aaa\"] -refuse=data-loss,disruption",
            1,
            vec!["Plan refused", "the data in it"],
            vec![],
        ),
        ("plan -var names=[\"aaa\"] -refuse=disruption", 0, vec![lost], vec!["Plan refused"]),
        ("apply -refuse=data-loss saved", 1, vec!["Plan refused"], vec!["Destroying"]),
        (
            "plan -var word=other -show-sensitive",
            0,
            vec!["\"hunter2\" -> \"other\""],
            vec!["(sensitive value)"],
        ),
        ("plan -concise", 0, vec!["No changes."], vec!["Refreshing state"]),
    ] {
        let done = project.run(line);
        let text = format!("{}{}", done.out, done.error);
        assert_eq!(done.code, code, "{line}\n{text}");
        for part in parts {
            assert!(text.contains(part), "{line}: {part:?} is not in\n{text}");
        }
        for part in absent {
            assert!(!text.contains(part), "{line}: {part:?} is in\n{text}");
        }
    }
}

#[test]
fn what_is_ours_in_json_stands_under_one_key() {
    let project = made();
    assert_eq!(project.run("plan -var names=[\"aaa\"] -out=saved").code, 0);
    let mut plan: Json = serde_json::from_str(&project.run("show -json saved").out).unwrap();
    assert_eq!(plan["formwork"]["attention"][0]["risk"], "data-loss");
    plan.as_object_mut().unwrap().remove("formwork");
    let known = [
        "format_version",
        "terraform_version",
        "variables",
        "planned_values",
        "resource_changes",
        "prior_state",
        "configuration",
        "relevant_attributes",
        "timestamp",
        "errored",
    ];
    let other: Vec<&String> =
        plan.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).collect();
    assert!(other.is_empty(), "{other:?}");
}

#[test]
fn the_stream_goes_to_a_file_beside_the_text() {
    let project = made();
    let done = project.run("plan -json-into=stream.jsonl -var names=[\"aaa\"]");
    assert!(done.out.contains("Plan: 0 to add"), "{}", done.out);
    let text = std::fs::read_to_string(project.path().join("stream.jsonl")).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("version"));
    for kind in ["refresh_start", "refresh_complete", "planned_change", "change_summary"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} is not in {kinds:?}");
    }
}

#[test]
fn warnings_are_shown_by_their_summaries() {
    let project = project().file("main.tf", "resource \"terraform_data\" \"a\" {\n}\n").build();
    let variables = project.file("x.auto.tfvars", "nope = 1\n").build();
    let done = variables.run("plan -compact-warnings");
    assert!(done.out.contains("- Value for undeclared variable"), "{}", done.out);
    assert!(done.out.contains("To see the full warning notes, run Formwork without -compact-warnings."));
}

#[test]
fn findings_of_one_kind_are_shown_as_one() {
    let block = |name: &str| {
        format!(
            "resource \"terraform_data\" \"{name}\" {{\n  lifecycle {{\n    ignore_changes = [\"input\"]\n  }}\n}}\n"
        )
    };
    let root: String = ["a", "b", "c"].map(block).concat();
    let project = project().file("main.tf", &root).build();
    let summary = "Warning: Quoted references are deprecated";
    for (line, times, more) in [
        ("plan", 1, "(and 2 more similar warnings elsewhere)"),
        ("plan -consolidate-warnings=false", 3, ""),
        ("plan -consolidate-errors", 1, "(and 2 more similar warnings elsewhere)"),
    ] {
        let run = project.run(line);
        assert_eq!(
            (run.code, run.out.matches(summary).count()),
            (0, times),
            "{line}: {}{}",
            run.out,
            run.error
        );
        assert!(run.out.contains(more), "{line}: {}", run.out);
    }
    let wrong: String =
        ["a", "b"].map(|name| format!("output \"{name}\" {{\n  value = var.none\n}}\n")).concat();
    let project = formwork_tests::project().file("main.tf", &wrong).build();
    for (line, times) in [("plan", 2), ("plan -consolidate-errors", 1)] {
        let run = project.run(line);
        let summary = "Error: Reference to undeclared input variable";
        assert_eq!((run.code, run.error.matches(summary).count()), (1, times), "{line}: {}", run.error);
    }
}
