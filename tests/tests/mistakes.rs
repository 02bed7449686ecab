//! Mistakes that people make, each a folder under `mistakes` with the configuration that has it, and all that is said
//! of it under `snapshots/mistakes`. The command is `validate` unless the folder's file `command` holds another.
//!
//! Invariant: each message was read as somebody would read it who has written a configuration for the first time: the
//! place is right, the part at fault is marked, the values that mattered are there, one sentence says what to do, and
//! nothing is said that only follows from what was said before.

use formwork_tests::{Finished, Project, project, repository};
use std::path::{Path, PathBuf};

/// The fewest there are.
const LEAST: usize = 40;

/// The file of a case that holds its command line.
const COMMAND: &str = "command";

fn folder() -> PathBuf {
    repository().join("tests/tests/mistakes")
}

fn files(folder: &Path, below: &str, mut project: Project) -> std::io::Result<Project> {
    for entry in std::fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            project = files(folder, &path, project)?;
        } else if path != COMMAND {
            project = project.file(&path, &std::fs::read_to_string(entry.path())?);
        }
    }
    Ok(project)
}

fn run(case: &Path) -> std::io::Result<(String, Finished)> {
    let command = std::fs::read_to_string(case.join(COMMAND));
    let line = command.map_or_else(|_| "validate".to_owned(), |line| line.trim().to_owned());
    let finished = files(case, "", project())?.build().run(&line);
    Ok((line, finished))
}

#[test]
fn every_mistake_is_explained() {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= LEAST, "{} cases", cases.len());
    for case in cases {
        let name = case.file_name().and_then(|name| name.to_str()).unwrap();
        let (line, finished) = run(&case).unwrap();
        let said = format!("{}{}", finished.out, finished.error);
        assert!(finished.code == 1 || said.contains("Warning: "), "{name}: nothing is said\n{said}");
        for word in ["panicked", "hunter2", "[FOLDER]"] {
            assert!(!said.contains(word), "{name}: {word}\n{said}");
        }
        let text = format!("$ formwork {line}\n{said}[exit code {}]\n", finished.code);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots/mistakes");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}
