//! `validate`: the configuration alone, without state or targets.

use crate::arguments::Validate;
use crate::disk::Disk;
use crate::encryption;
use crate::failure::{Failure, Success};
use crate::render::diagnostic_json::DiagnosticJson;
use crate::render::palette::Look;
use crate::session::Session;
use crate::terminal::{Terminal, print};
use formwork_diagnostic::Severity;
use formwork_engine::{run, testing};
use formwork_lang::Source;
use serde_json::json;
use std::sync::Arc;

pub(super) fn run(arguments: &Validate, terminal: Terminal) -> Result<Success, Failure> {
    let session = Session::new(terminal);
    let files: Arc<dyn Source> = Arc::new(Disk::here());
    let (mut configuration, mut diagnostics) = run::load(&files);
    let mut tests = Vec::new();
    if !arguments.no_tests {
        let (files, found) = testing::load_tests(&mut configuration, arguments.test_directory.as_deref());
        tests = files;
        diagnostics.append(found);
    }
    if diagnostics.has_errors() {
        diagnostics.append(run::further_faults(&session.environment, &configuration, &diagnostics));
    } else {
        diagnostics.append(run::validate(&session.environment, &configuration));
        diagnostics.append(testing::validate(&session.environment, &configuration, &tests));
    }
    diagnostics.append(encryption::faults(&configuration));
    diagnostics.sort_by_place();
    // Wanted until the process ends, which takes it away whole and at once.
    std::mem::forget(configuration.root.clone());
    if arguments.json {
        let is_valid = !diagnostics.has_errors();
        let of = |severity| diagnostics.iter().filter(|one| one.severity == severity).count();
        let mut found = DiagnosticJson::new(&configuration.sources);
        let document = json!({
            "format_version": "1.0",
            "valid": is_valid,
            "error_count": of(Severity::Error),
            "warning_count": of(Severity::Warning),
            "diagnostics": diagnostics.iter().map(|one| found.render(one)).collect::<Vec<_>>(),
        });
        print(&format!("{document:#}\n"));
        return if is_valid { Ok(Success::Done) } else { Err(Failure::default()) };
    }
    let words = if diagnostics.is_empty() {
        "The configuration is valid."
    } else {
        "The configuration is valid, but there were some validation warnings as shown above."
    };
    session.settle(&diagnostics, &configuration.sources)?;
    print(&format!("{} {words}\n\n", terminal.layout.palette.paint(Look::BoldGreen, "Success!")));
    Ok(Success::Done)
}
