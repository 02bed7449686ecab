//! Providers in processes of their own: the life of their objects, and of their processes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test whose program or lab does not answer cannot go on"
)]

use formwork_tests::{Project, project, said};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const REGISTRY: &str = "registry.opentofu.org";

/// The lab's mirror, or nothing where it is not built and not asked for.
fn mirror() -> Option<PathBuf> {
    let found = std::env::var_os("FORMWORK_LAB_PLUGINS").map(PathBuf::from);
    let is_needed = std::env::var("FORMWORK_LAB").is_ok_and(|lab| lab.split(',').any(|one| one == "plugins"));
    assert!(
        found.is_some() || !is_needed,
        "FORMWORK_LAB=plugins, but no lab: eval \"$(tests/lab/plugins env)\""
    );
    if found.is_none() {
        println!("not run: needs tests/lab/plugins");
    }
    found
}

fn platform() -> String {
    let machine = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    format!("linux_{machine}")
}

/// Puts an executable where an installed provider lies, and its version into the lock file.
fn install(project: &Project, name: &str, version: &str, executable: &[u8]) -> PathBuf {
    let folder = project
        .path()
        .join(format!(".terraform/providers/{REGISTRY}/hashicorp/{name}/{version}/{}", platform()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("terraform-provider-{name}_v{version}"));
    std::fs::write(&file, executable).expect("an executable");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("an executable");
    let lock = project.read(".terraform.lock.hcl");
    let entry =
        format!("{lock}\nprovider \"{REGISTRY}/hashicorp/{name}\" {{\n  version = \"{version}\"\n}}\n");
    project.write(".terraform.lock.hcl", &entry).expect("a lock file");
    file
}

/// A project with the lab's providers installed.
fn hosting(mirror: &Path, main: &str) -> Project {
    let project = project().file("main.tf", main).build();
    for name in ["local", "time"] {
        let versions = mirror.join(REGISTRY).join("hashicorp").join(name);
        let version = std::fs::read_dir(&versions).expect("a mirror").find_map(Result::ok);
        let version = version.expect("a version").file_name().into_string().expect("a version");
        let file =
            versions.join(&version).join(platform()).join(format!("terraform-provider-{name}_v{version}"));
        install(&project, name, &version, &std::fs::read(file).expect("a provider"));
    }
    project
}

/// Processes whose program lies in the project.
fn processes(project: &Project) -> Vec<u32> {
    let folder = project.path().canonicalize().expect("the project's folder");
    let all = std::fs::read_dir("/proc").expect("the system's processes").filter_map(Result::ok);
    let is_here =
        |id: &u32| std::fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe.starts_with(&folder));
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_here).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "not within 20 seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(project: &Project, line: &str) -> Child {
    let mut command = project.command(line);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program, made by `cargo build -p formwork`")
}

const FILES: &str = r#"
variable "text" {
  default = "one"
}
variable "days" {
  default = 7
}
resource "local_file" "note" {
  filename = "${path.module}/note.txt"
  content  = var.text
}
resource "time_static" "start" {}
resource "time_offset" "later" {
  base_rfc3339 = time_static.start.rfc3339
  offset_days  = var.days
}
data "local_file" "note" {
  filename   = local_file.note.filename
  depends_on = [local_file.note]
}
output "read" {
  value = data.local_file.note.content
}
output "unix" {
  value = provider::time::rfc3339_parse("2026-01-02T03:04:05Z").unix
}
terraform {
  required_providers {
    time  = { source = "hashicorp/time" }
    local = { source = "hashicorp/local" }
  }
}
"#;

