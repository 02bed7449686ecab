//! Secrets from outside, through the real program: each kind feeds a provider's configuration, a write-only attribute and
//! an ephemeral output, and what it gave is in no file and no stream.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{
    Finished, HttpRequest, Project, answer_http, consumer, found_in, holds, project, repository,
};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The token of a simulated datacentre of seed 0: the planted secret, which only works while it is whole.
const SECRET: &str = "t1.677844965c5c";

/// A configuration whose every use of `SOURCE` needs the secret.
const USES: &str = r#"
terraform {
  required_providers {
    secret = { source = "formwork/secret" }
    sim    = { source = "formwork/sim" }
  }
}
provider "sim" {
  token = local.token
}
resource "sim_secret" "key" {
  name             = "key"
  value_wo         = local.token
  value_wo_version = 1
}
module "passes" {
  source = "./passes"
  given  = local.token
}
resource "sim_secret" "through" {
  name             = "through"
  value_wo         = module.passes.token
  value_wo_version = 1
}
"#;

const PASSES: &str = r#"
variable "given" {
  ephemeral = true
}
output "token" {
  value     = var.given
  ephemeral = true
}
"#;

/// A source of the secret, whose files stand outside of the folder of the run.
fn sources(outside: &Path, vault: &str) -> Vec<(&'static str, String)> {
    let file = |name: &str| outside.join(name).display().to_string();
    vec![
        (
            "secret_file",
            format!(
                "ephemeral \"secret_file\" \"s\" {{\n  path = \"{}\"\n}}\nlocals {{\n  token = trimspace(ephemeral.secret_file.s.content)\n}}\n",
                file("secret")
            ),
        ),
        (
            "secret_command",
            format!(
                "ephemeral \"secret_command\" \"s\" {{\n  command = [\"sed\", \"s/^/{{\\\"token\\\": \\\"/; s/$/\\\"}}/\"]\n  input   = ephemeral.secret_file.i.content\n  format  = \"json\"\n}}\nephemeral \"secret_file\" \"i\" {{\n  path = \"{}\"\n}}\nlocals {{\n  token = ephemeral.secret_command.s.values.token\n}}\n",
                file("secret")
            ),
        ),
        (
            "secret_sops",
            format!(
                "ephemeral \"secret_sops\" \"s\" {{\n  path          = \"{}\"\n  identity_file = \"{}\"\n}}\nlocals {{\n  token = jsondecode(ephemeral.secret_sops.s.json).database.password\n}}\n",
                file("values.yaml"),
                file("key.txt")
            ),
        ),
        (
            "secret_vault",
            format!(
                "ephemeral \"secret_vault\" \"s\" {{\n  address    = \"{vault}\"\n  token_file = \"{}\"\n  path       = \"platform/database\"\n}}\nlocals {{\n  token = ephemeral.secret_vault.s.data[\"token\"]\n}}\n",
                file("vault-token")
            ),
        ),
    ]
}

