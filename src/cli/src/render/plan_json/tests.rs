//! The recorded plan JSON of another implementation is the truth for what ours makes of the same plan.

use super::{OURS, PlanJson, ShownState};
use crate::render::corpus::{self, Case};
use serde_json::Value as Json;

#[test]
fn recorded_changes_come_back_alike() {
    let cases = corpus::cases();
    let differing: Vec<String> = cases
        .iter()
        .map(differences)
        .filter(|found| !found.is_empty())
        .map(|found| found.join("\n"))
        .collect();
    corpus::conclude(cases.len(), &differing);
}

fn differences(case: &Case) -> Vec<String> {
    let (plan, prior, schemas) = (case.plan(), ShownState::default(), case.schemas());
    let ours =
        PlanJson { plan: &plan, prior: &prior, module: None, schemas: &schemas, language_version: "1.12.6" }
            .to_json();
    let mut found = Vec::new();
    for part in ["resource_changes", "resource_drift", "output_changes", "errored", "format_version"] {
        let (mut expected, mut ours) = (case.plan[part].clone(), ours[part].clone());
        for tree in [&mut expected, &mut ours] {
            for change in tree.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
                change.remove(OURS);
            }
        }
        if expected != ours {
            found.push(format!("{} {part}\n  expected {expected}\n  ours     {ours}", case.name));
        }
    }
    found
}
