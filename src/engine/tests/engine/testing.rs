//! Test files: what each run comes to, what is said, and that nothing is left.

use crate::world::{World, block, text};
use formwork_engine::run;
use formwork_engine::testing::{FileRunner, Suite, TestOptions, TestStatus, load_tests};
use formwork_lang::{MemorySource, Source};
use std::sync::Arc;

const MAIN: &str = r#"
terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}
variable "size" {
  type    = number
  default = 1
  validation {
    condition     = var.size < 5
    error_message = "Too many."
  }
}
variable "name" {
  type    = string
  default = "net"
}
data "sim_image" "base" {
  name = "ubuntu-24.04"
}
resource "sim_network" "main" {
  count = var.size
  name  = "${var.name}-${count.index}"
  cidr  = "10.${count.index}.0.0/16"
  lifecycle {
    postcondition {
      condition     = self.name != "bad-0" || self.gateway == ""
      error_message = "A bad name."
    }
  }
}
module "child" {
  source = "./child"
  of     = sim_network.main[0].id
}
check "small" {
  assert {
    condition     = var.size < 3
    error_message = "More than two."
  }
}
output "id" {
  value = sim_network.main[0].id
}
output "image" {
  value = data.sim_image.base.id
}
output "child" {
  value = module.child.echo
  precondition {
    condition     = var.name != "odd"
    error_message = "An odd name."
  }
}
"#;

const CHILD: &str = r#"
variable "of" {}
resource "terraform_data" "keep" {
  input = var.of
}
output "echo" {
  value = terraform_data.keep.output
}
"#;

const SETUP: &str = r#"
variable "prefix" {}
resource "terraform_data" "name" {
  input = "${var.prefix}-x"
}
output "name" {
  value = terraform_data.name.output
}
"#;

struct Case {
    /// What it is about.
    about: &'static str,
    test: &'static str,
    expected: &'static [&'static str],
}

