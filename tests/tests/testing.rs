//! The `test` verb from outside: what is printed, the JSON stream, the `JUnit` file, exit codes, what is left; and the
//! tests of everything in `modules` and `stacks`.

use formwork_tests::{Finished, Project, project, repository};
use std::process::Command;

const MAIN: &str = r#"
variable "greeting" {
  default = "hello"
  validation {
    condition     = var.greeting != ""
    error_message = "Say something."
  }
}
variable "secret" {
  sensitive = true
  default   = "hunter2"
}
resource "terraform_data" "word" {
  input = var.greeting
}
output "word" {
  value = terraform_data.word.output
}
"#;

const TEST: &str = r#"
run "says_it" {
  assert {
    condition     = output.word == "hello"
    error_message = "Not hello."
  }
}

run "plans_it" {
  command = plan
  variables {
    greeting = "goodbye"
  }
  assert {
    condition     = terraform_data.word.input == "goodbye"
    error_message = "Not goodbye."
  }
}
"#;

const FAILING: &str = r#"
run "fails" {
  command = plan
  assert {
    condition     = var.greeting == "bye" || var.secret == "x"
    error_message = "It is ${var.greeting}."
  }
}

run "breaks" {
  command = plan
  variables {
    greeting = ""
  }
}

run "never" {}
"#;

const STUBBORN: &str = r#"
resource "terraform_data" "stays" {
  lifecycle {
    prevent_destroy = true
  }
}
"#;

fn passing() -> Project {
    project().file("main.tf", MAIN).file("tests/main.tftest.hcl", TEST).build()
}

fn failing() -> Project {
    project()
        .file("main.tf", MAIN)
        .file("bad.tftest.hcl", FAILING)
        .file("tests/main.tftest.hcl", TEST)
        .build()
}

#[track_caller]
fn assert_code(finished: &Finished, code: i32) {
    assert_eq!(finished.code, code, "{}\n{}", finished.out, finished.error);
}

