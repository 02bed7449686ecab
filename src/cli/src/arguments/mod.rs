//! The command line's words: what may be written, and nothing of what it does.
//!
//! Options are written as Terraform's users write them, with one dash or two; [`normalise`] makes both the same
//! before clap sees them.

mod environment;
mod history;
mod inspection;
mod language;
mod mending;
mod normalise;
mod place;
mod refused;
mod testing;

pub(crate) use history::{History, HistoryPrune, HistoryVerb, Rollback};
pub(crate) use inspection::{
    Complete, Completion, Docs, Doctor, Graph, GraphFormat, GraphType, Permissions, ProvidersSchema, Shell,
};
pub(crate) use language::{
    Console, Format, Get, Metadata, MetadataVerb, New, Providers, ProvidersLock, ProvidersMirror,
    ProvidersVerb,
};
pub(crate) use mending::{Recover, StateRepair};
use normalise::normalise;
pub(crate) use place::{ForceUnlock, Init, Locking, LockingVerb, without_values};
pub(crate) use testing::Test;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use formwork_state::{Address, AddressError, Selector};
use std::ffi::OsString;
use std::path::PathBuf;

/// A plan-and-apply provisioner that speaks the Terraform and OpenTofu language.
#[derive(Debug, Parser)]
#[command(
    name = "formwork",
    bin_name = "formwork",
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_required = true
)]
pub(crate) struct Arguments {
    /// Switch to a different working directory before executing the given subcommand.
    #[arg(long, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Values for variables in the order they were written.
    #[arg(skip)]
    pub(crate) variables: Vec<VariableArgument>,
}

/// One `-var` or `-var-file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VariableArgument {
    /// `-var NAME=VALUE`
    Value(String),
    /// `-var-file FILE`
    File(String),
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prepare your working directory for other commands.
    Init(Init),
    /// Copy a stack of Formwork's own into a folder, to start from.
    New(New),
    /// Check whether the configuration is valid.
    Validate(Validate),
    /// Reformat your configuration in the standard style.
    #[command(name = "fmt")]
    Format(Format),
    /// Try expressions at an interactive command prompt.
    Console(Console),
    /// Show what the language offers.
    Metadata(Metadata),
    /// Show the providers required for this configuration.
    Providers(Providers),
    /// Install or upgrade remote modules.
    Get(Get),
    /// Draw what comes after what, in the configuration or in a plan.
    Graph(Graph),
    /// Run the configuration's tests.
    Test(Test),
    /// Show changes required by the current configuration.
    Plan(Plan),
    /// Create or update infrastructure.
    Apply(Apply),
    /// Destroy previously-created infrastructure.
    Destroy(Destroy),
    /// Show the current state or a saved plan.
    Show(Show),
    /// Show output values from your root module.
    Output(Output),
    /// Look into the state, and edit it.
    State(State),
    /// Say why a plan would change an object.
    Why(Why),
    /// List, choose, make and remove workspaces.
    Workspace(Workspace),
    /// Look at the state's lock.
    Lock(Locking),
    /// Show what was done to the state, by whom and from where.
    History(History),
    /// Go back to what an earlier entry of the history was made from.
    Rollback(Rollback),
    /// Release a state's lock that a process left behind.
    ForceUnlock(ForceUnlock),
    /// Take up what a run that was cut off left in flight, and nothing else.
    Recover(Recover),
    /// Take an object that stands already into the state.
    Import(Import),
    /// Take what is live into the state.
    Refresh(Refresh),
    /// Mark an object to be replaced by the next apply.
    Taint(Taint),
    /// Take back the mark of an object that was to be replaced.
    Untaint(Taint),
    /// Check what a run stands on: configuration, state, lock, credentials.
    Doctor(Doctor),
    /// Show the rights that this configuration needs, ready to paste.
    Permissions(Permissions),
    /// Show what resource types take and give.
    Docs(Docs),
    /// Write what a shell needs to complete words.
    Completion(Completion),
    /// What a shell asks.
    #[command(hide = true)]
    Complete(Complete),
    /// Show the current version.
    Version(Version),
}

/// How things are shown.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct View {
    /// Produce output without any terminal formatting.
    #[arg(long)]
    pub(crate) no_color: bool,
}

/// What of a run is told, and in which form.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(crate) struct Telling {
    /// Produce output in a machine-readable JSON format, one message a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the same as -json to a file, beside what is shown.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) json_into: Option<PathBuf>,
    /// Show warnings by their summaries alone, unless there are errors too.
    #[arg(long)]
    pub(crate) compact_warnings: bool,
    /// Show warnings of one kind as one, with how many more there are.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) consolidate_warnings: bool,
    /// Show errors of one kind as one, with how many more there are.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) consolidate_errors: bool,
    /// Leave out lines that only tell how far things are.
    #[arg(long)]
    pub(crate) concise: bool,
    /// Show sensitive values in clear.
    #[arg(long)]
    pub(crate) show_sensitive: bool,
}

