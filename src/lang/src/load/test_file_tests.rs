//! Test files: what is read of them, and what each fault in one says.

use super::{check_assertions, load_tests, load_with};
use crate::source::MemorySource;
use crate::test_file::{ExpectedObject, InstancePattern, OverrideDuring, TestCommand, TestFile};
use formwork_diagnostic::Sources;

const MAIN: &str = r#"
variable "size" {
  default = 1
}
resource "sim_machine" "gpu" {
  count = var.size
}
module "net" {
  source = "./net"
}
output "count" {
  value = var.size
}
"#;

const WHOLE: &str = r#"
test {
  parallel = true
}

variables {
  size = 2
  from = run.setup.region
}

provider "sim" {
  world = var.region
}

mock_provider "aws" {
  alias           = "fake"
  source          = "./mocks"
  override_during = apply
  mock_resource "aws_instance" {
    defaults = { arn = "arn:x" }
  }
  mock_data "aws_ami" {
    override_during = plan
  }
  override_data {
    target = data.aws_ami.one
    values = { id = "ami-1" }
  }
}

override_resource {
  target = module.net["a"].sim_network.main[*]
}

override_module {
  target  = module.net
  outputs = { id = "n-1" }
}

run "setup" {
  module {
    source = "./net"
  }
}

run "main" {
  command   = plan
  state_key = "other"
  parallel  = true
  plan_options {
    mode    = refresh-only
    refresh = true
    replace = [sim_machine.gpu[0]]
    target  = [sim_machine.gpu, module.net]
  }
  variables {
    size = 3
  }
  providers = {
    sim     = sim
    sim.two = aws.fake
  }
  override_resource {
    target = sim_machine.gpu[1]
    values = { id = "m" }
  }
  assert {
    condition     = output.count == var.size && run.setup.id != "" && var.from == "x"
    error_message = "No."
  }
  expect_failures = [var.size, output.count, check.up, sim_machine.gpu[0], data.sim_image.x]
}
"#;

const AS_JSON: &str = r#"{
  "variables": {"size": 2},
  "run": {
    "main": {
      "command": "plan",
      "plan_options": {"mode": "refresh-only", "target": ["sim_machine.gpu"]},
      "assert": [{"condition": "${output.count == 2}", "error_message": "No."}],
      "expect_failures": ["var.size"]
    }
  },
  "mock_provider": {"aws": {"mock_resource": {"aws_instance": {"defaults": {"arn": "x"}}}}},
  "override_module": {"target": "module.net", "outputs": {"id": "n"}}
}"#;

fn read(files: &[(&str, &str)]) -> (Vec<TestFile>, Vec<String>) {
    let mut source: MemorySource = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    for (path, text) in [("main.tf", MAIN), ("net/main.tf", "output \"id\" {\n  value = 1\n}\n")] {
        source.0.insert(path.to_owned(), text.as_bytes().to_vec());
    }
    let mut sources = Sources::new();
    let (root, _) = load_with(&source, &mut sources, None);
    let (tests, mut found) = load_tests(&source, &mut sources, None);
    for file in &tests {
        for run in &file.runs {
            let module = run.module.as_ref().map_or(&root, |module| &module.module);
            found.append(check_assertions(run, module, file, &sources));
        }
    }
    let shown = found.iter().map(|one| format!("{}: {}", one.summary, one.detail));
    (tests, shown.collect())
}

#[test]
fn every_block_is_read() {
    let mock = "mock_resource \"aws_vpc\" {\n  defaults = { id = \"v\" }\n}\n";
    let (files, found) = read(&[("tests/a.tftest.hcl", WHOLE), ("mocks/all.tfmock.hcl", mock)]);
    assert_eq!(found, Vec::<String>::new());
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(file.path, "tests/a.tftest.hcl");
    assert_eq!(file.variables.keys().collect::<Vec<_>>(), ["size", "from"]);
    let mock = &file.mocks[0];
    assert_eq!((mock.title().as_str(), mock.during), ("aws.fake", OverrideDuring::Apply));
    let kinds: Vec<_> = mock.kinds.iter().map(|kind| (kind.type_name.as_str(), kind.during)).collect();
    assert_eq!(kinds, [("aws_instance", None), ("aws_ami", Some(OverrideDuring::Plan)), ("aws_vpc", None)]);
    assert_eq!(mock.overrides[0].target.to_string(), "data.aws_ami.one");
    let target = &file.overrides.objects[0].target;
    assert_eq!(target.to_string(), "module.net[\"a\"].sim_network.main");
    assert_eq!(target.instances, InstancePattern::Every);
    assert_eq!(file.overrides.modules[0].path, ["net"]);
    let (setup, main) = (&file.runs[0], &file.runs[1]);
    assert_eq!(setup.command, TestCommand::Apply);
    assert_eq!(setup.module.as_ref().unwrap().module.outputs.len(), 1);
    assert_eq!(main.command, TestCommand::Plan);
    assert!(main.refresh_only && main.refresh && main.state_key.as_deref() == Some("other"));
    assert_eq!((main.replace.len(), main.targets.len(), main.asserts.len()), (1, 2, 1));
    let passed: Vec<String> =
        main.providers.iter().map(|(inside, outside)| format!("{inside}={outside}")).collect();
    assert_eq!(passed, ["sim=sim", "sim.two=aws.fake"]);
    assert_eq!(main.overrides.objects[0].target.to_string(), "sim_machine.gpu[1]");
    let expected: Vec<&str> = main.expect_failures.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(expected, ["var.size", "output.count", "check.up", "sim_machine.gpu[0]", "data.sim_image.x"]);
    assert_eq!(main.expect_failures[2].object, ExpectedObject::Check("up".into()));
}

