//! Provisioners from outside: the lines users know, the JSON stream, a killed run, the second interrupt.

use formwork_tests::{Finished, Project, project, said};
use serde_json::Value as Json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HELLO: &str = r#"
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo hello; echo there >&2"
  }
  provisioner "local-exec" {
    command = "true"
    quiet   = true
  }
  provisioner "local-exec" {
    when       = destroy
    command    = "echo bye; exit 1"
    on_failure = continue
  }
}
"#;

/// Notes each start, and ends only where a file says so.
const SLOW: &str = r#"
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo first >> log"
  }
  provisioner "local-exec" {
    command = "echo second >> log; while ! test -e ready; do sleep 0.05; done; echo end >> log"
  }
}
"#;

#[track_caller]
fn assert_lines(finished: &Finished, expected: &[&str]) {
    let lines: Vec<&str> = finished.out.lines().filter(|line| line.starts_with("terraform_data.a")).collect();
    assert_eq!(lines, expected, "{}", finished.error);
}

#[test]
fn lines_are_those_users_know() {
    let project = project().file("main.tf", HELLO).build();
    let made = project.run("apply -auto-approve");
    assert_lines(
        &made,
        &[
            "terraform_data.a: Creating...",
            "terraform_data.a: Provisioning with 'local-exec'...",
            r#"terraform_data.a (local-exec): Executing: ["/bin/sh" "-c" "echo hello; echo there >&2"]"#,
            "terraform_data.a (local-exec): hello",
            "terraform_data.a (local-exec): there",
            "terraform_data.a: Provisioning with 'local-exec'...",
            "terraform_data.a (local-exec): local-exec: Executing: Suppressed by quiet=true",
            "terraform_data.a: Creation complete after 0s [id=[UUID]]",
        ],
    );
    let gone = project.run("destroy -auto-approve -json");
    let kinds: Vec<String> = gone
        .out
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap())
        .filter(|line| line["hook"].is_object())
        .map(|line| format!("{} {}", line["type"].as_str().unwrap(), line["hook"]["output"]))
        .collect();
    assert_eq!(
        kinds[kinds.len() - 6..],
        [
            "apply_start null",
            "provision_start null",
            "provision_progress \"Executing: [\\\"/bin/sh\\\" \\\"-c\\\" \\\"echo bye; exit 1\\\"]\"",
            "provision_progress \"bye\"",
            "provision_errored null",
            "apply_complete null",
        ]
    );
}

#[test]
fn what_one_reads_goes_along_with_the_plan() {
    let main = r#"
resource "terraform_data" "a" {
  for_each = toset(["x", "y"])
  provisioner "local-exec" {
    command = "${file("${each.key}.sh")} ${self.id != "" ? "made" : ""}"
  }
  provisioner "local-exec" {
    when    = destroy
    command = file("${each.key}.sh")
  }
}
"#;
    let project =
        project().file("main.tf", main).file("x.sh", "echo says x").file("y.sh", "echo says y").build();
    let applied = project.run("apply -auto-approve");
    assert!(
        applied.code == 0 && applied.out.contains("says x made") && applied.out.contains("says y made"),
        "{applied:?}"
    );
    assert_eq!(project.run("plan -destroy -out=away.tfplan").code, 0);
    for name in ["main.tf", "x.sh", "y.sh"] {
        std::fs::remove_file(project.path().join(name)).unwrap();
    }
    let destroyed = project.run("apply away.tfplan");
    assert!(destroyed.code == 0 && destroyed.out.contains("says x"), "{destroyed:?}");
}

#[test]
fn what_is_wrong_with_one_is_found_before_anything_runs() {
    for (block, expected) in [
        ("provisioner \"local-exec\" {}", "The argument \"command\" is required"),
        ("provisioner \"local-exec\" {\n comand = 1\n command = \"x\"\n}", "An argument named \"comand\""),
        (
            "provisioner \"local-exce\" {\n command = \"x\"\n}",
            "There is no provisioner type named \"local-exce\"",
        ),
        ("provisioner \"file\" {\n content = \"x\"\n}", "The argument \"destination\" is required"),
        ("provisioner \"remote-exec\" {\n inline = [\"x\"]\n}", "this build of Formwork speaks none"),
        ("provisioner \"local-exec\" {\n command = \"\"\n}", "The command must be a non-empty string."),
        (
            "provisioner \"file\" {\n content = \"x\"\n destination = \"y\"\n connection {\n hots = \"z\"\n }\n}",
            "An argument named \"hots\"",
        ),
    ] {
        let main = format!("resource \"terraform_data\" \"a\" {{\n  {block}\n}}\n");
        let project = project().file("main.tf", &main).build();
        let found = project.run("validate");
        let text = format!("{}{}", found.out, found.error).replace("\n│ ", " ");
        assert!(
            found.code == 1 && text.contains(expected) && text.contains("main.tf line"),
            "{block}: {text}"
        );
    }
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn log(project: &Project) -> String {
    std::fs::read_to_string(project.path().join("log")).unwrap_or_default().replace('\n', " ")
}

#[test]
fn a_killed_run_takes_up_the_one_in_flight_and_no_other() {
    let project = project().file("main.tf", SLOW).build();
    let mut command = project.command("apply -auto-approve");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the second provisioner", || log(&project) == "first second ");
    child.kill().unwrap();
    child.wait().unwrap();
    // What was started outlives its killer; it must not speak up in what follows.
    project.write("ready", "").unwrap();
    wait_for("its end", || log(&project) == "first second end ");
    let planned = project.run("plan");
    assert!(planned.out.contains("terraform_data.a"), "{}{}", planned.out, planned.error);
    let resumed = project.run("apply -auto-approve");
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.error);
    assert_eq!(log(&project), "first second end second end ");
    let again = "terraform_data.a: Recovering... [runs provisioner local-exec again from its start]";
    assert!(resumed.out.contains(again), "{}", resumed.out);
    assert_eq!(project.run("plan -detailed-exitcode").code, 0, "it is not tainted");
}

#[test]
fn the_first_interrupt_lets_one_finish_and_the_second_ends_it() {
    for interrupts in [1, 2] {
        let project = project().file("main.tf", SLOW).build();
        let mut command = project.command("apply -auto-approve");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the second provisioner", || log(&project) == "first second ");
        let interrupt = || {
            let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(done.success());
            std::thread::sleep(Duration::from_millis(500));
        };
        (0..interrupts).for_each(|_| interrupt());
        if interrupts == 2 {
            assert_eq!(child.wait().unwrap().code(), Some(130));
            project.write("ready", "").unwrap();
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(log(&project), "first second ", "nothing of it runs on");
        } else {
            project.write("ready", "").unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            assert_eq!(log(&project), "first second end ");
        }
        assert_eq!(project.run("apply -auto-approve").code, 0);
        assert!(log(&project).ends_with("end "));
    }
}

/// As many at once as asked for, their commands included.
#[test]
fn one_at_a_time_is_one_at_a_time() {
    let main = "resource \"terraform_data\" \"a\" {\n  count = 6\n  provisioner \"local-exec\" {\n    command = \"echo begin >> log; sleep 0.05; echo end >> log\"\n  }\n}\n";
    let project = project().file("main.tf", main).build();
    said(&project, &[("apply -auto-approve -parallelism=1", 0, &["6 added"])]);
    assert_eq!(project.read("log"), "begin\nend\n".repeat(6));
}
