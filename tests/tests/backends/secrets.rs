//! Secrets in a state elsewhere: named where it is in clear, and in nothing that a sealed place is handed.

use crate::remotes::{ENCRYPTION, Remote, SLOW, block, project_of, remotes, state_server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_state::backend::relay::Relay;
use formwork_tests::{Project, holds};
use std::io::Read as _;
use std::time::Duration;

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

/// Whatever writes a state elsewhere by hand names the secrets in it, and writes nothing where encryption is required.
#[test]
fn secrets_that_a_hand_moves_are_named_or_refused() {
    let main = "variable \"secret\" {\n  sensitive = true\n}\nresource \"terraform_data\" \"a\" {\n  input = { token = var.secret }\n}\nresource \"terraform_data\" \"b\" {\n  input = var.secret\n}\n";
    let address = state_server();
    let text = block(&format!("\"http\" {{\n    address = \"{address}\"\n  }}"));
    let remote = Remote { name: "http", block: text, environment: Vec::new() };
    let project = remote.project(main);
    let run = |line: &str, is_required: bool| {
        let mut command = remote.command(&project, line);
        let required = is_required.then_some(("FORMWORK_REQUIRE_ENCRYPTION", "true"));
        let finished = project.finish(command.env("TF_VAR_secret", "hunter2").envs(required));
        let said = format!("{}{}", finished.out, finished.error).replace("\n│ ", " ");
        assert!(!said.contains("hunter"), "{line}: {said}");
        (finished.code, said)
    };
    assert_eq!(run("init", false).0, 0);
    assert_eq!(run("apply -auto-approve", false).0, 0);
    let pulled = remote.command(&project, "state pull").output().unwrap();
    project.write("pulled.json", &String::from_utf8_lossy(&pulled.stdout)).unwrap();
    let replace = "state replace-provider -auto-approve terraform.io/builtin/terraform registry.opentofu.org/a/terraform";
    let (a, b, c) = ("terraform_data.a.input.token", "terraform_data.b.input", "terraform_data.c.input");
    for (line, names) in [
        ("taint terraform_data.b", &[a, b][..]),
        ("untaint terraform_data.b", &[a, b]),
        ("state mv terraform_data.b terraform_data.c", &[a, c]),
        (replace, &[a, c]),
        ("state rm terraform_data.c", &[a]),
        ("state push -force pulled.json", &[a, b]),
    ] {
        // Refused first: what comes after finds the state as it was.
        let (code, said) = run(line, true);
        assert!(code == 1 && said.contains("would be stored in clear"), "{line}: {said}");
        let (code, said) = run(line, false);
        assert!(code == 0 && said.contains("are stored in clear"), "{line}: {said}");
        for name in names {
            assert!(said.contains(name), "{line}: no {name} in {said}");
        }
    }
    let (code, said) = run("state rm terraform_data.a terraform_data.b", true);
    assert!(code == 0 && !said.contains("in clear"), "nothing that is left is secret: {said}");
    // What is imported may be a secret itself.
    let imported = "terraform {\n  required_providers {\n    random = { source = \"formwork/random\" }\n  }\n}\nresource \"random_password\" \"p\" {\n  length = 12\n}\n";
    project.write("main.tf", imported).unwrap();
    for (is_required, code, part) in
        [(true, 1, "would be stored in clear"), (false, 0, "are stored in clear")]
    {
        let mut command = remote.command(&project, "import random_password.p twelve-signs");
        let required = is_required.then_some(("FORMWORK_REQUIRE_ENCRYPTION", "true"));
        let parts = [part, "random_password.p.result"];
        project.finish(command.envs(required)).expect("import", code, &parts);
    }
    // A move is a write, too.
    let other = project_of(main);
    let apply = |line: &str| project_with(&other, line);
    assert_eq!(apply("apply -auto-approve").code, 0);
    other
        .write("backend.tf", &block(&format!("\"http\" {{\n    address = \"{}\"\n  }}", state_server())))
        .unwrap();
    let mut command = other.command("init -force-copy");
    other.finish(command.env("FORMWORK_REQUIRE_ENCRYPTION", "true")).expect("init", 1, &["would be", a]);
    apply("init -force-copy").expect("init", 0, &["are stored in clear", a, b]);
}

/// Runs a line in a project whose configuration wants a secret.
fn project_with(project: &Project, line: &str) -> formwork_tests::Finished {
    project.finish(project.command(line).env("TF_VAR_secret", "hunter2"))
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
