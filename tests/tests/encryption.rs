//! Encryption of states, journals and plans, from outside: nothing that was written can be read without the keys, and
//! with them all goes on as if there were none.

use formwork_tests::{Finished, Project, found_in, holds, project};
use std::time::Duration;

const SECRET: &str = "hunter2-and-the-horse";
const PASSPHRASE: &str = "correct horse battery staple";

/// A key that is cheap to derive.
const KEYS: &str = "key_provider \"argon2\" \"main\" {\n  passphrase = var.passphrase\n  memory_kib = 64\n  iterations = 1\n}\nmethod \"aes_gcm\" \"main\" {\n  keys = key_provider.argon2.main\n}\n";

fn block(text: &str) -> String {
    format!(
        "terraform {{\n  encryption {{\n{text}\n  }}\n}}\nvariable \"passphrase\" {{\n  type      = string\n  sensitive = true\n  ephemeral = true\n}}\n"
    )
}

const MAIN: &str = r#"
variable "secret" {
  type      = string
  sensitive = true
}
resource "terraform_data" "holds" {
  input = { token = var.secret, name = "east" }
}
resource "terraform_data" "slow" {
  input = terraform_data.holds.output
  provisioner "local-exec" {
    command = "sleep 4"
  }
}
output "token" {
  value     = terraform_data.holds.output.token
  sensitive = true
}
"#;

fn run(project: &Project, line: &str) -> Finished {
    let mut command = project.command(line);
    command.env("TF_VAR_passphrase", PASSPHRASE).env("TF_VAR_secret", SECRET);
    let finished = project.finish(&mut command);
    let said = format!("{}{}", finished.out, finished.error);
    let is_asked_for = line.starts_with("output -raw") || line.starts_with("state pull");
    assert!(is_asked_for || !holds(said.as_bytes(), SECRET), "{line}: {said}");
    assert!(!holds(said.as_bytes(), PASSPHRASE), "{line}: {said}");
    finished
}

fn ends(project: &Project, line: &str, code: i32) -> String {
    run(project, line).ended(line, code)
}