#[test]
fn json_says_the_same() {
    let (files, found) = read(&[("a.tftest.json", AS_JSON)]);
    assert_eq!(found, Vec::<String>::new());
    let (file, run) = (&files[0], &files[0].runs[0]);
    assert!(run.refresh_only && run.command == TestCommand::Plan && run.asserts.len() == 1);
    assert_eq!((run.targets.len(), run.expect_failures.len(), file.mocks[0].kinds.len()), (1, 1, 1));
    assert_eq!(file.overrides.modules[0].path, ["net"]);
}

#[test]
fn the_newer_ending_takes_the_place_of_the_other() {
    let names =
        ["b.tftest.hcl", "b.tofutest.hcl", "a.tftest.json", "tests/c.tftest.hcl", "x.hcl", ".d.tftest.hcl"];
    let files: Vec<_> = names.iter().map(|name| (*name, "{}")).collect();
    let native: Vec<_> =
        files.iter().map(|(name, _)| (*name, if name.ends_with("json") { "{}" } else { "" })).collect();
    let (read, found) = read(&native);
    assert_eq!(found, Vec::<String>::new());
    let paths: Vec<&str> = read.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.tftest.json", "b.tofutest.hcl", "tests/c.tftest.hcl"]);
}

/// A file, and what is said of it.
const FAULTS: &[(&str, &str)] = &[
    ("runs {}", "Unsupported block type: Blocks of type \"runs\" are not expected here."),
    ("x = 1", "Unsupported argument: An argument named \"x\" is not expected here."),
    ("run {}", "Missing name for run: All run blocks must have 1 label (name)."),
    ("run \"a\" {\n  command = destroy\n}", "Invalid \"command\" keyword: The \"command\" argument requires"),
    (
        "run \"a\" {\n  plan_options {\n    mode = slow\n  }\n}",
        "Invalid \"mode\" keyword: The \"mode\" argument requires",
    ),
    (
        "run \"a\" {\n  plan_options {\n    mode    = refresh-only\n    refresh = false\n  }\n}",
        "Incompatible plan options: The \"refresh\" option cannot be set",
    ),
    (
        "variables {}\nvariables {}",
        "Multiple \"variables\" blocks: This test file already has a variables block",
    ),
    ("run \"a\" {\n  module {}\n}", "Missing \"source\" attribute for module block: You must specify"),
    ("run \"a\" {\n  module {\n    source = \"x/y\"\n  }\n}", "Unsupported module source: This version"),
    (
        "run \"a\" {\n  module {\n    source = \"./gone\"\n  }\n}",
        "Unreadable module directory: The directory gone",
    ),
    (
        "run \"a\" {\n  expect_failures = [module.net]\n}",
        "Invalid `expect_failures` reference: You cannot expect failures from module.net.",
    ),
    (
        "run \"a\" {\n  plan_options {\n    replace = [module.net]\n  }\n}",
        "Can only target managed resources for forced replacements.: Each item names",
    ),
    (
        "run \"a\" {\n  assert {\n    condition = true\n  }\n}",
        "Missing required argument: The argument \"error_message\"",
    ),
    (
        "run \"a\" {\n  assert {\n    condition     = output.none\n    error_message = \"x\"\n  }\n}",
        "Reference to undeclared output value: An output value with the name \"none\"",
    ),
    (
        "run \"a\" {\n  assert {\n    condition     = run.b.x\n    error_message = \"x\"\n  }\n}",
        "Reference to unknown run block: There is no run block named \"b\"",
    ),
    (
        "run \"a\" {\n  assert {\n    condition     = sim_machine.cpu.id\n    error_message = \"x\"\n  }\n}",
        "Reference to undeclared resource: A managed resource \"sim_machine\" \"cpu\"",
    ),
    ("override_resource {}", "Missing required argument: The argument \"target\" is required"),
    ("override_resource {\n  target = 5\n}", "Invalid override target: The address of a resource"),
    (
        "override_data {\n  target = sim_machine.gpu\n}",
        "Unsupported `resource` target in `override_data` block: Target `sim_machine.gpu`",
    ),
    (
        "override_module {\n  target = module.net[0]\n}",
        "Invalid override target: The target of an override_module",
    ),
    (
        "override_resource {\n  target = a.b\n}\noverride_resource {\n  target = a.b\n}",
        "Duplicated `override_resource` block: It is not allowed to have multiple",
    ),
    (
        "override_resource {\n  target = a.b\n  values = 5\n}",
        "Object expected: The attribute `values` must be an object.",
    ),
    ("override_resource {\n  target = a.b\n  values = { a = var.x }\n}", "Variables not allowed: "),
    ("mock_provider \"a\" {}\nmock_provider \"a\" {}", "Duplicated `mock_provider` block: It is not allowed"),
    (
        "mock_provider \"a\" {\n  for_each = {}\n}",
        "Alias required when using \"for_each\": The for_each argument",
    ),
    ("mock_provider \"a\" {\n  source = \"./gone\"\n}", "Invalid mock source: The directory ./gone"),
    (
        "mock_provider \"a\" {\n  override_during = later\n}",
        "Invalid \"override_during\" keyword: The \"override_during\" argument",
    ),
    (
        "mock_provider \"a\" {\n  mock_resource \"t\" {}\n  mock_resource \"t\" {}\n}",
        "Duplicated `mock_resource` block: `mock_resource.t` is already defined in `mock_provider` block.",
    ),
];

#[test]
fn every_fault_is_said() {
    for (text, expected) in FAULTS {
        let (_, found) = read(&[("a.tftest.hcl", text)]);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{text}\n  expected {expected}\n  found {found:#?}"
        );
    }
}
