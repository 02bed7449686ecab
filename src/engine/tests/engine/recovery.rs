//! What changes between a crash and the next apply: the resource edited, its block deleted, its provider block
//! deleted, a variable changed. The act in flight is taken up from the recorded run in every case.

use crate::quickstart::copy;
use crate::world::{World, text};
use formwork_engine::run;
use formwork_provider_sim::calls;
use formwork_state::FaultPoint;
use std::sync::{Arc, Mutex};

const HEAD: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

variable "flavour" {
  type    = string
  default = "small"
}

provider "sim" {}
"#;

const NETWORK: &str = r#"
resource "sim_network" "main" {
  name = "main"
  cidr = "10.0.0.0/16"
}
"#;

const MACHINE: &str = r#"
resource "sim_machine" "one" {
  name    = "one"
  flavour = var.flavour
  image   = "ubuntu-24.04"
  network = sim_network.main.id
}
"#;

const CLUSTER: &str = r#"
resource "sim_cluster" "main" {
  name          = "main"
  version       = "1.34"
  control_plane = [sim_machine.one.id]
}
"#;

const OBJECT: &str = r#"
provider "sim" {
  alias   = "cluster"
  cluster = sim_cluster.main.id
}

resource "sim_object" "space" {
  provider = sim.cluster
  kind     = "Namespace"
  name     = "ml"
  document = { metadata = { name = "ml" } }
}
"#;

fn whole() -> String {
    [HEAD, NETWORK, MACHINE, CLUSTER, OBJECT].concat()
}

/// Every moment of an apply as a folder that a crash then would have left.
fn moments(kinds: &[&'static str]) -> Vec<(String, tempfile::TempDir)> {
    let mut world = World::new(&whole());
    let images: Arc<Mutex<Vec<(String, tempfile::TempDir)>>> = Arc::default();
    let (kept, folder, kinds) = (images.clone(), world.folder.path().to_owned(), kinds.to_vec());
    world.hook = Some(Arc::new(move |point: FaultPoint, kind: &str| {
        if point == FaultPoint::AfterFlush && kinds.contains(&kind) {
            let image = tempfile::tempdir().unwrap();
            copy(&folder, image.path());
            kept.lock().unwrap().push((kind.to_owned(), image));
        }
    }));
    world.apply();
    world.hook = None;
    std::mem::take(&mut *images.lock().unwrap())
}

/// What `apply` without a file does: goes on unasked where nothing changed, else recovers and plans anew.
fn apply_as_user(world: &mut World, moment: &str) {
    let store = world.store();
    let open = run::open_plan(&store.folded()).unwrap();
    drop(store);
    if let Some(plan) = open {
        if run::is_unchanged(&world.configuration(), &plan) {
            let outcome = world.apply_plan(&plan);
            assert!(
                !outcome.diagnostics.has_errors(),
                "{moment}: {}",
                text(&outcome.diagnostics, &outcome.sources)
            );
            return;
        }
        let outcome = world.recover(&plan);
        assert!(
            !outcome.diagnostics.has_errors(),
            "{moment}: {}",
            text(&outcome.diagnostics, &outcome.sources)
        );
    }
    world.apply();
}

fn check(moment: &str, image: tempfile::TempDir, change: &dyn Fn(&mut World), expected: &[&str]) {
    let mut world = World::new(&whole());
    world.folder = image;
    change(&mut world);
    apply_as_user(&mut world, moment);
    assert_eq!(world.addresses(), expected, "{moment}");
    assert!(!world.plan().has_changes(), "{moment}");
    let made = calls::read(&world.folder.path().join("sim-world.json.calls")).unwrap();
    let summary = calls::Summary::new(&made);
    assert!(summary.doubled.is_empty(), "{moment}: {:?}", summary.doubled);
    let state = std::fs::read_to_string(world.folder.path().join("terraform.tfstate")).unwrap();
    let known = calls::ids_in_state(&state).unwrap();
    assert_eq!(summary.lost(&known).count(), 0, "{moment}: {:?}", summary.lost(&known).collect::<Vec<_>>());
}

const ALL: [&str; 4] = ["sim_cluster.main", "sim_machine.one", "sim_network.main", "sim_object.space"];

#[test]
fn nothing_changed() {
    for (moment, image) in moments(&["intent", "accepted", "progress", "done"]) {
        check(&moment, image, &|_| {}, &ALL);
    }
}

#[test]
fn the_resource_was_edited() {
    for (moment, image) in moments(&["intent", "progress", "done"]) {
        check(
            &moment,
            image,
            &|world| {
                world.main(&whole().replace("var.flavour", "\"large\""));
            },
            &ALL,
        );
    }
}

#[test]
fn a_variable_was_changed() {
    for (moment, image) in moments(&["intent", "progress", "done"]) {
        check(
            &moment,
            image,
            &|world| {
                world.var("flavour", "large");
            },
            &ALL,
        );
    }
}

#[test]
fn the_block_was_deleted() {
    for (moment, image) in moments(&["intent", "progress", "done"]) {
        check(
            &moment,
            image,
            &|world| {
                world.main(&[HEAD, NETWORK].concat());
            },
            &["sim_network.main"],
        );
    }
}

#[test]
fn the_provider_block_was_deleted_with_what_it_made() {
    for (moment, image) in moments(&["intent", "progress", "done"]) {
        check(
            &moment,
            image,
            &|world| {
                world.main(&[HEAD, NETWORK, MACHINE, CLUSTER].concat());
            },
            &ALL[..3],
        );
    }
}

#[test]
fn a_bad_argument_is_found_by_the_plan() {
    let mut world = World::new(&whole());
    world.var("flavour", "enormous");
    let found = world.plan_mode(formwork_engine::RunMode::Normal).unwrap_err();
    assert!(found.contains("on main.tf line") && found.contains("enormous"), "{found}");
}

#[test]
fn a_provider_whose_source_block_was_removed() {
    let mut world = World::new(&whole());
    world.apply();
    world.main(&[HEAD, NETWORK, MACHINE].concat());
    world.apply();
    assert_eq!(world.addresses(), ["sim_machine.one", "sim_network.main"]);
    world.main("");
    world.destroy();
    assert!(world.addresses().is_empty());
    let simulated = formwork_provider_sim::World::open(&world.folder.path().join("sim-world.json")).unwrap();
    assert_eq!(simulated.len(), 0);
}
