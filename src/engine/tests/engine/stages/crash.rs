//! A crash in each stage and between them: the next apply goes on, also from a plan file in a folder without sources.

use super::depth::CLUSTER;
use crate::quickstart::copy;
use crate::world::{World, actions, text};
use formwork_engine::{Plan, plan_file, run};
use formwork_provider_sim::calls;
use formwork_state::FaultPoint;
use std::sync::{Arc, Mutex};

/// A plan as it comes back from its file.
fn from_file(plan: &Plan) -> Plan {
    let mut bytes = Vec::new();
    plan_file::write(plan, &mut bytes).unwrap();
    plan_file::read(&bytes).unwrap()
}

#[test]
fn an_apply_that_was_killed_in_any_stage_goes_on_without_the_sources() {
    let mut world = World::new(CLUSTER);
    let plan = from_file(&world.plan());
    let images: Arc<Mutex<Vec<(String, tempfile::TempDir)>>> = Arc::default();
    let (kept, folder) = (images.clone(), world.folder.path().to_owned());
    world.hook = Some(Arc::new(move |point: FaultPoint, kind: &str| {
        let image = tempfile::tempdir().unwrap();
        copy(&folder, image.path());
        let mut kept = kept.lock().unwrap();
        let at = kept.len();
        kept.push((format!("{at} {point:?} {kind}"), image));
    }));
    let outcome = world.apply_plan(&plan);
    assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
    let expected = world.addresses();
    let images = std::mem::take(&mut *images.lock().unwrap());
    let stages = images.iter().filter(|(moment, _)| moment.contains("AfterFlush stage-finished")).count();
    assert_eq!(stages, 2);
    let mut resumed = 0;
    for (moment, image) in images {
        let mut crashed = World::new("");
        crashed.files.clear();
        crashed.folder = image;
        if run::open_plan(&crashed.folded()).unwrap().is_none() {
            continue;
        }
        resumed += 1;
        let outcome = crashed.apply_plan(&plan);
        let said = text(&outcome.diagnostics, &outcome.sources);
        assert!(!outcome.diagnostics.has_errors(), "{moment}: {said}");
        assert_eq!(crashed.addresses(), expected, "{moment}");
        crashed.main(CLUSTER);
        assert!(!crashed.plan().has_changes(), "{moment}: {:?}", actions(&crashed.plan()));
        let made = calls::read(&crashed.folder.path().join("sim-world.json.calls")).unwrap();
        let doubled = calls::Summary::new(&made).doubled;
        assert!(doubled.is_empty(), "{moment}: {doubled:?}");
    }
    assert!(resumed > 30, "{resumed}");
}

/// Whoever configures the stage's provider is known only to the stage that read it.
#[test]
fn what_only_a_later_stage_knew_is_taken_up_too() {
    let main = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
resource "terraform_data" "image" {
  input = ["ubuntu-24.04"]
}
data "sim_image" "all" {
  for_each = toset(terraform_data.image.output)
  name     = each.key
}
resource "sim_bucket" "b" {
  for_each = { for name, image in data.sim_image.all : image.system => name }
  name     = each.key
}
"#;
    let mut world = World::new(main);
    let images: Arc<Mutex<Vec<tempfile::TempDir>>> = Arc::default();
    let (kept, folder) = (images.clone(), world.folder.path().to_owned());
    world.hook = Some(Arc::new(move |point: FaultPoint, kind: &str| {
        if point == FaultPoint::AfterFlush && kind == "intent" {
            let image = tempfile::tempdir().unwrap();
            copy(&folder, image.path());
            kept.lock().unwrap().push(image);
        }
    }));
    world.apply();
    let images = std::mem::take(&mut *images.lock().unwrap());
    assert_eq!(images.len(), 2, "one intent a stage");
    for image in images {
        let mut crashed = World::new(main);
        crashed.folder = image;
        let open = run::open_plan(&crashed.folded()).unwrap().unwrap();
        let outcome = crashed.apply_plan(&open);
        assert!(!outcome.diagnostics.has_errors(), "{}", text(&outcome.diagnostics, &outcome.sources));
        assert_eq!(crashed.addresses(), world.addresses());
        assert!(!crashed.plan().has_changes());
    }
}