fn lines(finished: &Finished) -> Vec<serde_json::Value> {
    finished.out.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

#[test]
fn what_holds_is_told_in_three_lines_and_a_sentence() {
    let finished = passing().run("test");
    assert_code(&finished, 0);
    assert_eq!(
        finished.out,
        "tests/main.tftest.hcl... pass\n  run \"says_it\"... pass\n  run \"plans_it\"... pass\n\nSuccess! 2 passed, 0 failed.\n"
    );
    assert_eq!(finished.error, "");
}

#[test]
fn what_does_not_hold_is_shown_with_its_values_and_no_secret() {
    let project = failing();
    let finished = project.run("test -junit-xml=results.xml");
    assert_code(&finished, 1);
    assert_eq!(
        finished.out,
        "bad.tftest.hcl... fail\n  run \"fails\"... fail\n  run \"breaks\"... fail\n  run \"never\"... skip\ntests/main.tftest.hcl... pass\n  run \"says_it\"... pass\n  run \"plans_it\"... pass\n\nFailure! 2 passed, 2 failed, 1 skipped.\n"
    );
    insta::assert_snapshot!("failing_test", finished.error);
    let xml = std::fs::read_to_string(project.path().join("results.xml")).unwrap_or_default();
    for expected in [
        "<testsuite name=\"bad.tftest.hcl\" tests=\"3\" skipped=\"1\" failures=\"1\" errors=\"1\">",
        "<failure message=\"Test run failed\">",
        "<testcase name=\"says_it\" classname=\"tests/main.tftest.hcl\"",
    ] {
        assert!(xml.contains(expected), "{expected}\n{xml}");
    }
    assert!(!xml.contains("hunter2") && !finished.error.contains("hunter2"), "{xml}\n{}", finished.error);
}

#[test]
fn the_stream_tells_what_is_to_come_each_end_and_the_sum() {
    let finished = failing().run("test -json");
    assert_code(&finished, 1);
    let lines = lines(&finished);
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    assert_eq!(
        kinds,
        [
            "version",
            "test_abstract",
            "test_file",
            "test_run",
            "diagnostic",
            "test_run",
            "diagnostic",
            "test_run",
            "test_file",
            "test_run",
            "test_run",
            "test_summary"
        ]
    );
    assert_eq!(lines[1]["@message"], "Found 2 files and 5 run blocks");
    assert_eq!(lines[1]["test_abstract"]["bad.tftest.hcl"], serde_json::json!(["fails", "breaks", "never"]));
    assert_eq!(lines[3]["test_run"]["status"], "fail");
    assert_eq!(lines[5]["test_run"]["status"], "error");
    assert_eq!(lines[4]["@testrun"], "fails");
    assert_eq!(lines[4]["@testfile"], "bad.tftest.hcl");
    assert_eq!(
        lines[11]["test_summary"],
        serde_json::json!({"status": "error", "passed": 2, "failed": 1, "errored": 1, "skipped": 1})
    );
    assert_eq!(lines[11]["@message"], "Failure! 2 passed, 2 failed, 1 skipped.");
}

#[test]
fn plans_and_states_are_shown_on_demand() {
    let project = passing();
    let finished = project.run("test -verbose");
    assert_code(&finished, 0);
    for expected in
        ["# terraform_data.word:", "output = \"hello\"", "# terraform_data.word will be updated in-place"]
    {
        assert!(finished.out.contains(expected), "{expected}\n{}", finished.out);
    }
    let lines = lines(&project.run("test -json -verbose"));
    let of = |kind: &str| lines.iter().find(|line| line["type"] == kind).map(|line| line[kind].clone());
    let (plan, state) = (of("test_plan").unwrap_or_default(), of("test_state").unwrap_or_default());
    assert_eq!(plan["resource_changes"][0]["change"]["actions"], serde_json::json!(["update"]));
    assert_eq!(state["values"]["outputs"]["word"]["value"], "hello");
}

#[test]
fn files_are_chosen_by_name() {
    let project = failing();
    let chosen = project.run("test -filter=./tests/main.tftest.hcl");
    assert_code(&chosen, 0);
    assert!(chosen.out.contains("Success! 2 passed, 0 failed."), "{}", chosen.out);
    let none = project.run("test -filter=other.tftest.hcl");
    assert_code(&none, 0);
    for expected in ["Unknown test file", "No tests were found", "Success! 0 passed, 0 failed."] {
        assert!(none.out.contains(expected), "{expected}\n{}", none.out);
    }
    let elsewhere = project.run("test -test-directory=gone -filter=bad.tftest.hcl");
    assert_code(&elsewhere, 1);
    assert!(elsewhere.out.contains("Requested test directory gone does not exist."), "{}", elsewhere.out);
}

#[test]
fn variables_come_from_the_command_line_and_from_files_beside_the_tests() {
    let test = "run \"a\" {\n  command = plan\n  assert {\n    condition     = var.greeting == \"here\"\n    error_message = \"It is ${var.greeting}.\"\n  }\n}\n";
    let project = project()
        .file("main.tf", MAIN)
        .file("tests/a.tftest.hcl", test)
        .file("terraform.tfvars", "greeting = \"there\"\n")
        .file("tests/terraform.tfvars", "greeting = \"here\"\n")
        .build();
    assert_code(&project.run("test"), 0);
    assert_code(&project.run("test -var greeting=elsewhere"), 1);
}

#[test]
fn what_cannot_be_removed_is_listed_and_its_state_kept() {
    let test = "run \"a\" {}\n";
    let project = project().file("main.tf", STUBBORN).file("a.tftest.hcl", test).build();
    for name in ["errored_test.tfstate", "errored_test-2.tfstate"] {
        let finished = project.run("test");
        assert_code(&finished, 1);
        assert!(finished.out.contains("Success! 1 passed, 0 failed."), "{}", finished.out);
        for expected in ["  - terraform_data.stays\n", &format!("Writing state to file: {name}\n")] {
            assert!(finished.error.contains(expected), "{expected}\n{}", finished.error);
        }
        let shown = project.run(&format!("show {name}"));
        assert!(shown.out.contains("terraform_data.stays"), "{}", shown.out);
    }
    let cleanup = lines(&project.run("test -json")).into_iter().find(|line| line["type"] == "test_cleanup");
    let failed = &cleanup.unwrap_or_default()["test_cleanup"]["failed_resources"];
    assert_eq!(*failed, serde_json::json!([{"instance": "terraform_data.stays"}]));
}

#[test]
fn validate_reads_test_files_too() {
    let broken = "run \"a\" {\n  assert {\n    condition = output.wrod == \"x\"\n    error_message = \"No.\"\n  }\n}\n";
    let project = project().file("main.tf", MAIN).file("tests/a.tftest.hcl", broken).build();
    let finished = project.run("validate");
    assert_code(&finished, 1);
    assert!(finished.error.contains("Did you mean \"word\"?"), "{}", finished.error);
    assert_code(&project.run("validate -no-tests"), 0);
    let formatted = project.run("fmt -check -recursive");
    assert_code(&formatted, 3);
}

/// Everything that is there to be copied has tests, and they hold.
#[test]
fn modules_and_stacks_hold_what_their_tests_say() {
    for kind in ["modules", "stacks"] {
        let Ok(folders) = std::fs::read_dir(repository().join(kind)) else { panic!("{kind} is gone") };
        for folder in folders.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let validate =
                Command::new(formwork_tests::program()).arg("validate").current_dir(&folder).output();
            let Ok(validate) = validate else { panic!("the program is gone") };
            let error = String::from_utf8_lossy(&validate.stderr);
            assert!(validate.status.success(), "{}\n{error}", folder.display());
            let mut command = Command::new(formwork_tests::program());
            let output = command.arg("test").current_dir(&folder).env("NO_COLOR", "1").output();
            let Ok(output) = output else { panic!("the program is gone") };
            let text = String::from_utf8_lossy(&output.stdout);
            let error = String::from_utf8_lossy(&output.stderr);
            let is_tested = text.contains("Success!") && !text.contains("Success! 0 passed");
            assert!(output.status.success() && is_tested, "{}\n{text}\n{error}", folder.display());
        }
    }
}
