//! Words of the commands that show what there is, and change nothing.

use super::{Variables, View};
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