#[test]
fn objects_live_from_create_to_destroy() {
    let Some(mirror) = mirror() else { return };
    let project = hosting(&mirror, FILES);
    said(
        &project,
        &[
            ("validate", 0, &["The configuration is valid"]),
            (
                "apply -auto-approve",
                0,
                &["Resources: 3 added, 0 changed, 0 destroyed", "read = \"one\"", "unix = 1767323045"],
            ),
            ("plan -detailed-exitcode", 0, &["No changes"]),
            (
                "plan -var text=two",
                0,
                &["local_file.note must be replaced", "Plan: 1 to add, 0 to change, 1 to destroy"],
            ),
            (
                "apply -auto-approve -var text=two",
                0,
                &["Resources: 1 added, 0 changed, 1 destroyed", "read = \"two\""],
            ),
            (
                "apply -auto-approve -var text=two -var days=8",
                0,
                &["Resources: 0 added, 1 changed, 0 destroyed"],
            ),
        ],
    );
    assert_eq!(project.read("note.txt"), "two");
    project.write("note.txt", "by hand").expect("a drift");
    let line = "plan -var text=two -var days=8";
    project.run(line).expect(line, 0, &["Plan: 1 to add, 0 to change, 0 to destroy"]);
    project.write("note.txt", "two").expect("as it was");
    said(
        &project,
        &[
            ("state rm time_static.start", 0, &[]),
            (
                "import -var text=two -var days=8 time_static.start 2026-01-02T03:04:05Z",
                0,
                &["Import successful"],
            ),
            ("state show time_static.start", 0, &["\"2026-01-02T03:04:05Z\""]),
            ("import -var text=two time_static.start nonsense", 1, &[]),
            ("destroy -auto-approve", 0, &["Destroy complete"]),
        ],
    );
    assert_eq!(project.read("note.txt"), "");
    assert!(processes(&project).is_empty());
}

const SLOW: &str = r#"
resource "time_sleep" "slow" {
  create_duration = "60s"
}
resource "time_static" "after" {
  triggers = { slow = time_sleep.slow.id }
}
"#;

#[test]
fn no_process_outlives_this_one() {
    let Some(mirror) = mirror() else { return };
    for delay_ms in [0, 30, 60, 120, 250, 500, 1500] {
        let project = hosting(&mirror, SLOW);
        let mut child = start(&project, "apply -auto-approve");
        wait_until("a provider runs", || !processes(&project).is_empty());
        std::thread::sleep(Duration::from_millis(delay_ms));
        child.kill().expect("a process to kill");
        child.wait().expect("its end");
        wait_until("its providers have ended", || processes(&project).is_empty());
    }
}

