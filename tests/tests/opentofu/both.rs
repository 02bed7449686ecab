//! Two projects of the same files, one for each engine.

use formwork_tests::{Finished, Project, project};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::process::Command;

/// The other engine, and a folder of providers for both.
pub(crate) struct OpenTofu {
    program: PathBuf,
    mirror: PathBuf,
}

impl OpenTofu {
    /// What the labs have built, or nothing where they have not and nobody asks for it.
    pub(crate) fn find() -> Option<Self> {
        let found = ["FORMWORK_LAB_OPENTOFU", "FORMWORK_LAB_PLUGINS"].map(std::env::var_os);
        let is_needed =
            std::env::var("FORMWORK_LAB").is_ok_and(|labs| labs.split(',').any(|one| one == "opentofu"));
        let [Some(program), Some(mirror)] = found else {
            assert!(
                !is_needed,
                "FORMWORK_LAB=opentofu, but no lab: eval \"$(tests/lab/opentofu env)\", and of plugins"
            );
            println!("not run: needs tests/lab/opentofu and tests/lab/plugins");
            return None;
        };
        Some(Self { program: program.into(), mirror: mirror.into() })
    }

    /// A project whose CLI configuration names the folder of providers.
    pub(crate) fn project(&self, files: &[(&str, &str)]) -> Project {
        let mut project = project();
        for (path, text) in files {
            project = project.file(path, text);
        }
        let mirror = self.mirror.display();
        let settings =
            format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{mirror}\"\n  }}\n}}\n");
        project.file("cli.tfrc", &settings).build()
    }

    /// Runs theirs.
    pub(crate) fn theirs(&self, project: &Project, line: &str) -> Finished {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace()).current_dir(project.path());
        project.finish(settings(project, &mut command))
    }
}

/// Runs ours.
pub(crate) fn formwork(project: &Project, line: &str) -> Finished {
    project.finish(settings(project, &mut project.command(line)))
}

fn settings<'a>(project: &Project, command: &'a mut Command) -> &'a mut Command {
    command.env("TF_CLI_CONFIG_FILE", project.path().join("cli.tfrc")).env("CHECKPOINT_DISABLE", "1")
}

/// What a command prints as JSON.
pub(crate) fn json(finished: &Finished, what: &str) -> Json {
    serde_json::from_str(&finished.ended(what, 0)).expect("JSON")
}

/// A document in one order, without what is ours alone or another each time.
pub(crate) fn settled(document: &Json) -> Json {
    match document {
        Json::Array(all) => {
            let mut all: Vec<Json> = all.iter().map(settled).collect();
            let has_order = !all.iter().all(|one| one.get("address").or(one.get("resource")).is_some());
            if !has_order {
                all.sort_by_cached_key(|one| {
                    format!("{} {} {}", one["address"], one["resource"], one["attribute"])
                });
            }
            Json::Array(all)
        }
        Json::Object(fields) => {
            let kept = fields
                .iter()
                .filter(|(name, _)| !["formwork", "timestamp", "terraform_version"].contains(&name.as_str()));
            Json::Object(kept.map(|(name, one)| (name.clone(), settled(one))).collect())
        }
        other => other.clone(),
    }
}

/// Where two documents differ, line by line.
pub(crate) fn differences(theirs: &Json, ours: &Json) -> Vec<String> {
    let mut found = Vec::new();
    compare(theirs, ours, "", &mut found);
    found
}

fn compare(theirs: &Json, ours: &Json, at: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Json::Object(one), Json::Object(other)) => {
            for (name, value) in one {
                compare(value, other.get(name).unwrap_or(&Json::Null), &format!("{at}/{name}"), found);
            }
            for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                compare(&Json::Null, value, &format!("{at}/{name}"), found);
            }
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(one, other, &format!("{at}[{index}]"), found);
            }
        }
        _ if theirs != ours => found.push(format!("{at}: theirs {theirs:.300}, ours {ours:.300}")),
        _ => {}
    }
}
