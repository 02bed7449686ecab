//! GitHub's runner: workflows with their expressions, the actions they use, and `gh`.

use super::job::{Ended, Kill, bash};
use super::server::Server;
use super::{Forge, Pipeline, Store, digest, document};
use crate::program;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A forge whose runners read `docs/ci/github`.
#[derive(Debug)]
pub struct Github {
    forge: Forge,
    server: Server,
}

/// One run of one job.
struct Run<'a> {
    forge: &'a Forge,
    folder: PathBuf,
    context: BTreeMap<String, String>,
    /// What every step sees.
    environment: BTreeMap<String, String>,
}

impl Github {
    /// A forge with an empty repository.
    pub fn start(store: Store) -> Self {
        let forge = Forge::new(store);
        for (name, text) in [("comments.json", "[]"), ("pulls.json", "{}")] {
            std::fs::write(forge.path().join(name), text).unwrap();
        }
        let gh = forge.path().join("bin/gh");
        std::fs::write(&gh, include_str!("gh")).unwrap();
        std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { forge, server: Server::start() }
    }

    fn run(&self, file: &str, job: &str, commit: &str, kill: Option<Kill>) -> Ended {
        let workflow = document(&format!("github/{file}"));
        let folder = self.forge.checkout(commit);
        let temp = folder.join("temp").display().to_string();
        let environment = workflow["jobs"][job]["environment"].as_str().expect("an environment");
        let connection = self.forge.connection(environment);
        let secrets = [
            ("KUBECONFIG_TEXT", "apiVersion: v1\n"),
            ("PLAN_PASSPHRASE", "correct horse"),
            ("PG_CONN_STR", connection.as_str()),
        ];
        let variables = [
            ("FORMWORK_URL", format!("file://{}", program().display())),
            ("FORMWORK_SHA256", digest()),
            ("PUSHGATEWAY_URL", self.server.url()),
        ];
        let github = [
            ("token", "token"),
            ("sha", commit),
            ("server_url", "https://github.example"),
            ("repository", "team/platform"),
            ("run_id", "5"),
            ("event.pull_request.number", "7"),
            ("event.workflow_run.head_sha", commit),
        ];
        let mut context = BTreeMap::from([
            ("runner.temp".to_owned(), temp.clone()),
            ("inputs.commit".to_owned(), String::new()),
        ]);
        context.extend(secrets.iter().map(|(name, value)| (format!("secrets.{name}"), (*value).to_owned())));
        context.extend(variables.iter().map(|(name, value)| (format!("vars.{name}"), value.clone())));
        context.extend(github.iter().map(|(name, value)| (format!("github.{name}"), (*value).to_owned())));
        let given = [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SHA", commit),
            ("GITHUB_REPOSITORY", "team/platform"),
            ("RUNNER_TEMP", &temp),
            ("HOME", &folder.join("home").display().to_string()),
            ("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", self.forge.path().join("bin").display())),
            ("FORGE", &self.forge.path().display().to_string()),
        ];
        let environment =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut run = Run { forge: &self.forge, folder, context, environment };
        for file in ["env", "output", "path"] {
            let path = run.folder.join(file).display().to_string();
            std::fs::write(&path, "").unwrap();
            run.environment.insert(format!("GITHUB_{}", file.to_uppercase()), path);
        }
        run.add_environment(&workflow["env"]);
        run.add_environment(&workflow["jobs"][job]["env"]);
        assert_eq!(workflow["defaults"]["run"]["shell"], "bash", "{file}");
        run.steps(workflow["jobs"][job]["steps"].as_array().expect("steps"), kill)
    }
}

