//! What a user sees when something is wrong: the whole output of each case, read once as a newcomer would read it.
//!
//! Invariant: whatever goes wrong is said with exit code 1, with what to do about it, and without a panic; nothing
//! is made, and nothing that was made is lost.

use formwork_tests::{Finished, Project, project};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const OBJECT: &str = "resource \"terraform_data\" \"a\" {\n  input = \"x\"\n}\n";

const MACHINE: &str = r#"
terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}
variable "world" {
  default = "here"
}
provider "sim" {
  world      = var.world
  latency_ms = 300
}
resource "sim_network" "a" {
  name = "a"
  cidr = "10.0.0.0/16"
}
"#;

/// A name, files, and the command.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const CASES: &[Case] = &[
    (
        "syntax-errors-in-three-files",
        &[
            ("network.tf", "resource \"terraform_data\" \"a\" {\n  input = [1, 2\n}\n"),
            ("outputs.tf", "output \"x\" {\n  value = 1 +\n}\n"),
            ("sizes.tf", "locals {\n  size = \n}\n"),
        ],
        "plan",
    ),
    (
        "cycle",
        &[(
            "main.tf",
            "locals {\n  a = local.b\n  b = terraform_data.c.output\n}\nresource \"terraform_data\" \"c\" {\n  input = local.a\n}\n",
        )],
        "plan",
    ),
    (
        "unknown-variable-and-resource",
        &[(
            "main.tf",
            "variable \"image\" {\n  default = \"a\"\n}\nresource \"terraform_data\" \"disk\" {\n  input = var.imag\n}\noutput \"o\" {\n  value = terraform_data.disc.output\n}\n",
        )],
        "plan",
    ),
    (
        "unknown-attribute",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"a\" {}\nlocals {\n  node = { image = \"a\" }\n}\noutput \"o\" {\n  value = terraform_data.a.outptu\n}\noutput \"p\" {\n  value = local.node.imgae\n}\n",
        )],
        "plan",
    ),
    ("unknown-argument", &[("main.tf", "resource \"terraform_data\" \"a\" {\n  inptu = 1\n}\n")], "plan"),
    ("unknown-resource-type", &[("main.tf", "resource \"terraform_dat\" \"a\" {}\n")], "plan"),
    ("unknown-function", &[("main.tf", "output \"o\" {\n  value = uper(\"a\")\n}\n")], "plan"),
    (
        "wrong-type-of-a-default",
        &[("main.tf", "variable \"size\" {\n  type    = number\n  default = \"big\"\n}\n")],
        "plan",
    ),
    (
        "wrong-type-on-the-command-line",
        &[("main.tf", "variable \"node\" {\n  type = object({ name = string, count = number })\n}\n")],
        "plan -var node={\"name\":\"a\",\"count\":\"x\"}",
    ),
    (
        "wrong-type-of-an-operand",
        &[("main.tf", "locals {\n  sum = 1 + \"two\"\n}\noutput \"o\" {\n  value = local.sum\n}\n")],
        "plan",
    ),
    (
        "wrong-types-of-count-and-for-each",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"a\" {\n  count = \"many\"\n}\nresource \"terraform_data\" \"b\" {\n  for_each = [\"a\"]\n}\n",
        )],
        "plan",
    ),
    (
        "wrong-type-of-an-attribute",
        &[(
            "main.tf",
            "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nprovider \"sim\" {\n  world = \"w\"\n}\nresource \"sim_network\" \"a\" {\n  name = [\"x\"]\n  cidr = \"10.0.0.0/16\"\n}\n",
        )],
        "validate",
    ),
    (
        "condition-of-a-variable",
        &[(
            "main.tf",
            "variable \"nodes\" {\n  type = number\n  validation {\n    condition     = var.nodes > 5\n    error_message = \"At least 6 nodes are needed, not ${var.nodes}.\"\n  }\n}\n",
        )],
        "plan -var nodes=3",
    ),
    (
        "provider-of-another-registry",
        &[("main.tf", "resource \"aws_instance\" \"a\" {\n  ami = \"x\"\n}\n")],
        "plan",
    ),
    (
        "provider-that-has-ours-of-its-name",
        &[("main.tf", "resource \"kubernetes_manifest\" \"a\" {\n  manifest = {}\n}\n")],
        "plan",
    ),
    (
        "state-cut-short",
        &[("main.tf", OBJECT), ("terraform.tfstate", "{\"version\": 4, \"serial\": ")],
        "plan",
    ),
    ("state-that-is-no-json", &[("main.tf", OBJECT), ("terraform.tfstate", "<<<<<<< HEAD\n{")], "plan"),
    (
        "state-of-another-version",
        &[("main.tf", OBJECT), ("terraform.tfstate", "{\"version\": 99, \"serial\": 1, \"lineage\": \"a\"}")],
        "apply -auto-approve",
    ),
    (
        "encryption-that-is-enforced-without-a-method",
        &[(
            "main.tf",
            "terraform {\n  encryption {\n    state {\n      enforced = true\n    }\n  }\n}\nresource \"terraform_data\" \"a\" {}\n",
        )],
        "plan",
    ),
    (
        "provisioner-without-ssh",
        &[(
            "main.tf",
            "resource \"terraform_data\" \"a\" {\n  connection {\n    host = \"10.0.0.1\"\n  }\n  provisioner \"remote-exec\" {\n    inline = [\"true\"]\n  }\n}\n",
        )],
        "plan",
    ),
    (
        "server-that-cannot-be-reached",
        &[(
            "main.tf",
            "terraform {\n  required_providers {\n    kubernetes = { source = \"formwork/kubernetes\" }\n  }\n}\nprovider \"kubernetes\" {\n  host  = \"https://127.0.0.1:1\"\n  token = \"hunter2\"\n}\nresource \"kubernetes_manifest\" \"a\" {\n  manifest = {\n    apiVersion = \"v1\"\n    kind       = \"Namespace\"\n    metadata   = { name = \"a\" }\n  }\n}\n",
        )],
        "plan",
    ),
];

