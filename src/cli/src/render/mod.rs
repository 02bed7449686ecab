//! Everything a person or a tool reads: plans, states, events, diagnostics. Nothing here decides anything about
//! resources, and nothing here writes to a terminal: it makes text and JSON.

pub(crate) mod diff;
pub(crate) mod palette;
