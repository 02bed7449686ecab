//! What changes between a crash and the next apply: the resource edited, its block deleted, its provider block
//! deleted, a variable changed. The act in flight is taken up from the recorded run in every case.

use crate::quickstart::copy;
use crate::world::{World, text};
use formwork_engine::RunMode;
use formwork_engine::run::{self, Outcome};
use formwork_provider_sim::calls;
use formwork_state::FaultPoint;

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
    images(FaultPoint::AfterFlush, kinds)
}

/// Moments at which the target has done its part and the answer is not recorded.
fn lost_answers() -> Vec<(String, tempfile::TempDir)> {
    let images = images(FaultPoint::BeforeFlush, &["accepted"]);
    for (_, image) in &images {
        let path = image.path().join("terraform.tfstate.journal");
        let text = std::fs::read_to_string(&path).unwrap();
        // What was not flushed is gone: the record of the answer and whatever was to share its flush.
        let durable =
            text.split_inclusive('\n').take_while(|line| !line.contains("{\"accepted\"")).collect::<String>();
        std::fs::write(&path, durable).unwrap();
    }
    images
}

fn images(at: FaultPoint, kinds: &[&'static str]) -> Vec<(String, tempfile::TempDir)> {
    let kinds = kinds.to_vec();
    let counts = move |point, kind: &str| point == at && kinds.contains(&kind);
    let images = World::new(&whole()).images(counts, World::apply);
    images.into_iter().map(|image| (image.kind, image.folder)).collect()
}

/// What `apply` without a file does: goes on unasked where nothing changed, else recovers and plans anew.
fn apply_as_user(world: &mut World) -> Result<(), String> {
    let store = world.store();
    let open = run::open_plan(&store.folded()).unwrap();
    drop(store);
    if let Some(plan) = open {
        if run::is_unchanged(&world.configuration(), &plan) {
            return finished(&world.apply_plan(&plan));
        }
        finished(&world.recover(&plan))?;
    }
    let plan = world.plan_mode(RunMode::Normal)?;
    finished(&world.apply_plan(&plan))
}

fn finished(outcome: &Outcome) -> Result<(), String> {
    if outcome.diagnostics.has_errors() { Err(text(&outcome.diagnostics, &outcome.sources)) } else { Ok(()) }
}

/// Resumes in a folder that a crash left and compares: the same end, nothing made twice, nothing forgotten.
fn resume(world: &mut World, expected: &[&str]) -> Result<(), String> {
    apply_as_user(world)?;
    if world.addresses() != expected {
        return Err(format!("other objects: {:?}", world.addresses()));
    }
    let plan = world.plan_mode(RunMode::Normal)?;
    if plan.has_changes() {
        return Err(format!("something is left to do: {:?}", crate::world::actions(&plan)));
    }
    let made = calls::read(&world.folder.path().join("sim-world.json.calls")).unwrap();
    let summary = calls::Summary::new(&made);
    let state = std::fs::read_to_string(world.folder.path().join("terraform.tfstate")).unwrap();
    let known = calls::ids_in_state(&state).unwrap();
    match (summary.doubled.first(), summary.lost(&known).next()) {
        (None, None) => Ok(()),
        (doubled, lost) => Err(format!("made twice: {doubled:?}, forgotten: {lost:?}")),
    }
}

fn check(moment: &str, image: tempfile::TempDir, change: &dyn Fn(&mut World), expected: &[&str]) {
    let mut world = World::new(&whole());
    world.folder = image;
    change(&mut world);
    if let Err(fault) = resume(&mut world, expected) {
        panic!("{moment}: {fault}");
    }
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
fn an_answer_that_was_not_recorded_is_found_again() {
    let (moment, image) = lost_answers().swap_remove(0);
    check(&moment, image, &|_| {}, &ALL);
}

/// The sweep must notice an engine that takes another token on replay: here every token differs from the recorded.
#[test]
fn another_token_on_replay_is_noticed() {
    let faults = lost_answers().into_iter().take(1).filter(|(_, image)| {
        let mut world = World::new(&whole());
        copy(image.path(), world.folder.path());
        world.token_salt = Some("another");
        resume(&mut world, &ALL).is_err()
    });
    assert!(faults.count() > 0, "no moment showed the fault");
}

/// The sweep must notice an engine that writes the intent after the call: here intents without an outcome are taken
/// out of the journal that the crash left.
#[test]
fn an_intent_after_the_call_is_noticed() {
    let faults = moments(&["progress"]).into_iter().filter(|(_, image)| {
        let mut world = World::new(&whole());
        copy(image.path(), world.folder.path());
        drop_open_intents(&world);
        resume(&mut world, &ALL).is_err()
    });
    assert!(faults.count() > 0, "no moment showed the fault");
}

/// Takes the records of acts in flight out of the journal.
fn drop_open_intents(world: &World) {
    let path = world.folder.path().join("terraform.tfstate.journal");
    let store = world.store();
    let open: Vec<String> =
        store.folded().run.iter().flat_map(|run| run.open.keys()).map(ToString::to_string).collect();
    drop(store);
    let text = std::fs::read_to_string(&path).unwrap();
    let is_open = |line: &str| {
        let is_act =
            ["{\"intent\"", "{\"accepted\"", "{\"progress\""].iter().any(|start| line.contains(start));
        is_act && open.iter().any(|key| line.contains(&format!("\"key\":\"{key}\"")))
    };
    let kept: String = text.split_inclusive('\n').filter(|line| !is_open(line)).collect();
    assert!(kept.len() < text.len(), "an act is in flight at every such moment");
    std::fs::write(&path, kept).unwrap();
}

#[test]
fn a_bad_argument_is_found_by_the_plan() {
    let mut world = World::new(&whole());
    world.var("flavour", "enormous");
    let found = world.plan_mode(RunMode::Normal).unwrap_err();
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
