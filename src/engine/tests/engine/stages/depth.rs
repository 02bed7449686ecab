//! Chains of stages, each counted from what the one before it made.

use super::{count_stages, envelope};
use crate::world::{World, actions};
use std::sync::atomic::Ordering;

/// Four stages: each block's count is what an instance of the one before it came out as.
const CHAIN: &str = r#"
resource "terraform_data" "a" {
  input = 3
}
resource "terraform_data" "b" {
  count = terraform_data.a.output
  input = 2
}
resource "terraform_data" "c" {
  count = terraform_data.b[0].output
  input = 1
}
resource "terraform_data" "d" {
  count = terraform_data.c[1].output
}
output "last" {
  value = length(terraform_data.d)
}
"#;

#[test]
fn four_stages_go_through_in_one_apply() {
    let mut world = World::new(CHAIN);
    let plan = world.plan();
    assert_eq!(
        envelope(&plan),
        [
            "terraform_data.b Create any number (instance_count_unknown)",
            "terraform_data.c Create any number (deferred_prereq)",
            "terraform_data.d Create any number (deferred_prereq)",
        ]
    );
    let stages = count_stages(&mut world);
    let outcome = world.apply();
    assert_eq!((outcome.counts.added, stages.load(Ordering::SeqCst)), (7, 3));
    assert_eq!(world.folded().state.outputs["last"].value.get(), "1");
    assert!(!world.plan().has_changes(), "{:?}", actions(&world.plan()));
    assert_eq!(world.destroy().counts.destroyed, 7);
}

/// A cluster, the provider that is configured from it, and objects in it that are counted from another one's status.
pub(super) const CLUSTER: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {}
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
provider "sim" {
  alias   = "cluster"
  cluster = sim_cluster.main.id
}
resource "sim_object" "definition" {
  provider = sim.cluster
  kind     = "CustomResourceDefinition"
  name     = "widgets"
  document = { scope = "Cluster" }
}
resource "sim_object" "widget" {
  provider = sim.cluster
  count    = sim_object.definition.generation + 1
  kind     = "Widget"
  name     = "widget-${count.index}"
  document = { machines = sim_cluster.main.nodes }
}
"#;

#[test]
fn a_cluster_its_definitions_and_what_is_counted_from_them() {
    let mut world = World::new(CLUSTER);
    let plan = world.plan();
    assert_eq!(
        envelope(&plan),
        [
            "sim_object.definition Create at most 1; expects sim_object.definition (provider_config_unknown)",
            "sim_object.widget Create any number (provider_config_unknown)",
        ]
    );
    let stages = count_stages(&mut world);
    world.apply();
    assert_eq!(stages.load(Ordering::SeqCst), 2, "three stages");
    let objects = ["sim_object.definition", "sim_object.widget[0]", "sim_object.widget[1]"];
    assert!(objects.iter().all(|object| world.addresses().contains(&(*object).to_owned())));
    assert!(!world.plan().has_changes(), "{:?}", actions(&world.plan()));
    let plan = world.plan_mode(formwork_engine::RunMode::Destroy).unwrap();
    for object in objects {
        assert!(
            crate::world::is_before(&plan, &format!("delete {object}"), "delete sim_cluster.main"),
            "what is in the cluster goes before it"
        );
    }
    assert!(crate::world::is_before(&plan, "delete sim_object.widget[1]", "delete sim_object.definition"));
    world.destroy();
    assert_eq!(world.addresses(), Vec::<String>::new());
}

/// A provider that is configured from what a data source read: what stands behind it goes before what was read.
#[test]
fn a_data_source_carries_the_order_of_what_goes() {
    let mut world = World::new(
        r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {}
resource "sim_volume" "source" {
  name    = "source"
  size_gb = 10
}
data "sim_names" "volumes" {
  kind       = "sim_volume"
  depends_on = [sim_volume.source]
}
provider "sim" {
  alias = "later"
  world = "later.json"
  seed  = length(data.sim_names.volumes.names)
}
resource "sim_bucket" "behind" {
  provider = sim.later
  name     = "behind"
}
"#,
    );
    let plan = world.plan();
    assert_eq!(
        plan.stages[0].awaits,
        "provider.sim.later is configured from data.sim_names.volumes, which is read first"
    );
    world.apply();
    // Read again while planning, it keeps what it read.
    for _ in 0..2 {
        assert!(!world.plan().has_changes(), "{:?}", actions(&world.plan()));
        let plan = world.plan_mode(formwork_engine::RunMode::Destroy).unwrap();
        assert!(crate::world::is_before(&plan, "delete sim_bucket.behind", "delete sim_volume.source"));
        let plan = world.plan();
        world.apply_plan(&plan);
    }
    world.destroy();
    assert_eq!(world.addresses(), Vec::<String>::new());
}

/// What nothing in the configuration brings about ends the run instead of going round.
#[test]
fn a_stage_that_never_comes_to_be_known_is_an_error() {
    let mut world = World::new(
        "resource \"terraform_data\" \"b\" {\n  count = plantimestamp() == timestamp() ? 1 : 2\n}\n",
    );
    let plan = world.plan();
    assert_eq!(
        plan.stages[0].awaits,
        "terraform_data.b takes its count from values that are known only after apply"
    );
    let outcome = world.apply_plan(&plan);
    assert!(outcome.diagnostics.iter().any(|one| one.code == "stage-waits"), "{:?}", outcome.diagnostics);
}
