//! Who runs this, and from where, for the history: the user, the machine, the pipeline, the checkout.
//!
//! Invariant: nothing here stops a run: what cannot be found out is left empty.

use crate::processes;
use formwork_diagnostic::Diagnostic;
use formwork_state::history::{Checkout, Origin, Pipeline};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many entries of the history are kept.
const KEEP: &str = "FORMWORK_HISTORY_KEEP";

/// How a CI system is known, and where it says what.
struct System {
    name: &'static str,
    known_by: &'static str,
    run: &'static str,
    /// Variables whose values make the address, with texts in between.
    url: &'static [&'static str],
    commit: &'static str,
    actor: &'static str,
}

/// The more particular come first.
const SYSTEMS: &[System] = &[
    System {
        name: "github",
        known_by: "GITHUB_ACTIONS",
        run: "GITHUB_RUN_ID",
        url: &["$GITHUB_SERVER_URL", "/", "$GITHUB_REPOSITORY", "/actions/runs/", "$GITHUB_RUN_ID"],
        commit: "GITHUB_SHA",
        actor: "GITHUB_ACTOR",
    },
    System {
        name: "gitlab",
        known_by: "GITLAB_CI",
        run: "CI_PIPELINE_ID",
        url: &["$CI_JOB_URL"],
        commit: "CI_COMMIT_SHA",
        actor: "GITLAB_USER_LOGIN",
    },
    System {
        name: "jenkins",
        known_by: "JENKINS_URL",
        run: "BUILD_TAG",
        url: &["$BUILD_URL"],
        commit: "GIT_COMMIT",
        actor: "BUILD_USER_ID",
    },
    System {
        name: "azure",
        known_by: "TF_BUILD",
        run: "BUILD_BUILDID",
        url: &["$BUILD_BUILDURI"],
        commit: "BUILD_SOURCEVERSION",
        actor: "BUILD_REQUESTEDFOR",
    },
    System {
        name: "buildkite",
        known_by: "BUILDKITE",
        run: "BUILDKITE_BUILD_NUMBER",
        url: &["$BUILDKITE_BUILD_URL"],
        commit: "BUILDKITE_COMMIT",
        actor: "BUILDKITE_BUILD_CREATOR",
    },
    System {
        name: "circleci",
        known_by: "CIRCLECI",
        run: "CIRCLE_BUILD_NUM",
        url: &["$CIRCLE_BUILD_URL"],
        commit: "CIRCLE_SHA1",
        actor: "CIRCLE_USERNAME",
    },
    System {
        name: "ci",
        known_by: "CI",
        run: "CI_PIPELINE_NUMBER",
        url: &["$CI_PIPELINE_URL"],
        commit: "CI_COMMIT_SHA",
        actor: "CI_COMMIT_AUTHOR",
    },
];