/// `run STATUS`, then its findings, then what could not be removed.
const CASES: &[Case] = &[
    Case {
        about: "an apply, then a plan over the same state, with variables of the file and of the run",
        test: r#"
variables {
  name = "a"
}
run "make" {
  assert {
    condition     = output.id != "" && output.id == sim_network.main[0].id && module.child.echo == output.id
    error_message = "No."
  }
  assert {
    condition     = sim_network.main[0].gateway == "10.0.0.1" && data.sim_image.base.system == "ubuntu"
    error_message = "No."
  }
}
run "grow" {
  command = plan
  variables {
    size = 2
    extra = run.make.id
  }
  assert {
    condition     = length(sim_network.main) == 2 && sim_network.main[0].id == run.make.id && var.extra == run.make.id
    error_message = "No."
  }
  assert {
    condition     = sim_network.main[1].name == "a-1"
    error_message = "No."
  }
}
"#,
        expected: &["make Pass", "grow Pass"],
    },
    Case {
        about: "an assertion that does not hold fails its run, and the next one is performed",
        test: r#"
run "wrong" {
  command = plan
  assert {
    condition     = var.name == "other"
    error_message = "It is ${var.name}."
  }
}
run "right" {
  command = plan
}
"#,
        expected: &["wrong Fail", "  Test assertion failed: It is net. (var.name is \"net\")", "right Pass"],
    },
    Case {
        about: "what is known only after apply cannot be asserted of a plan, and ends the file",
        test: r#"
run "early" {
  command = plan
  assert {
    condition     = output.id == "x"
    error_message = "No."
  }
}
run "next" {}
"#,
        expected: &[
            "early Error",
            "  Unknown condition run: Condition expression could not be evaluated at this time. (output.id is a string)",
            "next Skip",
        ],
    },
    Case {
        about: "failures that are expected of a variable, an output, a check and one instance",
        test: r#"
run "variable" {
  command = plan
  variables {
    size = 7
  }
  expect_failures = [var.size]
}
run "output" {
  command = plan
  variables {
    name = "odd"
  }
  expect_failures = [output.child]
}
run "check" {
  command = plan
  variables {
    size = 3
  }
  expect_failures = [check.small]
}
run "instance" {
  variables {
    name = "bad"
  }
  expect_failures = [sim_network.main[0]]
}
"#,
        expected: &["variable Pass", "output Pass", "check Pass", "instance Pass"],
    },
    Case {
        about: "failures that were not expected, and expected ones that did not come",
        test: r#"
run "check" {
  command = plan
  variables {
    size = 3
  }
}
"#,
        expected: &["check Error", "  Check block assertion failed: More than two. (var.size is 3)"],
    },
    Case {
        about: "an expected failure that did not come",
        test: "run \"none\" {\n  command = plan\n  expect_failures = [var.size, sim_network.main]\n}\n",
        expected: &[
            "none Error",
            "  Missing expected failure: The checkable object, var.size, was expected to report an error but did not.",
            "  Missing expected failure: The checkable object, sim_network.main, was expected to report an error but did not.",
        ],
    },
    Case {
        about: "a variable that fails as expected, before an apply that cannot be",
        test: "run \"early\" {\n  variables {\n    size = 9\n  }\n  expect_failures = [var.size]\n}\n",
        expected: &[
            "early Error",
            "  Invalid Variable in test file: Variable var.size, has an invalid value within the test. Although this was an expected failure, it has meant the apply stage was unable to run so the overall test will fail.",
            "  Invalid value for variable: Too many. (var.size is 9)",
        ],
    },
    Case {
        about: "a module of its own, whose outputs the next run uses",
        test: r#"
run "setup" {
  module {
    source = "./setup"
  }
  variables {
    prefix = "pre"
  }
  assert {
    condition     = terraform_data.name.output == "pre-x"
    error_message = "No."
  }
}
run "use" {
  variables {
    name = run.setup.name
  }
  assert {
    condition     = sim_network.main[0].name == "pre-x-0"
    error_message = "No."
  }
}
"#,
        expected: &["setup Pass", "use Pass"],
    },
    Case {
        about: "a mocked provider answers from the configuration, the defaults and the types, known in the plan",
        test: r#"
mock_provider "sim" {
  mock_resource "sim_network" {
    defaults = { gateway = "1.2.3.4" }
  }
  mock_data "sim_image" {
    defaults = { system = "beos" }
  }
  override_resource {
    target = sim_network.main[1]
    values = { id = "second" }
  }
}
variables {
  size = 2
}
run "plan" {
  command = plan
  assert {
    condition     = length(output.id) == 10 && sim_network.main[1].id == "second"
    error_message = "No."
  }
  assert {
    condition     = sim_network.main[0].gateway == "1.2.3.4" && !data.sim_image.base.has_gpu_drivers && data.sim_image.base.system == "beos"
    error_message = "No."
  }
}
run "apply" {
  assert {
    condition     = sim_network.main[0].id == module.child.echo && sim_network.main[1].name == "net-1"
    error_message = "No."
  }
}
run "again" {
  variables {
    name = "other"
  }
  assert {
    condition     = sim_network.main[0].id == run.apply.id && sim_network.main[0].name == "other-0"
    error_message = "No."
  }
}
"#,
        expected: &["plan Pass", "apply Pass", "again Pass"],
    },
    Case {
        about: "values that a mock gives only after apply",
        test: r#"
mock_provider "sim" {
  override_during = apply
  mock_resource "sim_network" {
    defaults = { id = "made" }
  }
}
run "plan" {
  command = plan
  assert {
    condition     = try(output.id == "made", false)
    error_message = "No."
  }
}
"#,
        expected: &[
            "plan Error",
            "  Unknown condition run: Condition expression could not be evaluated at this time. (output.id is a string)",
        ],
    },
    Case {
        about: "the same applied",
        test: r#"
mock_provider "sim" {
  override_during = apply
  mock_resource "sim_network" {
    defaults = { id = "made" }
  }
}
run "apply" {
  assert {
    condition     = output.id == "made" && module.child.echo == "made"
    error_message = "No."
  }
}
"#,
        expected: &["apply Pass"],
    },
    Case {
        about: "overrides of single objects and of a module, the run's before the file's",
        test: r#"
override_resource {
  target = sim_network.main
  values = { id = "file" }
}
override_data {
  target = data.sim_image.base
  values = { id = "image" }
}
override_module {
  target  = module.child
  outputs = { echo = "given" }
}
run "file" {
  command = plan
  assert {
    condition     = output.id == "file" && output.image == "image" && output.child == "given"
    error_message = "No."
  }
}
run "run" {
  override_resource {
    target = sim_network.main[*]
    values = { id = "run" }
  }
  override_module {
    target = module.child
  }
  assert {
    condition     = output.id == "run" && output.child == null
    error_message = "No."
  }
}
"#,
        expected: &["file Pass", "run Pass"],
    },
    Case {
        about: "overrides that cannot be",
        test: r#"
run "values" {
  command = plan
  override_resource {
    target = sim_network.main
    values = { name = "x", nothing = 1 }
  }
}
"#,
        expected: &[
            "values Error",
            "  Invalid mock/override field `name`: The field is ignored since overriding configuration values is not allowed.",
            "  Invalid override for block field `nothing`: The field is unknown. Please, ensure it is a part of resource definition.",
        ],
    },
    Case {
        about: "overrides of what is not there",
        test: r#"
run "targets" {
  command = plan
  override_resource {
    target = sim_network.gone
  }
  override_resource {
    target = module.gone.sim_network.main
  }
  override_module {
    target = module.gone
  }
}
"#,
        expected: &[
            "targets Error",
            "  Resource not found: sim_network.gone: Target points to undefined resource. Please, ensure resource exists.",
            "  Module not found: module.gone: Target points to resource in undefined module. Please, ensure module exists.",
            "  Module not found: module.gone: Target points to an undefined module. Please, ensure module exists.",
        ],
    },
    Case {
        about: "provider configurations of the file, chosen by the run, and configured from an earlier run",
        test: r#"
provider "sim" {
  alias = "second"
  world = "${run.setup.name}.json"
}
mock_provider "sim" {
  alias = "fake"
}
run "setup" {
  module {
    source = "./setup"
  }
  variables {
    prefix = "w"
  }
  providers = {
    sim = sim.fake
  }
}
run "real" {
  providers = {
    sim = sim.second
  }
  assert {
    condition     = output.image == "image-ubuntu-24.04"
    error_message = "No."
  }
}
run "none" {
  providers = {
    sim = sim.third
  }
}
"#,
        expected: &[
            "setup Pass",
            "real Pass",
            "none Error",
            "  Missing provider definition for sim.third: This provider block references a provider definition that does not exist.",
        ],
    },
    Case {
        about: "a run about a part, one that replaces, and one that only reads",
        test: r#"
run "part" {
  plan_options {
    target = [sim_network.main]
  }
}
run "replace" {
  command = plan
  plan_options {
    replace = [sim_network.main[0]]
  }
  assert {
    condition     = sim_network.main[0].name == "net-0"
    error_message = "No."
  }
}
run "read" {
  plan_options {
    mode = refresh-only
  }
  assert {
    condition     = sim_network.main[0].id == run.replace.id
    error_message = "No."
  }
}
"#,
        expected: &[
            "part Pass",
            "  Resource targeting is in effect: *",
            "  Applied changes may be incomplete: *",
            "replace Pass",
            "read Error",
            "  Unknown condition run: *",
        ],
    },
    Case {
        about: "what a run refers to must have come before",
        test: "run \"first\" {\n  variables {\n    name = run.second.id\n  }\n}\nrun \"second\" {}\n",
        expected: &["first Error", "  Reference to unavailable run block: *", "second Skip"],
    },
    Case {
        about: "an ephemeral resource of a mocked provider is made up, too",
        test: r#"
mock_provider "sim" {}
run "fleeting" {
  module {
    source = "./fleeting"
  }
  assert {
    condition     = sim_secret.key.id != ""
    error_message = "No."
  }
}
"#,
        expected: &["fleeting Pass"],
    },
    Case {
        about: "what cannot be removed is said, and kept",
        test: r#"
run "kept" {
  module {
    source = "./stubborn"
  }
}
"#,
        expected: &[
            "kept Pass",
            "cleanup kept left [terraform_data.stays]",
            "  Instance cannot be destroyed: *",
        ],
    },
];

