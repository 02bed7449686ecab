//! A dead cluster: what stood in it is given up by name of the option, never by accident.

use crate::world::{World, actions, block, text};
use formwork_engine::{Plan, RunMode, run};

const INSIDE: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
provider "sim" {}
provider "sim" {
  alias = "inside"
  world = "inside.json"
}
resource "sim_bucket" "outside" {
  name = "outside"
}
resource "sim_bucket" "inside" {
  provider = sim.inside
  count    = 2
  name     = "inside-${sim_bucket.outside.id}-${count.index}"
}
"#;

fn plan(world: &World, mode: RunMode, forget_unreachable: bool) -> (Plan, bool, String) {
    let configuration = world.configuration();
    let options = run::PlanOptions { forget_unreachable, ..World::options(mode) };
    let planning = block(run::plan(&world.environment(), &configuration, &world.store().folded(), &options));
    let said = text(&planning.diagnostics, &configuration.sources);
    (planning.plan, planning.diagnostics.has_errors(), said)
}

#[test]
fn objects_behind_a_dead_provider_are_forgotten_when_asked_and_only_then() {
    let mut world = World::new(INSIDE);
    world.apply();
    let inside = world.folder.path().join("inside.json");
    std::fs::remove_file(&inside).unwrap();
    std::fs::create_dir(&inside).unwrap();

    let (_, is_refused, said) = plan(&world, RunMode::Destroy, false);
    assert!(is_refused, "{said}");
    for part in ["-forget-unreachable", "sim_bucket.inside[0]", "sim_bucket.inside[1]"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains("sim_bucket.outside"), "{said}");
    let (_, is_refused, said) = plan(&world, RunMode::Normal, true);
    assert!(is_refused && !said.contains("-forget-unreachable"), "only what destroys gives up: {said}");

    let (planned, is_refused, said) = plan(&world, RunMode::Destroy, true);
    assert!(!is_refused, "{said}");
    assert!(said.contains("are given up"), "{said}");
    assert_eq!(
        actions(&planned),
        ["sim_bucket.inside[0] Forget", "sim_bucket.inside[1] Forget", "sim_bucket.outside Delete"]
    );
    let outcome = world.apply_plan(&planned);
    assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
    assert_eq!((outcome.counts.destroyed, outcome.counts.forgotten), (1, 2));
    assert_eq!(world.addresses(), Vec::<String>::new());
}

/// Where the provider answers, the option gives up nothing.
#[test]
fn what_can_be_reached_is_destroyed() {
    let mut world = World::new(INSIDE);
    world.apply();
    let (planned, is_refused, said) = plan(&world, RunMode::Destroy, true);
    assert!(!is_refused, "{said}");
    assert!(actions(&planned).iter().all(|action| action.ends_with("Delete")), "{:?}", actions(&planned));
}
