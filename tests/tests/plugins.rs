//! The provider of our own that misbehaves when told to (`tests/plugin-fixture`), under the whole program: the life of
//! its objects in both versions of the protocol, and what each fault comes to.
//!
//! It stands beside the tests once `cargo build -p formwork-plugin-fixture` has made it.
#![expect(clippy::expect_used, reason = "a test ends where it must")]

use formwork_tests::{Finished, Project, program, project};
use serde_json::Value as Json;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const ADDRESS: &str = "registry.opentofu.org/hashicorp/fixture";
/// So long a run may take that meets a fault and has nothing to wait for.
const LIMIT: Duration = Duration::from_secs(45);

fn fixture() -> PathBuf {
    let beside = program().with_file_name("terraform-provider-fixture");
    assert!(beside.exists(), "no {}: cargo build -p formwork-plugin-fixture", beside.display());
    beside
}

/// A project with the fixture installed, its world in the folder `world`.
fn hosting(main: &str) -> Project {
    let project = project().file("main.tf", main).build();
    let machine = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let folder = project.path().join(format!(".terraform/providers/{ADDRESS}/1.0.0/{system}_{machine}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::os::unix::fs::symlink(fixture(), folder.join("terraform-provider-fixture_v1.0.0")).expect("a link");
    let lock = format!("provider \"{ADDRESS}\" {{\n  version = \"1.0.0\"\n}}\n");
    project.write(".terraform.lock.hcl", &lock).expect("a lock file");
    project
}

/// How the fixture is to behave.
#[derive(Clone, Copy)]
struct Manner<'a> {
    protocol: &'a str,
    faults: &'a str,
}

const WELL: Manner<'static> = Manner { protocol: "6", faults: "" };

fn start(project: &Project, manner: Manner<'_>, line: &str) -> Child {
    let mut command = project.command(line);
    command
        .env("FIXTURE_WORLD", project.path().join("world"))
        .env("FIXTURE_PROTOCOL", manner.protocol)
        .env("FIXTURE_FAULTS", manner.faults)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("the program, made by `cargo build -p formwork`")
}

/// The run, held to its time and to leaving no process.
fn run(project: &Project, manner: Manner<'_>, line: &str, limit: Duration) -> Finished {
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
fn processes(project: &Project) -> Vec<u32> {
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
fn flowing(finished: &Finished) -> String {
    let said = format!("{}{}", finished.out, finished.error);
    said.replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn expect(what: &str, finished: &Finished, code: i32, parts: &[&str]) {
    let said = flowing(finished);
    assert_eq!(finished.code, code, "{what}: {}{}", finished.out, finished.error);
    for part in parts {
        assert!(said.contains(part), "{what}: no {part:?} in {}{}", finished.out, finished.error);
    }
}

/// How often a call was made about a type.
fn calls(project: &Project, call: &str, about: &str) -> usize {
    let start = format!("{call} {about} ");
    project.read("world/calls.log").lines().filter(|line| line.starts_with(&start)).count()
}

/// The objects in the state, by address, each with its status.
fn kept(project: &Project) -> Vec<String> {
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

const THING: &str = r#"
resource "fixture_thing" "a" {
  name = "a"
  size = 1
  tags = { x = "y" }
}
"#;

const EVERYTHING: &str = r#"
variable "size" {
  default = 1
}
variable "name" {
  default = "a"
}
provider "fixture" {
  region = "here"
}
resource "fixture_thing" "a" {
  name     = var.name
  size     = var.size
  tags     = { x = "y" }
  ports    = [3, 1, 3]
  words    = ["p", "q"]
  anything = { b = [1, "x"] }
  password = "never kept"
}
resource "fixture_blocks" "b" {
  name = fixture_thing.a.id
  single { key = "s" }
  listed { key = fixture_thing.a.zone }
  chosen { key = "x" }
  chosen { key = fixture_thing.a.id }
  group { key = "g" }
  outer {
    key = "o"
    inner { key = "i" }
    inner { key = fixture_thing.a.id }
  }
}
data "fixture_thing" "d" {
  name       = fixture_thing.a.name
  depends_on = [fixture_thing.a]
}
ephemeral "fixture_ticket" "t" {
  subject = "me"
}
output "found" {
  value = data.fixture_thing.d.id
}
output "joined" {
  value = provider::fixture::joined("-", "a", "b")
}
output "same" {
  value = provider::fixture::same({ a = [1] })
}
"#;

const ATTRIBUTES: &str = r#"
resource "fixture_attributes" "n" {
  single = { key = "s" }
  listed = [{ key = "l" }]
  chosen = [{ key = fixture_thing.a.id }, { key = "k" }]
  mapped = { m = { key = "v" } }
}
"#;

#[test]
fn objects_live_from_create_to_destroy_in_both_versions() {
    for (protocol, more, count) in [("5", "", 2), ("6", ATTRIBUTES, 3)] {
        let manner = Manner { protocol, faults: "" };
        let project = hosting(&format!("{EVERYTHING}{more}"));
        let does = |line: &str, code: i32, parts: &[&str]| {
            expect(
                &format!("{line} in version {protocol}"),
                &run(&project, manner, line, LIMIT),
                code,
                parts,
            );
        };
        let added = format!("Resources: {count} added, 0 changed, 0 destroyed");
        does("apply -auto-approve", 0, &[&added, "found = \"thing-1\"", "joined = \"a-b\""]);
        assert!(!project.read("terraform.tfstate").contains("never kept"), "a write-only value is kept");
        does("plan -detailed-exitcode", 0, &["No changes"]);
        does("apply -auto-approve -var size=2", 0, &["0 added, 1 changed, 0 destroyed"]);
        does("plan -detailed-exitcode -var size=2", 0, &["No changes"]);
        let replaced = ["fixture_thing.a must be replaced", "forces replacement"];
        does("plan -var size=2 -var name=b", 0, &replaced);
        std::fs::remove_file(project.path().join("world/fixture_thing.thing-1.json")).expect("a drift");
        does("plan -var size=2", 0, &["Plan: 1 to add"]);
        does("apply -auto-approve -var size=2", 0, &["1 added", "found = \"thing-2\""]);
        does("state rm fixture_thing.a", 0, &[]);
        does("import -var size=2 fixture_thing.a thing-2", 0, &["Import successful"]);
        does("destroy -auto-approve -var size=2", 0, &["Destroy complete"]);
        let world = std::fs::read_dir(project.path().join("world")).expect("a world");
        let left = world.filter_map(|entry| Some(entry.ok()?.path()));
        let objects = left.filter(|path| path.extension().is_some_and(|one| one == "json"));
        assert_eq!(objects.count(), 0, "objects are left");
        assert!(calls(&project, "CloseEphemeralResource", "fixture_ticket") > 0);
    }
}

/// A fault: how it is asked for, the command that meets it, how that ends, what is said, and what the state has then.
type Case<'a> = (&'a str, &'a str, i32, &'a [&'a str], &'a [&'a str]);

/// Nothing is known before; each fault in both versions.
fn from_nothing(main: &str, cases: &[Case<'_>]) {
    for (faults, line, code, parts, expected) in cases {
        for protocol in ["5", "6"] {
            let project = hosting(main);
            let finished = run(&project, Manner { protocol, faults }, line, LIMIT);
            expect(&format!("{line} with {faults} in version {protocol}"), &finished, *code, parts);
            assert_eq!(kept(&project), *expected, "{faults} in version {protocol}: {}", flowing(&finished));
        }
    }
}

#[test]
fn faults_at_the_start() {
    let refused = "Failed to load plugin schemas";
    from_nothing(
        THING,
        &[
            ("exits", "plan", 1, &[refused, "ended before it said", "told to end before its greeting"], &[]),
            ("garbage", "plan", 1, &[refused, "Welcome to the fixture!"], &[]),
            ("long-line", "plan", 1, &[refused, "instead of"], &[]),
            ("core-2", "plan", 1, &[refused, "version \"2\" of the handshake"], &[]),
            ("netrpc", "plan", 1, &[refused, "only grpc is understood"], &[]),
            ("protocol-4", "plan", 1, &[refused, "version \"4\" of the provider protocol"], &[]),
            ("no-certificate", "plan", 1, &[refused, "gave no certificate"], &[]),
            ("other-certificate", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("no-socket", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("slow-start", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("chatter", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("stays", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
        ],
    );
}

#[test]
fn faults_in_schemas() {
    let refused = "Failed to load plugin schemas";
    from_nothing(
        THING,
        &[
            ("huge-schema", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("deep-blocks", "plan", 1, &[refused], &[]),
            ("deep-type", "plan", 1, &[refused, "fixture_deep", "type cannot be read"], &[]),
            ("bad-type", "plan", 1, &[refused, "fixture_bad", "type cannot be read"], &[]),
        ],
    );
}

#[test]
fn faults_in_calls_before_an_object_is_made() {
    let crashed = ["the fixture crashes in"];
    from_nothing(
        THING,
        &[
            ("crash-before@GetProviderSchema", "plan", 1, &crashed, &[]),
            ("half@GetProviderSchema", "plan", 1, &["Failed to load plugin schemas"], &[]),
            ("garbled@GetProviderSchema", "plan", 1, &["Failed to load plugin schemas"], &[]),
            ("crash-before@ValidateResourceConfig", "plan", 1, &crashed, &[]),
            ("error@ValidateResourceConfig", "plan", 1, &["The fixture refuses ValidateResourceConfig"], &[]),
            ("crash-before@ConfigureProvider", "plan", 1, &crashed, &[]),
            ("error@ConfigureProvider", "plan", 1, &["The fixture refuses ConfigureProvider"], &[]),
            ("crash-before@PlanResourceChange", "plan", 1, &crashed, &[]),
            ("half@PlanResourceChange", "plan", 1, &["PlanResourceChange"], &[]),
            ("garbled@PlanResourceChange", "plan", 1, &["PlanResourceChange"], &[]),
            ("status@PlanResourceChange", "plan", 1, &["the fixture has an internal error"], &[]),
            ("error@PlanResourceChange", "plan", 1, &["The fixture refuses PlanResourceChange"], &[]),
            ("undecodable@PlanResourceChange", "plan", 1, &["does not fit its schema"], &[]),
        ],
    );
}

#[test]
fn faults_in_the_call_that_makes_an_object() {
    let asks = ["Whether it was done cannot be found out"];
    from_nothing(
        THING,
        &[
            ("crash-before@ApplyResourceChange", "apply -auto-approve", 1, &asks, &[]),
            ("crash-after@ApplyResourceChange", "apply -auto-approve", 1, &asks, &[]),
            ("half@ApplyResourceChange", "apply -auto-approve", 1, &asks, &[]),
            ("garbled@ApplyResourceChange", "apply -auto-approve", 1, &asks, &[]),
            ("status@ApplyResourceChange", "apply -auto-approve", 1, &asks, &[]),
            ("undecodable@ApplyResourceChange", "apply -auto-approve", 1, &["does not fit its schema"], &[]),
        ],
    );
}

#[test]
fn values_that_break_the_rules() {
    let invalid_result = "Provider returned invalid result object after apply";
    from_nothing(
        THING,
        &[
            ("plan-breaks", "plan", 1, &["Provider produced invalid plan"], &[]),
            (
                "deferred",
                "apply -auto-approve",
                1,
                &["Later stage cannot begin", "fixture_thing.a awaits"],
                &[],
            ),
            ("legacy,plan-breaks", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            (
                "apply-changes",
                "apply -auto-approve",
                1,
                &["Provider produced inconsistent result after apply"],
                &["fixture_thing.a tainted"],
            ),
            ("legacy,apply-changes", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("unknown-left", "apply -auto-approve", 1, &[invalid_result], &["fixture_thing.a tainted"]),
            (
                "legacy,unknown-left",
                "apply -auto-approve",
                1,
                &[invalid_result],
                &["fixture_thing.a tainted"],
            ),
            ("nothing-made", "apply -auto-approve", 1, &[invalid_result], &[]),
            (
                "create-half",
                "apply -auto-approve",
                1,
                &["The fixture made half of it"],
                &["fixture_thing.a tainted"],
            ),
        ],
    );
}

#[test]
fn faults_once_an_object_is_there() {
    let kept_whole: &[&str] = &["fixture_thing.a"];
    let cases: &[Case<'_>] = &[
        ("crash-before@ReadResource", "plan", 1, &["the fixture crashes in"], kept_whole),
        ("half@ReadResource", "plan", 1, &["ReadResource"], kept_whole),
        ("error@ReadResource", "plan", 1, &["The fixture refuses ReadResource"], kept_whole),
        ("undecodable@ReadResource", "plan", 1, &["does not fit its schema"], kept_whole),
        ("delete-left", "destroy -auto-approve", 1, &["invalid result object"], kept_whole),
        ("error@ApplyResourceChange", "destroy -auto-approve", 1, &["The fixture refuses"], kept_whole),
    ];
    for (faults, line, code, parts, expected) in cases {
        for protocol in ["5", "6"] {
            let project = hosting(THING);
            let what = format!("{line} with {faults} in version {protocol}");
            let made = run(&project, Manner { protocol, faults: "" }, "apply -auto-approve", LIMIT);
            expect(&what, &made, 0, &["1 added"]);
            let finished = run(&project, Manner { protocol, faults }, line, LIMIT);
            expect(&what, &finished, *code, parts);
            assert_eq!(kept(&project), *expected, "{what}");
        }
    }
}

#[test]
fn a_write_only_value_is_never_taken_back() {
    let main = THING.replace("size = 1", "size = 1\n  password = \"never kept\"");
    from_nothing(
        &main,
        &[
            ("write-only-kept", "plan", 1, &["Provider produced invalid plan", ".password"], &[]),
            ("", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
        ],
    );
}

#[test]
fn an_object_of_an_older_schema_is_upgraded_by_its_provider() {
    for (faults, code, parts) in [
        ("", 0, &["No changes"][..]),
        ("crash-before@UpgradeResourceState", 1, &["the fixture crashes in UpgradeResourceState"]),
        ("error@UpgradeResourceState", 1, &["The fixture refuses UpgradeResourceState"]),
        ("half@UpgradeResourceState", 1, &["UpgradeResourceState"]),
    ] {
        let project = hosting(THING);
        expect("apply", &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        // Of today's version, too.
        expect("plan", &run(&project, WELL, "plan", LIMIT), 0, &["No changes"]);
        assert_eq!(calls(&project, "UpgradeResourceState", "fixture_thing"), 1);
        let mut state: Json = serde_json::from_str(&project.read("terraform.tfstate")).expect("a state");
        let object = &mut state["resources"][0]["instances"][0];
        object["schema_version"] = 1.into();
        let attributes = object["attributes"].as_object_mut().expect("attributes");
        let name = attributes.remove("name").expect("a name");
        attributes.insert("label".to_owned(), name);
        let text = state.to_string();
        project.write("terraform.tfstate", &text).expect("a state");
        let finished = run(&project, Manner { protocol: "6", faults }, "plan", LIMIT);
        expect(faults, &finished, code, parts);
        assert_eq!(project.read("terraform.tfstate"), text, "{faults}: a plan changes no state");
    }
}

#[test]
fn an_object_moves_to_another_kind() {
    let old = "resource \"fixture_old\" \"o\" {\n  label = \"a\"\n}\n";
    let project = hosting(old);
    expect("apply", &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["1 added"]);
    let moved = "moved {\n  from = fixture_old.o\n  to   = fixture_thing.a\n}\nresource \"fixture_thing\" \"a\" {\n  name = \"a\"\n}\n";
    project.write("main.tf", moved).expect("a configuration");
    expect("plan", &run(&project, WELL, "plan", LIMIT), 0, &["fixture_old.o", "fixture_thing.a"]);
    assert!(project.read("world/calls.log").contains("MoveResourceState"));
}

#[test]
fn nothing_is_made_twice_after_a_crash_of_the_provider() {
    let project = hosting(THING);
    let crash = Manner { protocol: "6", faults: "crash-after@ApplyResourceChange" };
    expect("apply", &run(&project, crash, "apply -auto-approve", LIMIT), 1, &["cannot be found out"]);
    let again = run(&project, WELL, "apply -auto-approve", LIMIT);
    expect("again", &again, 1, &["Nobody can say whether this was done", "import"]);
    assert_eq!(calls(&project, "ApplyResourceChange", "fixture_thing"), 1, "a second create was sent");
}

#[test]
fn a_call_that_hangs_ends_with_a_second_interrupt() {
    for call in ["PlanResourceChange", "ApplyResourceChange"] {
        let project = hosting(THING);
        let faults = format!("hang-before@{call}");
        let mut child = start(&project, Manner { protocol: "6", faults: &faults }, "apply -auto-approve");
        let began = Instant::now();
        while calls(&project, call, "fixture_thing") == 0 {
            assert!(began.elapsed() < LIMIT, "{call} is never called");
            std::thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..2 {
            let id = child.id().to_string();
            let sent = std::process::Command::new("kill").args(["-INT", &id]).status();
            assert!(sent.is_ok_and(|status| status.success()), "{call}");
            std::thread::sleep(Duration::from_millis(500));
        }
        let began = Instant::now();
        while child.try_wait().expect("a process").is_none() {
            assert!(began.elapsed() < Duration::from_secs(10), "{call}: still there");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The system ends them with ours, and takes its moment.
        while !processes(&project).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "{call}: processes are left");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn the_environment_of_a_provider_has_no_secret_of_ours() {
    let project = hosting(
        "data \"fixture_environment\" \"e\" {}\noutput \"names\" {\n  value = data.fixture_environment.e.names\n}\n",
    );
    let mut command = project.command("apply -auto-approve");
    command
        .env("FIXTURE_WORLD", project.path().join("world"))
        .env("FORMWORK_PASSPHRASE", "secret-1")
        .env("TF_VAR_password", "secret-2")
        .env("TF_TOKEN_example_com", "secret-3")
        .env("TF_ENCRYPTION", "")
        .env("CLOUD_PROFILE", "given");
    let finished = project.finish(&mut command);
    expect("apply", &finished, 0, &["CLOUD_PROFILE", "TF_PLUGIN_MAGIC_COOKIE"]);
    for name in ["FORMWORK_", "TF_VAR_", "TF_TOKEN_", "TF_ENCRYPTION"] {
        assert!(!finished.out.contains(name), "{name} is given to providers");
    }
}
