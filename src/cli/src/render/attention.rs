//! What deserves a second look, above the summary of a plan and in its JSON.

use super::palette::{Look, Palette};
use super::schemas::Schemas;
use formwork_engine::attention::{Attention, attention};
use formwork_engine::{Action, Change, Plan};
use std::fmt::Write as _;

/// Lines on the screen; more would hide the plan.
const LINES_SHOWN: usize = 20;

/// Everything in a plan that deserves attention, in the plan's order.
pub(crate) fn of_plan(plan: &Plan, schemas: &Schemas) -> Vec<Attention> {
    let is_harmless =
        |change: &&Change| matches!(change.action, Action::NoOp | Action::Create | Action::Read);
    let touched = plan.changes.iter().filter(|change| !is_harmless(change));
    let of_change = |change: &Change| {
        schemas.with(&change.provider.provider, &change.address, |kind| {
            kind.map(|kind| attention(change, kind)).unwrap_or_default()
        })
    };
    touched.flat_map(of_change).collect()
}

/// The block for people; nothing where there is nothing.
pub(crate) fn text(found: &[Attention], palette: Palette) -> String {
    let mut out = String::new();
    if found.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\n{}\n", palette.paint(Look::BoldYellow, "Attention:"));
    for one in found.iter().take(LINES_SHOWN) {
        let _ = writeln!(out, "  ! {}: {}", one.address, one.words);
    }
    if found.len() > LINES_SHOWN {
        let _ = writeln!(out, "  ! and {} more", found.len() - LINES_SHOWN);
    }
    out
}
