//! The journal: what a run intended, what became of it, and how the two fold into state.
//!
//! Invariant: [`fold`] is pure, and every transition that it admits is a row of one table.

mod fold;
mod frame;
mod record;
mod rules;

pub use fold::{Folded, OpenRun, OpenStep, fold};
pub(crate) use frame::write_frame;
pub use frame::{FrameError, Scan, Tail, encode, scan};
pub use record::{Intent, Operation, Record, Token};
pub use rules::{IllegalTransition, Violation};
