//! Power is lost after every single operation on the disk, and the next process goes on.
//!
//! A run makes three objects in a world that remembers every act. Whatever was lost, no act may be unknown
//! afterwards, nothing that was acknowledged may be gone, and going on must end in the same state.

use super::simulated::{Loss, SimulatedFiles};
use crate::fixtures::{begin, done, key, options, start};
use crate::journal::{Operation, Record};
use crate::store::Store;
use formwork_diagnostic::Diagnostics;
use std::collections::BTreeSet;
use std::sync::Arc;

const OBJECTS: [&str; 3] = ["a.x", "a.y", "module.m.a.z"];
const LOSSES: [Loss; 3] = [Loss::All, Loss::HalfOfEachFile, Loss::Nothing];

/// What the target and the person in front of the screen know.
#[derive(Default)]
struct World {
    acts: BTreeSet<&'static str>,
    acknowledged: BTreeSet<&'static str>,
    has_begun: bool,
}

fn open(files: &SimulatedFiles, skip_flush: bool) -> Result<Store, Diagnostics> {
    let mut options = options("terraform.tfstate", Arc::new(files.clone()));
    options.skip_flush = skip_flush;
    Store::open(options)
}

/// Goes on from wherever the store stands, until the end.
fn go_on(store: Store, world: &mut World) -> Result<(), Diagnostics> {
    let (has_run, is_made) = (store.folded().run.is_some(), !store.folded().state.is_empty());
    if !has_run && !is_made {
        store.append(&begin("run", store.base_digest())).wait()?;
        world.has_begun = true;
    }
    if has_run || !is_made {
        for (name, number) in OBJECTS.into_iter().zip(0..) {
            make(&store, world, name, number)?;
        }
        store.append(&Record::Finished { errored: false }).wait()?;
    }
    store.finish()
}

fn make(store: &Store, world: &mut World, name: &'static str, number: u32) -> Result<(), Diagnostics> {
    let (is_done, is_open) = {
        let folded = store.folded();
        let run = folded.run.as_ref().unwrap();
        (run.finished_steps.contains(&number), run.open.contains_key(&key(name)))
    };
    if is_done {
        return Ok(());
    }
    if !is_open {
        store.append(&start(name, Operation::Create, number)).wait()?;
    }
    world.acts.insert(name);
    store.append(&done(name, Some(u64::from(number)))).wait()?;
    world.acknowledged.insert(name);
    Ok(())
}

/// What is wrong after power was lost at an operation; nothing when all is well.
fn fault(dies_at: u64, loss: Loss, skip_flush: bool) -> Option<String> {
    let mut world = World::default();
    let files = SimulatedFiles::dying_at(dies_at);
    if let Ok(store) = open(&files, skip_flush) {
        let _ = go_on(store, &mut world);
    }
    let files = files.after(loss);
    let store = match open(&files, false) {
        Ok(store) => store,
        Err(diagnostics) => return Some(format!("does not open: {diagnostics:?}")),
    };
    let known = |name: &str| {
        let (folded, key) = (store.folded(), key(name));
        folded.state.object(&key).is_some()
            || folded.run.as_ref().is_some_and(|run| run.open.contains_key(&key))
    };
    if let Some(name) = world.acts.iter().find(|name| !known(name)) {
        return Some(format!("{name} was made, and nobody knows"));
    }
    let lost = world.acknowledged.iter().find(|name| store.folded().state.object(&key(name)).is_none());
    if let Some(name) = lost {
        return Some(format!("{name} was acknowledged, and is gone"));
    }
    if let Err(diagnostics) = go_on(store, &mut world) {
        return Some(format!("does not go on: {diagnostics:?}"));
    }
    end_fault(&files)
}

fn end_fault(files: &SimulatedFiles) -> Option<String> {
    let store = match open(files, false) {
        Ok(store) => store,
        Err(diagnostics) => return Some(format!("does not open at the end: {diagnostics:?}")),
    };
    let found: Vec<String> = store.folded().state.objects().map(|(key, _)| key.to_string()).collect();
    let is_whole = found == OBJECTS && store.base_serial() == 1 && store.folded().run.is_none();
    drop(store);
    let names = files.names();
    let left: Vec<&String> =
        names.iter().filter(|name| name.contains("journal") || name.contains(".lock")).collect();
    (!is_whole || !left.is_empty()).then(|| format!("ends with {found:?}, {left:?}"))
}

/// How many operations a run without loss takes.
fn operations() -> u64 {
    let files = SimulatedFiles::default();
    go_on(open(&files, false).unwrap(), &mut World::default()).unwrap();
    files.operations()
}

#[test]
fn every_loss_of_power_is_survived() {
    let operations = operations();
    assert!(operations > 20, "{operations}");
    for dies_at in 0..=operations {
        for loss in LOSSES {
            assert_eq!(fault(dies_at, loss, false), None, "power lost after operation {dies_at}, {loss:?}");
        }
    }
}

#[test]
fn a_build_that_skips_the_flush_is_caught() {
    let faults: Vec<String> =
        (0..=operations()).filter_map(|dies_at| fault(dies_at, Loss::All, true)).collect();
    assert!(faults.iter().any(|fault| fault.ends_with("nobody knows")), "{faults:?}");
}