#[test]
fn a_provider_that_dies_in_an_apply_leaves_a_question() {
    let Some(mirror) = mirror() else { return };
    let project = hosting(&mirror, SLOW);
    let mut child = start(&project, "apply -auto-approve");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("time_sleep.slow: Creating..."))));
    std::thread::sleep(Duration::from_millis(300));
    for id in processes(&project) {
        let killed = std::process::Command::new("kill").args(["-9", &id.to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }
    let output = child.wait_with_output().expect("its end");
    let error = String::from_utf8_lossy(&output.stderr).replace("\n│ ", " ");
    assert_eq!(output.status.code(), Some(1), "{error}");
    for part in
        ["ended in the call ApplyResourceChange", "signal: 9", "Whether it was done cannot be found out"]
    {
        assert!(error.contains(part), "no {part:?} in {error}");
    }
    let again = "apply -auto-approve";
    project.run(again).expect(again, 1, &["Nobody can say whether this was done", "import"]);
}

#[test]
fn a_provider_that_somebody_started_is_spoken_with_where_it_runs() {
    let Some(mirror) = mirror() else { return };
    let project = hosting(&mirror, "resource \"time_static\" \"a\" {}\n");
    let mut provider = std::fs::read_dir(mirror.join(REGISTRY).join("hashicorp/time")).expect("a mirror");
    let version = provider.find_map(Result::ok).expect("a version").file_name();
    let version = version.to_str().expect("a version");
    let file = format!("hashicorp/time/{version}/{}/terraform-provider-time_v{version}", platform());
    let mut provider = std::process::Command::new(mirror.join(REGISTRY).join(file))
        .arg("-debug")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a provider");
    let mut lines = BufReader::new(provider.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let said = lines.find_map(|line| {
        Some(line.split_once("TF_REATTACH_PROVIDERS='")?.1.trim_end_matches('\'').to_owned())
    });
    // The provider calls itself by the other registry's name.
    let said = said.expect("how to attach").replace("registry.terraform.io", REGISTRY);
    std::fs::remove_dir_all(project.path().join(".terraform")).expect("nothing installed");
    let mut command = project.command("apply -auto-approve");
    let applied = project.finish(command.env("TF_REATTACH_PROVIDERS", said));
    let is_running = provider.try_wait().expect("a process").is_none();
    provider.kill().expect("a process to kill");
    provider.wait().expect("its end");
    applied.expect("apply", 0, &["Resources: 1 added"]);
    assert!(is_running, "what somebody else started is theirs to stop");
}

#[test]
fn what_is_no_provider_says_why() {
    for (name, script, parts) in [
        (
            "ends",
            "echo no such thing >&2; exit 3",
            &["ended before it said where it listens", "exit status: 3", "no such thing"][..],
        ),
        ("greets", "echo hello; sleep 60", &["said \"hello\" instead of"]),
        ("old", "echo '1|4|unix|/tmp/x|grpc'; sleep 60", &["version \"4\" of the provider protocol"]),
        ("away", "echo '1|5|tcp|192.0.2.1:80|grpc'; sleep 60", &["not this machine alone"]),
        ("plain", "echo '1|5|unix|/nonexistent/x|grpc'; sleep 60", &["gave no certificate"]),
        ("floods", "head -c 1000000 /dev/zero | tr '\\\\0' x; sleep 60", &["instead of"]),
        ("silent", "exec 1>&-; sleep 60", &["ended before it said"]),
    ] {
        let project = project().file("main.tf", &format!("resource \"{name}_a\" \"a\" {{}}\n")).build();
        install(&project, name, "1.0.0", format!("#!/bin/sh\n{script}\n").as_bytes());
        let found = project.run("plan");
        found.expect(name, 1, &["Failed to load plugin schemas", "hint:"]);
        found.expect(name, 1, parts);
    }
    let project = project().file("main.tf", "resource \"data_a\" \"a\" {}\n").build();
    let file = install(&project, "data", "1.0.0", b"#!/bin/sh\n");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).expect("a file");
    project.run("plan").expect("plan", 1, &["cannot be executed"]);
}

#[test]
fn a_provider_is_given_what_it_needs_and_no_secret_of_ours() {
    let project = project().file("main.tf", "resource \"spy_a\" \"a\" {}\n").build();
    install(
        &project,
        "spy",
        "1.0.0",
        b"#!/bin/sh\nenv > given.txt\nls -ld \"$PLUGIN_UNIX_SOCKET_DIR\" >> given.txt\n",
    );
    let mut command = project.command("plan");
    command.env("TF_VAR_password", "hidden-1").env("FORMWORK_PASSPHRASE", "hidden-2");
    command.env("TF_TOKEN_example_com", "hidden-3").env("CLOUD_PROFILE", "given");
    assert_eq!(project.finish(&mut command).code, 1);
    let given = project.read("given.txt");
    for part in [
        "CLOUD_PROFILE=given",
        "TF_PLUGIN_MAGIC_COOKIE=",
        "PLUGIN_PROTOCOL_VERSIONS=5,6",
        "BEGIN CERTIFICATE",
        "drwx------",
    ] {
        assert!(given.contains(part), "no {part:?} in {given}");
    }
    assert!(!given.contains("hidden-"), "{given}");
    let socket = given.lines().find_map(|line| line.strip_prefix("PLUGIN_UNIX_SOCKET_DIR="));
    assert!(!Path::new(socket.expect("a folder")).exists(), "nothing is left behind");
}
