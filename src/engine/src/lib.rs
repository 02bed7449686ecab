//! Plan and apply.
//!
//! A configuration and a state become a [`Plan`]; [`apply`] performs it and writes every intent and outcome to the
//! journal; after a crash the same function goes on. The way of a resource: [`graph`] → [`plan`] → [`order`] →
//! [`apply`].
//!
//! Invariants: nothing here reads a terminal, the environment, a clock or a disk (they come in by argument), names a
//! provider, or sleeps but through the [`Clock`] it was given.

pub mod apply;
pub mod attention;
pub mod checks;
pub mod connections;
pub mod console;
pub mod drawing;
mod edges;
pub mod envelope;
pub mod environment;
mod ephemeral;
pub mod evaluate;
pub mod event;
pub mod expand;
pub mod focus;
mod function_call;
pub mod generate;
pub mod graph;
pub mod history;
mod misplaced;
pub mod model;
pub mod objects;
pub mod order;
mod ordinal;
mod pace;
pub mod permissions;
pub mod plan;
pub mod plan_file;
pub mod proposed;
mod provisioner;
pub mod reasons;
pub mod recipe;
mod relevant;
pub mod requirements;
pub mod run;
pub mod schema;
pub mod testing;
mod time_limit;
pub mod variables;
pub mod why;

pub use environment::{
    Clock, Environment, Given, Lines, LocalCommand, MachineWork, Processes, ProviderSource,
};
pub use event::{EphemeralAct, Event, Observer, Silent};
pub use model::{
    Action, ActionReason, Change, Importing, OutputChange, Plan, RunMode, Stage, Step, Summary, Work,
};
