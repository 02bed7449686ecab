//! Providers in processes of their own: where their executables lie, and each started once.
//!
//! Invariant: what runs is what the lock file names. A provider that somebody started by hand and named in
//! `TF_REATTACH_PROVIDERS` goes before.

use formwork_diagnostic::Diagnostic;
use formwork_sdk::Provider;
use formwork_state::ProviderAddress;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What the dependency lock file is called, in the working directory.
const LOCK_FILE: &str = ".terraform.lock.hcl";
/// A lock file larger than this is none.
const LARGEST_LOCK_BYTES: u64 = 16 << 20;

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
    let outcome = attached(address).or_else(|| {
        let program = executable(address)?;
        Some(formwork_provider_plugin::host(&address.to_string(), &program, SURROUNDINGS))
    })?;
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

fn attached(address: &ProviderAddress) -> Option<Outcome> {
    let text = std::env::var("TF_REATTACH_PROVIDERS").ok().filter(|text| !text.is_empty())?;
    let is_meant = |name: &str| ProviderAddress::parse(name).is_ok_and(|one| one == *address);
    formwork_provider_plugin::attached(&text, SURROUNDINGS, is_meant)
}

/// The executable of an installed provider: `providers/HOST/NAMESPACE/TYPE/VERSION/OS_ARCH` of the data folder, of the
/// version that the lock file names.
fn executable(address: &ProviderAddress) -> Option<PathBuf> {
    let metadata = std::fs::metadata(LOCK_FILE).ok().filter(|one| one.len() <= LARGEST_LOCK_BYTES)?;
    let lock = metadata.is_file().then(|| std::fs::read_to_string(LOCK_FILE).ok())??;
    let version = locked_version(&lock, &address.to_string())?;
    let folder = crate::workspaces::data_folder()
        .join("providers")
        .join(address.host.as_str())
        .join(address.namespace.as_str())
        .join(address.type_name.as_str())
        .join(version)
        .join(platform());
    program_in(&folder, &address.type_name)
}

/// The version that a lock file names for an address.
fn locked_version(lock: &str, address: &str) -> Option<String> {
    let header = format!("provider \"{address}\"");
    let mut lines = lock.lines().map(str::trim).skip_while(|line| !line.starts_with(&header));
    lines.next()?;
    let version = lines.take_while(|line| *line != "}").find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "version").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || ".-+".contains(character);
    (!version.is_empty() && version.chars().all(is_plain) && !version.starts_with('.')).then_some(version)
}

/// The first file, by name, that is called as a provider's executable is.
fn program_in(folder: &Path, type_name: &str) -> Option<PathBuf> {
    let prefix = format!("terraform-provider-{type_name}");
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let is_it = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix.as_str()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.'])) && entry.path().is_file()
    };
    let found = entries.filter(is_it).map(|entry| entry.path()).min()?;
    std::path::absolute(found).ok()
}

/// This system, as providers are packed for it: `linux_amd64`.
fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("{system}_{machine}")
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

#[cfg(test)]
mod tests {
    use super::{locked_version, program_in};

    #[test]
    fn versions_of_a_lock_file() {
        let lock = "# kept by hand\n\nprovider \"a.example/b/c\" {\n  version     = \"1.2.3\"\n  constraints = \"~> 1.0\"\n  hashes = [\n    \"h1:x=\",\n  ]\n}\n\nprovider \"a.example/b/d\" {\n  constraints = \"1\"\n}\n\nprovider \"a.example/b/e\" {\n  version = \"../..\"\n}\n";
        for (address, expected) in [
            ("a.example/b/c", Some("1.2.3")),
            ("a.example/b/d", None),
            ("a.example/b/e", None),
            ("a.example/b/f", None),
        ] {
            assert_eq!(locked_version(lock, address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn the_executable_is_found_by_its_name() {
        for (files, expected) in [
            (
                &["terraform-provider-a_v2", "terraform-provider-a_v1", "LICENSE"][..],
                Some("terraform-provider-a_v1"),
            ),
            (&["terraform-provider-a"], Some("terraform-provider-a")),
            (&["terraform-provider-ab"], None),
            (&[], None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            for file in files {
                std::fs::write(folder.path().join(file), "").expect("a file");
            }
            let found = program_in(folder.path(), "a");
            let found = found.and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
            assert_eq!(found.as_deref(), expected, "{files:?}");
        }
    }
}
