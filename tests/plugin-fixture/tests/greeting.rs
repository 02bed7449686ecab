//! What the fixture says when it is started, and that it is started by hosts alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

#[test]
fn the_first_line_is_the_greeting_or_the_fault_that_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    for (faults, protocol, expected) in [
        ("", "6", "1|6|unix|[FOLDER]/fixture|grpc|"),
        ("", "5", "1|5|unix|[FOLDER]/fixture|grpc|"),
        ("core-2", "6", "2|6|unix|[FOLDER]/fixture|grpc|"),
        ("netrpc", "5", "1|5|unix|[FOLDER]/fixture|netrpc|"),
        ("protocol-4,hang@ReadResource", "6", "1|4|unix|[FOLDER]/fixture|grpc|"),
        ("garbage", "6", "Welcome to the fixture!"),
        ("exits", "6", ""),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_terraform-provider-fixture"))
            .env("TF_PLUGIN_MAGIC_COOKIE", COOKIE)
            .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
            .env("FIXTURE_WORLD", folder.path())
            .env("FIXTURE_PROTOCOL", protocol)
            .env("FIXTURE_FAULTS", faults)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the fixture");
        let number = format!("fixture-{}", child.id());
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        child.kill().expect("a process to end");
        child.wait().expect("its end");
        let line = line.replace(&folder.path().display().to_string(), "[FOLDER]").replace(&number, "fixture");
        assert_eq!(line.trim_end(), expected, "{faults} {protocol}");
    }
}

#[test]
fn a_person_who_starts_it_is_told_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_terraform-provider-fixture"))
        .env_remove("TF_PLUGIN_MAGIC_COOKIE")
        .output()
        .expect("the fixture");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("This binary is a plugin"));
}
