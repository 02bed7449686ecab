//! Places that more than one machine reaches: those whose labs are up, and a server behind HTTP of these tests' own.

use formwork_tests::{HttpRequest, Project, answer_http, project};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub(crate) const MAIN: &str = "resource \"terraform_data\" \"a\" {\n  input = \"east\"\n}\noutput \"region\" {\n  value = terraform_data.a.output\n}\n";

pub(crate) const SLOW: &str = "resource \"terraform_data\" \"slow\" {\n  for_each = toset([\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"])\n  provisioner \"local-exec\" {\n    command = \"echo ${each.key} >> made; sleep 0.4\"\n  }\n}\n";

pub(crate) fn block(text: &str) -> String {
    format!("terraform {{\n  backend {text}\n}}\n")
}

pub(crate) fn project_of(main: &str) -> Project {
    project().file("main.tf", main).build()
}

/// A place that more than one machine reaches: a block that names it, and what its client needs in the environment.
pub(crate) struct Remote {
    pub(crate) name: &'static str,
    pub(crate) block: String,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// The places whose labs are up, each for this test alone.
pub(crate) fn remotes(mark: &str) -> Vec<Remote> {
    let mark = format!("{mark}_{}", std::process::id());
    let mut found = Vec::new();
    if let Some(url) = lab("postgresql", "FORMWORK_LAB_POSTGRESQL") {
        let block = block(&format!("\"pg\" {{\n    schema_name = \"{mark}\"\n  }}"));
        found.push(Remote { name: "pg", block, environment: vec![("PG_CONN_STR", url)] });
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    if let Some(endpoint) = lab("ceph", "FORMWORK_LAB_CEPH_S3") {
        let keys = [variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")];
        found.push(bucket("s3", &mark, endpoint, &variable("FORMWORK_LAB_CEPH_BUCKET"), keys));
    }
    if let Some(endpoint) = lab("localstack", "FORMWORK_LAB_LOCALSTACK_S3") {
        let keys = ["test".to_owned(), "test".to_owned()];
        found.push(bucket("localstack", &mark, endpoint, &variable("FORMWORK_LAB_LOCALSTACK_BUCKET"), keys));
    }
    if let Some(kubeconfig) = lab("kubernetes", "FORMWORK_LAB_KUBECONFIG") {
        // The name of a Secret has no such sign.
        let suffix = mark.replace('_', "-");
        let block = block(&format!("\"kubernetes\" {{\n    secret_suffix = \"{suffix}\"\n  }}"));
        let context = ("KUBE_CTX", "lab".to_owned());
        let environment = vec![("KUBE_CONFIG_PATH", kubeconfig), context];
        found.push(Remote { name: "kubernetes", block, environment });
    }
    let address = state_server();
    let text = format!(
        "\"http\" {{\n    address = \"{address}\"\n    lock_address = \"{address}\"\n    unlock_address = \"{address}\"\n  }}"
    );
    found.push(Remote { name: "http", block: block(&text), environment: Vec::new() });
    found
}

pub(crate) fn bucket(
    name: &'static str,
    mark: &str,
    endpoint: String,
    bucket: &str,
    keys: [String; 2],
) -> Remote {
    let block = block(&format!(
        "\"s3\" {{\n    bucket = \"{bucket}\"\n    key = \"{mark}.tfstate\"\n    use_path_style = true\n    workspace_key_prefix = \"{mark}\"\n  }}"
    ));
    let [key, secret] = keys;
    let environment = vec![
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    Remote { name, block, environment }
}

/// What encrypts a state with a key that is cheap to derive; in clear it is read once.
pub(crate) const ENCRYPTION: &str = "key_provider \"argon2\" \"k\" {\n  passphrase = \"a passphrase of a test\"\n  memory_kib = 64\n  iterations = 1\n}\nmethod \"aes_gcm\" \"m\" {\n  keys = key_provider.argon2.k\n}\nmethod \"unencrypted\" \"clear\" {}\nstate {\n  method = method.aes_gcm.m\n  fallback {\n    method = method.unencrypted.clear\n  }\n}\n";

/// The same places, handed nothing in clear.
pub(crate) fn sealed(mark: &str) -> Vec<Remote> {
    let mut found = remotes(mark);
    for remote in &mut found {
        remote.environment.push(("TF_ENCRYPTION", ENCRYPTION.to_owned()));
    }
    found
}

/// What a lab's `env` printed, or nothing where none is up and none is asked for.
pub(crate) fn lab(name: &str, variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    let is_needed = std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == name));
    assert!(
        found.is_some() || !is_needed,
        "FORMWORK_LAB={name}, but no lab: eval \"$(tests/lab/{name} env)\""
    );
    if found.is_none() {
        println!("not run: needs tests/lab/{name}");
    }
    found
}

impl Remote {
    pub(crate) fn project(&self, main: &str) -> Project {
        project().file("main.tf", main).file("backend.tf", &self.block).build()
    }

    pub(crate) fn command(&self, project: &Project, line: &str) -> std::process::Command {
        let mut command = project.command(line);
        command
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .env("FORMWORK_LEASE_SECONDS", "2");
        command
    }

    #[track_caller]
    pub(crate) fn said(&self, project: &Project, steps: &[(&str, i32, &[&str])]) {
        for (line, code, parts) in steps {
            let finished = project.finish(&mut self.command(project, line));
            finished.expect(&format!("{}: {line}", self.name), *code, parts);
        }
    }
}

/// A server that keeps one state and one lock, whatever the path, as the simplest there are.
pub(crate) fn state_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let kept: Arc<Mutex<[Option<Vec<u8>>; 2]>> = Arc::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let kept = kept.clone();
            std::thread::spawn(move || while answer(&stream, &kept).is_some() {});
        }
    });
    address
}

pub(crate) fn answer(stream: &TcpStream, kept: &Mutex<[Option<Vec<u8>>; 2]>) -> Option<()> {
    let HttpRequest { method, body, .. } = HttpRequest::read(stream)?;
    let mut kept = kept.lock().ok()?;
    let [state, lock] = &mut *kept;
    let (status, body) = match method.as_str() {
        "GET" => state.clone().map_or(("404 x", Vec::new()), |state| ("200 x", state)),
        "POST" => {
            *state = Some(body);
            ("200 x", Vec::new())
        }
        "LOCK" if lock.is_some() => ("423 x", lock.clone().unwrap_or_default()),
        "LOCK" => {
            *lock = Some(body);
            ("200 x", Vec::new())
        }
        "UNLOCK" => {
            *lock = None;
            ("200 x", Vec::new())
        }
        _ => ("405 x", Vec::new()),
    };
    answer_http(stream, status, &body)
}
