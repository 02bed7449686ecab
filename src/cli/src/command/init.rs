//! `init`: settles on the place of the state, and installs what the configuration needs from elsewhere.

use super::show::UNLOCKED;
use crate::arguments::{Init, VariableArgument};
use crate::failure::{Failure, Success};
use crate::installation;
use crate::place::{self, Place, Remembered, Written, moving::Move};
use crate::registry;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Sources, Span};
use formwork_engine::requirements::of_state;
use formwork_engine::run::Configuration;
use formwork_engine::variables::read_file;
use formwork_value::{Name, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) fn run(
    arguments: &Init,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let (session, modules) = if arguments.get {
        let (session, modules) = installation::installing(terminal, arguments.upgrade)?;
        (session, Some(modules))
    } else {
        (Session::new(terminal), None)
    };
    print("\nInitializing the backend...\n");
    let configuration =
        if variables.is_empty() { session.load()? } else { session.configuration_with_gaps(variables)? };
    if let Some(modules) = modules {
        let beside = installation::keep_modules(&session, &configuration, &modules)?;
        if !beside.is_empty() {
            installation::tell_of_modules(&beside);
        }
    }
    if arguments.backend {
        let span = configuration.root.settings.backend.as_ref().map(|one| one.span);
        settle_place(&session, arguments, variables, span)?;
    }
    providers(&session, arguments, &configuration)?;
    print("\nFormwork has been successfully initialized!\n");
    if crate::ambient::is_automated() {
        return Ok(Success::Done);
    }
    print(
        "\nYou may now begin working with Formwork. Try running \"formwork plan\" to see\nany changes that are required for your infrastructure.\n",
    );
    Ok(Success::Done)
}

/// Installs the providers that are not part of this program.
fn providers(session: &Session, arguments: &Init, configuration: &Configuration) -> Result<(), Failure> {
    print("\nInitializing provider plugins...\n");
    let stored = if arguments.backend {
        of_state(&session.store("init", &UNLOCKED)?.folded().state)
    } else {
        BTreeSet::new()
    };
    let needed = installation::needed(session, configuration, stored)?;
    let listed = needed.native.iter().fold(String::new(), |mut listed, address| {
        let _ = writeln!(listed, "- {} is built in", address.for_display());
        listed
    });
    print(&listed);
    let options = installation::How {
        upgrade: arguments.upgrade,
        is_readonly: arguments.lockfile.is_some(),
        folders: &arguments.plugin_dir,
    };
    installation::providers(session, &needed.wanted, &options)
}

/// What the block says with what the command line adds.
struct Wanted {
    written: Option<Written>,
    settled: Option<Remembered>,
}

fn settle_place(
    session: &Session,
    arguments: &Init,
    variables: &[VariableArgument],
    span: Option<Span>,
) -> Result<(), Failure> {
    let wanted = wanted(session, arguments, variables)?;
    let before = place::remembered().map_err(|diagnostic| session.refused(diagnostic))?;
    let open = |settled: Option<&Remembered>| {
        let place = match settled {
            Some(settled) => place::open(&settled.kind, &settled.values),
            None => place::default_place(),
        };
        place.map_err(|found| session.refused(place::at(span, found)))
    };
    let to = open(wanted.settled.as_ref())?;
    let is_same = match (&before, &wanted.settled) {
        (None, None) => true,
        (Some(before), Some(settled)) => before.is_same_as(settled),
        _ => false,
    };
    if is_same {
        return keep(session, wanted.settled.as_ref());
    }
    let is_first = before.is_none();
    if !arguments.reconfigure {
        if !is_first && !arguments.migrate_state && !arguments.force_copy {
            return Err(session.refused(changed(wanted.written.as_ref(), before.as_ref())));
        }
        let from = open(before.as_ref())?;
        take_along(session, arguments, &from, &to)?;
    }
    keep(session, wanted.settled.as_ref())?;
    match (&wanted.settled, &before) {
        (Some(settled), _) => print(&format!(
            "\nSuccessfully configured the backend \"{}\"! Formwork will automatically\nuse this backend unless the backend configuration changes.\n",
            settled.kind
        )),
        (None, Some(before)) => print(&format!(
            "\nSuccessfully unset the backend \"{}\". Formwork will now operate locally.\n",
            before.kind
        )),
        (None, None) => {}
    }
    Ok(())
}

