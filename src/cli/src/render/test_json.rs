//! Results of tests in the JSON stream: `test_abstract`, `test_file`, `test_run`, `test_plan`, `test_state`,
//! `test_cleanup`, `test_summary`.

use super::event_json::Message;
use super::palette::Palette;
use super::test_text::{count, left_over_sentence, sentence, word};
use formwork_engine::testing::{Cleanup, FileResult, RunResult, TestStatus};
use formwork_lang::TestFile;
use serde_json::{Map, Value as Json, json};

/// The file and the run that a line is about.
pub(crate) fn about(path: &str, run: Option<&str>) -> Json {
    let mut about = json!({"@testfile": path});
    if let Some(run) = run {
        about["@testrun"] = json!(run);
    }
    about
}

/// Here an assertion that fails and what could not be told are two.
fn status(status: TestStatus) -> &'static str {
    match status {
        TestStatus::Error => "error",
        other => word(other),
    }
}

fn line(kind: &'static str, text: String, body: Json, about: Json) -> Message {
    let mut rest = about;
    rest[kind] = body;
    Message::new("info", kind, text, rest)
}

/// What is going to be performed.
pub(crate) fn overview(files: &[TestFile]) -> Message {
    let runs: usize = files.iter().map(|file| file.runs.len()).sum();
    let names = |file: &TestFile| {
        let names: Vec<&str> = file.runs.iter().map(|run| run.name.as_str()).collect();
        (file.path.clone(), json!(names))
    };
    let body: Map<String, Json> = files.iter().map(names).collect();
    let text = format!(
        "Found {} {} and {runs} {}",
        files.len(),
        if files.len() == 1 { "file" } else { "files" },
        if runs == 1 { "run block" } else { "run blocks" }
    );
    line("test_abstract", text, Json::Object(body), json!({}))
}

/// How a file ended.
pub(crate) fn file(result: &FileResult) -> Message {
    let text = format!("{}... {}", result.path, word(result.status));
    let body = json!({"path": result.path, "status": status(result.status)});
    line("test_file", text, body, about(&result.path, None))
}

/// How a run ended.
pub(crate) fn run(path: &str, result: &RunResult) -> Message {
    let text = format!("  {:?}... {}", result.name.as_str(), word(result.status));
    let body = json!({"path": path, "run": result.name.as_str(), "status": status(result.status)});
    line("test_run", text, body, about(path, Some(&result.name)))
}

/// The plan of a run.
pub(crate) fn plan(path: &str, run: &str, document: &Json) -> Message {
    let text = "-verbose flag enabled, printing plan".to_owned();
    line("test_plan", text, document.clone(), about(path, Some(run)))
}

/// The state after a run.
pub(crate) fn state(path: &str, run: &str, document: &Json) -> Message {
    let text = "-verbose flag enabled, printing state".to_owned();
    line("test_state", text, document.clone(), about(path, Some(run)))
}

/// What could not be removed.
pub(crate) fn left_over(path: &str, cleanup: &Cleanup, name: &str) -> Message {
    let resource = |key: &formwork_state::ObjectKey| {
        let mut one = json!({"instance": key.address.to_string()});
        if let Some(deposed) = &key.deposed {
            one["deposed_key"] = json!(deposed.0.as_str());
        }
        one
    };
    let failed: Vec<Json> = cleanup.left.iter().map(resource).collect();
    let mut rest = about(path, Some(&cleanup.run));
    rest["test_cleanup"] = json!({"failed_resources": failed});
    let text = left_over_sentence(path, cleanup, name, "some");
    Message::new("error", "test_cleanup", text, rest)
}

/// How everything ended.
pub(crate) fn summary(results: &[FileResult]) -> Message {
    let (counts, worst) = count(results);
    let body = json!({
        "status": status(worst),
        "passed": counts.passed,
        "failed": counts.failed,
        "errored": counts.errored,
        "skipped": counts.skipped,
    });
    line("test_summary", sentence(results, Palette::default()), body, json!({}))
}
