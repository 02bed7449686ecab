//! The Kubernetes lab as an outsider sees it: `kubectl`, the audit log, accounts with few rights, a second lab.
//!
//! Invariant: nothing of ours is asked; what stands is what the API server says.
#![expect(clippy::expect_used, reason = "a test whose lab does not answer cannot go on")]

use crate::{Project, repository};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// What the tests here make, beside definitions of custom resources.
const KINDS: &str = "priorityclasses,namespaces,resourcequotas,limitranges,roles,rolebindings,networkpolicies,deployments,configmaps";

/// The lab that stands, with a prefix of names that is this test's alone; what bears it is removed at the end.
#[derive(Debug)]
pub struct Lab {
    kubectl: PathBuf,
    /// The server's own log of requests.
    pub audit: PathBuf,
    /// The administrator's kubeconfig; its context is `lab`.
    pub kubeconfig: PathBuf,
    /// Beginning of the name of all that this test makes.
    pub prefix: String,
}

impl Lab {
    /// The lab, or nothing where none is up and none is asked for. The mark tells tests of one process apart.
    ///
    /// # Panics
    /// When `FORMWORK_LAB=kubernetes` asks for the lab and it is not there.
    #[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
    pub fn find(mark: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let Some(kubeconfig) = variable("FORMWORK_LAB_KUBECONFIG") else {
            let is_needed = std::env::var_os("FORMWORK_LAB").is_some_and(|lab| lab == "kubernetes");
            assert!(!is_needed, "FORMWORK_LAB=kubernetes, but no lab: eval \"$(tests/lab/kubernetes env)\"");
            println!("not run: needs tests/lab/kubernetes");
            return None;
        };
        Some(Self {
            kubectl: variable("FORMWORK_LAB_KUBECTL").expect("FORMWORK_LAB_KUBECTL"),
            audit: variable("FORMWORK_LAB_KUBERNETES_AUDIT").expect("FORMWORK_LAB_KUBERNETES_AUDIT"),
            kubeconfig,
            prefix: format!("kt-{mark}{:07}", std::process::id()),
        })
    }