#[test]
fn what_is_wrong_is_said() {
    for (name, files, line) in CASES {
        let mut project = project();
        for (path, text) in *files {
            project = project.file(path, text);
        }
        let project = project.build();
        let finished = project.run(line);
        assert_eq!(finished.code, 1, "{name}: {}{}", finished.out, finished.error);
        for word in ["panicked", "hunter2"] {
            assert!(!finished.out.contains(word) && !finished.error.contains(word), "{name}: {word}");
        }
        snapshot(name, line, &finished);
        assert_eq!(project.run("plan").code, 1, "{name}: it is still wrong");
    }
}

#[test]
fn a_plan_whose_state_has_moved_on_is_refused() {
    let project = project()
        .file(
            "main.tf",
            "variable \"v\" {\n  default = 1\n}\nresource \"terraform_data\" \"a\" {\n  input = var.v\n}\n",
        )
        .build();
    for line in ["apply -auto-approve", "plan -var v=2 -out=second", "apply -auto-approve -var v=3"] {
        let finished = project.run(line);
        assert_eq!(finished.code, 0, "{line}: {}{}", finished.out, finished.error);
    }
    let refused = project.run("apply second");
    assert_eq!(refused.code, 1);
    snapshot("plan-that-is-stale", "apply second", &refused);
    assert_eq!(project.run("plan -detailed-exitcode -var v=3").code, 0, "the other run's object stands");
}

#[test]
fn a_state_made_elsewhere_is_not_taken_for_this_target() {
    let project = project().file("main.tf", MACHINE).build();
    assert_eq!(project.run("apply -auto-approve").code, 0);
    for (name, line) in [
        ("target-that-is-another", "apply -auto-approve -var world=there"),
        ("target-that-is-another-destroy", "destroy -auto-approve -var world=there"),
    ] {
        let refused = project.run(line);
        assert_eq!(refused.code, 1);
        snapshot(name, line, &refused);
    }
    assert_eq!(project.run("plan -detailed-exitcode").code, 0, "nothing was touched");
}

#[test]
fn a_second_process_is_kept_out() {
    let project = project().file("main.tf", MACHINE).build();
    let mut first = project.command("apply -auto-approve").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Creating...")), "the first process begins");
    let second = project.run("apply -auto-approve");
    assert_eq!(second.code, 1);
    snapshot("second-process", "apply -auto-approve", &second);
    assert!(
        lines.any(|line| line.contains("Apply complete! Resources: 1 added")),
        "the first is not disturbed"
    );
    assert!(first.wait().unwrap().success());
    assert_eq!(project.run("state list").out, "sim_network.a\n");
}

#[test]
fn a_process_that_waits_for_the_lock_gets_it() {
    let project = project().file("main.tf", MACHINE).build();
    let mut first = project.command("apply -auto-approve").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Creating...")), "the first process begins");
    let second = project.run("plan -detailed-exitcode -lock-timeout=60s");
    assert_eq!(second.code, 0, "it sees what the first made: {}{}", second.out, second.error);
    assert!(lines.any(|line| line.contains("Apply complete!")));
    assert!(first.wait().unwrap().success());
}

