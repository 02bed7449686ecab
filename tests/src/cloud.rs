//! The `OpenStack` lab as an outsider sees it: its API, in a project that is one test's alone.
//!
//! Invariant: nothing of ours is asked; what stands is what the services say.
#![expect(clippy::expect_used, reason = "a test whose lab does not answer cannot go on")]

use crate::{Finished, Project};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Where what a project may hold is listed: service, path, key of the list. `{project}` stands for its id.
const LISTS: &[(&str, &str, &str)] = &[
    ("compute", "/servers/detail", "servers"),
    ("compute", "/os-keypairs", "keypairs"),
    ("compute", "/flavors/detail?is_public=None", "flavors"),
    ("block-storage", "/volumes/detail", "volumes"),
    ("image", "/v2/images?owner={project}", "images"),
    ("network", "/v2.0/networks?project_id={project}", "networks"),
    ("network", "/v2.0/subnets?project_id={project}", "subnets"),
    ("network", "/v2.0/ports?project_id={project}", "ports"),
    ("network", "/v2.0/routers?project_id={project}", "routers"),
    ("network", "/v2.0/floatingips?project_id={project}", "floatingips"),
    ("network", "/v2.0/security-groups?project_id={project}", "security_groups"),
];

/// A project of the cloud, its token, and where each service is.
#[derive(Debug)]
pub struct Cloud {
    mirror: PathBuf,
    services: BTreeMap<String, String>,
    token: String,
    id: String,
    /// Its name, with which the names of all that the test makes begin.
    pub name: String,
}

