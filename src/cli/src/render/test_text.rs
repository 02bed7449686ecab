//! Results of tests for people.

use super::layout::Layout;
use super::palette::{Look, Painted, Palette};
use formwork_engine::testing::{Cleanup, FileResult, RunResult, TestStatus};
use std::fmt::Write as _;

/// A status in one word; whether an assertion failed or nothing could be told is the same to whoever waits for it.
pub(crate) const fn word(status: TestStatus) -> &'static str {
    match status {
        TestStatus::Pending => "pending",
        TestStatus::Skip => "skip",
        TestStatus::Pass => "pass",
        TestStatus::Fail | TestStatus::Error => "fail",
    }
}

fn painted(status: TestStatus, palette: Palette) -> Painted<&'static str> {
    let look = match status {
        TestStatus::Pending | TestStatus::Skip => Look::Grey,
        TestStatus::Pass => Look::Green,
        TestStatus::Fail | TestStatus::Error => Look::Red,
    };
    palette.paint(look, word(status))
}

/// `tests/main.tftest.hcl... pass`
pub(crate) fn file(result: &FileResult, palette: Palette) -> String {
    format!("{}... {}\n", result.path, painted(result.status, palette))
}

/// `  run "main"... pass`
pub(crate) fn run(result: &RunResult, palette: Palette) -> String {
    format!("  run {:?}... {}\n", result.name.as_str(), painted(result.status, palette))
}

/// How many runs ended in each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) errored: usize,
    pub(crate) skipped: usize,
}

/// Counts the runs of all files, and says how the worst of them ended.
pub(crate) fn count(results: &[FileResult]) -> (Counts, TestStatus) {
    let mut counts = Counts::default();
    for run in results.iter().flat_map(|result| &result.runs) {
        match run.status {
            TestStatus::Pending => {}
            TestStatus::Skip => counts.skipped += 1,
            TestStatus::Pass => counts.passed += 1,
            TestStatus::Fail => counts.failed += 1,
            TestStatus::Error => counts.errored += 1,
        }
    }
    let worst = results.iter().map(|result| result.status).fold(TestStatus::Pass, Ord::max);
    (counts, worst)
}

/// `Success! 2 passed, 0 failed.`
pub(crate) fn sentence(results: &[FileResult], palette: Palette) -> String {
    let (counts, worst) = count(results);
    let verdict = match worst {
        TestStatus::Pass => palette.paint(Look::Green, "Success!"),
        _ => palette.paint(Look::Red, "Failure!"),
    };
    let mut text = format!("{verdict} {} passed, {} failed", counts.passed, counts.failed + counts.errored);
    if counts.skipped > 0 {
        let _ = write!(text, ", {} skipped", counts.skipped);
    }
    text.push('.');
    text
}

/// The sentence with the line before it.
pub(crate) fn conclusion(results: &[FileResult], palette: Palette) -> String {
    format!("\n{}\n", sentence(results, palette))
}

/// Says that not everything could be removed.
pub(crate) fn cleanup_failed(path: &str, run: &str, layout: Layout) -> String {
    let words =
        format!("Formwork encountered an error destroying resources created while executing {path}/{run}.");
    format!("{}\n", layout.wrapped(&words))
}

/// What still stands, and where its state is.
pub(crate) fn left_over(path: &str, cleanup: &Cleanup, name: &str, layout: Layout) -> String {
    let words = left_over_sentence(path, cleanup, name, "the following");
    let mut text = format!("\n{}\n", layout.wrapped(&words));
    for key in &cleanup.left {
        let _ = match &key.deposed {
            None => writeln!(text, "  - {}", key.address),
            Some(deposed) => writeln!(text, "  - {} ({})", key.address, deposed.0),
        };
    }
    if !name.is_empty() {
        let _ = write!(text, "\nWriting state to file: {name}\n");
    }
    text
}

/// The sentence about what still stands; `some` or `the following`.
pub(crate) fn left_over_sentence(path: &str, cleanup: &Cleanup, name: &str, which: &str) -> String {
    format!(
        "Formwork left {which} resources in state after executing {path}/{}, these left-over resources can be viewed by reading the statefile written to disk({name}) and they need to be cleaned up manually:",
        cleanup.run
    )
}