/// Asking the user.
#[derive(Debug, Args)]
pub(crate) struct Input {
    /// Ask for input if necessary. If false, will error if input was required.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) input: bool,
}

/// The lock of the state.
#[derive(Debug, Clone, Args)]
pub(crate) struct Lock {
    /// Hold a state lock during the operation. This is dangerous if others might concurrently run commands.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) lock: bool,
    /// Duration to retry a state lock: 10s, 2m.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration_ms)]
    pub(crate) lock_timeout: u64,
}

/// Values for input variables; their order is taken from [`Arguments::variables`].
#[derive(Debug, Args)]
pub(crate) struct Variables {
    /// Set a value for one of the input variables in the root module.
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    var: Vec<String>,
    /// Load variable values from the given file.
    #[arg(long, value_name = "FILE")]
    var_file: Vec<String>,
}

/// How a plan is made.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(crate) struct Planning {
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// Read what is live before planning.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) refresh: bool,
    /// Whether what is known only after apply may be left to later stages of the same run; else it is an error.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) stages: bool,
    /// Only take over what was changed outside; change no object.
    #[arg(long)]
    pub(crate) refresh_only: bool,
    /// Replace this instance, though nothing asks for it. May be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) replace: Vec<Address>,
    /// Only part of the configuration.
    #[command(flatten)]
    pub(crate) focus: Focus,
    /// Limit the number of concurrent operations.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(crate) parallelism: usize,
    /// End with an error where the plan has one of these: data-loss, disruption.
    #[arg(long, value_name = "RISKS", value_delimiter = ',')]
    pub(crate) refuse: Vec<Refusal>,
    /// A provider configuration that may point elsewhere than the state says.
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) accept_new_target: Vec<String>,
    /// When destroying, give up the objects behind a provider that cannot be reached: they leave the state.
    #[arg(long)]
    pub(crate) forget_unreachable: bool,
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
}

/// What of the configuration a run is about.
#[derive(Debug, Default, Args)]
pub(crate) struct Focus {
    /// Only this module, resource or instance, and what it depends on. May be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = selector, conflicts_with_all = ["exclude", "exclude_file"])]
    pub(crate) target: Vec<Selector>,
    /// Like -target, for each line of a file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["exclude", "exclude_file"])]
    pub(crate) target_file: Vec<PathBuf>,
    /// All but this module, resource or instance, and what depends on it. May be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = selector)]
    pub(crate) exclude: Vec<Selector>,
    /// Like -exclude, for each line of a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_file: Vec<PathBuf>,
}

/// What becomes of what a run did that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnFailure {
    /// It stays.
    #[default]
    Keep,
    /// It is undone.
    Rollback,
}

/// What a plan may be refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Refusal {
    /// Data is destroyed.
    DataLoss,
    /// What runs is disrupted.
    Disruption,
}

/// `validate`
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Where test files are looked for beside the working directory; tests where none is named.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) test_directory: Option<String>,
    /// Leave test files out.
    #[arg(long)]
    pub(crate) no_tests: bool,
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
}

/// `plan`
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// How it is made.
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Plan to destroy all objects instead of the usual behaviour.
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Show a table by module and kind instead of every object.
    #[arg(long)]
    pub(crate) summary: bool,
    /// Write a plan file to the given path, to be given to the apply command.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write resource blocks for objects that import blocks name and that have none to this file, which must not exist.
    #[arg(long, value_name = "FILE", conflicts_with = "destroy")]
    pub(crate) generate_config_out: Option<PathBuf>,
    /// Write what was found to this file in the text form of Prometheus, whole or not at all.
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,
    /// Return 2 when there are changes, 0 when there are none, 1 on errors.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// `apply`
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// How the plan is made, where none is given.
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Destroy all objects instead.
    #[arg(long)]
    pub(crate) destroy: bool,
    /// What becomes of what was done, should the run fail: it is kept, or undone (rollback).
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub(crate) on_failure: OnFailure,
    /// With -on-failure=rollback, an object that holds data and may be destroyed again. May be given several times.
    #[arg(long, value_name = "ADDRESS", value_parser = selector)]
    pub(crate) rollback_data: Vec<Selector>,
    /// Skip interactive approval of the plan before applying.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// A plan file that the plan command wrote.
    #[arg(value_name = "PLAN")]
    pub(crate) plan: Option<PathBuf>,
}

/// `destroy`
#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// How the plan is made.
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Skip interactive approval of the plan before applying.
    #[arg(long)]
    pub(crate) auto_approve: bool,
}

