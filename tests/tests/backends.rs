//! Where the state is kept, from outside: a place is settled on at init, states move along, and nothing is looked for
//! where the configuration does not say.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose program or lab does not answer cannot go on"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_state::backend::relay::Relay;
use formwork_tests::{HttpRequest, Project, answer_http, holds, project, said};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MAIN: &str = "resource \"terraform_data\" \"a\" {\n  input = \"east\"\n}\noutput \"region\" {\n  value = terraform_data.a.output\n}\n";

fn block(text: &str) -> String {
    format!("terraform {{\n  backend {text}\n}}\n")
}

#[test]
fn a_place_is_settled_on_before_it_is_used() {
    let project = project().file("main.tf", MAIN).build();
    said(&project, &[("apply -auto-approve", 0, &["1 added"])]);
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/a.tfstate\"\n  }")).unwrap();
    let needs = "Backend initialization required, please run \"formwork init\"";
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Initial configuration of the requested backend \"local\""]),
            ("output", 1, &[needs]),
            ("state list", 1, &[needs]),
            ("init -input=false", 1, &["Can't ask approval for state migration", "-force-copy"]),
            ("init -force-copy", 0, &["Successfully configured the backend \"local\"!"]),
            ("plan -detailed-exitcode", 0, &["No changes"]),
            ("output -raw region", 0, &["east"]),
            ("init", 0, &["successfully initialized"]),
        ],
    );
    assert!(project.read("states/a.tfstate").contains("\"region\""));
    assert!(project.read("terraform.tfstate").is_empty(), "a state that moved away is not left where it was");
    assert!(project.read("terraform.tfstate.backup").contains("\"region\""));
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/b.tfstate\"\n  }")).unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Backend configuration block has changed"]),
            ("init", 1, &["Backend configuration changed", "-migrate-state", "-reconfigure"]),
            ("init -reconfigure", 0, &["Successfully configured"]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
    project.write("backend.tf", "").unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Unsetting the previously set backend \"local\""]),
            ("init -backend=false", 0, &["successfully initialized"]),
            ("plan", 1, &[needs]),
            ("init -migrate-state", 0, &["Successfully unset the backend \"local\"."]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
}

#[test]
fn part_of_the_configuration_may_come_at_init() {
    let project = project()
        .file("main.tf", MAIN)
        .file("backend.tf", &block("\"local\" {}"))
        .file("more.tfbackend", "path = \"from-file.tfstate\"\nworkspace_dir = \"w\"\n")
        .build();
    said(
        &project,
        &[
            (
                "init -backend-config=more.tfbackend -backend-config path=from-word.tfstate",
                0,
                &["Successfully"],
            ),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace new dev", 0, &["Created and switched"]),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace list", 0, &["  default\n* dev\n"]),
            ("init -backend-config=pth=x", 1, &["Unsupported argument", "pth"]),
            ("init -backend-config=none.tfbackend", 1, &["Backend arguments cannot be read"]),
        ],
    );
    assert!(project.read("from-word.tfstate").contains("\"region\""));
    assert!(project.read("w/dev/terraform.tfstate").contains("\"region\""));
    let settled = project.read(".terraform/terraform.tfstate");
    assert!(settled.contains("\"path\": \"from-word.tfstate\""), "{settled}");
}

#[test]
fn what_is_wrong_with_a_block_is_said_at_its_place() {
    for (text, parts) in [
        ("\"gcs\" {}", &["Unsupported backend type", "tofu state pull", "formwork state push"][..]),
        ("\"locl\" {}", &["There is no backend type named \"locl\".", "Did you mean \"local\"?"]),
        (
            "\"local\" {\n    pth = \"a\"\n  }",
            &["Unsupported argument", "backend.tf line 3", "path, workspace_dir"],
        ),
        ("\"local\" {\n    path = []\n  }", &["Incorrect attribute value type", "backend.tf line 3"]),
        ("\"local\" {\n    path = var.place\n  }\n}\nvariable \"place\" {\n  type = string", &[]),
    ] {
        let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
        let (line, code) = if parts.is_empty() { ("validate", 0) } else { ("init", 1) };
        said(&project, &[(line, code, parts)]);
    }
}