#[test]
fn a_secret_is_in_no_file_and_no_stream() {
    assert!(
        holds(b"xaHVudGVyMi1hbmQtdGhlLWhvcnNl", SECRET)
            && holds(b"68756e746572322d616e642d7468652d686f727365", SECRET)
    );
    let both = format!(
        "{KEYS}state {{\n  method = method.aes_gcm.main\n}}\nplan {{\n  method = method.aes_gcm.main\n}}\n"
    );
    let project = project().file("main.tf", MAIN).file("encryption.tf", &block(&both)).build();
    let log =
        ["TF_LOG", "TF_LOG_PATH"].map(|name| (name, if name == "TF_LOG" { "trace" } else { "trace.log" }));
    let nothing = |when: &str| {
        for text in [SECRET, PASSPHRASE] {
            assert_eq!(found_in(project.path(), text), Vec::<String>::new(), "{when}");
        }
    };
    ends(&project, "plan -out=saved", 0);
    nothing("after a plan");
    // The slow one is in its provisioner: the journal holds the secret, and so it holds the whole plan.
    let mut command = project.command("apply -auto-approve saved");
    command.env("TF_VAR_passphrase", PASSPHRASE).env("TF_VAR_secret", SECRET).envs(log);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let journal = project.path().join("terraform.tfstate.journal");
    let is_in_flight = || project.read("trace.log").contains("terraform_data.slow") && journal.exists();
    for _ in 0..600 {
        if is_in_flight() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(journal.exists(), "the run was cut off");
    nothing("after a crash");
    assert!(ends(&project, "lock show", 0).contains("terraform_data.slow"));
    project.write("main.tf", &MAIN.replace("sleep 4", "true")).unwrap();
    assert!(ends(&project, "apply -auto-approve", 0).contains("taken up"));
    nothing("after a resumed apply");
    ends(&project, "plan -detailed-exitcode", 0);
    assert_eq!(run(&project, "output -raw token").out, SECRET);
    assert!(ends(&project, "show", 0).contains("east"));
    assert!(run(&project, "state pull").out.contains(SECRET));
    ends(&project, "state mv terraform_data.holds terraform_data.held", 0);
    nothing("after a state edit");
    assert!(ends(&project, "destroy -auto-approve", 0).contains("2 destroyed"));
    nothing("after destroy");
}

const QUIET: &str = "variable \"secret\" {\n  sensitive = true\n}\nresource \"terraform_data\" \"a\" {\n  input = var.secret\n}\noutput \"token\" {\n  value     = terraform_data.a.output\n  sensitive = true\n}\n";

/// A method by its passphrase's variable, as `TF_ENCRYPTION` would hold it.
fn keyed(name: &str, passphrase: &str) -> String {
    format!(
        "key_provider \"argon2\" \"{name}\" {{\n  passphrase = \"{passphrase}\"\n  memory_kib = 64\n  iterations = 1\n}}\nmethod \"aes_gcm\" \"{name}\" {{\n  keys = key_provider.argon2.{name}\n}}\n"
    )
}

fn with(project: &Project, encryption: &str, line: &str, code: i32) -> String {
    let mut command = project.command(line);
    command.env("TF_ENCRYPTION", encryption).env("TF_VAR_secret", SECRET);
    let said = project.finish(&mut command).ended(line, code);
    for passphrase in ["the passphrase of before", "the passphrase of today"] {
        assert!(!said.contains(passphrase), "{line}: {said}");
    }
    said
}

#[test]
fn a_state_is_encrypted_rotated_and_given_up() {
    let project = project().file("main.tf", QUIET).build();
    ends(&project, "apply -auto-approve", 0);
    let (old, new) = (keyed("old", "the passphrase of before"), keyed("new", "the passphrase of today"));
    let only = |keys: &str, name: &str| {
        format!("{keys}state {{\n  method   = method.aes_gcm.{name}\n  enforced = true\n}}\n")
    };
    let clear = "method \"unencrypted\" \"migrate\" {}\n";
    let target = |method: &str, fallback: &str| {
        format!("state {{\n  method = {method}\n  fallback {{\n    method = {fallback}\n  }}\n}}\n")
    };
    let is_sealed = || project.read("terraform.tfstate").contains("encrypted_data");
    // In clear until a fallback lets it be read once.
    assert!(with(&project, &only(&old, "old"), "plan", 1).contains("is not encrypted"));
    let begin = format!("{old}{clear}{}", target("method.aes_gcm.old", "method.unencrypted.migrate"));
    with(&project, &begin, "plan -detailed-exitcode", 0);
    assert!(!is_sealed(), "a plan writes nothing");
    with(&project, &begin, "apply -auto-approve", 0);
    assert!(is_sealed());
    with(&project, &only(&old, "old"), "plan -detailed-exitcode", 0);
    // Without keys, and with others.
    assert!(ends(&project, "plan", 1).contains("TF_ENCRYPTION"));
    assert!(ends(&project, "output", 1).contains("encrypted"));
    assert!(with(&project, &only(&new, "new"), "plan", 1).contains("Decryption failed"));
    // Rotated.
    let rotate = format!("{old}{new}{}", target("method.aes_gcm.new", "method.aes_gcm.old"));
    with(&project, &rotate, "apply -auto-approve", 0);
    with(&project, &only(&new, "new"), "plan -detailed-exitcode", 0);
    assert!(with(&project, &only(&old, "old"), "plan", 1).contains("Decryption failed"));
    // The same in JSON.
    let json = r#"{"key_provider": {"argon2": {"new": {"passphrase": "the passphrase of today", "memory_kib": 64, "iterations": 1}}},
        "method": {"aes_gcm": {"new": {"keys": "${key_provider.argon2.new}"}}}, "state": {"method": "${method.aes_gcm.new}"}}"#;
    with(&project, json, "plan -detailed-exitcode", 0);
    // And given up.
    let end = format!("{new}{clear}{}", target("method.unencrypted.migrate", "method.aes_gcm.new"));
    with(&project, &end, "apply -auto-approve", 0);
    assert!(!is_sealed());
    ends(&project, "plan -detailed-exitcode", 0);
}