/// `show`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(crate) struct Show {
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// Show sensitive values in clear.
    #[arg(long = "show-sensitive")]
    pub(crate) in_clear: bool,
    /// Of a plan, show a table by module and kind.
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    pub(crate) summary: bool,
    /// Of a plan, write the comment of a pull request.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// A plan file or a state file; the current state where none is given.
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
}

/// `output`
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Produce output in a machine-readable JSON format.
    #[arg(long, conflicts_with = "raw")]
    pub(crate) json: bool,
    /// Print the value's text alone.
    #[arg(long, requires = "name")]
    pub(crate) raw: bool,
    /// Show sensitive values in clear.
    #[arg(long)]
    pub(crate) show_sensitive: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// The output.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `state`
#[derive(Debug, Args)]
pub(crate) struct State {
    /// What of it.
    #[command(subcommand)]
    pub(crate) verb: StateVerb,
}

/// What of the state.
#[derive(Debug, Subcommand)]
pub(crate) enum StateVerb {
    /// List the instances in the state.
    #[command(alias = "ls")]
    List(StateList),
    /// Show one instance.
    Show(StateShow),
    /// Move objects to another address.
    #[command(alias = "move")]
    Mv(StateMove),
    /// Forget objects; they stay where they are.
    #[command(alias = "remove")]
    Rm(StateRemove),
    /// Print the state.
    Pull,
    /// Show the identities of objects whose kinds have any.
    Identities(StateIdentities),
    /// Put a state in place of the one that stands.
    Push(StatePush),
    /// Give the objects of one provider to another.
    ReplaceProvider(StateReplaceProvider),
    /// Check that the state is whole: bytes, digests, journal, and every object against its schema.
    Verify,
    /// Make what can be made of a state that does not open; a copy of it is kept.
    Repair(StateRepair),
}

/// `state mv`
#[derive(Debug, Args)]
pub(crate) struct StateMove {
    /// Only say what would be moved.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// What to move: a module, a resource or an instance.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Where to.
    #[arg(value_name = "DESTINATION")]
    pub(crate) destination: String,
}

/// `state rm`
#[derive(Debug, Args)]
pub(crate) struct StateRemove {
    /// Only say what would be forgotten.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// What to forget: modules, resources or instances.
    #[arg(value_name = "ADDRESS", required = true)]
    pub(crate) addresses: Vec<String>,
}

/// `state push`
#[derive(Debug, Args)]
pub(crate) struct StatePush {
    /// Write it even where lineages do not match or the serial is lower.
    #[arg(long)]
    pub(crate) force: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// A state file; - for standard input.
    #[arg(value_name = "PATH", allow_hyphen_values = true)]
    pub(crate) path: PathBuf,
}

/// `state replace-provider`
#[derive(Debug, Args)]
pub(crate) struct StateReplaceProvider {
    /// Skip interactive approval.
    #[arg(long)]
    pub(crate) auto_approve: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Asking the user.
    #[command(flatten)]
    pub(crate) input: Input,
    /// The provider that has them: hashicorp/kubernetes.
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// The provider that gets them: formwork/kubernetes.
    #[arg(value_name = "TO")]
    pub(crate) to: String,
}

/// `why`
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// How the plan is made that is explained.
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Explain a plan that destroys all objects.
    #[arg(long)]
    pub(crate) destroy: bool,
    /// A module, a resource or an instance.
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
}

/// `workspace`
#[derive(Debug, Args)]
pub(crate) struct Workspace {
    /// What of them.
    #[command(subcommand)]
    pub(crate) verb: WorkspaceVerb,
}

/// What of the workspaces.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceVerb {
    /// List the workspaces.
    List,
    /// Show the name of the current one.
    Show,
    /// Make one and choose it.
    New(WorkspaceNew),
    /// Choose one.
    Select(WorkspaceSelect),
    /// Remove one.
    Delete(WorkspaceDelete),
}

