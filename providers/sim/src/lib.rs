//! A simulated datacentre behind the true provider contract: networks, machines that boot in steps, volumes,
//! buckets, secrets, clusters that machines join, documents inside clusters, and tokens that are open while a run lasts.
//!
//! The world is one file of effects, a line each, folded when it is opened; beside it stands a log of calls that
//! made, changed or deleted an object. Both are written before a call is answered, so they outlive the end of the
//! process at any moment (not a power cut: nothing is flushed to the disk). Quotas, latency, late reads,
//! throttling, lost replies and a crash at a call come from the provider's configuration and its seed.
//!
//! Invariants: equal seeds and tokens give equal faults, whatever the order of calls; latency is answered as
//! waiting, nothing here sleeps.

pub mod calls;
mod chance;
mod connection;
mod finding;
mod kinds;
mod provider;
mod settings;
mod store;
mod tokens;
mod world;

pub use provider::SimProvider;
pub use settings::{Crash, CrashPoint, Faults};
pub use world::{Object, Phase, World, WorldError};
