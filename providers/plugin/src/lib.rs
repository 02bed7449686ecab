//! Hosts Terraform and OpenTofu providers: each in a process of its own, behind the contract that all providers share.
//!
//! A provider is an executable that speaks version 5 or 6 of the provider protocol. It is started when something is
//! first asked of it that is not kept from an earlier run; the process that answered serves the first configuration
//! too, and each further configuration has a process of its own. Nothing here plans, retries or keeps state: that is the engine's, for hosted providers as
//! for all others.

mod answer;
mod connection;
mod environment;
mod find;
mod handshake;
mod hosted;
mod identity;
mod kept;
mod limits;
mod log;
mod messages;
mod process;
mod schema;
mod secure;
mod values;
mod worker;

pub use hosted::{attached, host, settle};
pub use kept::SchemaFile;
pub use process::Surroundings;