/// Who and from where, for an operation on a workspace.
pub(crate) fn of(operation: &str, workspace: &str) -> Origin {
    let folder = std::env::current_dir().unwrap_or_default();
    Origin {
        verb: operation.to_owned(),
        command: crate::arguments::without_values(std::env::args()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        user: processes::user_or_number(),
        host: processes::host(),
        pid: std::process::id(),
        workspace: workspace.to_owned(),
        checkout: checkout(&folder),
        folder: folder.display().to_string(),
        pipeline: pipeline(|name| std::env::var(name).ok()),
    }
}

/// How many entries are to be kept; all where the environment says nothing.
pub(crate) fn kept_entries() -> Result<Option<u64>, Diagnostic> {
    let Ok(text) = std::env::var(KEEP) else { return Ok(None) };
    match text.trim().parse::<u64>() {
        Ok(0) | Err(_) => {
            let detail = format!("{KEEP} is {text:?}, which is no number of entries.");
            Err(Diagnostic::error("environment", "Invalid environment variable", detail)
                .hint("Write a whole number of at least 1, or unset it to keep all."))
        }
        Ok(count) => Ok(Some(count)),
    }
}

fn pipeline(read: impl Fn(&str) -> Option<String>) -> Option<Pipeline> {
    let is_set = |name: &str| read(name).is_some_and(|value| !value.is_empty() && value != "false");
    let system = SYSTEMS.iter().find(|system| is_set(system.known_by))?;
    let value = |name: &str| read(name).unwrap_or_default();
    let part = |part: &&str| part.strip_prefix('$').map_or_else(|| (*part).to_owned(), value);
    Some(Pipeline {
        system: system.name.to_owned(),
        run: value(system.run),
        url: system.url.iter().map(part).collect(),
        commit: value(system.commit),
        actor: value(system.actor),
    })
}

/// What git says of a folder, asked only where there is a checkout.
fn checkout(folder: &Path) -> Option<Checkout> {
    folder.ancestors().find(|above| above.join(".git").exists())?;
    let output = Command::new("git")
        .args(["status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", "."])
        .current_dir(folder)
        // It only looks: an index that is refreshed by the way would meet whoever works there.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| read_status(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads `git status --porcelain=v2 --branch`. Files that git does not know count where they are configuration.
fn read_status(text: &str) -> Checkout {
    let mut found = Checkout { is_dirty: Some(false), ..Checkout::default() };
    for line in text.lines() {
        if let Some(commit) = line.strip_prefix("# branch.oid ") {
            commit.clone_into(&mut found.commit);
        } else if let Some(branch) = line.strip_prefix("# branch.head ") {
            branch.clone_into(&mut found.branch);
        } else if !line.starts_with(['#', '?', '!']) || is_untracked_configuration(line) {
            found.is_dirty = Some(true);
        }
    }
    if found.commit == "(initial)" {
        found.commit.clear();
    }
    if found.branch == "(detached)" {
        found.branch.clear();
    }
    found
}

fn is_untracked_configuration(line: &str) -> bool {
    const OF_THE_CONFIGURATION: [&str; 5] = [".tf", ".tf.json", ".tofu", ".tofu.json", ".tfvars"];
    line.starts_with("? ") && OF_THE_CONFIGURATION.iter().any(|end| line.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::{pipeline, read_status};
    use formwork_state::history::Checkout;

    #[test]
    fn a_pipeline_says_who_it_is() {
        for (variables, expected) in [
            (&[][..], None),
            (&[("CI", "false")], None),
            (
                &[
                    ("CI", "true"),
                    ("GITHUB_ACTIONS", "true"),
                    ("GITHUB_RUN_ID", "7"),
                    ("GITHUB_SERVER_URL", "https://forge.example"),
                    ("GITHUB_REPOSITORY", "a/b"),
                    ("GITHUB_ACTOR", "ada"),
                    ("GITHUB_SHA", "c0ffee"),
                ],
                Some("github 7 https://forge.example/a/b/actions/runs/7 c0ffee ada"),
            ),
            (
                &[("CI", "true"), ("GITLAB_CI", "true"), ("CI_PIPELINE_ID", "8"), ("CI_JOB_URL", "u")],
                Some("gitlab 8 u  "),
            ),
            (&[("CI", "1")], Some("ci    ")),
        ] {
            let read = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let found = pipeline(read)
                .map(|one| format!("{} {} {} {} {}", one.system, one.run, one.url, one.commit, one.actor));
            assert_eq!(found.as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_checkout_is_clean_or_not() {
        let head = "# branch.oid c0ffee\n# branch.head main\n";
        for (lines, expected) in [
            ("", false),
            ("? .terraform/\n? notes.txt\n", false),
            ("? more.tf\n", true),
            ("1 .M N... 100644 100644 100644 a b main.tf\n", true),
            ("2 R. N... 100644 100644 100644 a b R100 b.tf\ta.tf\n", true),
        ] {
            let found = read_status(&format!("{head}{lines}"));
            let expected =
                Checkout { commit: "c0ffee".into(), branch: "main".into(), is_dirty: Some(expected) };
            assert_eq!(found, expected, "{lines}");
        }
        let none = read_status("# branch.oid (initial)\n# branch.head (detached)\n");
        assert_eq!(none, Checkout { is_dirty: Some(false), ..Checkout::default() });
    }
}
