//! Adds up a log of calls: what was made, changed and deleted, and what is doubled or lost.

use formwork_provider_sim::calls::{Summary, ids_in_state, read};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

const USAGE: &str = "\
Usage: sim-calls [--json] [--creates] LOG [STATE]

Reads a log of calls of the simulated datacentre and prints how many objects
were made, changed and deleted, how many stand, and how many are doubled: made
twice by one token, or of one kind and name and standing side by side.

With STATE, a state file in format v4, it prints also how many are lost (they
stand, and the state does not know them) and missing (the state knows them, and
they do not stand). Exits with 1 when anything is doubled, lost or missing.

  --json      the whole summary as one JSON object
  --creates   how often each object was made, a line each
";

fn main() -> ExitCode {
    let done = run(env::args().skip(1));
    let (text, code) = match done {
        Ok((text, true)) => (text, ExitCode::SUCCESS),
        Ok((text, false)) => (text, ExitCode::FAILURE),
        Err(text) => {
            // Nothing is left to tell it to when standard error is closed.
            drop(writeln!(io::stderr(), "sim-calls: {text}"));
            return ExitCode::from(2);
        }
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_) => ExitCode::from(2),
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<(String, bool), String> {
    let (mut is_json, mut shows_creates) = (false, false);
    let mut files = Vec::new();
    for argument in arguments {
        match argument.as_str() {
            "--json" => is_json = true,
            "--creates" => shows_creates = true,
            "--help" | "-h" => return Ok((USAGE.to_owned(), true)),
            option if option.starts_with('-') => return Err(format!("there is no option {option}\n{USAGE}")),
            file => files.push(PathBuf::from(file)),
        }
    }
    let (log, state) = match files.as_slice() {
        [log] => (log, None),
        [log, state] => (log, Some(state)),
        _ => return Err(format!("one log is needed, and one state may follow\n{USAGE}")),
    };
    let summary = Summary::new(&read(log).map_err(|error| error.to_string())?);
    let known = match state {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some(ids_in_state(&text).map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    Ok(report(&summary, known.as_ref(), is_json, shows_creates))
}

fn report(
    summary: &Summary,
    known: Option<&BTreeSet<String>>,
    is_json: bool,
    shows_creates: bool,
) -> (String, bool) {
    let lost: Vec<&String> = known.map(|known| summary.lost(known).collect()).unwrap_or_default();
    let missing: Vec<&String> = known.map(|known| summary.missing(known).collect()).unwrap_or_default();
    let is_right = summary.doubled.is_empty() && lost.is_empty() && missing.is_empty();
    if is_json {
        let all = serde_json::json!({ "summary": summary, "lost": lost, "missing": missing });
        return (format!("{all}\n"), is_right);
    }
    let mut lines = Vec::new();
    if shows_creates {
        lines.extend(summary.creates.iter().map(|(object, count)| format!("{count} {object}")));
    }
    lines.extend(summary.doubled.iter().map(|object| format!("doubled: {object}")));
    lines.extend(lost.iter().map(|id| format!("lost: {id}")));
    lines.extend(missing.iter().map(|id| format!("missing: {id}")));
    lines.push(format!(
        "created {}, updated {}, deleted {}, standing {}, doubled {}, lost {}, missing {}",
        summary.created,
        summary.updated,
        summary.deleted,
        summary.alive.len(),
        summary.doubled.len(),
        lost.len(),
        missing.len(),
    ));
    lines.push(String::new());
    (lines.join("\n"), is_right)
}
