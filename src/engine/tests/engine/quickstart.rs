//! The quickstart on the simulated datacentre: two stages, exact changes, replacement of the cluster, and a crash at
//! every record.

use crate::world::{World, actions, text};
use formwork_engine::run;
use formwork_provider_sim::calls;
use std::path::{Path, PathBuf};

fn quickstart() -> World {
    let mut world = World::new("");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    world.files.clear();
    for (folder, prefix) in
        [(root.join("stacks/quickstart"), String::new())].into_iter().chain(modules(&root))
    {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                let name = path.file_name().unwrap().to_string_lossy();
                world.files.insert(format!("{prefix}{name}"), std::fs::read(&path).unwrap());
            }
        }
    }
    world.var("latency_ms", "0");
    world
}

fn modules(root: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root.join("modules")).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), format!("../../modules/{}/", path.file_name().unwrap().to_string_lossy())))
        .collect()
}

#[test]
fn applies_in_one_go_and_then_has_nothing_to_do() {
    let mut world = quickstart();
    let plan = world.plan();
    assert_eq!(plan.stages.len(), 1, "objects in the cluster wait for the cluster");
    let outcome = world.apply();
    assert_eq!(outcome.counts.added, 45);
    let again = world.plan();
    assert!(!again.has_changes(), "{:?} {:?}", actions(&again), again.outputs);
    world.var("rtx6000_nodes", "3");
    let plan = world.plan();
    let changed = actions(&plan);
    assert!(
        changed.len() <= 5 && changed.iter().filter(|action| action.ends_with("Create")).count() >= 1,
        "{changed:?}"
    );
    assert!(
        changed.iter().all(|action| action.ends_with("Create") || action.ends_with("Update")),
        "{changed:?}"
    );
    world.apply();
    assert!(!world.plan().has_changes());
    world.destroy();
    assert!(world.addresses().is_empty());
    let simulated = formwork_provider_sim::World::open(&world.folder.path().join("sim-world.json")).unwrap();
    assert_eq!(simulated.len(), 0);
}

#[test]
fn a_replaced_cluster_takes_its_objects_along() {
    let mut world = quickstart();
    world.apply();
    world.var("name", "renamed");
    let plan = world.plan();
    assert_eq!(plan.stages.len(), 1);
    let forgotten = actions(&plan).into_iter().filter(|action| action.ends_with("Forget")).count();
    assert!(forgotten > 0, "{:?}", actions(&plan));
    world.apply();
    let again = world.plan();
    assert!(!again.has_changes(), "{:?}", actions(&again));
}

/// The folder as it was at one moment: what a crash then would have left.
pub(crate) fn copy(from: &Path, to: &Path) {
    let mut names: Vec<PathBuf> = std::fs::read_dir(from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    // The world first: what the journal says is done must be in it.
    names.sort_by_key(|path| !path.to_string_lossy().contains("sim-world"));
    for name in names {
        std::fs::copy(&name, to.join(name.file_name().unwrap())).unwrap();
    }
}

#[test]
fn goes_on_after_a_crash_at_every_record() {
    let mut world = quickstart();
    let images = world.images(|_, _| true, World::apply);
    let expected = world.addresses();
    assert!(images.len() > 150, "{}", images.len());
    // The whole program is killed in every window by the crash sweep; here every third moment keeps the test short.
    for image in images.into_iter().step_by(3) {
        let moment = format!("{:?} {}", image.point, image.kind);
        let mut crashed = quickstart();
        crashed.folder = image.folder;
        resume(&mut crashed, &moment);
        assert_eq!(crashed.addresses(), expected, "{moment}");
        assert!(!crashed.plan().has_changes(), "{moment}");
        let made = calls::read(&crashed.folder.path().join("sim-world.json.calls")).unwrap();
        let summary = calls::Summary::new(&made);
        assert!(summary.doubled.is_empty(), "{moment}: {:?}", summary.doubled);
    }
}

fn resume(world: &mut World, moment: &str) {
    let store = world.store();
    let open = run::open_plan(&store.folded()).unwrap();
    drop(store);
    let outcome = match open {
        Some(plan) => world.apply_plan(&plan),
        None => world.apply(),
    };
    assert!(!outcome.diagnostics.has_errors(), "{moment}: {}", text(&outcome.diagnostics, &outcome.sources));
}