#[test]
fn a_backend_may_be_written_with_variables() {
    let text =
        "\"local\" {\n    path = \"${var.place}.tfstate\"\n  }\n}\nvariable \"place\" {\n  type = string";
    let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
    said(
        &project,
        &[
            ("init", 1, &["Backend argument not known", "TF_VAR_"]),
            ("init -var place=a", 0, &["Successfully configured"]),
            ("apply -auto-approve -var place=a", 0, &["1 added"]),
            ("plan -var place=b", 1, &["Backend configuration block has changed"]),
        ],
    );
    assert!(project.read("a.tfstate").contains("\"region\""));
}

#[test]
fn a_lock_is_shown_with_what_is_in_flight() {
    let main = "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"sleep 20\"\n  }\n}\nvariable \"secret\" {\n  default = \"\"\n}\n";
    let project = project().file("main.tf", main).build();
    said(&project, &[("lock show", 0, &["nobody holds it", "none is open"])]);
    let mut apply = project.command("apply -auto-approve -var secret=hunter2");
    apply.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut apply = apply.spawn().unwrap();
    let mut shown = String::new();
    for _ in 0..100 {
        shown = project.run("lock show").out;
        if shown.contains("terraform_data.slow: provision") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    for part in [
        "Lock:       held",
        &format!("process {}", apply.id()),
        "Operation: apply",
        "apply -auto-approve -var secret=...",
        "terraform_data.slow: provision, since",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    said(&project, &[("lock show", 0, &["nobody holds it", "terraform_data.slow"])]);
}

/// A place that more than one machine reaches: a block that names it, and what its client needs in the environment.
struct Remote {
    name: &'static str,
    block: String,
    environment: Vec<(&'static str, String)>,
}

/// The places whose labs are up, each for this test alone.
fn remotes(mark: &str) -> Vec<Remote> {
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

fn bucket(name: &'static str, mark: &str, endpoint: String, bucket: &str, keys: [String; 2]) -> Remote {
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
const ENCRYPTION: &str = "key_provider \"argon2\" \"k\" {\n  passphrase = \"a passphrase of a test\"\n  memory_kib = 64\n  iterations = 1\n}\nmethod \"aes_gcm\" \"m\" {\n  keys = key_provider.argon2.k\n}\nmethod \"unencrypted\" \"clear\" {}\nstate {\n  method = method.aes_gcm.m\n  fallback {\n    method = method.unencrypted.clear\n  }\n}\n";

/// The same places, handed nothing in clear.
fn sealed(mark: &str) -> Vec<Remote> {
    let mut found = remotes(mark);
    for remote in &mut found {
        remote.environment.push(("TF_ENCRYPTION", ENCRYPTION.to_owned()));
    }
    found
}

/// What a lab's `env` printed, or nothing where none is up and none is asked for.
fn lab(name: &str, variable: &str) -> Option<String> {
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
    fn project(&self, main: &str) -> Project {
        project().file("main.tf", main).file("backend.tf", &self.block).build()
    }

    fn command(&self, project: &Project, line: &str) -> std::process::Command {
        let mut command = project.command(line);
        command
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .env("FORMWORK_LEASE_SECONDS", "2");
        command
    }

    #[track_caller]
    fn said(&self, project: &Project, steps: &[(&str, i32, &[&str])]) {
        for (line, code, parts) in steps {
            let finished = project.finish(&mut self.command(project, line));
            finished.expect(&format!("{}: {line}", self.name), *code, parts);
        }
    }
}

#[test]
fn a_state_in_a_remote_place_lives_as_one_in_a_file() {
    for remote in remotes("life") {
        let project = remote.project(MAIN);
        project.write("backend.tf", "").unwrap();
        remote.said(&project, &[("apply -auto-approve", 0, &["1 added"])]);
        project.write("backend.tf", &remote.block).unwrap();
        remote.said(
            &project,
            &[
                ("plan", 1, &["Backend initialization required"]),
                ("init -force-copy", 0, &["Successfully configured the backend"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("plan -out=p -destroy", 0, &["1 to destroy"]),
                ("apply p", 0, &["1 destroyed"]),
                ("apply p", 1, &["Saved plan is stale"]),
                ("apply -auto-approve", 0, &["1 added"]),
                ("state list", 0, &["terraform_data.a"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
                ("force-unlock -force nobody", 1, &["nobody holds the lock"]),
            ],
        );
        assert!(project.read("terraform.tfstate").is_empty(), "the state is in the other place");
        let other = remote.project(MAIN);
        remote.said(
            &other,
            &[
                ("init", 0, &["Successfully configured"]),
                ("output -raw region", 0, &["east"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
            ],
        );
        let left: Vec<_> =
            std::fs::read_dir(other.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{}: only the two files and the data folder: {left:?}", remote.name);
    }
}

#[test]
fn workspaces_are_kept_in_a_remote_place() {
    for remote in remotes("spaces").into_iter().filter(|remote| remote.name != "http") {
        let project = remote.project(MAIN);
        remote.said(
            &project,
            &[
                ("init", 0, &[]),
                ("workspace new dev", 0, &["Created and switched"]),
                ("apply -auto-approve", 0, &["1 added"]),
                ("workspace list", 0, &["  default\n* dev\n"]),
                ("workspace select default", 0, &[]),
                ("plan -detailed-exitcode", 2, &["1 to add"]),
                ("workspace delete dev", 1, &["is not empty"]),
                ("workspace delete -force dev", 0, &["Deleted workspace"]),
                ("workspace list", 0, &["* default\n"]),
            ],
        );
    }
}

const SLOW: &str = "resource \"terraform_data\" \"slow\" {\n  for_each = toset([\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"])\n  provisioner \"local-exec\" {\n    command = \"echo ${each.key} >> made; sleep 0.4\"\n  }\n}\n";

/// Starts an apply and waits until it has finished so many objects.
fn begin(remote: &Remote, project: &Project, finished: usize) -> std::process::Child {
    let mut command = remote.command(project, "apply -auto-approve -parallelism=1");
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let seen = lines.by_ref().filter(|line| line.contains("Creation complete")).take(finished).count();
    assert_eq!(seen, finished, "{}", remote.name);
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// The rest of a run that was killed is done by another folder, which knows of it only what the place says.
#[test]
fn another_machine_goes_on_with_a_run_that_was_killed() {
    let all = remotes("killed").into_iter().chain(sealed("killed_sealed"));
    for remote in all.filter(|remote| remote.name != "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 3);
        // By now the next one is in flight.
        std::thread::sleep(Duration::from_millis(200));
        child.kill().unwrap();
        child.wait().unwrap();
        let other = remote.project(SLOW);
        remote.said(
            &other,
            &[
                ("init", 0, &[]),
                ("lock show", 0, &["Lock:       held", "Operation: apply", "terraform_data.slow["]),
                ("plan -lock=false", 0, &[]),
                ("apply -auto-approve -lock-timeout=30s", 0, &["Apply complete!"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
            ],
        );
        let made = format!("{}{}", project.read("made"), other.read("made"));
        let count = made.lines().count();
        assert!((6..=7).contains(&count), "{}: only the one in flight is run again: {made}", remote.name);
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let done = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// A process that stops for longer than its lease and then goes on: the store refuses it.
#[test]
fn a_holder_that_slept_past_its_lease_writes_nothing_more() {
    for remote in remotes("stopped").into_iter().filter(|remote| remote.name != "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let child = begin(&remote, &project, 1);
        signal(&child, "-STOP");
        remote.said(
            &project,
            &[
                ("apply -auto-approve", 1, &["Error acquiring the state lock", "ID:"]),
                ("apply -auto-approve -lock-timeout=30s", 0, &["Apply complete!"]),
            ],
        );
        signal(&child, "-CONT");
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).replace("\n│ ", " ");
        assert_eq!(output.status.code(), Some(1), "{}: {error}", remote.name);
        assert!(error.contains("the lock was lost to another process"), "{}: {error}", remote.name);
        remote.said(
            &project,
            &[
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
            ],
        );
    }
}

#[test]
fn a_lock_that_is_broken_is_its_holders_no_more() {
    for remote in remotes("broken").into_iter().filter(|remote| remote.name != "http") {
        // So slow that it is not over before the lock is broken, however busy the machine.
        let project = remote.project(&SLOW.replace("sleep 0.4", "sleep 3"));
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 1);
        // Not through the project, which redacts the id.
        let raw = remote.command(&project, "lock show").output().unwrap();
        let raw = String::from_utf8_lossy(&raw.stdout).into_owned();
        let id = raw.lines().find_map(|line| line.trim().strip_prefix("ID:")).unwrap().trim().to_owned();
        remote.said(
            &project,
            &[
                ("force-unlock -force wrong", 1, &["Failed to unlock state"]),
                (&format!("force-unlock -force {id}"), 0, &["successfully unlocked"]),
            ],
        );
        assert_eq!(child.wait().unwrap().code(), Some(1), "{}", remote.name);
        remote.said(&project, &[("apply -auto-approve", 0, &["Apply complete!"])]);
    }
}

#[test]
fn secrets_in_a_remote_place_are_named_or_sealed() {
    let main = "variable \"secret\" {\n  sensitive = true\n}\nresource \"terraform_data\" \"a\" {\n  input = { token = var.secret }\n}\noutput \"token\" {\n  value     = var.secret\n  sensitive = true\n}\n";
    for remote in remotes("secrets") {
        let project = remote.project(main);
        let run = |line: &str, secret: &str, more: &[(&str, &str)]| {
            let mut command = remote.command(&project, line);
            let finished = project.finish(command.env("TF_VAR_secret", secret).envs(more.iter().copied()));
            let said = format!("{}{}", finished.out, finished.error).replace("\n│ ", " ");
            assert!(!said.contains("hunter"), "{}: {line}: {said}", remote.name);
            (finished.code, said)
        };
        assert_eq!(run("init", "hunter2", &[]).0, 0);
        let required = [("FORMWORK_REQUIRE_ENCRYPTION", "true")];
        let (code, said) = run("apply -auto-approve", "hunter2", &required);
        assert!(code == 1 && said.contains("would be stored in clear"), "{}: {said}", remote.name);
        let (code, said) = run("apply -auto-approve", "hunter2", &[]);
        assert!(code == 0 && said.contains("are stored in clear"), "{}: {said}", remote.name);
        for name in ["terraform_data.a.input.token", "output.token"] {
            assert!(said.contains(name), "{}: no {name} in {said}", remote.name);
        }
        let (code, said) = run("rollback -auto-approve -var secret=hunter4 1", "hunter2", &required);
        assert!(code == 1 && said.contains("would be stored in clear"), "{}: {said}", remote.name);
        let (code, said) =
            run("apply -auto-approve", "hunter3", &[("TF_ENCRYPTION", ENCRYPTION), required[0]]);
        assert!(code == 0 && !said.contains("in clear"), "{}: {said}", remote.name);
        let (code, said) = run("plan", "hunter3", &[]);
        assert!(code == 1 && said.contains("is encrypted"), "{}: {said}", remote.name);
        assert_eq!(run("plan -detailed-exitcode", "hunter3", &[("TF_ENCRYPTION", ENCRYPTION)]).0, 0);
    }
}

/// The same place, reached by a way that keeps what is sent there; nothing where only the place's server can read it.
fn tapped(remote: &Remote) -> Option<(Relay, Remote)> {
    let texts = remote.environment.iter().map(|(_, text)| text.as_str()).chain([remote.block.as_str()]);
    let server = texts.filter_map(|text| text.split_once("127.0.0.1:")).map(|(_, behind)| {
        format!("127.0.0.1:{}", behind.chars().take_while(char::is_ascii_digit).collect::<String>())
    });
    let server = server.into_iter().next()?;
    let relay = Relay::start(server.clone()).unwrap();
    let through = |text: &str| text.replace(&server, &relay.address);
    let block = through(&remote.block);
    let environment = remote.environment.iter().map(|(name, text)| (*name, through(text))).collect();
    Some((relay, Remote { name: remote.name, block, environment }))
}

/// All that stands in the cluster's Secrets, taken out of its wrappings.
fn secrets_of_the_cluster(suffix: &str) -> Vec<u8> {
    let kubectl = std::env::var("FORMWORK_LAB_KUBECTL").unwrap_or_else(|_| "kubectl".to_owned());
    let mut command = std::process::Command::new(kubectl);
    command.arg("--kubeconfig").arg(std::env::var("FORMWORK_LAB_KUBECONFIG").unwrap());
    let listed = command.args(["get", "secrets", "-A", "-o", "json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let mut found = Vec::new();
    for secret in listed["items"].as_array().unwrap() {
        if !secret["metadata"]["name"].as_str().unwrap().contains(suffix) {
            continue;
        }
        for data in secret["data"].as_object().into_iter().flatten().map(|(_, data)| data) {
            let bytes = STANDARD.decode(data.as_str().unwrap()).unwrap();
            let mut plain = Vec::new();
            // What is not packed is looked at as it stands.
            if flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).is_ok() {
                found.extend(plain);
            }
            found.extend(bytes);
        }
    }
    found
}

/// What was handed to a place holds a planted secret where nothing is encrypted, and in no form where it is: in state,
/// journal and history, through a crash, too.
#[test]
fn a_secret_is_in_nothing_that_a_sealed_place_is_handed() {
    let main = format!(
        "{}\nvariable \"secret\" {{\n  sensitive = true\n}}\nresource \"terraform_data\" \"kept\" {{\n  input = var.secret\n}}\noutput \"token\" {{\n  value     = var.secret\n  sensitive = true\n}}\n",
        SLOW.replace("sleep 0.4", "sleep 2")
    );
    for encryption in [None, Some(ENCRYPTION)] {
        let mark = if encryption.is_some() { "planted_sealed" } else { "planted_clear" };
        // Most of the time is spent in waiting.
        std::thread::scope(|scope| {
            for remote in remotes(mark) {
                let main = &main;
                scope.spawn(move || planted(&remote, mark, main, encryption));
            }
        });
    }
}

fn planted(remote: &Remote, mark: &str, main: &str, encryption: Option<&str>) {
    const APPLY: &str = "apply -auto-approve -lock-timeout=60s";
    let secret = "hunter2-and-the-horse";
    let tap = tapped(remote).filter(|_| remote.name != "kubernetes");
    let remote = tap.as_ref().map_or(remote, |(_, remote)| remote);
    let project = remote.project(main);
    let command = |line: &str| {
        let mut command = remote.command(&project, line);
        command.env("TF_VAR_secret", secret).envs(encryption.map(|text| ("TF_ENCRYPTION", text)));
        command
    };
    project.finish(&mut command("init")).expect(remote.name, 0, &[]);
    // A lock behind HTTP runs out for nobody.
    if remote.name != "http" {
        let mut child = command(APPLY).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1500));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    project.finish(&mut command(APPLY)).expect(remote.name, 0, &[]);
    let handed = tap
        .as_ref()
        .map_or_else(|| secrets_of_the_cluster(&mark.replace('_', "-")), |(relay, _)| relay.sent());
    assert!(handed.len() > 2000, "{}: {} bytes", remote.name, handed.len());
    assert_eq!(holds(&handed, secret), encryption.is_none(), "{}", remote.name);
}

#[test]
fn of_many_applies_at_once_one_holds_the_state() {
    for remote in remotes("many") {
        let main = "resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"echo made >> made\"\n  }\n}\n";
        let project = remote.project(main);
        remote.said(&project, &[("init", 0, &[])]);
        let start = |line: &str| {
            let mut command = remote.command(&project, line);
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let refusing = (0..6).map(|_| ("apply -auto-approve", false));
        let waiting = (0..6).map(|_| ("apply -auto-approve -lock-timeout=120s", true));
        let children: Vec<_> = refusing.chain(waiting).map(|(line, waits)| (start(line), waits)).collect();
        let mut finished = 0;
        for (child, waits) in children {
            let output = child.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                finished += 1;
            } else {
                assert!(
                    !waits && error.contains("Error acquiring the state lock"),
                    "{}: {error}",
                    remote.name
                );
            }
        }
        assert!(finished >= 6, "{}: {finished}", remote.name);
        assert_eq!(project.read("made").lines().count(), 1, "{}: made once", remote.name);
    }
}

/// Each apply replaces the object and says in the target when it began and when it ended.
const CROWDED: &str = "variable \"run\" {\n  type = string\n}\nresource \"terraform_data\" \"a\" {\n  triggers_replace = var.run\n  provisioner \"local-exec\" {\n    command = \"echo begin ${var.run} >> log; sleep 0.02; echo end ${var.run} >> log\"\n  }\n}\noutput \"run\" {\n  value = var.run\n}\n";

/// So many processes at a time: as many as a small machine bears.
const BATCH: usize = 25;

/// Two hundred applies want one state, half of them ready to wait: what they did in the target never overlaps.
#[test]
fn two_hundred_applies_at_once_have_one_holder_at_any_time() {
    let file = Remote { name: "file", block: String::new(), environment: Vec::new() };
    for remote in remotes("crowd").into_iter().chain([file]) {
        let count = if matches!(remote.name, "file" | "pg") { 200 } else { 50 };
        let project = remote.project(CROWDED);
        remote.said(&project, &[("init", 0, &[])]);
        let mut finished = 0;
        for first in (0..count).step_by(BATCH) {
            finished += crowd(&remote, &project, first..first + BATCH);
        }
        let log = project.read("log");
        let said: Vec<(&str, &str)> = log.lines().filter_map(|line| line.split_once(' ')).collect();
        for pair in said.chunks(2) {
            let is_alone = matches!(pair, [("begin", one), ("end", other)] if one == other);
            assert!(is_alone, "{}: two at a time: {pair:?} in {log}", remote.name);
        }
        assert_eq!(said.len(), 2 * finished, "{}: who held the state did the work", remote.name);
        println!("{}: {finished} of {count} held the state, one at a time", remote.name);
        let last = said.last().map(|(_, run)| *run).unwrap();
        remote.said(&project, &[("output -raw run", 0, &[last]), ("lock show", 0, &["nobody holds it"])]);
    }
}

/// Starts a batch, every second one ready to wait; how many of them held the state.
fn crowd(remote: &Remote, project: &Project, runs: std::ops::Range<usize>) -> usize {
    let start = |run: usize| {
        let waits = run.is_multiple_of(2);
        let wait = if waits { " -lock-timeout=500s" } else { "" };
        let mut command = remote.command(project, &format!("apply -auto-approve -var run={run}{wait}"));
        // A lease that is overdue on a crowded machine is another test's.
        command.env("FORMWORK_LEASE_SECONDS", "60");
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        (command.stderr(std::process::Stdio::piped()).spawn().unwrap(), waits)
    };
    let children: Vec<_> = runs.map(start).collect();
    let mut finished = 0;
    for (child, waits) in children {
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_refused = !waits && error.contains("Error acquiring the state lock");
        assert!(output.status.success() || is_refused, "{}: {error}", remote.name);
        finished += usize::from(output.status.success());
    }
    finished
}

#[test]
fn outputs_are_read_from_a_remote_place() {
    for remote in remotes("outputs") {
        let project = remote.project(MAIN);
        remote.said(&project, &[("init", 0, &[]), ("apply -auto-approve", 0, &["1 added"])]);
        let inner = remote.block.replace("terraform {\n  backend ", "").replace(" {", "\n  config = {");
        let inner = inner.trim_end().trim_end_matches('}').trim_end();
        let reader = format!(
            "data \"terraform_remote_state\" \"other\" {{\n  backend = {inner}\n}}\noutput \"all\" {{\n  value = data.terraform_remote_state.other.outputs.region\n}}\n"
        );
        let other = project_of(&reader);
        remote.said(&other, &[("apply -auto-approve", 0, &["all = \"east\""])]);
    }
}

fn project_of(main: &str) -> Project {
    project().file("main.tf", main).build()
}

/// A server that keeps one state and one lock, whatever the path, as the simplest there are.
fn state_server() -> String {
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

fn answer(stream: &TcpStream, kept: &Mutex<[Option<Vec<u8>>; 2]>) -> Option<()> {
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

/// A run over HTTP that was killed is gone on with by the machine that has its journal, and that is said before.
#[test]
fn a_journal_on_this_machine_is_gone_on_with_here() {
    for remote in remotes("here").into_iter().filter(|remote| remote.name == "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 3);
        child.kill().unwrap();
        child.wait().unwrap();
        let raw = remote.command(&project, "lock show").output().unwrap();
        let raw = String::from_utf8_lossy(&raw.stdout).into_owned();
        let id = raw.lines().find_map(|line| line.trim().strip_prefix("ID:")).unwrap().trim().to_owned();
        remote.said(
            &project,
            &[
                ("apply -auto-approve", 1, &["Error acquiring the state lock"]),
                (&format!("force-unlock -force {id}"), 0, &["successfully unlocked"]),
                ("apply -auto-approve", 0, &["Only this machine can recover", "Apply complete!"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
            ],
        );
        assert!((6..=7).contains(&project.read("made").lines().count()));
    }
}
