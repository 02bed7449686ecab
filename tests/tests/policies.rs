//! The policies in `docs/policies`, judged by opa over plans of the quickstart.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{Project, consumer, project, repository};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const QUICKSTART: &str = "-chdir=stacks/quickstart";

/// One edit of the platform and what the policies say of its plan.
struct Case {
    name: &'static str,
    /// What of `main.tf` is replaced, and by what; text that is not in it stands for its end.
    edit: (&'static str, &'static str),
    arguments: &'static str,
    denied: &'static [&'static str],
    warned: &'static [&'static str],
}

const NAMESPACE: &str = r#"
resource "sim_object" "scratch" {
  provider = sim.cluster
  kind     = "Namespace"
  name     = "scratch"
  document = { apiVersion = "v1", kind = "Namespace", metadata = { name = "scratch" } }
}
"#;

const MACHINE: &str = r#"
resource "sim_machine" "jump" {
  name    = "jump"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = module.network.id
}
"#;

const CASES: &[Case] = &[
    Case { name: "as it stands", edit: ("", ""), arguments: "", denied: &[], warned: &[] },
    Case {
        name: "more machines",
        edit: ("", ""),
        arguments: "-var rtx6000_nodes=3",
        denied: &[],
        warned: &["module.cluster.sim_cluster.this: whatever depends on it stops meanwhile"],
    },
    Case {
        name: "a public bucket",
        edit: ("versioning = true", "versioning = true\n  public = each.key == \"models\""),
        arguments: "",
        denied: &[
            "module.buckets[\"models\"].sim_bucket.this: this bucket would be public; buckets are reached from inside only",
        ],
        warned: &[],
    },
    Case {
        name: "fewer GPUs than are in use",
        edit: ("gpus    = module.training.gpus", "gpus    = 4"),
        arguments: "",
        denied: &[
            "module.namespaces.sim_object.quota[\"ml-training\"]: the quota of \"ml-training\" falls to 4 GPUs, and 8 are in use",
        ],
        warned: &[],
    },
    Case {
        name: "fewer GPUs, but enough",
        edit: ("gpus    = module.training.gpus", "gpus    = 8"),
        arguments: "",
        denied: &[],
        warned: &[],
    },
    Case {
        name: "data destroyed",
        edit: ("", ""),
        arguments: "-var a100_nodes=1",
        denied: &[
            "module.training.sim_volume.scratch[1]: the data in it would be destroyed; name it in data_may_go if it may go",
        ],
        warned: &[
            "module.cluster.sim_cluster.this: whatever depends on it stops meanwhile",
            "module.training.sim_machine.node[1]: what runs on it stops",
        ],
    },
    Case {
        name: "a flavour that is not listed",
        edit: ("", MACHINE),
        arguments: "",
        denied: &[
            "sim_machine.jump: the flavour \"small\" is not one of ours: medium, large, gpu-small, gpu-large",
        ],
        warned: &[],
    },
    Case {
        name: "a namespace without a quota",
        edit: ("", NAMESPACE),
        arguments: "",
        denied: &["sim_object.scratch: the namespace \"scratch\" has no ResourceQuota"],
        warned: &[],
    },
];

fn platform() -> Project {
    let project = project();
    project.copy("stacks/quickstart").unwrap();
    project.copy("modules").unwrap();
    project
}

/// The plan as JSON, kept in `plan.json`.
fn plan(project: &Project, arguments: &str) -> Json {
    let planned = project.run(&format!("{QUICKSTART} plan -var latency_ms=0 -out=plan.saved {arguments}"));
    assert_eq!(planned.code, 0, "{}\n{}", planned.out, planned.error);
    let shown = project.run(&format!("{QUICKSTART} show -json plan.saved"));
    project.write("plan.json", &shown.out).unwrap();
    serde_json::from_str(&shown.out).unwrap()
}

fn opa(opa: &Path, project: &Project, arguments: &[&str]) -> Output {
    Command::new(opa).args(arguments).current_dir(project.path()).output().unwrap()
}

/// The messages of a rule, and whether opa ends with an error where there are any, as a pipeline wants it.
fn judged(program: &Path, project: &Project, rule: &str) -> BTreeSet<String> {
    let policies = repository().join("docs/policies").display().to_string();
    let query = format!("data.main.{rule}[_]");
    let output = opa(
        program,
        project,
        &["eval", "--fail-defined", "--format", "json", "--data", &policies, "--input", "plan.json", &query],
    );
    let said = String::from_utf8_lossy(&output.stdout);
    let document: Json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{output:?}"));
    let results = document["result"].as_array().cloned().unwrap_or_default();
    assert_eq!(output.status.success(), results.is_empty(), "{said}");
    results.iter().map(|one| one["expressions"][0]["value"].as_str().unwrap().to_owned()).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn plans_of_the_quickstart_are_judged_by_opa() {
    let Some(opa) = consumer("FORMWORK_LAB_OPA") else { return };
    let project = platform();
    let first = plan(&project, "");
    assert_eq!(first["complete"], Json::Bool(false));
    assert_eq!(judged(&opa, &project, "deny"), set(&[]));
    let later = first["deferred_changes"].as_array().unwrap().len();
    let words = format!(
        "{later} blocks are planned in a later stage of the apply: the rules see their objects in the next plan"
    );
    assert_eq!(judged(&opa, &project, "warn"), set(&[&words]));

    let applied = project.run(&format!("{QUICKSTART} apply -auto-approve -var latency_ms=0"));
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.error);
    let main = project.read("stacks/quickstart/main.tf");
    for case in CASES {
        let (from, to) = case.edit;
        let text = if from.is_empty() { format!("{main}{to}") } else { main.replace(from, to) };
        assert_eq!(text == main, to.is_empty(), "{}: nothing was edited", case.name);
        project.write("stacks/quickstart/main.tf", &text).unwrap();
        plan(&project, case.arguments);
        assert_eq!(judged(&opa, &project, "deny"), set(case.denied), "{}", case.name);
        assert_eq!(judged(&opa, &project, "warn"), set(case.warned), "{}", case.name);
    }
}

/// What the quickstart has no part for: rules over plans as other kinds have them.
#[test]
fn the_rules_know_other_kinds_too() {
    let Some(opa) = consumer("FORMWORK_LAB_OPA") else { return };
    let policies = repository().join("docs/policies").display().to_string();
    let output = Command::new(opa).args(["test", "--verbose", &policies]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("PASS: "), "{said}");
}

#[test]
fn the_policies_are_strict_and_formatted() {
    let Some(opa) = consumer("FORMWORK_LAB_OPA") else { return };
    let policies = repository().join("docs/policies").display().to_string();
    for arguments in [vec!["check", "--strict", &policies], vec!["fmt", "--list", "--fail", &policies]] {
        let output = Command::new(&opa).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
