//! Words of `test`.

use super::{Telling, Variables, View, parallelism};
use clap::Args;
use std::path::PathBuf;

/// `test`
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only this test file, by its path from the working directory. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) filter: Vec<String>,
    /// Where test files are looked for beside the working directory.
    #[arg(long = "test-directory", value_name = "DIR")]
    pub(crate) directory: Option<String>,
    /// Print the plan or state of each run.
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Where the results go as XML besides.
    #[arg(long, value_name = "FILE", help = "Write the results in JUnit's XML form to a file as well")]
    pub(crate) junit_xml: Option<PathBuf>,
    /// Limit the number of concurrent operations.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(crate) parallelism: usize,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// What is told.
    #[command(flatten)]
    pub(crate) telling: Telling,
}