    /// `kubectl` as administrator.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command
    }

    /// What `kubectl` printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        said(self.command(arguments).output().expect("kubectl"), arguments)
    }

    /// `kubectl create` of an object, and whether the server took it.
    ///
    /// # Panics
    /// When there is no `kubectl`.
    pub fn create(&self, object: &Json) -> (bool, String) {
        let mut command = self.command(&["create", "-f", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl");
        let mut input = child.stdin.take().expect("its input");
        input.write_all(object.to_string().as_bytes()).expect("kubectl reads");
        drop(input);
        let output = child.wait_with_output().expect("the end of kubectl");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The objects with this test's prefix and an owner mark, with their UIDs.
    ///
    /// # Panics
    /// When the server does not list them.
    pub fn owned(&self) -> BTreeMap<String, String> {
        let listed = self.kubectl(&["get", KINDS, "--all-namespaces", "--output", "json"]);
        let listed: Json = serde_json::from_str(&listed).expect("a list in JSON");
        let items = listed["items"].as_array().expect("a list");
        let ours = items.iter().filter(|item| {
            let metadata = &item["metadata"];
            let is_prefixed = ["name", "namespace"]
                .iter()
                .any(|key| metadata[*key].as_str().is_some_and(|name| name.starts_with(&self.prefix)));
            is_prefixed && metadata["annotations"]["formwork.dev/owner"].is_string()
        });
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        ours.map(|item| {
            let metadata = &item["metadata"];
            let name = [&item["kind"], &metadata["namespace"], &metadata["name"]].map(text).join("/");
            (name, text(&metadata["uid"]))
        })
        .collect()
    }

    /// A service account that may do what the verbs say on everything: its user name, and a kubeconfig whose context
    /// is `lab`.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn account(&self, project: &Project, verbs: &str) -> (String, PathBuf) {
        let rules = [format!("--verb={verbs}"), "--resource=*.*".to_owned()];
        self.kubectl(&["create", "clusterrole", &self.role(), &rules[0], &rules[1]]);
        self.account_in_role(project)
    }

    /// The name of the cluster role that accounts of this test are bound to.
    pub fn role(&self) -> String {
        format!("{}-account", self.prefix)
    }

    /// A service account bound to the cluster role [`Lab::role`], which stands already.
    ///
    /// # Panics
    /// When the server does not make it.
    pub fn account_in_role(&self, project: &Project) -> (String, PathBuf) {
        let name = self.role();
        self.kubectl(&["create", "namespace", &name]);
        self.kubectl(&["create", "serviceaccount", "planner", "--namespace", &name]);
        let role = format!("--clusterrole={name}");
        let subject = format!("--serviceaccount={name}:planner");
        self.kubectl(&["create", "clusterrolebinding", &name, &role, &subject]);
        let token = self.kubectl(&["create", "token", "planner", "--namespace", &name]);
        let shown = self.kubectl(&["config", "view", "--raw", "--minify", "--output", "json"]);
        let mut config: Json = serde_json::from_str(&shown).expect("a kubeconfig in JSON");
        config["users"][0]["user"] = json!({ "token": token.trim() });
        project.write("account.kubeconfig", &config.to_string()).expect("a kubeconfig");
        let user = format!("system:serviceaccount:{name}:planner");
        (user, project.path().join("account.kubeconfig"))
    }

    /// Every request of a user, as the API server's audit log has it.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub fn requests_of(&self, user: &str) -> Vec<Json> {
        // The log's line follows the answer by a moment.
        std::thread::sleep(Duration::from_millis(300));
        requests(&self.audit, user)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let kinds = "namespaces,priorityclasses,clusterroles,clusterrolebindings,customresourcedefinitions";
        let listed = self.command(&["get", kinds, "--output", "name"]).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for name in listed.unwrap_or_default().lines() {
            if name.contains(&self.prefix) {
                let _ = self.command(&["delete", name, "--wait=false", "--ignore-not-found"]).output();
            }
        }
    }
}

/// A second API server, ended with the test.
#[derive(Debug)]
pub struct OtherLab {
    folder: TempDir,
}

impl OtherLab {
    /// Starts it: no scheduler and no nodes.
    ///
    /// # Panics
    /// When it does not start.
    pub fn up() -> Self {
        let other = Self { folder: tempfile::tempdir().expect("a folder for the lab") };
        let output = other.verb("up").arg("--api-only").output().expect("tests/lab/kubernetes");
        said(output, &["up"]);
        other
    }

    /// Its administrator's kubeconfig; the context is `lab` here too.
    pub fn kubeconfig(&self) -> PathBuf {
        self.run_folder().join("admin.kubeconfig")
    }

    /// Every request of the administrator.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub fn requests(&self) -> Vec<Json> {
        std::thread::sleep(Duration::from_millis(300));
        requests(&self.run_folder().join("log/audit.log"), "admin")
    }

    fn run_folder(&self) -> PathBuf {
        self.folder.path().join("lab")
    }

    fn verb(&self, verb: &str) -> Command {
        let mut command = Command::new(repository().join("tests/lab/kubernetes"));
        command.arg(verb).arg("--dir").arg(self.run_folder()).env_remove("FORMWORK_LAB_DIR");
        command
    }
}

impl Drop for OtherLab {
    fn drop(&mut self) {
        let _ = self.verb("down").output();
    }
}

fn requests(audit: &Path, user: &str) -> Vec<Json> {
    let text = std::fs::read_to_string(audit).expect("the audit log");
    let events = text.lines().filter(|line| line.contains(user));
    let events = events.filter_map(|line| serde_json::from_str::<Json>(line).ok());
    events.filter(|event| event["user"]["username"] == user).collect()
}

#[track_caller]
fn said(output: Output, arguments: &[&str]) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("text")
}
