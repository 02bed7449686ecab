//! Words of the commands that look after a run that was cut off, and after a state that does not open.

use super::{Input, Lock, Variables, View};
use clap::Args;
use std::path::PathBuf;

/// `recover`
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Only say what is in flight.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Asking the user.
    #[command(flatten)]
    pub(crate) input: Input,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// `state repair`
#[derive(Debug, Args)]
pub(crate) struct StateRepair {
    /// Only say what would be taken.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A snapshot to begin from, where the one that stands cannot be read.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Skip interactive approval.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Asking the user.
    #[command(flatten)]
    pub(crate) input: Input,
}
