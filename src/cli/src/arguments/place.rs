//! Words of the commands about the place of the state and its lock.

use super::{Input, Lock, Variables, View};
use clap::{ArgAction, Args, Subcommand};
use std::path::PathBuf;

/// `init`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own on the command line")]
pub(crate) struct Init {
    /// Choose the newest versions of modules and providers that the configuration allows, whatever is locked.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) upgrade: bool,
    /// Install modules.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) get: bool,
    /// Settle on the place of the state.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) backend: bool,
    /// An argument of the backend beside those of its block, or a file of such. May be given several times.
    #[arg(long, value_name = "NAME=VALUE|FILE", allow_hyphen_values = true)]
    pub(crate) backend_config: Vec<String>,
    /// Take the place of the state as it is configured, whatever it was; no state is copied.
    #[arg(long, conflicts_with = "migrate_state")]
    pub(crate) reconfigure: bool,
    /// Copy the state from the place that it is in to the one that is configured.
    #[arg(long)]
    pub(crate) migrate_state: bool,
    /// Copy it without asking.
    #[arg(long)]
    pub(crate) force_copy: bool,
    /// How the lock file is treated: it may not change.
    #[arg(long, value_name = "MODE", value_parser = ["readonly"])]
    pub(crate) lockfile: Option<String>,
    /// A folder of providers that alone is looked into. May be given several times.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plugin_dir: Vec<PathBuf>,
    /// Where test files are.
    #[arg(long, value_name = "FOLDER", default_value = "tests")]
    test_directory: PathBuf,
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

/// `lock`
#[derive(Debug, Args)]
pub(crate) struct Locking {
    /// What of it.
    #[command(subcommand)]
    pub(crate) verb: LockingVerb,
}

/// What of the lock.
#[derive(Debug, Subcommand)]
pub(crate) enum LockingVerb {
    /// Say who holds it, since when, and what of a run is in flight.
    Show,
}

/// `force-unlock`
#[derive(Debug, Args)]
pub(crate) struct ForceUnlock {
    /// Do not ask for confirmation.
    #[arg(long)]
    pub(crate) force: bool,
    /// The lock's id.
    #[arg(value_name = "LOCK_ID")]
    pub(crate) id: String,
}

/// A command line as others may read it: no value of a variable or of a backend's argument is in it.
pub(crate) fn without_values(words: impl Iterator<Item = String>) -> String {
    const HAVE_VALUES: [&str; 2] = ["var", "backend-config"];
    let mut shown = Vec::new();
    let mut is_value = false;
    for (at, word) in words.take(MOST_WORDS).enumerate() {
        if at == 0 {
            shown.push(word.rsplit(['/', '\\']).next().unwrap_or_default().to_owned());
            continue;
        }
        let name = word.trim_start_matches('-');
        let option =
            HAVE_VALUES.iter().find(|one| name.strip_prefix(**one).is_some_and(|rest| rest.starts_with('=')));
        shown.push(match option {
            _ if is_value => without_value(&word),
            Some(option) => {
                let value = &name[option.len() + 1..];
                format!("-{option}={}", without_value(value))
            }
            None => word.clone(),
        });
        is_value = word.starts_with('-') && HAVE_VALUES.contains(&name);
    }
    shown.join(" ")
}

/// Words of a command line that others are shown.
const MOST_WORDS: usize = 40;

fn without_value(text: &str) -> String {
    text.split_once('=').map_or_else(|| text.to_owned(), |(name, _)| format!("{name}=..."))
}

#[cfg(test)]
mod tests {
    use super::without_values;

    #[test]
    fn no_value_of_a_variable_is_shown() {
        for (line, expected) in [
            ("/a/formwork apply -auto-approve", "formwork apply -auto-approve"),
            ("formwork plan -var a=hunter2 -out=p", "formwork plan -var a=... -out=p"),
            ("formwork plan --var=a=hunter2 -var-file=f", "formwork plan -var=a=... -var-file=f"),
            ("formwork init -backend-config=conn_str=hunter2", "formwork init -backend-config=conn_str=..."),
            ("formwork init -backend-config a.tfbackend", "formwork init -backend-config a.tfbackend"),
        ] {
            assert_eq!(without_values(line.split(' ').map(ToOwned::to_owned)), expected);
        }
    }
}
