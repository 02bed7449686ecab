//! What a later stage may not do: it stops before its first act, what is finished stays, the rest is a plan of its own.

use crate::world::{World, actions, text};

/// A datacentre whose cluster comes first. `sim_names` looks again in each stage and finds what the one before made.
const HEAD: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {}
variable "volumes" {
  type    = number
  default = 1
}
resource "sim_volume" "v" {
  count   = var.volumes
  name    = "v-${count.index}"
  size_gb = 10
}
data "sim_names" "volumes" {
  kind = "sim_volume"
}
locals {
  seen = length(data.sim_names.volumes.names)
}
resource "sim_network" "main" {
  name = "main"
  cidr = "10.0.0.0/16"
}
resource "sim_machine" "one" {
  name    = "one"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = sim_network.main.id
}
resource "sim_cluster" "main" {
  name          = "main"
  version       = "1.34"
  control_plane = [sim_machine.one.id]
}
# Its seed is known only when the volumes are there, so it waits for them in every plan that changes their number.
resource "terraform_data" "seed" {
  input = var.volumes
}
provider "sim" {
  alias   = "cluster"
  cluster = sim_cluster.main.id
  seed    = terraform_data.seed.output
}
"#;

struct Case {
    name: &'static str,
    rest: &'static str,
    /// Applied before with one volume, which must go through; then two volumes go wrong.
    is_second: bool,
    /// What is said.
    sentence: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "exceeds its count",
        rest: r#"
resource "sim_object" "x" {
  provider = sim.cluster
  count    = local.seen + 1
  kind     = "Thing"
  name     = "x-${count.index}"
  document = {}
}
"#,
        is_second: false,
        sentence: "sim_object.x would have 2 instances; the approved plan allows 1 at most.",
    },
    Case {
        name: "takes another instance than expected",
        rest: r#"
resource "sim_object" "x" {
  provider = sim.cluster
  for_each = toset(["seen-${local.seen}"])
  kind     = "Thing"
  name     = each.key
  document = {}
}
"#,
        is_second: false,
        sentence: "sim_object.x[\"seen-1\"] would be created, and it is not among the instances that the approved plan expects.",
    },
    Case {
        name: "adds an unlisted block",
        rest: r#"
resource "sim_bucket" "extra" {
  count = local.seen
  name  = "extra-${count.index}"
}
resource "sim_object" "x" {
  provider = sim.cluster
  kind     = "Thing"
  name     = "x"
  document = {}
}
"#,
        is_second: false,
        sentence: "sim_bucket.extra[0] would be created, and the approved plan expects nothing from its block in this stage.",
    },
    Case {
        name: "deletes what was expected to stand",
        rest: r#"
resource "sim_bucket" "first" {
  name = "first"
}
resource "sim_object" "x" {
  provider = sim.cluster
  count    = local.seen == 2 ? 1 : 2
  kind     = "Thing"
  name     = "x-${count.index}"
  document = {}
}
"#,
        is_second: true,
        sentence: "sim_object.x[1] would be destroyed; the approved plan allows only create, no change, update, replace (delete first) and replace (create first) for its block.",
    },
    Case {
        name: "replaces an object that is not named",
        rest: r#"
resource "sim_bucket" "b" {
  name = local.seen == 2 ? "many" : "few"
}
resource "sim_object" "x" {
  provider = sim.cluster
  kind     = "Thing"
  name     = "x"
  document = {}
}
"#,
        is_second: true,
        sentence: "sim_bucket.b would be destroyed and created again, and the approved plan expects nothing from its block in this stage.",
    },
    Case {
        name: "changes an object that is not named",
        rest: r#"
resource "sim_bucket" "b" {
  name   = "bucket"
  labels = { seen = local.seen == 2 ? "many" : "few" }
}
resource "sim_object" "x" {
  provider = sim.cluster
  kind     = "Thing"
  name     = "x"
  document = {}
}
"#,
        is_second: true,
        sentence: "sim_bucket.b would be changed, and the approved plan expects nothing from its block in this stage.",
    },
];

#[test]
fn a_later_stage_that_does_more_than_was_approved_does_nothing() {
    for case in CASES {
        let name = case.name;
        let mut world = World::new(&format!("{HEAD}{}", case.rest));
        if case.is_second {
            world.var("volumes", "0");
            world.apply();
            world.var("volumes", "1");
            world.apply();
            assert!(!world.plan().has_changes(), "{name}: {:?}", actions(&world.plan()));
            world.var("volumes", "2");
        }
        let before = world.addresses();
        let plan = world.plan();
        assert_eq!(plan.stages.len(), 1, "{name}");
        let outcome = world.apply_plan(&plan);
        let said = text(&outcome.diagnostics, &outcome.sources);
        let flowing = said.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flowing.contains(case.sentence), "{name}: {said}");
        assert!(flowing.contains("Nothing of it was started; finished stages are kept."), "{name}: {said}");
        let folded = world.folded();
        assert!(folded.run.is_none(), "{name}: the run is over");

        let mut expected = before.clone();
        expected.extend(
            plan.changes
                .iter()
                .filter(|change| change.action == formwork_engine::Action::Create)
                .map(|change| change.address.to_string()),
        );
        expected.extend(plan.data.iter().map(|data| data.address.to_string()));
        expected.sort();
        expected.dedup();
        assert_eq!(
            world.addresses(),
            expected,
            "{name}: what stage one made is kept, and nothing more is there"
        );

        let mut next = *outcome.unapproved.unwrap();
        (next.lineage, next.base_serial) = (folded.state.lineage.clone(), folded.state.serial);
        let outcome = world.apply_plan(&next);
        assert!(
            !outcome.diagnostics.has_errors(),
            "{name}: {}",
            text(&outcome.diagnostics, &outcome.sources)
        );
        assert!(!world.plan().has_changes(), "{name}: {:?}", actions(&world.plan()));
    }
}

/// The third stage is held against what was approved, not against what the second one would have liked.
#[test]
fn every_later_stage_is_held_against_the_approved_plan() {
    let mut world = World::new(super::depth::CLUSTER);
    let mut plan = world.plan();
    for entry in plan.stages[0].envelope.iter_mut().filter(|entry| entry.block.name() == "widget") {
        entry.at_most = Some(1);
    }
    let outcome = world.apply_plan(&plan);
    let said = text(&outcome.diagnostics, &outcome.sources);
    assert!(said.contains("sim_object.widget would have 2 instances"), "{said}");
    let standing = world.addresses();
    assert!(standing.contains(&"sim_object.definition".to_owned()), "stage two is kept: {standing:?}");
    assert!(!standing.iter().any(|address| address.contains("widget")), "{standing:?}");
}