/// Files may have so many bytes at most, as on a disk with no more room; a write beyond gets an error.
fn run_with_room(project: &Project, blocks: u32, line: &str) -> Finished {
    let program = project.command("");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" {line}")])
        .arg(program.get_program())
        .current_dir(project.path())
        .env("NO_COLOR", "1");
    project.finish(&mut shell)
}

#[test]
fn a_full_disk_loses_nothing() {
    const OBJECTS: usize = 40;
    let buckets = format!(
        "resource \"sim_bucket\" \"a\" {{\n  count = {OBJECTS}\n  name  = \"bucket-${{count.index}}\"\n}}\n"
    );
    let project =
        project().file("main.tf", &MACHINE.replace("300", "0")).file("buckets.tf", &buckets).build();
    let line = "apply -auto-approve -parallelism=1";
    let mut failures = 0;
    // Somebody makes a little room each time and goes on.
    let whole = (1..100).find(|round| {
        let finished = run_with_room(&project, 16 + 16 * round, line);
        if finished.code == 0 {
            return true;
        }
        failures += 1;
        // Several records may have failed in one run; what is said of each is the same.
        let first = finished.error.find("\n╵\n\n").map_or(finished.error.len(), |at| at + "\n╵\n\n".len());
        let error = finished.error[..first].to_owned();
        assert_eq!(finished.error.replace(&error, ""), "", "nothing else is said");
        snapshot("disk-that-is-full", line, &Finished { out: String::new(), error, code: finished.code });
        false
    });
    assert!(whole.is_some() && failures > 2, "{failures} failures, whole at {whole:?}");
    let calls = std::fs::read_to_string(project.path().join("here.calls")).unwrap();
    let made = calls.lines().filter(|call| call.contains("\"call\":\"create\"")).count();
    assert_eq!(made, OBJECTS + 1, "each is made once, in {failures} failures and one success");
    assert_eq!(project.run("state list").out.lines().count(), OBJECTS + 1);
    assert_eq!(project.run("plan -detailed-exitcode").code, 0);
}

#[test]
fn a_damaged_journal_stops_everything() {
    let project = project().file("main.tf", MACHINE).build();
    let mut first = project.command("apply -auto-approve").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("Creating...")), "the first process begins");
    first.kill().unwrap();
    first.wait().unwrap();
    let path = project.path().join("terraform.tfstate.journal");
    let journal = std::fs::read_to_string(&path).unwrap();
    let damaged = journal.replacen("10.0.0.0/16", "10.0.0.0/17", 1);
    assert_ne!(journal, damaged);
    std::fs::write(&path, &damaged).unwrap();
    for (name, line) in
        [("journal-that-is-damaged", "plan"), ("journal-that-is-damaged-apply", "apply -auto-approve")]
    {
        let refused = project.run(line);
        assert_eq!(refused.code, 1);
        snapshot(name, line, &refused);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged, "it is kept as it is");
}

/// Compares all that was said with what stands under `tests/tests/snapshots`.
fn snapshot(name: &str, line: &str, finished: &Finished) {
    let text =
        format!("$ formwork {line}\n{}{}[exit code {}]\n", finished.out, finished.error, finished.code);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, redacted(&text)));
}

/// The text without what differs from run to run, machine to machine, or version to version.
fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let words = text.split_inclusive([' ', '\n', '"', '/', '(', ')', '.']);
    let mut is_process = false;
    let mut skipping_host = false;
    for word in words {
        let bare = word.trim_end_matches([' ', '\n', '"', '/', '(', ')', '.']);
        let rest = &word[bare.len()..];
        if skipping_host {
            skipping_host = !rest.starts_with('/');
            if !skipping_host {
                out.push_str("[REGISTRY]/");
            }
        } else if bare == "registry" && rest == "." {
            skipping_host = true;
        } else if is_process && bare.chars().all(|one| one.is_ascii_digit()) {
            out.push_str("[PROCESS]");
            out.push_str(rest);
        } else if is_time(bare) {
            out.push_str("[TIME]");
            out.push_str(rest);
        } else if bare.starts_with("world-") {
            out.push_str("[WORLD]");
            out.push_str(rest);
        } else {
            out.push_str(word);
        }
        is_process = bare == "Process";
    }
    out
}

fn is_time(word: &str) -> bool {
    word.len() == 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z')
}

#[test]
fn what_differs_is_redacted() {
    let text = "Process 12 at 2026-11-24T20:46:29Z.\nprovider[\"registry.example.org/formwork/sim\"]: simulated world-22a76ebc91e0 in w, 12\n";
    assert_eq!(
        redacted(text),
        "Process [PROCESS] at [TIME].\nprovider[\"[REGISTRY]/formwork/sim\"]: simulated [WORLD] in w, 12\n"
    );
}
