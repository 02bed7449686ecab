//! What undoing a plan would come to, should it fail, for people.

use super::palette::{Look, Palette};
use formwork_engine::{Action, Change, Plan};
use std::fmt::Write as _;

/// The section that stands below the plan.
pub(crate) fn outlook(plan: &Plan, palette: Palette) -> String {
    let mut undone = Vec::new();
    let mut standing = Vec::new();
    for change in &plan.changes {
        match change.action {
            Action::Create => undone.push(format!("{} is destroyed again", name(change))),
            Action::Update => undone.push(format!("{} is put back to what it was", name(change))),
            Action::Delete => {
                standing.push(format!("{} is destroyed, and nothing brings it back", name(change)));
            }
            Action::DeleteThenCreate | Action::CreateThenDelete => standing.push(format!(
                "{} is replaced: once the old object is destroyed, nothing brings it back",
                name(change)
            )),
            Action::Forget | Action::ForgetThenCreate => {
                standing.push(format!("{} leaves the state", name(change)));
            }
            Action::NoOp | Action::Read => {}
        }
    }
    if plan.stages.iter().any(|stage| !stage.envelope.is_empty()) {
        undone.push("what later stages make or change is destroyed again or put back".to_owned());
    }
    let mut text = String::new();
    section(&mut text, palette, "Should this run fail, what it did is undone:", &undone);
    section(&mut text, palette, "What cannot be undone:", &standing);
    text
}

fn section(text: &mut String, palette: Palette, heading: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", palette.paint(Look::Bold, heading));
    for line in lines {
        let _ = writeln!(text, "  - {line}");
    }
}

fn name(change: &Change) -> String {
    match &change.deposed {
        Some(deposed) => format!("{} (deposed object {deposed})", change.address),
        None => change.address.to_string(),
    }
}