fn take_along(session: &Session, arguments: &Init, from: &Place, to: &Place) -> Result<(), Failure> {
    let moving = Move { from, to, lock: &arguments.lock, is_forced: arguments.force_copy };
    moving.perform(session).map(drop)
}

fn keep(session: &Session, settled: Option<&Remembered>) -> Result<(), Failure> {
    settled.map_or_else(place::forget, place::remember).map_err(|diagnostic| session.refused(diagnostic))
}

/// Its words are OpenTofu's: people look for them.
fn changed(written: Option<&Written>, before: Option<&Remembered>) -> Diagnostic {
    let reason = place::difference(written, before);
    let reason = reason.unwrap_or_else(|| "The arguments given with -backend-config have changed".to_owned());
    let detail = format!(
        "A change in the backend configuration has been detected, which may require migrating existing state.\n\n{reason}."
    );
    Diagnostic::error("backend-changed", "Backend configuration changed", detail).hint(
        "If you wish to attempt automatic migration of the state, use \"formwork init -migrate-state\". If you wish to store the current configuration with no changes to the state, use \"formwork init -reconfigure\".",
    )
}

fn wanted(session: &Session, arguments: &Init, variables: &[VariableArgument]) -> Result<Wanted, Failure> {
    let written = session.asked_for(variables)?;
    let given = given(session, &arguments.backend_config)?;
    let Some(block) = &written else {
        if !given.is_empty() {
            let detail = "-backend-config was used without a \"backend\" block in the configuration: what it says is not followed.";
            let warning =
                Diagnostic::warning("missing-backend-block", "Missing backend configuration", detail);
            session.screen.show(&warning.hint("Write terraform { backend \"...\" {} } first.").into());
        }
        return Ok(Wanted { written, settled: None });
    };
    let mut values = block.values.clone();
    for (name, value) in given {
        values.retain(|(other, _)| *other != name);
        values.push((name, value));
    }
    if let Some(kind) = registry::backend(&block.kind) {
        let found = kind.check(&Value::object(values.clone()));
        session.settle(&found, &Sources::new())?;
    }
    let is_default = block.kind == "local" && values.is_empty();
    let settled = Remembered { kind: block.kind.clone(), values, digest: block.digest };
    Ok(Wanted { settled: (!is_default).then_some(settled), written })
}

/// The arguments that the command line gives, the later of two last.
fn given(session: &Session, words: &[String]) -> Result<Vec<(Name, Value)>, Failure> {
    let mut values: Vec<(Name, Value)> = Vec::new();
    for word in words {
        let found = match word.split_once('=') {
            Some((name, value)) => vec![(name.trim().into(), Value::from(value))],
            None => file(session, word)?,
        };
        for (name, value) in found {
            values.retain(|(other, _)| *other != name);
            values.push((name, value));
        }
    }
    Ok(values)
}

fn file(session: &Session, path: &str) -> Result<Vec<(Name, Value)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let detail = format!("{path}, which -backend-config names: {error}.");
        session.refused(
            Diagnostic::error("backend-config-unreadable", "Backend arguments cannot be read", detail)
                .hint("Write -backend-config=NAME=VALUE, or name a file of such lines."),
        )
    })?;
    let mut sources = Sources::new();
    let (values, found) = read_file(path, &text, &mut sources);
    session.settle(&found, &sources)?;
    Ok(values.into_iter().map(|(name, (value, _))| (name, value)).collect())
}
