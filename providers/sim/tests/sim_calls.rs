//! The program that adds up a log of calls, as a process.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Command;

fn line(seq: u64, id: &str, token: &str, effect: &str) -> String {
    format!(
        "{{\"seq\":{seq},\"call\":\"c\",\"kind\":\"sim_machine\",\"id\":{id:?},\"name\":\"m{id}\",\"token\":{token:?},\"effect\":{effect:?}}}\n"
    )
}

fn state(id: &str) -> String {
    let instance = format!("{{\"attributes\":{{\"id\":{id:?}}}}}");
    format!(
        "{{\"resources\":[{{\"mode\":\"managed\",\"type\":\"sim_machine\",\"instances\":[{instance}]}}]}}"
    )
}

#[test]
fn says_what_is_doubled_lost_and_missing() {
    let one = line(1, "1", "a", "created");
    let two = line(2, "2", "b", "created");
    let again = line(3, "3", "a", "created");
    let gone = line(4, "2", "c", "deleted");
    // (log, id in the state, exit code, last line)
    let cases = [
        (one.clone(), None, 0, "created 1, updated 0, deleted 0, standing 1, doubled 0, lost 0, missing 0"),
        (
            one.clone(),
            Some("1"),
            0,
            "created 1, updated 0, deleted 0, standing 1, doubled 0, lost 0, missing 0",
        ),
        (
            format!("{one}{two}"),
            Some("1"),
            1,
            "created 2, updated 0, deleted 0, standing 2, doubled 0, lost 1, missing 0",
        ),
        (
            format!("{one}{two}{gone}"),
            Some("1"),
            0,
            "created 2, updated 0, deleted 1, standing 1, doubled 0, lost 0, missing 0",
        ),
        (
            format!("{one}{again}"),
            None,
            1,
            "created 2, updated 0, deleted 0, standing 2, doubled 1, lost 0, missing 0",
        ),
        (
            String::new(),
            Some("9"),
            1,
            "created 0, updated 0, deleted 0, standing 0, doubled 0, lost 0, missing 1",
        ),
        (
            format!("{one}{{\"seq\":2,"),
            Some("1"),
            0,
            "created 1, updated 0, deleted 0, standing 1, doubled 0, lost 0, missing 0",
        ),
    ];
    for (at, (log, known, code, last)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let (log_file, state_file) = (folder.path().join("calls"), folder.path().join("state"));
        fs::write(&log_file, log).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim-calls"));
        command.arg("--creates").arg(&log_file);
        if let Some(id) = known {
            fs::write(&state_file, state(id)).expect("written");
            command.arg(&state_file);
        }
        let output = command.output().expect("a process");
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(output.status.code(), Some(code), "case {at}: {text}");
        assert_eq!(text.lines().next_back(), Some(last), "case {at}");
    }
}

#[test]
fn refuses_what_it_cannot_read() {
    for arguments in [&["--wrong"][..], &[], &["no-such-file"]] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sim-calls")).args(arguments).output().expect("a process");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
