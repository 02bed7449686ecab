//! What in a plan deserves a second look before it is approved.
//!
//! Invariant: it says only what a kind declares of itself; an object that is made harms nobody.

use crate::model::{Action, Change};
use formwork_sdk::{Disruption, KindSchema};
use serde::Serialize;

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// Data that an object holds.
    DataLoss,
    /// Something that runs.
    Disruption,
}

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// What may be lost.
    pub risk: Risk,
    /// The object.
    pub address: String,
    /// For people: what happens.
    pub words: &'static str,
}

/// What deserves attention in a change of a kind.
pub fn attention(change: &Change, schema: &KindSchema) -> Vec<Attention> {
    let is_removed = change.action.is_destroying();
    let is_touched = is_removed || change.action == Action::Update;
    let mut found = Vec::new();
    let mut add = |risk, words| {
        let address = match &change.deposed {
            Some(deposed) => format!("{} (deposed object {deposed})", change.address),
            None => change.address.to_string(),
        };
        found.push(Attention { risk, address, words });
    };
    if schema.holds_data && is_removed {
        add(Risk::DataLoss, "the data in it is destroyed");
    }
    match schema.disruption {
        Disruption::Restart if is_removed => add(Risk::Disruption, "what runs on it stops"),
        Disruption::Restart if is_touched => add(Risk::Disruption, "what runs on it restarts"),
        Disruption::Outage if is_touched => add(Risk::Disruption, "whatever depends on it stops meanwhile"),
        _ => {}
    }
    found
}
