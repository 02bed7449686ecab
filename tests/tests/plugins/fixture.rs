//! A project over the fixture, runs of it, and what is left of them.

use formwork_tests::{Finished, Project, program, project};
use serde_json::Value as Json;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const ADDRESS: &str = "registry.opentofu.org/hashicorp/fixture";
/// So long a run may take that meets a fault and has nothing to wait for.
pub(crate) const LIMIT: Duration = Duration::from_secs(45);

fn fixture() -> PathBuf {
    let beside = program().with_file_name("terraform-provider-fixture");
    assert!(beside.exists(), "no {}: cargo build -p formwork-plugin-fixture", beside.display());
    beside
}

/// A project with the fixture installed, its world in the folder `world`.
pub(crate) fn hosting(main: &str) -> Project {
    let project = project().file("main.tf", main).build();
    program_of(&project, ".terraform/providers");
    let lock = format!("provider \"{ADDRESS}\" {{\n  version = \"1.0.0\"\n}}\n");
    project.write(".terraform.lock.hcl", &lock).expect("a lock file");
    project
}

/// Puts the fixture into a folder of providers.
pub(crate) fn program_of(project: &Project, folder: &str) {
    let machine = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let folder = project.path().join(format!("{folder}/{ADDRESS}/1.0.0/{system}_{machine}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::os::unix::fs::symlink(fixture(), folder.join("terraform-provider-fixture_v1.0.0")).expect("a link");
}

/// How the fixture is to behave.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'a> {
    /// The version of the protocol that it speaks.
    pub(crate) protocol: &'a str,
    /// What it does wrong.
    pub(crate) faults: &'a str,
    /// How long a call may take; empty for the usual limits.
    pub(crate) limit: &'a str,
}

/// As it should.
pub(crate) const WELL: Manner<'static> = Manner { protocol: "6", faults: "", limit: "" };

pub(crate) fn start(project: &Project, manner: Manner<'_>, line: &str) -> Child {
    let mut command = project.command(line);
    command
        .env("FIXTURE_WORLD", project.path().join("world"))
        .env("FIXTURE_PROTOCOL", manner.protocol)
        .env("FIXTURE_FAULTS", manner.faults)
        .env("FORMWORK_PROVIDER_CALL_LIMIT", manner.limit)
        .env("FORMWORK_PROVIDER_APPLY_LIMIT", manner.limit)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the program, made by `cargo build -p formwork`")
}

/// The run, held to its time and to leaving no process.
pub(crate) fn run(project: &Project, manner: Manner<'_>, line: &str, limit: Duration) -> Finished {
    let what = format!("{line} with {:?} in version {}", manner.faults, manner.protocol);
    let mut child = start(project, manner, line);
    let reader = |mut from: Box<dyn std::io::Read + Send>| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = from.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        })
    };
    let out = reader(Box::new(child.stdout.take().expect("its output")));
    let error = reader(Box::new(child.stderr.take().expect("its errors")));
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a process") {
            break status;
        }
        if began.elapsed() > limit {
            child.kill().expect("a process to kill");
            child.wait().expect("its end");
            let said = (out.join().unwrap_or_default(), error.join().unwrap_or_default());
            panic!("{what}: not ended within {limit:?}: {}{}", said.0, said.1);
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(processes(project), [0_u32; 0], "{what}: processes are left");
    Finished {
        out: out.join().unwrap_or_default(),
        error: error.join().unwrap_or_default(),
        code: status.code().unwrap_or(-1),
    }
}

/// Processes of the fixture whose world is the project's.
pub(crate) fn processes(project: &Project) -> Vec<u32> {
    let world = format!("FIXTURE_WORLD={}\0", project.path().join("world").display());
    let all = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let is_ours = |id: &u32| {
        let mut given = Vec::new();
        let file = std::fs::File::open(format!("/proc/{id}/environ"));
        // A process that has ended and is not yet waited for has no environment any more.
        file.is_ok_and(|mut file| file.read_to_end(&mut given).is_ok())
            && String::from_utf8_lossy(&given).contains(&world)
    };
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_ours).collect()
}

/// What a run said, spaces and frames aside.
pub(crate) fn flowing(finished: &Finished) -> String {
    let said = format!("{}{}", finished.out, finished.error);
    said.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub(crate) fn expect(what: &str, finished: &Finished, code: i32, parts: &[&str]) {
    let said = flowing(finished);
    assert_eq!(finished.code, code, "{what}: {}{}", finished.out, finished.error);
    for part in parts {
        assert!(said.contains(part), "{what}: no {part:?} in {}{}", finished.out, finished.error);
    }
}

/// How often a call was made about a type.
pub(crate) fn calls(project: &Project, call: &str, about: &str) -> usize {
    let start = format!("{call} {about} ");
    project.read("world/calls.log").lines().filter(|line| line.starts_with(&start)).count()
}

/// The objects in the state, by address, each with its status.
pub(crate) fn kept(project: &Project) -> Vec<String> {
    let state: Json = serde_json::from_str(&project.read("terraform.tfstate")).unwrap_or_default();
    let resources = state["resources"].as_array().cloned().unwrap_or_default();
    let of = |resource: &Json| {
        let name = format!("{}.{}", resource["type"].as_str()?, resource["name"].as_str()?);
        let first = resource["instances"].get(0)?;
        let is_tainted = first["status"] == "tainted";
        (resource["mode"] == "managed").then(|| if is_tainted { format!("{name} tainted") } else { name })
    };
    resources.iter().filter_map(of).collect()
}

/// One object.
pub(crate) const THING: &str = r#"
resource "fixture_thing" "a" {
  name = "a"
  size = 1
  tags = { x = "y" }
}
"#;

/// One object of a kind that has no identity.
pub(crate) const OLD: &str = r#"
resource "fixture_old" "o" {
  label = "1"
}
"#;

/// The state, as JSON.
pub(crate) fn state(project: &Project) -> Json {
    serde_json::from_str(&project.read("terraform.tfstate")).unwrap_or_default()
}
