//! Addresses, state, journal and the file backend.
//!
//! State is the fold of a snapshot and the journal that follows it: [`journal::fold`] is the only thing that
//! changes a [`State`] during a run, and it knows every legal transition. [`Store`] is the door the engine uses;
//! [`Backend`] is the door to a place that keeps bytes.
//!
//! Invariant: nothing here calls a provider or reads configuration, and what a resource holds is never decoded.

pub mod address;
pub mod backend;
pub mod file;
pub mod format_v4;
pub mod journal;
mod json_text;
pub mod model;
pub mod store;

pub use address::{
    Address, AddressError, BlockAddress, DeposedKey, Edge, Key, Mode, ModuleInstance, ObjectKey,
    ProviderAddress, ProviderConfigAddress,
};
pub use backend::{Backend, LockHolder};
pub use journal::{
    Begin, Folded, IllegalTransition, Intent, OpenRun, OpenStep, Operation, Record, Token, TokenParts,
};
pub use model::{Extra, Object, OutputValue, RawJson, State, Status, Target};
pub use store::{OpenOptions, Store, Ticket};

/// An interned text, cheap to clone.
pub type Name = arcstr::ArcStr;
