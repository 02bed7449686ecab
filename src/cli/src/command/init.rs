//! `init`: settles on the place of the state, and checks that everything else the configuration needs is here: every
//! provider is built in, every module source is a local path.

use crate::arguments::{Init, VariableArgument};
use crate::failure::{Failure, Success};
use crate::place::{self, Place, Remembered, Written, moving::Move};
use crate::registry;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::{Diagnostic, Diagnostics, Sources, Span};
use formwork_engine::connections::missing_provider;
use formwork_engine::variables::read_file;
use formwork_lang::Module;
use formwork_state::ProviderAddress;
use formwork_value::{Name, Value};
use std::fmt::Write as _;

pub(super) fn run(
    arguments: &Init,
    variables: &[VariableArgument],
    terminal: Terminal,
) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    print("\nInitializing the backend...\n");
    let configuration =
        if variables.is_empty() { session.load()? } else { session.configuration_with_gaps(variables)? };
    if arguments.backend {
        let span = configuration.root.settings.backend.as_ref().map(|one| one.span);
        settle_place(&session, arguments, variables, span)?;
    }
    let mut diagnostics = Diagnostics::new();
    print("\nInitializing provider plugins...\n");
    let mut listed = String::new();
    for (address, span) in required(&configuration.root) {
        if session.environment.providers.provider(&address).is_some() {
            let _ = writeln!(listed, "- {} is built in", address.for_display());
        } else {
            diagnostics.push(missing_provider(&address, &session.environment).at(span));
        }
    }
    print(&listed);
    session.settle(&diagnostics, &configuration.sources)?;
    print("\nFormwork has been successfully initialized!\n");
    if crate::ambient::is_automated() {
        return Ok(Success::Done);
    }
    print(
        "\nYou may now begin working with Formwork. Try running \"formwork plan\" to see\nany changes that are required for your infrastructure.\n",
    );
    Ok(Success::Done)
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

/// The providers that a module tree names, each once, with the place of the first.
fn required(root: &Module) -> Vec<(ProviderAddress, Span)> {
    let mut found: Vec<(ProviderAddress, Span)> = Vec::new();
    let mut modules = vec![root];
    while let Some(module) = modules.pop() {
        for (name, required) in &module.settings.required_providers {
            let source = required.source.as_deref().unwrap_or(name);
            let address = ProviderAddress::parse(source).unwrap_or_else(|_| ProviderAddress::hashicorp(name));
            if found.iter().all(|(known, _)| *known != address) {
                found.push((address, required.span));
            }
        }
        modules.extend(module.calls.values().map(|call| call.module.as_ref()));
    }
    found
}
