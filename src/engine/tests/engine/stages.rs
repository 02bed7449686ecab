//! Later stages: instances that nobody can count before apply, what reads them, chains of stages, what a later stage
//! may not do, and a crash in each of them.

mod crash;
mod depth;
mod outside;
mod undecided;
mod unreachable;

use crate::world::World;
use formwork_engine::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What stage two may do, a line an entry: `terraform_data.b Create any number; touches terraform_data.b[0]`.
fn envelope(plan: &Plan) -> Vec<String> {
    let entries = plan.stages.iter().flat_map(|stage| &stage.envelope).map(|entry| {
        let actions: Vec<String> = entry.actions.iter().map(|action| format!("{action:?}")).collect();
        let count = entry.at_most.map_or("any number".to_owned(), |count| format!("at most {count}"));
        let list = |word: &str, addresses: &[formwork_state::Address]| {
            let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            if names.is_empty() { String::new() } else { format!("; {word} {}", names.join(", ")) }
        };
        format!(
            "{} {} {count}{}{} ({})",
            entry.block,
            actions.join("/"),
            list("expects", &entry.expected),
            list("touches", &entry.may_touch),
            entry.reason
        )
    });
    let mut entries: Vec<String> = entries.collect();
    entries.sort();
    entries
}

/// Counts the stages that end from here on.
fn count_stages(world: &mut World) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    world.hook = Some(Arc::new(move |point, kind: &str| {
        if point == formwork_state::FaultPoint::AfterFlush && kind == "stage-finished" {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    }));
    count
}