#[test]
fn a_sealed_plan_is_shown_and_applied_with_its_keys_alone() {
    let project = project().file("main.tf", QUIET).build();
    let keys = keyed("main", "the passphrase of today");
    let plan = format!("{keys}plan {{\n  method = method.aes_gcm.main\n}}\n");
    let both = format!("{plan}state {{\n  method = method.aes_gcm.main\n}}\n");
    with(&project, &both, "plan -out=saved", 0);
    assert!(project.read("saved").contains("encrypted_data"));
    assert!(ends(&project, "show saved", 1).contains("encrypted"));
    assert!(with(&project, &both, "show saved", 0).contains("terraform_data.a will be created"));
    assert!(with(&project, &both, "show -json saved", 0).contains("\"resource_changes\""));
    assert!(with(&project, &both, "apply saved", 0).contains("1 added"));
    with(&project, &both, "plan -detailed-exitcode", 0);
    // A plan in clear is not taken for one that was approved.
    project.write("clear.json", "{}").unwrap();
    assert!(with(&project, &both, "apply clear.json", 1).contains("is not encrypted"));
}

#[test]
fn the_state_of_another_configuration_is_opened_with_its_keys() {
    let keys = keyed("theirs", "the passphrase of before");
    let theirs = format!("{keys}state {{\n  method = method.aes_gcm.theirs\n}}\n");
    let reads = "data \"terraform_remote_state\" \"theirs\" {\n  backend = \"local\"\n  config  = { path = \"theirs/terraform.tfstate\" }\n}\noutput \"token\" {\n  value     = data.terraform_remote_state.theirs.outputs.token\n  sensitive = true\n}\n";
    let project = project().file("theirs/main.tf", QUIET).file("main.tf", reads).build();
    with(&project, &theirs, "-chdir=theirs apply -auto-approve", 0);
    assert!(ends(&project, "plan", 1).contains("TF_ENCRYPTION"));
    for target in ["default", "remote_state_data_source \"theirs\""] {
        let ours = format!(
            "{keys}remote_state_data_sources {{\n  {target} {{\n    method = method.aes_gcm.theirs\n  }}\n}}\n"
        );
        with(&project, &ours, "apply -auto-approve", 0);
        assert!(with(&project, &ours, "output -raw token", 0).contains(SECRET));
    }
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    for (text, parts) in [
        (
            "state {\n  method = method.aes_gcm.mian\n}",
            &["encryption.tf line 12", "Did you mean method.aes_gcm.main?"][..],
        ),
        ("state {\n  enforced = true\n}", &["encryption.tf line 11", "enforced"]),
        ("state {\n  method = \"aes_gcm.main\"\n}", &["encryption.tf line 12", "method.TYPE.NAME"]),
        ("key_provider \"aws_kms\" \"k\" {\n}", &["encryption.tf line 11", "key_provider \"external\""]),
        ("method \"aes\" \"k\" {\n}", &["There are: aes_gcm, age, external, unencrypted."]),
        (
            "method \"aes_gcm\" \"k\" {\n  keys = key_provider.argon2.none\n}",
            &["encryption.tf line 12", "no key_provider"],
        ),
        (
            "key_provider \"argon2\" \"k\" {\n  pasphrase = \"x\"\n}",
            &["encryption.tf line 12", "Unsupported argument"],
        ),
        (
            "key_provider \"argon2\" \"k\" {\n  memory_kib = []\n}",
            &["encryption.tf line 12", "number required"],
        ),
        ("sate {\n}", &["Did you mean \"state\"?"]),
    ] {
        let project = project().file("encryption.tf", &block(&format!("{KEYS}{text}"))).build();
        let said = ends(&project, "validate", 1);
        for part in parts {
            assert!(said.contains(part), "{text}: no {part:?} in {said}");
        }
    }
    // What only the values show.
    let target = "state {\n  method = method.aes_gcm.main\n}";
    let project = project().file("encryption.tf", &block(&format!("{KEYS}{target}"))).build();
    let mut command = project.command("plan");
    let finished = project.finish(command.env("TF_VAR_passphrase", "short"));
    assert!(finished.code == 1 && finished.error.contains("too short"), "{}", finished.error);
    let finished = project.run("plan -input=false");
    assert!(finished.code == 1 && finished.error.contains("passphrase"), "{}", finished.error);
}