const STUBBORN: &str =
    "resource \"terraform_data\" \"stays\" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n";

const FLEETING: &str = r#"
terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}
ephemeral "sim_token" "run" {}
resource "sim_secret" "key" {
  name             = "key"
  value_wo         = ephemeral.sim_token.run.token
  value_wo_version = 1
}
"#;

fn told(world: &World, test: &str) -> Vec<String> {
    let mut files = world.files.clone();
    for (path, text) in [
        ("main.tf", MAIN),
        ("child/main.tf", CHILD),
        ("setup/main.tf", SETUP),
        ("stubborn/main.tf", STUBBORN),
        ("fleeting/main.tf", FLEETING),
        ("tests/it.tftest.hcl", test),
    ] {
        files.insert(path.to_owned(), text.as_bytes().to_vec());
    }
    let source: Arc<dyn Source> = Arc::new(MemorySource(files));
    let (mut configuration, found) = run::load(&source);
    assert!(!found.has_errors(), "{}", text(&found, &configuration.sources));
    let (files, found) = load_tests(&mut configuration, None);
    assert!(!found.has_errors(), "{}", text(&found, &configuration.sources));
    let suite = Suite { configuration, files, given: world.given.clone() };
    let options =
        TestOptions { identity: "identity".to_owned(), workspace: "default".to_owned(), keeps_details: true };
    let mut lines = Vec::new();
    for file in &suite.files {
        let mut runner = FileRunner::new(&world.environment(), &suite, file, &options);
        let result = block(runner.execute());
        let worst = result.runs.iter().map(|run| run.status).max().unwrap_or(TestStatus::Pass);
        assert_eq!(result.status, worst);
        for one in &result.runs {
            lines.push(format!("{} {:?}", one.name, one.status));
            lines.extend(one.diagnostics.iter().map(said));
        }
        for one in block(runner.clean()) {
            if !one.left.is_empty() {
                let left: Vec<String> = one.left.iter().map(ToString::to_string).collect();
                lines.push(format!("cleanup {} left [{}]", one.run, left.join(", ")));
                assert!(one.snapshot.is_some());
            }
            lines.extend(one.diagnostics.iter().map(said));
        }
    }
    lines
}

