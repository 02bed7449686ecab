//! What blocks of the language mean in a run: instances of providers, conditions, checks.

use crate::world::{World, actions, text};
use formwork_engine::RunMode;

const SIM: &str =
    "terraform {\n  required_providers {\n    sim = {\n      source = \"formwork/sim\"\n    }\n  }\n}\n";

const REGIONS: &str = r#"
variable "regions" {
  type    = set(string)
  default = ["a", "b"]
}
provider "sim" {
  alias    = "by_region"
  for_each = var.regions
  world    = "world-${each.key}"
}
resource "sim_network" "here" {
  for_each = var.regions
  provider = sim.by_region[each.key]
  cidr     = "10.0.0.0/16"
  name     = each.key
}
module "inner" {
  source    = "./inner"
  name      = "inner"
  for_each  = var.regions
  providers = { sim = sim.by_region[each.key] }
}
module "fixed" {
  source    = "./inner"
  name      = "fixed"
  providers = { sim = sim.by_region["a"] }
}
"#;

const INNER: &str = r#"
terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}
variable "name" {}
resource "sim_network" "there" {
  cidr = "10.1.0.0/16"
  name = var.name
}
"#;

fn regions() -> World {
    let mut world = World::new(&format!("{SIM}{REGIONS}"));
    world.files.insert("inner/main.tf".to_owned(), INNER.as_bytes().to_vec());
    world
}

#[test]
fn each_instance_goes_through_the_provider_instance_that_it_names() {
    let mut world = regions();
    let plan = world.plan();
    let providers: Vec<String> = plan
        .changes
        .iter()
        .map(|change| format!("{} {}", change.address, change.provider.alias.as_deref().unwrap_or("-")))
        .collect();
    let mut providers: Vec<&str> = providers.iter().map(String::as_str).collect();
    providers.sort_unstable();
    assert_eq!(
        providers,
        [
            "module.fixed.sim_network.there by_region[\"a\"]",
            "module.inner[\"a\"].sim_network.there by_region[\"a\"]",
            "module.inner[\"b\"].sim_network.there by_region[\"b\"]",
            "sim_network.here[\"a\"] by_region[\"a\"]",
            "sim_network.here[\"b\"] by_region[\"b\"]",
        ]
    );
    assert_eq!(world.apply().counts.added, 5);
    assert_eq!(actions(&world.plan()), Vec::<String>::new());
    let names = |file: &str| {
        let text = std::fs::read_to_string(world.folder.path().join(file)).unwrap();
        let here = ["a", "b", "inner", "fixed"].map(|name| text.contains(&format!("\"{name}\"")));
        here.map(u8::from)
    };
    assert_eq!((names("world-a"), names("world-b")), ([1, 0, 1, 1], [0, 1, 1, 0]));
    // Without its instance an object is still removed through it.
    let text = REGIONS.replace(
        "provider \"sim\" {\n  alias    = \"by_region\"\n  for_each = var.regions",
        "provider \"sim\" {\n  alias    = \"by_region\"\n  for_each = toset([\"a\", \"b\"])",
    );
    world.main(&format!("{SIM}{text}")).var("regions", "[\"a\"]");
    let plan = world.plan();
    assert_eq!(
        actions(&plan),
        ["module.inner[\"b\"].sim_network.there Delete", "sim_network.here[\"b\"] Delete"]
    );
    assert!(!world.apply_plan(&plan).diagnostics.has_errors());
    assert_eq!(world.destroy().counts.destroyed, 3);
}

/// A change of the text, and what planning says then.
const WRONG_INSTANCES: &[(&str, &str, &str)] = &[
    ("sim.by_region[each.key]\n  cidr", "sim.by_region\n  cidr", "Provider instance key required"),
    ("sim.by_region[each.key]\n  cidr", "sim.by_region[\"c\"]\n  cidr", "Provider instance not present"),
    ("sim.by_region[each.key]\n  cidr", "sim.by_region[[]]\n  cidr", "Invalid provider instance key"),
    (
        "for_each = var.regions\n  world    = \"world-${each.key}\"",
        "world = \"w\"",
        "Unexpected provider instance key",
    ),
    ("world-${each.key}", "world-${count.index}", "non-counted context"),
];

