//! Words of the commands that deal with the language alone.

use super::{Variables, View};
use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;

/// `fmt`
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
#[derive(Debug, Args)]
pub(crate) struct Format {
    /// List files whose formatting differs (never with standard input).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) list: bool,
    /// Write to source files (never with standard input or -check).
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) write: bool,
    /// Display diffs of formatting changes.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) diff: bool,
    /// Check if the input is formatted: exit status 0 if all of it is, and 3 if not. Nothing is written.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) check: bool,
    /// Also process files in subfolders.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) recursive: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// Files and folders; the working directory where none is given; - for standard input.
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<PathBuf>,
}

/// `console`
#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Read the state from this file instead of the working directory's.
    #[arg(long, value_name = "PATH")]
    pub(crate) state: Option<PathBuf>,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// `metadata`
#[derive(Debug, Args)]
pub(crate) struct Metadata {
    /// About what.
    #[command(subcommand)]
    pub(crate) verb: MetadataVerb,
}

/// What there is to know.
#[derive(Debug, Subcommand)]
pub(crate) enum MetadataVerb {
    /// Show signatures and descriptions for the available functions.
    Functions(MetadataFunctions),
}

/// `metadata functions`
#[derive(Debug, Args)]
pub(crate) struct MetadataFunctions {
    /// Produce output in a machine-readable JSON format; there is no other.
    #[arg(long, required = true)]
    json: bool,
}

/// `providers`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Providers {
    /// What of them.
    #[command(subcommand)]
    pub(crate) verb: Option<ProvidersVerb>,
    /// Where test files are.
    #[arg(long, value_name = "FOLDER", default_value = "tests")]
    test_directory: PathBuf,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// What of the providers.
#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersVerb {
    /// Show what each provider of the configuration and the state offers.
    Schema(super::ProvidersSchema),
    /// Record the hashes of providers for several platforms.
    Lock(ProvidersLock),
    /// Copy the archives of providers into a folder, from which others can install.
    Mirror(ProvidersMirror),
}

/// `providers lock`
#[derive(Debug, Args)]
pub(crate) struct ProvidersLock {
    /// A platform, such as `linux_amd64`; this one where none is named. May be given several times.
    #[arg(long, value_name = "OS_ARCH")]
    pub(crate) platform: Vec<String>,
    /// A folder of providers that alone is looked into.
    #[arg(long, value_name = "FOLDER", conflicts_with = "net_mirror")]
    pub(crate) fs_mirror: Option<PathBuf>,
    /// A network mirror that alone is asked.
    #[arg(long, value_name = "URL")]
    pub(crate) net_mirror: Option<String>,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// The providers; all that the configuration needs where none is named.
    #[arg(value_name = "PROVIDER")]
    pub(crate) providers: Vec<String>,
}

/// `providers mirror`
#[derive(Debug, Args)]
pub(crate) struct ProvidersMirror {
    /// A platform, such as `linux_amd64`; this one where none is named. May be given several times.
    #[arg(long, value_name = "OS_ARCH")]
    pub(crate) platform: Vec<String>,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// Where the mirror is, or is to be.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// `new`
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Which stack.
    #[arg(value_name = "STACK")]
    pub(crate) stack: String,
    /// Where to; it is made, or empty.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// `get`
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Choose the newest versions of modules that the configuration allows; local ones are always as they stand.
    #[arg(long)]
    pub(crate) update: bool,
    /// Copy modules from elsewhere into this folder, too: a `module_mirror` for sites that reach no server.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) mirror: Option<PathBuf>,
    /// Where test files are.
    #[arg(long, value_name = "FOLDER", default_value = "tests")]
    test_directory: PathBuf,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}
