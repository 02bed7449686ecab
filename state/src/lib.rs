//! Addresses, state, journal, and the places where they are kept.
//!
//! State is the fold of a snapshot and the journal that follows it: [`journal::fold`] is the only thing that changes a
//! [`State`], and it knows every legal transition. [`Store`] is the door the engine uses; [`Backend`] is the door to a
//! place that keeps bytes.
//!
//! Invariant: nothing here calls a provider or reads configuration, and what a resource holds is never decoded.

pub mod address;
pub mod backend;
pub mod file;
#[cfg(test)]
mod fixtures;
pub mod format_v4;
pub mod journal;
mod json_text;
pub mod model;
mod store;

pub use address::{
    Address, AddressError, BlockAddress, DeposedKey, Edge, Key, Mode, ModuleInstance, ObjectKey,
    ProviderAddress, ProviderConfigAddress,
};
pub use backend::{Backend, FaultHook, FaultPoint, LockHolder, digest};
pub use file::{Appender, FileBackend, Files, RealFiles};
pub use journal::{
    Folded, IllegalTransition, Intent, OpenRun, OpenStep, Operation, Record, Token, Violation,
};
pub use model::{LANGUAGE_VERSION, Object, OutputValue, State, Status, Target};
pub use store::{Store, StoreOptions, Ticket};

/// An interned text, cheap to clone.
pub type Name = arcstr::ArcStr;
