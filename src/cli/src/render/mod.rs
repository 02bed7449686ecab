//! Everything a person or a tool reads: plans, states, events, diagnostics. Nothing here decides anything about
//! resources, and nothing here writes to a terminal: it makes text and JSON.

pub(crate) mod attention;
pub(crate) mod backends;
mod check_json;
mod configuration_json;
pub(crate) mod diagnostic_json;
pub(crate) mod diff;
pub(crate) mod documentation;
pub(crate) mod encryption;
pub(crate) mod event_json;
pub(crate) mod event_text;
pub(crate) mod function_json;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod junit;
pub(crate) mod layout;
pub(crate) mod metrics;
pub(crate) mod overview;
pub(crate) mod palette;
mod plan_header;
pub(crate) mod plan_json;
pub(crate) mod plan_text;
pub(crate) mod rollback;
pub(crate) mod schema_json;
pub(crate) mod schemas;
pub(crate) mod state_json;
pub(crate) mod state_text;
pub(crate) mod test_json;
pub(crate) mod test_text;
pub(crate) mod type_text;
mod value_json;
pub(crate) mod value_text;

#[cfg(test)]
mod corpus;
