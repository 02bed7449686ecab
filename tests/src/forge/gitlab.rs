//! GitLab's runner: jobs with what they extend, in a shell of their own, against the interface they call.

use super::job::{Ended, Kill, bash};
use super::server::Server;
use super::{Forge, Pipeline, Store, document};
use crate::program;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;

const PROJECT: &str = "/api/v4/projects/3";
const NOTES: &str = "/api/v4/projects/3/merge_requests/7/notes";

/// A forge whose runners read `docs/ci/gitlab`.
#[derive(Debug)]
pub struct Gitlab {
    forge: Forge,
    server: Server,
}

impl Gitlab {
    /// A forge with an empty repository.
    pub fn start(store: Store) -> Self {
        let forge = Forge::new(store);
        // The image that jobs run in has the program.
        std::os::unix::fs::symlink(program(), forge.path().join("bin/formwork")).unwrap();
        Self { forge, server: Server::start() }
    }

    fn run(&self, job: &str, commit: &str, kill: Option<Kill>) -> Ended {
        let file = document("gitlab/formwork.gitlab-ci.yml");
        let folder = self.forge.checkout(commit);
        let project = folder.join("clone");
        let text = |text: &str| text.to_owned();
        let mut environment = BTreeMap::from([
            ("CI".to_owned(), text("true")),
            ("CI_PROJECT_DIR".to_owned(), project.display().to_string()),
            ("CI_PROJECT_ID".to_owned(), text("3")),
            ("CI_API_V4_URL".to_owned(), format!("{}/api/v4", self.server.url())),
            ("CI_COMMIT_SHA".to_owned(), text(commit)),
            ("CI_JOB_TOKEN".to_owned(), text("job-token")),
            ("CI_JOB_URL".to_owned(), text("https://gitlab.example/jobs/5")),
            ("CI_MERGE_REQUEST_IID".to_owned(), text("7")),
            ("HOME".to_owned(), folder.join("home").display().to_string()),
            (
                "PATH".to_owned(),
                format!("{}:/usr/local/bin:/usr/bin:/bin", self.forge.path().join("bin").display()),
            ),
            // What the platform team sets.
            ("KUBECONFIG_TEXT".to_owned(), text("apiVersion: v1\n")),
            ("NOTES_TOKEN".to_owned(), text("notes-token")),
            ("NOTES_USER".to_owned(), text("formwork")),
            ("PLAN_PASSPHRASE".to_owned(), text("correct horse")),
            (
                "PG_CONN_STR".to_owned(),
                self.forge.connection(file[job]["environment"]["name"].as_str().expect("an environment")),
            ),
            ("PUSHGATEWAY_URL".to_owned(), self.server.url()),
        ]);
        for (name, value) in file["variables"].as_object().into_iter().flatten() {
            environment.insert(name.clone(), text(value.as_str().expect("text")));
        }
        let base = file[job]["extends"].as_str().expect("what a job extends");
        let script = [lines(&file[base]["before_script"]), lines(&file[job]["script"])].concat().join("\n");
        let options = ["--noprofile", "--norc", "-e", "-o", "pipefail"];
        let mut ended = bash(&options, &script, &project, &environment, kill);
        let after = lines(&file[job]["after_script"]).join("\n");
        if ended.code != -1 && !after.is_empty() {
            let last = bash(&options, &after, &project, &environment, None);
            assert_eq!(last.code, 0, "{}", last.text);
            ended.text.push_str(&last.text);
        }
        ended
    }
}

fn lines(script: &Json) -> Vec<String> {
    script.as_array().into_iter().flatten().map(|line| line.as_str().expect("text").to_owned()).collect()
}

impl Deref for Gitlab {
    type Target = Forge;

    fn deref(&self) -> &Forge {
        &self.forge
    }
}

impl Pipeline for Gitlab {
    fn plan(&self, commit: &str) -> Ended {
        let ended = self.run("plan", commit, None);
        self.server.keep_packages(&self.path().join("artifacts"));
        ended
    }

    fn apply(&self, commit: &str, kill: Option<Kill>) -> Ended {
        self.server.take_packages(&self.path().join("artifacts"));
        self.run("apply", commit, kill)
    }

    fn resume(&self, commit: &str) -> Ended {
        self.run("resume", commit, None)
    }

    fn drift(&self, commit: &str) -> Ended {
        self.run("drift", commit, None)
    }

    fn comments(&self) -> Vec<String> {
        let notes: Vec<Json> = serde_json::from_str(&self.server.body(NOTES)).unwrap_or_default();
        notes.iter().map(|one| one["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn merged(&self, commit: &str) {
        let path = format!("{PROJECT}/repository/commits/{commit}/merge_requests");
        self.server.set(&path, json!([{ "iid": 7, "state": "merged" }]).to_string().as_bytes());
    }

    fn kept_plan(&self, tree: &str) -> PathBuf {
        self.path().join(format!("artifacts/{tree}"))
    }

    fn metrics(&self) -> String {
        self.server.body("/metrics/job/formwork/platform/platform")
    }
}