fn said(diagnostic: &formwork_diagnostic::Diagnostic) -> String {
    let values: Vec<String> =
        diagnostic.values.iter().map(|value| format!("{} {}", value.traversal, value.statement)).collect();
    let values = if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
    format!("  {}: {}{values}", diagnostic.summary, diagnostic.detail)
}

fn is_same(found: &str, expected: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(beginning) => found.starts_with(beginning),
        None => found == expected,
    }
}

#[test]
fn runs_come_to_what_they_should() {
    let mut faults = Vec::new();
    for case in CASES {
        let world = World::new("");
        let found = told(&world, case.test);
        let is_same = found.len() == case.expected.len()
            && found.iter().zip(case.expected).all(|(found, expected)| is_same(found, expected));
        if !is_same {
            faults.push(format!("{}\nexpected {:#?}\nfound {found:#?}", case.about, case.expected));
        }
        let (made, removed) = effects(&world);
        if made != removed {
            faults.push(format!("{}\n{made} objects were made and {removed} removed", case.about));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// How many objects were made in all simulated worlds of a folder, and how many removed.
fn effects(world: &World) -> (usize, usize) {
    let files = std::fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let worlds = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let text: String = worlds.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let count = |effect: &str| text.matches(&format!("\"effect\":\"{effect}\"")).count();
    (count("created"), count("deleted"))
}

#[test]
fn nothing_outside_is_asked_where_all_is_mocked() {
    let world = World::new("");
    let test = "mock_provider \"sim\" {}\nrun \"a\" {}\n";
    assert_eq!(told(&world, test), ["a Pass"]);
    assert_eq!(std::fs::read_dir(world.folder.path()).unwrap().count(), 0);
}

#[test]
fn values_from_outside_give_way_to_those_of_the_test() {
    let mut world = World::new("");
    world.var("name", "outside").var("size", "2");
    let test = r#"
variables {
  size = 1
}
run "a" {
  command = plan
  assert {
    condition     = sim_network.main[0].name == "outside-0" && length(sim_network.main) == 1
    error_message = "No."
  }
}
"#;
    assert_eq!(told(&world, test), ["a Pass"]);
}