#[test]
fn a_provider_instance_that_is_not_there_is_said() {
    for (from, to, expected) in WRONG_INSTANCES {
        let changed = REGIONS.replace(from, to);
        assert_ne!(changed, REGIONS, "{from}");
        let mut world = regions();
        let source: std::sync::Arc<dyn formwork_lang::Source> = {
            world.main(&format!("{SIM}{changed}"));
            std::sync::Arc::new(formwork_lang::MemorySource(world.files.clone()))
        };
        let (configuration, found) = formwork_engine::run::load(&source);
        let said = if found.has_errors() {
            text(&found, &configuration.sources)
        } else {
            world.plan_mode(RunMode::Normal).expect_err(from)
        };
        assert!(said.contains(expected), "{from}: {said}");
    }
}

const CONDITIONS: &str = r#"
variable "size" {
  type    = number
  default = 1
  validation {
    condition     = var.size < local.most
    error_message = "At most ${local.most - 1}, not ${var.size}."
  }
}
locals {
  most = 100
}
resource "terraform_data" "a" {
  input = var.size
  lifecycle {
    precondition {
      condition     = var.size < 50
      error_message = "Too many."
    }
    postcondition {
      condition     = self.output != 13
      error_message = "Unlucky."
    }
  }
}
resource "terraform_data" "b" {
  input = terraform_data.a.output
  lifecycle {
    precondition {
      condition     = terraform_data.a.output != 17
      error_message = "Odd."
    }
  }
}
check "pool" {
  assert {
    condition     = terraform_data.a.output > 2
    error_message = "Pool is small: ${terraform_data.a.output}."
  }
}
output "o" {
  value = terraform_data.b.output
  precondition {
    condition     = terraform_data.b.output != 19
    error_message = "Not that."
  }
}
"#;

/// A size; what planning says, what applying says, and which objects stand then.
const CONDITION_CASES: &[(&str, &str, &str, &[&str])] = &[
    (
        "1",
        "Check block assertion known after apply",
        "Check block assertion failed: Pool is small: 1.",
        &["terraform_data.a", "terraform_data.b"],
    ),
    ("5", "Check block assertion known after apply", "", &["terraform_data.a", "terraform_data.b"]),
    ("200", "Invalid value for variable: At most 99, not 200.", "-", &[]),
    ("60", "Resource precondition failed: Too many.", "-", &[]),
    (
        "13",
        "Check block assertion known after apply",
        "Resource postcondition failed: Unlucky.",
        &["terraform_data.a"],
    ),
    (
        "17",
        "Check block assertion known after apply",
        "Resource precondition failed: Odd.",
        &["terraform_data.a"],
    ),
    (
        "19",
        "Check block assertion known after apply",
        "Module output value precondition failed: Not that.",
        &["terraform_data.a", "terraform_data.b"],
    ),
];

#[test]
fn conditions_are_looked_at_when_their_values_are_known() {
    for (size, planned, applied, standing) in CONDITION_CASES {
        let mut world = World::new(CONDITIONS);
        world.var("size", size);
        let configuration = world.configuration();
        let planning = crate::world::block(formwork_engine::run::plan(
            &world.environment(),
            &configuration,
            &world.folded(),
            &World::options(RunMode::Normal),
        ));
        let said = |found: &formwork_diagnostic::Diagnostics| {
            let shown = |one: &formwork_diagnostic::Diagnostic| format!("{}: {}", one.summary, one.detail);
            found.iter().map(shown).collect::<Vec<_>>().join("\n")
        };
        assert!(said(&planning.diagnostics).starts_with(planned), "{size}: {}", said(&planning.diagnostics));
        if planning.plan.errored {
            assert_eq!(*applied, "-", "{size}");
            continue;
        }
        let outcome = world.apply_plan(&planning.plan);
        let found = said(&outcome.diagnostics);
        assert!(found.starts_with(applied) && applied.is_empty() == found.is_empty(), "{size}: {found}");
        assert_eq!(world.addresses(), *standing, "{size}");
    }
}

/// What a state says of the engine that wrote it, and what a module's constraint is held against, is one version.
#[test]
fn one_version_of_the_language_is_meant_everywhere() {
    assert_eq!(formwork_lang::LANGUAGE_VERSION, formwork_state::LANGUAGE_VERSION);
}
