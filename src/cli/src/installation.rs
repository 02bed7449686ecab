//! What a configuration needs from elsewhere, installed in the words that users of OpenTofu know.

use crate::disk::Installing;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use crate::workspaces::data_folder;
use formwork_diagnostic::{Diagnostic, Diagnostics};
use formwork_engine::requirements::{Requirements, of_module};
use formwork_engine::run::Configuration;
use formwork_install::{
    Entry, Event, Installer, LOCK_FILE, LockFile, Modules, Options, Settings, Wanted, platform,
    write_manifest,
};
use formwork_lang::{Module, VersionConstraint};
use formwork_state::ProviderAddress;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, PoisonError};

/// Providers that a configuration and its state need.
pub(crate) struct Needed {
    /// Those that are part of this program.
    pub(crate) native: BTreeSet<ProviderAddress>,
    /// Those to install.
    pub(crate) wanted: Wanted,
}

/// How to install.
pub(crate) struct How<'a> {
    pub(crate) upgrade: bool,
    /// Whether the lock file may not change.
    pub(crate) is_readonly: bool,
    /// Folders that alone are looked into.
    pub(crate) folders: &'a [PathBuf],
}

/// A variable of the environment.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The CLI configuration.
pub(crate) fn settings(session: &Session) -> Result<Settings, Failure> {
    static IS_SAID: Once = Once::new();
    let settings = Settings::of(variable).map_err(|diagnostic| session.refused(diagnostic))?;
    if let Some(path) = &settings.missing {
        let detail = format!("The CLI configuration file at {} does not exist.", path.display());
        let summary = "Unable to open CLI configuration file";
        IS_SAID.call_once(|| {
            session.screen.show(&Diagnostic::warning("cli-configuration", summary, detail).into());
        });
    }
    Ok(settings)
}

/// What a configuration needs, and the objects in a state.
pub(crate) fn needed(
    session: &Session,
    configuration: &Configuration,
    stored: BTreeSet<ProviderAddress>,
) -> Result<Needed, Failure> {
    let mut needed = Needed { native: BTreeSet::new(), wanted: Wanted::new() };
    let requirements = of_module(&configuration.root);
    let mut found = Diagnostics::new();
    let mut waiting = vec![&requirements];
    while let Some(Requirements { providers, children }) = waiting.pop() {
        for (address, text) in providers {
            match constraint(text) {
                Some(constraint) => add(&mut needed, address, constraint),
                None => found.push(invalid(address, text)),
            }
        }
        waiting.extend(children.values());
    }
    for address in stored {
        add(&mut needed, &address, VersionConstraint::default());
    }
    session.settle(&found, &configuration.sources)?;
    Ok(needed)
}

fn add(needed: &mut Needed, address: &ProviderAddress, constraint: VersionConstraint) {
    if crate::registry::is_native(address) {
        needed.native.insert(address.clone());
        return;
    }
    let before = needed.wanted.remove(address).unwrap_or_default();
    needed.wanted.insert(address.clone(), before.and(constraint));
}

fn constraint(text: &str) -> Option<VersionConstraint> {
    if text.trim().is_empty() { Some(VersionConstraint::default()) } else { VersionConstraint::parse(text) }
}

fn invalid(address: &ProviderAddress, text: &str) -> Diagnostic {
    let detail =
        format!("\"{text}\", which is asked of the version of {}, is no constraint.", address.for_display());
    Diagnostic::error("version-constraint", "Invalid version constraint", detail)
        .hint("Write constraints such as \"~> 1.2\" or \">= 1.2.0, < 2.0.0\".")
}

/// A session that installs modules as calls lead to them, and what it installs them with.
pub(crate) fn installing(terminal: Terminal, upgrade: bool) -> Result<(Session, Arc<Installing>), Failure> {
    let session = Session::new(terminal);
    let settings = settings(&session)?;
    let now = crate::clock::compact;
    let modules = Modules::new(settings, variable, &data_folder(), upgrade, tell_of_modules, now);
    let files = Arc::new(Installing::new(modules));
    Ok((session.with_files(files.clone()), files))
}

/// Says what happens to modules, under a heading of their own.
pub(crate) fn tell_of_modules(text: &str) {
    static HAS_BEGUN: AtomicBool = AtomicBool::new(false);
    if !HAS_BEGUN.swap(true, Ordering::Relaxed) {
        print("Initializing modules...\n");
    }
    print(text);
}

/// Writes down which modules there are, those in folders beside too, as OpenTofu does. Says which of these were not
/// known before, line by line.
pub(crate) fn keep_modules(
    session: &Session,
    configuration: &Configuration,
    files: &Installing,
) -> Result<String, Failure> {
    let modules = files.modules.lock().unwrap_or_else(PoisonError::into_inner);
    let mut entries = Vec::new();
    let mut said = String::new();
    let mut waiting: Vec<&Module> = vec![&configuration.root];
    while let Some(module) = waiting.pop() {
        for call in module.calls.values() {
            let key = call.module.path.join(".");
            let entry = modules.settled().get(&key).cloned().unwrap_or_else(|| {
                let beside = Entry {
                    key,
                    source: call.source.clone(),
                    version: None,
                    dir: call.module.directory.clone(),
                };
                if modules.is_new(&beside) {
                    let _ = writeln!(said, "- {} in {}", beside.key, beside.dir);
                }
                beside
            });
            entries.push(entry);
            waiting.push(&call.module);
        }
    }
    write_manifest(&data_folder(), entries).map_err(|error| {
        let detail = format!("The list of modules could not be written: {error}.");
        session.refused(Diagnostic::error("module-install", "Failed to write the list of modules", detail))
    })?;
    Ok(said)
}

