//! A forge with its runners, as far as the documents in `docs/ci` know one: the repository, what jobs leave for each
//! other, comments, and the shell of a job run in a folder of its own.
//!
//! Invariant: a job gets only what a runner would give it. What it asks for besides ends the test.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test without its forge cannot go on")]

mod github;
mod gitlab;
mod job;
mod server;

pub use github::Github;
pub use gitlab::Gitlab;
pub use job::{Ended, Kill};

use crate::program;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What outlives every job.
#[derive(Debug)]
pub struct Forge {
    folder: TempDir,
    store: Store,
}

/// Where a platform's state outlives its jobs.
#[derive(Debug, Clone)]
pub enum Store {
    /// A file beside the forge.
    File,
    /// A schema of a database.
    Postgresql {
        /// The schema.
        schema: String,
        /// How jobs that only read connect.
        reader: String,
        /// How jobs that write connect.
        writer: String,
    },
}

/// The jobs of the documents, on one forge or another.
pub trait Pipeline {
    /// Plans a pull request.
    fn plan(&self, commit: &str) -> Ended;
    /// Applies what was merged, perhaps killed on the way.
    fn apply(&self, commit: &str, kill: Option<Kill>) -> Ended;
    /// Goes on with what was cut off.
    fn resume(&self, commit: &str) -> Ended;
    /// Looks for changes from outside.
    fn drift(&self, commit: &str) -> Ended;
    /// The bodies of the comments of the pull request.
    fn comments(&self) -> Vec<String>;
    /// Says that a commit came by the pull request.
    fn merged(&self, commit: &str);
    /// Where the plan of a tree is kept.
    fn kept_plan(&self, tree: &str) -> PathBuf;
    /// The figures that were pushed last.
    fn metrics(&self) -> String;
}

impl Forge {
    /// A forge with an empty repository.
    fn new(store: Store) -> Self {
        let forge = Self { folder: tempfile::tempdir().expect("a folder for the forge"), store };
        for folder in ["artifacts", "bin", "jobs", "state", "work"] {
            std::fs::create_dir(forge.path().join(folder)).unwrap();
        }
        forge.git(&["init", "--quiet", "--initial-branch=main", "."]);
        forge
    }

    /// Where everything is kept.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The `backend` block of the platform's configuration. Where a place takes over from jobs that died, it does soon.
    pub fn backend(&self) -> String {
        match &self.store {
            Store::File => format!(
                "backend \"local\" {{\n    path = \"{}/state/platform.tfstate\"\n  }}",
                self.path().display()
            ),
            Store::Postgresql { schema, .. } => {
                format!("backend \"pg\" {{\n    schema_name   = \"{schema}\"\n    lease_seconds = 5\n  }}")
            }
        }
    }

    /// What the platform team keeps as `PG_CONN_STR` of an environment.
    fn connection(&self, environment: &str) -> String {
        match (&self.store, environment) {
            (Store::File, "plan" | "production") => String::new(),
            (Store::Postgresql { reader, .. }, "plan") => reader.clone(),
            (Store::Postgresql { writer, .. }, "production") => writer.clone(),
            _ => panic!("there is no environment {environment:?}"),
        }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=dev", "-c", "user.email=dev@example.com"])
            .args(arguments)
            .current_dir(self.path().join("work"))
            .output()
            .expect("git");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits files, and gives the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.path().join("work").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The tree of a commit.
    pub fn tree(&self, commit: &str) -> String {
        self.git(&["rev-parse", &format!("{commit}^{{tree}}")])
    }

    /// A clean clone at a commit, for one job.
    fn checkout(&self, commit: &str) -> PathBuf {
        let number = std::fs::read_dir(self.path().join("jobs")).unwrap().count();
        let job = self.path().join("jobs").join(number.to_string());
        for folder in ["home", "temp"] {
            std::fs::create_dir_all(job.join(folder)).unwrap();
        }
        let clone = job.join("clone").display().to_string();
        self.git(&["clone", "--quiet", ".", &clone]);
        self.git(&["-C", &clone, "checkout", "--quiet", "--detach", commit]);
        job
    }
}

/// A document's text.
fn document(path: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(crate::repository().join("docs/ci").join(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The program's digest, as the platform team writes it into the forge's settings.
fn digest() -> String {
    let output = Command::new("sha256sum").arg(program()).output().expect("sha256sum");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}
