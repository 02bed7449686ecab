//! `providers lock` and `providers mirror`: packages for other platforms, recorded or copied.

use crate::arguments::{ProvidersLock, ProvidersMirror};
use crate::failure::{Failure, Success};
use crate::installation::{self, lock_file, settings, variable};
use crate::session::Session;
use crate::terminal::print;
use crate::workspaces::data_folder;
use formwork_diagnostic::Diagnostic;
use formwork_engine::run::Configuration;
use formwork_install::{Event, Installer, LockFile, Locked, Options, Settings, Wanted, platform};
use formwork_lang::Version;
use formwork_state::ProviderAddress;
use std::collections::BTreeSet;
use std::path::Path;

/// Platforms as given, or this one.
fn platforms(session: &Session, given: &[String]) -> Result<Vec<String>, Failure> {
    for one in given {
        let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !one
            .split_once('_')
            .is_some_and(|(system, architecture)| is_plain(system) && is_plain(architecture))
        {
            let detail = format!("\"{one}\" is no platform.");
            let diagnostic = Diagnostic::error("platform", "Invalid platform", detail);
            return Err(session.refused(diagnostic.hint("Write OS_ARCH, such as linux_amd64.")));
        }
    }
    Ok(if given.is_empty() { vec![platform()] } else { given.to_vec() })
}

fn silent(_: &Event) {}

fn installer<'a>(settings: &Settings, options: &Options, platform: &str) -> Installer<'a> {
    Installer::new(settings, variable, &data_folder(), options, &silent).for_platform(platform)
}

fn wanted(session: &Session, configuration: &Configuration, named: &[String]) -> Result<Wanted, Failure> {
    let mut wanted = installation::needed(session, configuration, BTreeSet::new())?.wanted;
    if named.is_empty() {
        return Ok(wanted);
    }
    let mut chosen = Wanted::new();
    for name in named {
        let found = ProviderAddress::parse(name).ok().and_then(|address| wanted.remove_entry(&address));
        let Some((address, constraints)) = found else {
            let detail = format!("\"{name}\" is no provider from elsewhere that the configuration needs.");
            return Err(session.refused(
                Diagnostic::error("missing-provider", "Invalid provider argument", detail)
                    .hint("`formwork providers` lists them."),
            ));
        };
        chosen.insert(address, constraints);
    }
    Ok(chosen)
}

/// Records hashes for platforms.
pub(super) fn lock(
    session: &Session,
    configuration: &Configuration,
    arguments: &ProvidersLock,
) -> Result<Success, Failure> {
    let wanted = wanted(session, configuration, &arguments.providers)?;
    let platforms = platforms(session, &arguments.platform)?;
    let settings = settings(session)?;
    let options = Options {
        plugin_folders: arguments.fs_mirror.iter().cloned().collect(),
        mirror: arguments.net_mirror.clone(),
    };
    let before = lock_file(session)?;
    let mut lock = before.clone();
    for (address, constraints) in wanted {
        let locked = before.providers.get(&address);
        let first = installer(&settings, &options, platforms.first().map_or("", String::as_str));
        let version = first.choose(&address, &constraints, locked).map_err(|one| session.refused(one))?;
        for platform in &platforms {
            let name = address.for_display();
            print(&format!("- Fetching {name} {version} for {platform}...\n"));
            let installer = installer(&settings, &options, platform);
            let (hashes, how) = installer.hashes(&address, &version).map_err(|one| session.refused(one))?;
            print(&format!("- Retrieved {name} {version} for {platform} ({how})\n"));
            let said = record(&mut lock, &address, &version, &hashes, &constraints);
            print(&format!("- Obtained {name} checksums for {platform}; {said}\n"));
        }
    }
    if lock == before {
        print("\nSuccess! Formwork has validated the lock file and found no need for changes.\n");
        return Ok(Success::Done);
    }
    write(session, &lock)?;
    print(
        "\nSuccess! Formwork has updated the lock file.\n\nReview the changes in .terraform.lock.hcl and then commit to your\nversion control system to retain the new checksums.\n",
    );
    Ok(Success::Done)
}

fn write(session: &Session, lock: &LockFile) -> Result<(), Failure> {
    lock.write(Path::new(".")).map_err(|error| {
        let detail = format!("The dependency lock file could not be written: {error}.");
        session.refused(Diagnostic::error("lock-file", "Failed to write the dependency lock file", detail))
    })
}

/// Adds hashes to what is locked, and says what that changed.
fn record(
    lock: &mut LockFile,
    address: &ProviderAddress,
    version: &Version,
    hashes: &BTreeSet<String>,
    constraints: &formwork_lang::VersionConstraint,
) -> &'static str {
    let Some(locked) = lock.providers.get_mut(address).filter(|locked| locked.version == *version) else {
        let one =
            Locked { version: version.clone(), constraints: constraints.clone(), hashes: hashes.clone() };
        lock.providers.insert(address.clone(), one);
        return "This was a new provider and the checksums for this platform are now tracked in the lock file";
    };
    if hashes.is_subset(&locked.hashes) {
        return "All checksums for this platform were already tracked in the lock file";
    }
    locked.hashes.extend(hashes.iter().cloned());
    "Additional checksums for this platform are now tracked in the lock file"
}

/// Copies archives into a folder.
pub(super) fn mirror(
    session: &Session,
    configuration: &Configuration,
    arguments: &ProvidersMirror,
) -> Result<Success, Failure> {
    let wanted = wanted(session, configuration, &[])?;
    let platforms = platforms(session, &arguments.platform)?;
    let (settings, options, locked) = (settings(session)?, Options::default(), lock_file(session)?);
    for (address, constraints) in wanted {
        print(&format!("- Mirroring {}...\n", address.for_display()));
        let before = locked.providers.get(&address);
        let first = installer(&settings, &options, platforms.first().map_or("", String::as_str));
        let version = first.choose(&address, &constraints, before).map_err(|one| session.refused(one))?;
        let why = match before {
            Some(_) => "to match dependency lock file".to_owned(),
            None if constraints.is_empty() => "with no constraints".to_owned(),
            None => format!("to meet constraints {constraints}"),
        };
        print(&format!("  - Selected v{version} {why}\n"));
        for platform in &platforms {
            print(&format!("  - Downloading package for {platform}...\n"));
            let installer = installer(&settings, &options, platform);
            let how = installer
                .mirror(&address, &version, &arguments.folder)
                .map_err(|one| session.refused(one))?;
            print(&format!("  - Package authenticated: {how}\n"));
        }
    }
    Ok(Success::Done)
}