/// The lock file of the working directory.
pub(crate) fn lock_file(session: &Session) -> Result<LockFile, Failure> {
    LockFile::of_folder(Path::new(".")).map_err(|diagnostic| session.refused(diagnostic))
}

/// Says what happens, and on a terminal how far a download is.
pub(crate) fn teller(is_live: bool) -> impl Fn(&Event) {
    move |event| match event {
        Event::Received(bytes, all) => {
            let is_end = all.is_some_and(|all| all == *bytes);
            if is_live && !is_end {
                let mut out = std::io::stdout();
                let _ = write!(out, "\r  {event}\u{1b}[K\r");
                let _ = out.flush();
            } else if is_end {
                print(&format!("{}  {event}\n", if is_live { "\r\u{1b}[K" } else { "" }));
            }
        }
        event => print(&format!("{event}\n")),
    }
}

/// Installs providers and locks them.
pub(crate) fn providers(session: &Session, wanted: &Wanted, how: &How<'_>) -> Result<(), Failure> {
    let settings = settings(session)?;
    warn_of_overrides(session, &settings, wanted);
    let before = lock_file(session)?;
    let options = Options { plugin_folders: how.folders.to_vec(), ..Options::default() };
    let tell = teller(session.terminal.is_live);
    let installer = Installer::new(&settings, variable, &data_folder(), &options, &tell);
    let (lock, failed) = installer.install(wanted, &before, how.upgrade);
    let found: Diagnostics = failed.into_iter().map(|(address, one)| with_ours(&address, one)).collect();
    session.settle(&found, &formwork_diagnostic::Sources::new())?;
    keep(session, &before, &lock, how.is_readonly)
}

/// The same, and which of ours has the name.
fn with_ours(address: &ProviderAddress, mut diagnostic: Diagnostic) -> Diagnostic {
    let Some(ours) = crate::registry::namesake(address) else { return diagnostic };
    let other = diagnostic.hint.take().unwrap_or_default();
    diagnostic.hint(format!(
        "Formwork has a provider of that name built in: write source = \"{}\". {other}",
        ours.for_display()
    ))
}

fn keep(session: &Session, before: &LockFile, lock: &LockFile, is_readonly: bool) -> Result<(), Failure> {
    if before == lock {
        return Ok(());
    }
    if is_readonly {
        let detail = "Changes to dependency selections, or to what is recorded of them, are required, but the lock file may not change (-lockfile=readonly).";
        let diagnostic = Diagnostic::error("lock-file", "Provider dependency changes detected", detail);
        return Err(session.refused(diagnostic.hint("Run \"formwork init\" without -lockfile=readonly.")));
    }
    lock.write(Path::new(".")).map_err(|error| {
        let detail = format!("{LOCK_FILE} could not be written: {error}.");
        session.refused(Diagnostic::error("lock-file", "Failed to write the dependency lock file", detail))
    })?;
    let is_first = before.providers.is_empty();
    print(if is_first {
        "\nFormwork has created a lock file .terraform.lock.hcl to record the provider\nselections it made above. Include this file in your version control repository\nso that Formwork can guarantee to make the same selections by default when\nyou run \"formwork init\" in the future.\n"
    } else {
        "\nFormwork has made some changes to the provider dependency selections recorded\nin the .terraform.lock.hcl file. Review those changes and commit them to your\nversion control system if they represent changes you intended to make.\n"
    });
    warn_of_other_platforms(session, before, lock);
    Ok(())
}

/// What comes from a folder has no list of its packages for other systems.
fn warn_of_other_platforms(session: &Session, before: &LockFile, lock: &LockFile) {
    let new = lock.providers.iter().filter(|(address, one)| before.providers.get(*address) != Some(*one));
    let incomplete = new.filter(|(_, one)| one.hashes.len() == 1);
    let list: Vec<String> =
        incomplete.map(|(address, _)| format!("\n  - {}", address.for_display())).collect();
    if list.is_empty() {
        return;
    }
    let detail = format!(
        "Only the package for {} was at hand to calculate checksums of, for these providers:{}\n\nOn another platform init will refuse to install them.",
        platform(),
        list.concat()
    );
    let summary = "Incomplete lock file information for providers";
    let warning = Diagnostic::warning("incomplete-lock-file", summary, detail);
    let hint =
        "To calculate the checksums for another platform, run: formwork providers lock -platform=OS_ARCH";
    session.screen.show(&warning.hint(hint).into());
}

fn warn_of_overrides(session: &Session, settings: &Settings, wanted: &Wanted) {
    let overrides = settings.overrides.iter().filter(|(address, _)| wanted.contains_key(*address));
    let list: Vec<String> = overrides
        .map(|(address, folder)| format!("\n - {} in {}", address.for_display(), folder.display()))
        .collect();
    if list.is_empty() {
        return;
    }
    let detail = format!(
        "The following provider development overrides are set in the CLI configuration:{}\n\nThe behavior may therefore not match any released version of the provider and applying changes may cause the state to become incompatible with published releases.",
        list.concat()
    );
    session.screen.show(
        &Diagnostic::warning("dev-overrides", "Provider development overrides are in effect", detail).into(),
    );
}