/// `workspace new`
#[derive(Debug, Args)]
pub(crate) struct WorkspaceNew {
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// A state to begin with.
    #[arg(long, value_name = "PATH")]
    pub(crate) state: Option<PathBuf>,
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `workspace select`
#[derive(Debug, Args)]
pub(crate) struct WorkspaceSelect {
    /// Make it where there is none.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) or_create: bool,
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `workspace delete`
#[derive(Debug, Args)]
pub(crate) struct WorkspaceDelete {
    /// Remove it though objects stand in its state: they stay, and nobody tracks them any more.
    #[arg(long)]
    pub(crate) force: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `state list`
#[derive(Debug, Args)]
pub(crate) struct StateList {
    /// Only instances whose id attribute is this.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Only instances at or below these addresses.
    #[arg(value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
}

/// `state identities`
#[derive(Debug, Args)]
pub(crate) struct StateIdentities {
    /// Produce output in a machine-readable JSON format; there is no other.
    #[arg(long, required = true)]
    json: bool,
    /// Only instances whose id attribute is this.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Only instances at or below these addresses.
    #[arg(value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
}

/// `state show`
#[derive(Debug, Args)]
pub(crate) struct StateShow {
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show sensitive values in clear.
    #[arg(long)]
    pub(crate) show_sensitive: bool,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// The instance.
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: String,
}

/// `import`
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Values for variables.
    #[command(flatten)]
    variables: Variables,
    /// Limit the number of concurrent operations.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub(crate) parallelism: usize,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// Asking the user.
    #[command(flatten)]
    pub(crate) input: Input,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// The instance that it becomes; its resource block must be there.
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub(crate) address: Address,
    /// The object's id, as its type documents it.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// `refresh`
#[derive(Debug, Args)]
pub(crate) struct Refresh {
    /// How what is live is read.
    #[command(flatten)]
    pub(crate) planning: Planning,
}

/// `taint` and `untaint`
#[derive(Debug, Args)]
pub(crate) struct Taint {
    /// Do nothing, and do not fail, where there is no such object.
    #[arg(long)]
    pub(crate) allow_missing: bool,
    /// The lock of the state.
    #[command(flatten)]
    pub(crate) lock: Lock,
    /// How things are shown.
    #[command(flatten)]
    pub(crate) view: View,
    /// The instance.
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub(crate) address: Address,
}

/// `version`
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// Produce output in a machine-readable JSON format.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Every word that there is. The later of two that contradict each other wins, as scripts expect.
pub(crate) fn command() -> Command {
    Arguments::command().args_override_self(true)
}

/// Reads the process's arguments, the program's name first, and what the environment adds to them.
pub(crate) fn parse(
    raw: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Arguments, clap::Error> {
    let mut command = command();
    let given = environment::with_environment(&command, normalise(raw, true), environment)
        .map_err(|words| command.error(ErrorKind::ValueValidation, words))?;
    let matches = command.try_get_matches_from_mut(&given).map_err(|error| {
        let path = environment::path(&command, &given);
        explained(&mut command, &path, error)
    })?;
    let mut arguments = Arguments::from_arg_matches(&matches)?;
    if let Some((_, verb)) = matches.subcommand() {
        arguments.variables = ordered_variables(verb);
    }
    Ok(arguments)
}

/// An error about a word of Terraform or OpenTofu says what to use instead.
fn explained(command: &mut Command, path: &str, error: clap::Error) -> clap::Error {
    let context = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return error,
    };
    let Some(ContextValue::String(word)) = error.get(context) else { return error };
    let word = word.strip_prefix("--").map_or_else(|| word.clone(), |name| format!("-{name}"));
    let Some(sentence) = refused::sentence(path, &word) else { return error };
    command.error(error.kind(), format!("{word} is not supported. {sentence}"))
}

/// `-var` and `-var-file` in one order: the later wins, whichever it is.
fn ordered_variables(matches: &clap::ArgMatches) -> Vec<VariableArgument> {
    let mut found: Vec<(usize, VariableArgument)> = Vec::new();
    for (id, make) in
        [("var", VariableArgument::Value as fn(String) -> _), ("var_file", VariableArgument::File)]
    {
        if !matches.try_contains_id(id).unwrap_or(false) {
            continue;
        }
        let values = matches.get_many::<String>(id).into_iter().flatten().cloned().map(make);
        found.extend(matches.indices_of(id).into_iter().flatten().zip(values));
    }
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, argument)| argument).collect()
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: AddressError| error.to_string())
}

fn selector(text: &str) -> Result<Selector, String> {
    text.parse().map_err(|error: AddressError| error.to_string())
}

fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => {
            Err("the number of concurrent operations must be a whole number of at least 1".to_owned())
        }
        Ok(count) => Ok(count),
    }
}

/// `10s`, `1m30s`, `500ms` in milliseconds; a bare number is seconds.
fn duration_ms(text: &str) -> Result<u64, String> {
    let invalid = || format!("{text:?} is not a duration such as 10s or 2m");
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (number, unit) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let (factor, length) = match unit {
            unit if unit.starts_with("ms") => (1, 2),
            unit if unit.starts_with('s') => (1000, 1),
            unit if unit.starts_with('m') => (60_000, 1),
            unit if unit.starts_with('h') => (3_600_000, 1),
            "" => (1000, 0),
            _ => return Err(invalid()),
        };
        total = number.checked_mul(factor).and_then(|part| total.checked_add(part)).ok_or_else(invalid)?;
        rest = &unit[length..];
    }
    if text.is_empty() { Err(invalid()) } else { Ok(total) }
}

#[cfg(test)]
mod tests;