impl Cloud {
    /// A project in the lab, or nothing where no lab is up and none is asked for. The mark tells tests apart.
    ///
    /// # Panics
    /// When `FORMWORK_LAB` names the lab and it is not there.
    #[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
    pub fn find(mark: &str) -> Option<Self> {
        let is_needed =
            std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == "openstack"));
        let identity = std::env::var("FORMWORK_LAB_OPENSTACK").ok();
        let provider = std::env::var_os("FORMWORK_LAB_PLUGIN_OPENSTACK");
        let mirror = std::env::var_os("FORMWORK_LAB_PLUGINS").map(PathBuf::from);
        let (Some(identity), Some(mirror), Some(_)) = (identity, mirror, provider) else {
            assert!(
                !is_needed,
                "FORMWORK_LAB=openstack, but no lab: eval \"$(tests/lab/openstack env)\"; eval \"$(tests/lab/plugins env --full)\""
            );
            println!("not run: needs tests/lab/openstack and tests/lab/plugins --full");
            return None;
        };
        let mut cloud = Self {
            mirror,
            services: BTreeMap::from([("identity".to_owned(), identity)]),
            token: String::new(),
            id: String::new(),
            name: format!("fw-{mark}-{}", std::process::id()),
        };
        cloud.enter("admin");
        cloud.make_project();
        let name = cloud.name.clone();
        cloud.enter(&name);
        Some(cloud)
    }

    /// Takes a token for a project, and the addresses that come with it.
    fn enter(&mut self, project: &str) {
        let domain = json!({ "name": "Default" });
        let password =
            std::env::var("OS_PASSWORD").expect("OS_PASSWORD: eval \"$(tests/lab/openstack env)\"");
        let user = json!({ "name": "admin", "password": password, "domain": domain });
        let auth = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": { "project": { "name": project, "domain": domain } },
        }});
        let (status, head, body) = self.exchange("identity", "POST", "/auth/tokens", Some(&auth));
        assert_eq!(status, 201, "{body}");
        let token = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("x-subject-token").then(|| value.trim().to_owned())
        });
        self.token = token.expect("a token");
        body["token"]["project"]["id"].as_str().expect("the project's id").clone_into(&mut self.id);
        for service in body["token"]["catalog"].as_array().expect("a catalog") {
            let endpoints = service["endpoints"].as_array().expect("endpoints");
            let public = endpoints.iter().find(|one| one["interface"] == "public");
            if let (Some(kind), Some(url)) =
                (service["type"].as_str(), public.and_then(|one| one["url"].as_str()))
            {
                self.services.insert(kind.to_owned(), url.trim_end_matches('/').to_owned());
            }
        }
    }

    fn make_project(&self) {
        let project = json!({ "project": { "name": self.name, "domain_id": "default" } });
        let made = self.ask("identity", "POST", "/projects", Some(&project)).1;
        let project = made["project"]["id"].as_str().expect("a project").to_owned();
        let listed = |path: &str, list: &str| {
            let found = self.get("identity", path);
            found[list][0]["id"].as_str().expect("an id").to_owned()
        };
        let user = listed("/users?name=admin", "users");
        let role = listed("/roles?name=admin", "roles");
        let path = format!("/projects/{project}/users/{user}/roles/{role}");
        assert_eq!(
            self.ask("identity", "PUT", &path, None).0,
            204,
            "the administrator's role in the project"
        );
    }

    /// One request: the status, the head of the answer, and its JSON.
    fn exchange(
        &self,
        service: &str,
        method: &str,
        path: &str,
        content: Option<&Json>,
    ) -> (u16, String, Json) {
        let url = self.services.get(service).expect("a service of the catalog");
        let rest = url.strip_prefix("http://").expect("an address of the lab");
        let (host, base) =
            rest.split_once('/').map_or((rest, String::new()), |(host, base)| (host, format!("/{base}")));
        // Version 3 of the identity service is part of the lab's address, not of the catalog's.
        let base = if service == "identity" { "/v3".to_owned() } else { base };
        let body = content.map(Json::to_string).unwrap_or_default();
        let head = format!(
            "{method} {base}{path} HTTP/1.1\r\nHost: {host}\r\nX-Auth-Token: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.token,
            body.len()
        );
        let mut stream = TcpStream::connect(host).expect("the lab answers");
        stream.set_read_timeout(Some(Duration::from_mins(2))).expect("a limit");
        stream.write_all((head + &body).as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer of HTTP");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, head.to_owned(), serde_json::from_str(body).unwrap_or(Json::Null))
    }

    /// One request to a service, by its type in the catalog: the status and the JSON of the answer.
    ///
    /// # Panics
    /// When the service does not answer.
    pub fn ask(&self, service: &str, method: &str, path: &str, content: Option<&Json>) -> (u16, Json) {
        let (status, _, body) = self.exchange(service, method, path, content);
        (status, body)
    }

    /// What stands at a path.
    ///
    /// # Panics
    /// When there is nothing.
    #[track_caller]
    pub fn get(&self, service: &str, path: &str) -> Json {
        let (status, body) = self.ask(service, "GET", path, None);
        assert_eq!(status, 200, "GET {path} of {service}: {body}");
        body
    }

    /// Asks for a change.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn change(&self, service: &str, method: &str, path: &str, content: &Json) {
        let (status, body) = self.ask(service, method, path, Some(content));
        assert!((200..300).contains(&status), "{method} {path} of {service}: {status} {body}");
    }

    /// Sets a quota of the project.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn limit(&self, what: &str, count: i64) {
        let path = format!("/os-quota-sets/{}", self.id);
        self.change("compute", "PUT", &path, &json!({ "quota_set": { what: count } }));
    }

    /// The servers of the project.
    ///
    /// # Panics
    /// When they are not listed.
    pub fn servers(&self) -> Vec<Json> {
        self.get("compute", "/servers/detail")["servers"].as_array().expect("servers").clone()
    }

    /// Everything in the project, and what bears its name where no project owns it.
    ///
    /// # Panics
    /// When it is not listed.
    pub fn holds(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (service, path, list) in LISTS {
            let listed = self.get(service, &path.replace("{project}", &self.id));
            for item in listed[*list].as_array().expect("a list") {
                let item = item.get("keypair").unwrap_or(item);
                let name = item["name"].as_str().unwrap_or_default();
                let is_shared = matches!(*list, "keypairs" | "flavors") && !name.starts_with(&self.name);
                let is_default = *list == "security_groups" && name == "default";
                if !is_shared && !is_default {
                    found.push(format!("{list}: {name} {}", item["id"].as_str().unwrap_or_default()));
                }
            }
        }
        found
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// When it does not within a minute.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_mins(1), "not within a minute: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Installs the provider from the lab's mirror.
    ///
    /// # Panics
    /// When it cannot be.
    #[track_caller]
    pub fn install(&self, project: &Project) {
        let line = format!("init -plugin-dir={}", self.mirror.display());
        project.run(&line).expect("init", 0, &["successfully initialized"]);
    }

    /// The program in a project, with what the provider needs to find this one.
    pub fn command(&self, project: &Project, line: &str) -> Command {
        let mut command = project.command(line);
        command.env("OS_PROJECT_NAME", &self.name).env_remove("OS_PROJECT_ID").env_remove("OS_CLOUD");
        command
    }

    /// Runs it.
    ///
    /// # Panics
    /// When there is no program.
    pub fn run(&self, project: &Project, line: &str) -> Finished {
        project.finish(&mut self.command(project, line))
    }

    /// Command lines with their exit codes and what is said.
    ///
    /// # Panics
    /// When one ends otherwise, or does not say it.
    #[track_caller]
    pub fn said(&self, project: &Project, steps: &[(&str, i32, &[&str])]) {
        for (line, code, parts) in steps {
            self.run(project, line).expect(line, *code, parts);
        }
    }
}

impl Drop for Cloud {
    /// Gives back what other tests may wait for: hosts and their GPUs.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for server in self.servers() {
                let id = server["id"].as_str().unwrap_or_default();
                let _ = self.ask("compute", "DELETE", &format!("/servers/{id}"), None);
            }
        }
    }
}
