//! Addresses, the state, its journal and where both are kept.
//!
//! State is a snapshot with the journal folded in by one pure function ([`journal::fold`]). Nothing here calls a
//! provider or reads configuration.

pub mod address;
pub mod backend;
pub mod edit;
pub mod encryption;
mod files;
#[cfg(test)]
mod fixtures;
pub mod format_v4;
mod heartbeat;
pub mod history;
pub mod journal;
mod json_text;
mod line;
mod lock;
pub mod model;
#[cfg(feature = "network")]
pub mod network;
mod program;
pub mod repair;
pub mod simulated;
pub mod storage;
mod store;
mod writer;

pub use address::{
    Address, AddressError, BlockAddress, DeposedKey, Edge, Key, Mode, ModuleInstance, ObjectKey,
    ProviderAddress, ProviderConfigAddress, Selector,
};
pub use files::{Appender, Files, RealFiles};
pub use journal::{
    Folded, IllegalTransition, Intent, OpenRun, OpenStep, Operation, PartialStep, ROLLBACK_STAGE, Record,
    Token, Undo, UndoAct, fold,
};
pub use model::{LANGUAGE_VERSION, Object, OutputValue, State, Status, Target};
pub use store::{FaultHook, FaultPoint, MissingHistory, Opening, Store, StoreOptions, digest};
pub use writer::Ticket;

/// An interned text, cheap to clone.
pub type Name = arcstr::ArcStr;
