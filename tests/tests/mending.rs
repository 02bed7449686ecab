//! Runs that were cut off and states that do not open, from outside: `recover`, `state verify`, `state repair`.

use formwork_tests::{Project, project};
use std::time::Duration;

/// Machines boot in steps, so the second is in a wait for a while.
const MAIN: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {
  latency_ms = 400
}
resource "sim_network" "n" {
  name = "n"
  cidr = "10.0.0.0/16"
}
data "sim_image" "i" {
  name = "ubuntu-24.04"
}
resource "sim_machine" "m" {
  name    = "m"
  network = sim_network.n.id
  flavour = "medium"
  image   = data.sim_image.i.id
}
"#;

fn ends(project: &Project, line: &str, code: i32) -> String {
    project.run(line).ended(line, code)
}

/// A run whose machine was asked for and is not there yet.
fn cut_off() -> Project {
    let project = project().file("main.tf", MAIN).build();
    let cut = project.run_until_killed("apply -auto-approve", 5, Duration::from_millis(300));
    assert_eq!(cut.code, -1, "{}{}", cut.out, cut.error);
    assert!(!project.read("terraform.tfstate.journal").is_empty(), "{}", cut.out);
    project
}

#[test]
fn what_was_in_flight_is_recovered_alone() {
    let project = cut_off();
    let said = ends(&project, "recover -dry-run", 0);
    assert!(said.contains("sim_machine.m: create"), "{said}");
    assert!(ends(&project, "state verify", 0).contains("1 in flight"));
    let said = ends(&project, "recover", 0);
    assert!(said.contains("sim_machine.m: create") && said.contains("Recovery complete!"), "{said}");
    assert!(project.read("terraform.tfstate.journal").is_empty());
    assert!(ends(&project, "state list", 0).contains("sim_machine.m"));
    assert!(ends(&project, "recover", 0).contains("nothing to recover"));
    ends(&project, "plan -detailed-exitcode", 0);
    assert!(ends(&project, "state verify", 0).contains("The state is whole."));
}

#[test]
fn a_damaged_journal_gives_what_it_has() {
    let project = cut_off();
    let path = project.path().join("terraform.tfstate.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    // The record that the network stands; later lines say that it was durable.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let done = text
        .find("\"sim_network.n\"")
        .and_then(|at| text[at..].find("10.0.0.0").map(|more| at + more))
        .unwrap();
    bytes[done] = b'9';
    std::fs::write(&path, bytes).unwrap();
    for line in ["plan", "apply -auto-approve", "state verify"] {
        assert!(ends(&project, line, 1).contains("Journal is damaged"), "{line}");
    }
    let said = ends(&project, "state repair -dry-run", 0);
    assert!(said.contains("In flight:") && said.contains("sim_"), "{said}");
    assert!(ends(&project, "state repair -input=false", 1).contains("Repair cancelled"));
    let said = ends(&project, "state repair -auto-approve", 0);
    assert!(
        said.contains("The state was repaired") && said.contains("import those that are there"),
        "{said}"
    );
    assert!(ends(&project, "state verify", 0).contains("The state is whole."));
    let kept = std::fs::read_dir(project.path()).unwrap();
    let kept: Vec<String> =
        kept.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(kept.iter().any(|name| name.starts_with("damaged-") && name.ends_with(".journal")), "{kept:?}");
    assert!(ends(&project, "state repair", 0).contains("opens as it stands"));
}

#[test]
fn a_snapshot_that_was_cut_short_is_begun_from_a_copy() {
    let main =
        "resource \"terraform_data\" \"a\" {\n  input = var.a\n}\nvariable \"a\" {\n  default = 1\n}\n";
    let project = project().file("main.tf", main).build();
    ends(&project, "apply -auto-approve", 0);
    ends(&project, "apply -auto-approve -var a=2", 0);
    let whole = project.read("terraform.tfstate");
    project.write("terraform.tfstate", &whole[..whole.len() / 2]).unwrap();
    assert!(ends(&project, "plan", 1).contains("terraform.tfstate"));
    assert!(ends(&project, "state repair -auto-approve", 1).contains("-from=FILE"));
    let said = ends(&project, "state repair -auto-approve -from=terraform.tfstate.backup", 0);
    assert!(said.contains("The state was repaired"), "{said}");
    // As it was one apply before, and one serial after.
    assert!(ends(&project, "plan -detailed-exitcode -var a=2", 2).contains("1 to change"));
    assert!(ends(&project, "state verify", 0).contains("The state is whole."));
}
