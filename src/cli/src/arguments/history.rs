//! Words of the commands about what was done to a state, and the way back.

use super::{Input, Lock, Refusal, Telling, Variables, View, parallelism, selector};
use clap::{ArgAction, Args, Subcommand};
use formwork_state::Selector;

/// `history`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    /// What of it; a table of all entries where nothing is said.
    #[command(subcommand)]
    pub(crate) verb: Option<HistoryVerb>,
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// What of the history.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Show one entry with every step.
    Show(HistoryShow),
    /// Check that no entry was changed, is missing or stands in another's place.
    Verify,
    /// Remove the oldest entries.
    Prune(HistoryPrune),
}

/// `history show`
#[derive(Debug, Args)]
pub(crate) struct HistoryShow {
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the texts of the configuration too.
    #[arg(long, conflicts_with = "json")]
    pub(crate) files: bool,
    /// Its number.
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}

/// `history prune`
#[derive(Debug, Args)]
pub(crate) struct HistoryPrune {
    /// How many of the last entries stay.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keep: u64,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
}

/// `rollback`
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// Read what is live before planning.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) refresh: bool,
    /// An object that holds data and may be destroyed. May be given several times.
    #[arg(long = "rollback-data", value_name = "ADDRESS", value_parser = selector)]
    pub(crate) data: Vec<Selector>,
    /// Skip interactive approval of the plan before applying.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// Limit the number of concurrent operations.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(crate) parallelism: usize,
    /// End with an error where the plan has one of these: data-loss, disruption.
    #[arg(long, value_name = "RISKS", value_delimiter = ',')]
    pub(crate) refuse: Vec<Refusal>,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Asking the user.
    #[command(flatten)]
    pub(crate) input: Input,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// What is told.
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// The number of the entry to go back to.
    #[arg(value_name = "NUMBER")]
    pub(crate) number: u64,
}
