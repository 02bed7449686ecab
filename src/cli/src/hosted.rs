//! Providers in processes of their own: where their executables lie, and each started once.
//!
//! Invariant: what runs is what the lock file names. A provider that somebody started by hand and named in
//! `TF_REATTACH_PROVIDERS` goes before.

use crate::workspaces::data_folder;
use formwork_diagnostic::Diagnostic;
use formwork_install::{LockFile, Program, Settings};
use formwork_provider_plugin::SchemaFile;
use formwork_sdk::Provider;
use formwork_state::ProviderAddress;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const SURROUNDINGS: formwork_provider_plugin::Surroundings = formwork_provider_plugin::Surroundings {
    launcher,
    variables: || std::env::vars_os().collect(),
    clock: crate::clock::seconds,
};

type Outcome = Result<Arc<dyn Provider>, Diagnostic>;

static STARTED: Mutex<BTreeMap<ProviderAddress, Outcome>> = Mutex::new(BTreeMap::new());

/// The provider of an address, started when it is first asked for; nothing where none is installed.
pub(crate) fn provider(address: &ProviderAddress) -> Option<Outcome> {
    if let Ok(started) = STARTED.lock()
        && let Some(outcome) = started.get(address)
    {
        return Some(outcome.clone());
    }
    let outcome = attached(address)
        .or_else(|| Some(executable(address)?.and_then(|program| started(address, program))))?;
    if let Ok(mut started) = STARTED.lock() {
        started.insert(address.clone(), outcome.clone());
    }
    Some(outcome)
}

/// Lets every process come to its end.
pub(crate) fn settle() {
    if let Ok(mut started) = STARTED.lock() {
        started.clear();
    }
    formwork_provider_plugin::settle();
}

fn started(address: &ProviderAddress, program: Program) -> Outcome {
    let path = std::path::absolute(&program.path).unwrap_or(program.path);
    let kept = program.package.map(|package| SchemaFile { path: kept_schemas(address), package });
    formwork_provider_plugin::host(&address.to_string(), &path, kept.as_ref(), SURROUNDINGS)
}

/// Where the schemas of an installed provider are kept.
fn kept_schemas(address: &ProviderAddress) -> PathBuf {
    let folder = data_folder().join("schemas").join(address.host.as_str()).join(address.namespace.as_str());
    folder.join(address.type_name.as_str())
}

fn attached(address: &ProviderAddress) -> Option<Outcome> {
    let text = std::env::var("TF_REATTACH_PROVIDERS").ok().filter(|text| !text.is_empty())?;
    let is_meant = |name: &str| ProviderAddress::parse(name).is_ok_and(|one| one == *address);
    formwork_provider_plugin::attached(&text, SURROUNDINGS, is_meant)
}

/// The executable of an installed provider, of the version that the lock file names, if what is there is what was
/// locked; or that of `dev_overrides`. Nothing where neither knows the provider.
fn executable(address: &ProviderAddress) -> Option<Result<Program, Diagnostic>> {
    let found = Settings::of(crate::installation::variable)
        .and_then(|settings| Ok((settings, LockFile::of_folder(Path::new("."))?)));
    let (settings, lock) = match found {
        Ok(found) => found,
        Err(diagnostic) => return Some(Err(diagnostic)),
    };
    let is_known = settings.overrides.contains_key(address) || lock.providers.contains_key(address);
    is_known.then(|| formwork_install::program(address, &settings, &lock, &data_folder()))
}

/// The first argument of this program when it is to become a provider that ends with the process that started it.
const LAUNCH: &str = "__launch-provider";

/// What goes before a provider's program: this one, which asks the system for the provider's end with its own.
fn launcher() -> Option<Vec<OsString>> {
    cfg!(target_os = "linux")
        .then(|| vec!["/proc/self/exe".into(), LAUNCH.into(), std::process::id().to_string().into()])
}

/// Becomes a provider where the arguments say so, and otherwise comes back at once.
#[cfg(target_os = "linux")]
pub(crate) fn launch_if_asked() -> Option<std::process::ExitCode> {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != LAUNCH {
        return None;
    }
    let parent: Option<i32> = arguments.next().and_then(|text| text.to_str()?.parse().ok());
    let program = arguments.next()?;
    let is_bound =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_ok();
    // Whoever started this may have ended before it asked.
    let lives = rustix::process::getppid().map(|id| id.as_raw_nonzero().get()) == parent;
    if is_bound && lives {
        let error = std::process::Command::new(&program).args(arguments).exec();
        let _ = writeln!(std::io::stderr(), "cannot be executed: {error}");
    }
    Some(std::process::ExitCode::FAILURE)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn launch_if_asked() -> Option<std::process::ExitCode> {
    None
}
