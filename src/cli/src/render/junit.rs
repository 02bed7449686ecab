//! Results of tests in `JUnit`'s XML form, for what gathers them: a suite a file, a case a run.

use formwork_diagnostic::{Diagnostic, Style, render_text};
use formwork_engine::testing::{FileResult, RunResult, TestStatus};
use std::fmt::Write as _;

/// The whole document.
pub(crate) fn document(results: &[FileResult]) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for result in results {
        let of = |status: TestStatus| result.runs.iter().filter(|run| run.status == status).count();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" skipped=\"{}\" failures=\"{}\" errors=\"{}\">",
            escaped(&result.path),
            result.runs.len(),
            of(TestStatus::Skip),
            of(TestStatus::Fail),
            of(TestStatus::Error)
        );
        result.runs.iter().for_each(|run| case(&mut out, result, run));
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, file: &FileResult, run: &RunResult) {
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}.{:03}\"",
        escaped(&run.name),
        escaped(&file.path),
        run.elapsed_ms / 1000,
        run.elapsed_ms % 1000
    );
    if !run.started.is_empty() {
        let _ = write!(out, " timestamp=\"{}\"", escaped(&run.started));
    }
    let text = |is_wanted: &dyn Fn(&Diagnostic) -> bool| -> String {
        let found = run.diagnostics.iter().filter(|one| is_wanted(one));
        found.map(|one| render_text(one, &file.sources, Style::PLAIN)).collect()
    };
    let errors = escaped(&text(&Diagnostic::is_error));
    let warnings = escaped(&text(&|one| !one.is_error()));
    let mut body = match run.status {
        TestStatus::Skip | TestStatus::Pending => "      <skipped></skipped>\n".to_owned(),
        TestStatus::Pass => String::new(),
        TestStatus::Fail => format!("      <failure message=\"Test run failed\">{errors}</failure>\n"),
        TestStatus::Error => format!("      <error message=\"Encountered an error\">{errors}</error>\n"),
    };
    if !warnings.is_empty() {
        let _ = writeln!(body, "      <system-err>{warnings}</system-err>");
    }
    if body.is_empty() {
        out.push_str("></testcase>\n");
    } else {
        let _ = write!(out, ">\n{body}    </testcase>\n");
    }
}

/// Text as XML takes it; characters that XML has no way to write are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(letter),
            letter if u32::from(letter) < 0x20 || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::document;
    use formwork_diagnostic::Diagnostic;
    use formwork_engine::testing::{FileResult, RunResult, TestStatus};

    fn run(name: &str, status: TestStatus, finding: Option<Diagnostic>) -> RunResult {
        RunResult {
            name: name.into(),
            status,
            diagnostics: finding.into_iter().collect(),
            elapsed_ms: 1250,
            ..RunResult::default()
        }
    }

    #[test]
    fn every_status_has_its_element() {
        let error = || Some(Diagnostic::error("a", "A < B", "\u{1b}[1mNo\u{1b}[0m \"x\" & y."));
        let warning = Some(Diagnostic::warning("w", "Beware", ""));
        let runs = vec![
            run("passes", TestStatus::Pass, None),
            run("warns", TestStatus::Pass, warning),
            run("fails", TestStatus::Fail, error()),
            run("errs", TestStatus::Error, error()),
            run("skips", TestStatus::Skip, None),
        ];
        let result = FileResult {
            path: "tests/a.tftest.hcl".to_owned(),
            status: TestStatus::Error,
            runs,
            ..FileResult::default()
        };
        let text = document(&[result]);
        for expected in [
            "<testsuite name=\"tests/a.tftest.hcl\" tests=\"5\" skipped=\"1\" failures=\"1\" errors=\"1\">",
            "<testcase name=\"passes\" classname=\"tests/a.tftest.hcl\" time=\"1.250\"></testcase>",
            "<system-err>╷\n│ Warning: Beware",
            "<failure message=\"Test run failed\">╷\n│ Error: A &lt; B\n│\n│ [1mNo[0m &quot;x&quot; &amp; y.",
            "<error message=\"Encountered an error\">",
            "<skipped></skipped>",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
