//! Words of the commands that show what there is, and change nothing.

use super::{Lock, Variables, View};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `graph`
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// Draw the steps of this plan file.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// What is drawn: every block in the order of a plan, or the steps of a plan file; resources alone where it is
    /// left out.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) subject: Option<GraphType>,
    /// How it is written.
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    pub(crate) format: GraphFormat,
    /// Taken for the sake of scripts: a cycle is an error that names its members, with or without it.
    #[arg(long)]
    draw_cycles: bool,
    /// Taken for the sake of scripts.
    #[arg(long, value_name = "N", hide = true)]
    module_depth: Option<i64>,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// What a graph shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphType {
    /// Every block, in the order of a plan.
    Plan,
    /// The same.
    PlanRefreshOnly,
    /// The same, backwards.
    PlanDestroy,
    /// The steps of a plan file.
    Apply,
}

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// JSON.
    Json,
}

/// `docs`
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// A resource type, a data source with data. before it, or an argument of one: TYPE.ARGUMENT; or
    /// backends, for the places of states. All types where it is left out.
    #[arg(value_name = "TYPE")]
    pub(crate) subject: Option<String>,
}

/// `doctor`
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// `completion`
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Shells that ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// source <(formwork completion bash)
    Bash,
    /// source <(formwork completion zsh)
    Zsh,
    /// formwork completion fish | source
    Fish,
}

/// What a shell asks.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// The place of the word that is being written.
    #[arg(value_name = "PLACE")]
    pub(crate) place: usize,
    /// All words of the line, the program's name first.
    #[arg(value_name = "WORD", last = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// `providers schema`
#[derive(Debug, Args)]
pub(crate) struct ProvidersSchema {
    /// Produce output in a machine-readable JSON format; there is no other.
    #[arg(long, required = true)]
    json: bool,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
}

/// `permissions`
#[derive(Debug, Args)]
pub(crate) struct Permissions {
    /// Only what a plan needs, which changes nothing.
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}