impl Run<'_> {
    fn steps(&mut self, steps: &[Json], kill: Option<Kill>) -> Ended {
        let mut all = Ended::default();
        for step in steps {
            let condition = step["if"].as_str();
            assert!(condition.is_none_or(|text| text == "always()"), "{condition:?} is not played here");
            if all.code != 0 && condition.is_none() {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                self.action(action, &step["with"]);
                continue;
            }
            let ended = self.shell(step, kill.filter(|_| step["name"] == "Apply"));
            all.text.push_str(&ended.text);
            all.code = if all.code == 0 { ended.code } else { all.code };
            if ended.code == -1 {
                // Its runner is gone: nothing of it runs any more.
                return all;
            }
        }
        all
    }

    fn shell(&mut self, step: &Json, kill: Option<Kill>) -> Ended {
        let script = step["run"].as_str().expect("a step that uses or runs something");
        assert!(!script.contains("${{"), "an expression in a script runs whatever text it stands for");
        let mut environment = self.environment.clone();
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            environment.insert(name.clone(), self.resolved(value.as_str().expect("text")));
        }
        let options = ["--noprofile", "--norc", "-e", "-o", "pipefail"];
        let ended = bash(&options, script, &self.folder.join("clone"), &environment, kill);
        for line in self.take("path").lines() {
            let path = format!("{line}:{}", self.environment["PATH"]);
            self.environment.insert("PATH".to_owned(), path);
        }
        for line in self.take("output").lines() {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            let id = step["id"].as_str().expect("the id of a step that has outputs");
            self.context.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
        ended
    }

    /// The text that a step left in a file for the runner.
    fn take(&self, file: &str) -> String {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, "").unwrap();
        text
    }

    fn action(&self, action: &str, with: &Json) {
        match action.split('@').next().unwrap_or_default() {
            "actions/checkout" => {
                let reference = with["ref"].as_str().map_or(String::new(), |text| self.resolved(text));
                let is_given = reference.is_empty() || reference == self.context["github.sha"];
                assert!(is_given, "{reference} is another commit than the test's");
            }
            "actions/upload-artifact" => {
                let [name, path] =
                    ["name", "path"].map(|key| self.resolved(with[key].as_str().expect("text")));
                let folder = self.forge.path().join("artifacts").join(name);
                std::fs::create_dir_all(&folder).unwrap();
                let path = Path::new(&path);
                std::fs::copy(path, folder.join(path.file_name().unwrap())).unwrap();
            }
            other => panic!("{other} is not played here"),
        }
    }

    fn add_environment(&mut self, environment: &Json) {
        for (name, value) in environment.as_object().into_iter().flatten() {
            let value = self.resolved(value.as_str().expect("text"));
            self.environment.insert(name.clone(), value);
        }
    }

    /// The text with its expressions resolved: names, and `||` between them.
    fn resolved(&self, text: &str) -> String {
        let mut parts = text.split("${{");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (expression, rest) = part.split_once("}}").expect("an expression with an end");
            let value = |name: &str| {
                let name = name.trim();
                self.context.get(name).unwrap_or_else(|| panic!("{name}: no runner gives that")).as_str()
            };
            out.push_str(
                expression.split("||").map(value).find(|value| !value.is_empty()).unwrap_or_default(),
            );
            out.push_str(rest);
        }
        out
    }
}

impl Deref for Github {
    type Target = Forge;

    fn deref(&self) -> &Forge {
        &self.forge
    }
}

impl Pipeline for Github {
    fn plan(&self, commit: &str) -> Ended {
        self.run("formwork-plan.yml", "plan", commit, None)
    }

    fn apply(&self, commit: &str, kill: Option<Kill>) -> Ended {
        self.run("formwork-apply.yml", "apply", commit, kill)
    }

    fn resume(&self, commit: &str) -> Ended {
        self.run("formwork-resume.yml", "resume", commit, None)
    }

    fn drift(&self, commit: &str) -> Ended {
        self.run("formwork-drift.yml", "drift", commit, None)
    }

    fn comments(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join("comments.json")).unwrap();
        let comments: Vec<Json> = serde_json::from_str(&text).unwrap();
        comments.iter().map(|one| one["body"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn merged(&self, commit: &str) {
        let pulls = json!({ commit: [{ "number": 7 }] });
        std::fs::write(self.path().join("pulls.json"), pulls.to_string()).unwrap();
    }

    fn kept_plan(&self, tree: &str) -> PathBuf {
        self.path().join(format!("artifacts/formwork-plan-{tree}/plan.encrypted"))
    }

    fn metrics(&self) -> String {
        self.server.body("/metrics/job/formwork/platform/platform")
    }
}