/// What the sources read, for nobody else to see.
fn outside() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
    std::fs::write(folder.path().join("vault-token"), "vault-planted-token\n").unwrap();
    for name in ["values.yaml", "key.txt"] {
        std::fs::copy(repository().join("providers/secret/fixtures").join(name), folder.path().join(name))
            .unwrap();
    }
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::set_permissions(entry.unwrap().path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

/// A server that gives the secret to whoever has the token.
fn vault() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while let Some(request) = HttpRequest::read(&stream) {
                    let is_known = request.header("x-vault-token") == Some("vault-planted-token")
                        && request.path == "/v1/secret/data/platform/database";
                    let body = format!(
                        r#"{{"data": {{"data": {{"token": "{SECRET}"}}, "metadata": {{"version": 1}}}}}}"#
                    );
                    let answered = if is_known {
                        answer_http(&stream, "200 OK", body.as_bytes())
                    } else {
                        answer_http(&stream, "403 Forbidden", br#"{"errors": ["permission denied"]}"#)
                    };
                    if answered.is_none() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Runs with the most telling log, and looks for the secret in all that was said and written.
fn run(project: &Project, kind: &str, line: &str) -> Finished {
    let mut command = project.command(line);
    let finished = project.finish(command.env("TF_LOG", "trace").env("TF_LOG_PATH", "trace.log"));
    let said = format!("{}{}", finished.out, finished.error);
    for secret in [SECRET, "vault-planted-token"] {
        assert!(!holds(said.as_bytes(), secret), "{kind}: {line}: {said}");
        assert_eq!(found_in(project.path(), secret), Vec::<String>::new(), "{kind}: after {line}");
    }
    finished
}

fn lives_through(kind: &str, source: &str) {
    let project = project()
        .file("main.tf", USES)
        .file("source.tf", source)
        .file("passes/main.tf", PASSES)
        // A token that was opened and never closed.
        .file("sim-world.json.tokens", "open t1\n")
        .build();
    for (line, words) in [
        ("plan -out=saved", "2 to add"),
        ("apply saved", "2 added"),
        ("plan -detailed-exitcode", "No changes"),
        ("show -json", "value_wo"),
        ("apply -json -auto-approve -replace=sim_secret.key", "ephemeral_action_complete"),
        ("state pull", "fingerprint"),
        ("destroy -auto-approve", "2 destroyed"),
    ] {
        let finished = run(&project, kind, line);
        assert_eq!(finished.code, 0, "{kind}: {line}: {}{}", finished.out, finished.error);
        assert!(finished.out.contains(words), "{kind}: {line}: no {words:?} in {}", finished.out);
    }
    assert!(project.read("trace.log").len() > 100, "there is a log");
}

#[test]
fn every_kind_feeds_what_takes_a_secret_and_leaves_it_nowhere() {
    let (outside, vault) = (outside(), vault());
    for (kind, source) in sources(outside.path(), &vault) {
        lives_through(kind, &source);
    }
}

#[test]
fn a_secret_that_cannot_be_had_is_told_at_its_place() {
    let (outside, vault) = (outside(), vault());
    std::fs::write(outside.path().join("vault-token"), "another-token\n").unwrap();
    let all = sources(outside.path(), &vault);
    let source = |kind: &str| all.iter().find(|(other, _)| *other == kind).unwrap().1.clone();
    for (kind, text, parts) in [
        (
            "secret_file",
            source("secret_file").replace("/secret\"", "/none\""),
            ["source.tf line", "cannot be read"],
        ),
        (
            "secret_command",
            source("secret_command").replace("\"sed\"", "\"false\""),
            ["source.tf line", "exit status: 1"],
        ),
        (
            "secret_sops",
            source("secret_sops").replace("key.txt", "values.yaml"),
            ["source.tf line", "no X25519 secret key"],
        ),
        ("secret_vault", source("secret_vault"), ["source.tf line", "permission denied"]),
        (
            "secret_command",
            source("secret_command").replace("[\"sed\"", "[\"sh\", \"-c\", \"cat; exit 4\", \"sed\""),
            ["source.tf line", "exit status: 4"],
        ),
    ] {
        let project =
            project().file("main.tf", USES).file("source.tf", &text).file("passes/main.tf", PASSES).build();
        let finished = run(&project, kind, "plan");
        assert_eq!(finished.code, 1, "{kind}: {}", finished.out);
        let said = finished.error.replace("\n│ ", " ");
        for part in parts {
            assert!(said.contains(part), "{kind}: no {part:?} in {said}");
        }
    }
}

/// A file that sops made just now is read as sops itself reads it, whatever is in it.
#[test]
fn what_sops_writes_today_is_read() {
    let (Some(sops), Some(keygen)) = (consumer("FORMWORK_LAB_SOPS"), consumer("FORMWORK_LAB_AGE_KEYGEN"))
    else {
        return;
    };
    let outside = outside();
    let at = |name: &str| outside.path().join(name).display().to_string();
    assert!(Command::new(keygen).args(["-o", &at("fresh.txt")]).status().unwrap().success());
    let key = std::fs::read_to_string(at("fresh.txt")).unwrap();
    let recipient = key.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let rules = format!(
        "creation_rules:\n    - path_regex: ^mac\n      encrypted_regex: ^password$\n      mac_only_encrypted: true\n      age: {recipient}\n    - path_regex: ^some\n      encrypted_regex: ^password$\n      age: {recipient}\n    - age: {recipient}\n"
    );
    std::fs::write(at("rules"), rules).unwrap();
    for (name, clear) in [
        (
            "fresh.yaml",
            format!(
                "# a comment\ndatabase:\n    # another\n    password: {SECRET}\n    size: 0x10 # and one\n"
            ),
        ),
        ("fresh.json", format!("{{\"database\": {{\"password\": \"{SECRET}\", \"a<b\": 1e3}}}}")),
        ("mac.yaml", format!("plain: 010\ndatabase:\n    password: {SECRET}\n")),
        (
            "some.yaml",
            format!(
                "plain: 1_000\nfloat: 1.50\ndate: 2026-11-27\nempty:\ndatabase:\n    password: {SECRET}\n"
            ),
        ),
        (
            "some.json",
            format!("{{\"plain\": [1.50, 1e3, true, null], \"database\": {{\"password\": \"{SECRET}\"}}}}"),
        ),
    ] {
        std::fs::write(at("clear"), clear).unwrap();
        let made = Command::new(&sops)
            .args([
                "--config",
                &at("rules"),
                "encrypt",
                "--filename-override",
                name,
                "--output",
                &at(name),
                &at("clear"),
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        let source = format!(
            "ephemeral \"secret_sops\" \"s\" {{\n  path          = \"{}\"\n  identity_file = \"{}\"\n}}\nlocals {{\n  token = ephemeral.secret_sops.s.data[\"database.password\"]\n}}\n",
            at(name),
            at("fresh.txt")
        );
        lives_through(name, &source);
    }
}
