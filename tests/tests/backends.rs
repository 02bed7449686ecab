//! Where the state is kept, from outside: a place is settled on at init, states move along, and nothing is looked for
//! where the configuration does not say.

use formwork_tests::{Project, project};

const MAIN: &str = "resource \"terraform_data\" \"a\" {\n  input = \"east\"\n}\noutput \"region\" {\n  value = terraform_data.a.output\n}\n";

fn block(text: &str) -> String {
    format!("terraform {{\n  backend {text}\n}}\n")
}

/// Command lines with their exit codes and what is said.
fn said(project: &Project, steps: &[(&str, i32, &[&str])]) {
    for (line, code, parts) in steps {
        let finished = project.run(line);
        let said = format!("{}{}", finished.out, finished.error);
        assert_eq!(finished.code, *code, "{line}: {said}");
        for part in *parts {
            assert!(said.replace("\n│ ", " ").contains(part), "{line}: no {part:?} in {said}");
        }
    }
}

#[test]
fn a_place_is_settled_on_before_it_is_used() {
    let project = project().file("main.tf", MAIN).build();
    said(&project, &[("apply -auto-approve", 0, &["1 added"])]);
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/a.tfstate\"\n  }")).unwrap();
    let needs = "Backend initialization required, please run \"formwork init\"";
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Initial configuration of the requested backend \"local\""]),
            ("output", 1, &[needs]),
            ("state list", 1, &[needs]),
            ("init -input=false", 1, &["Can't ask approval for state migration", "-force-copy"]),
            ("init -force-copy", 0, &["Successfully configured the backend \"local\"!"]),
            ("plan -detailed-exitcode", 0, &["No changes"]),
            ("output -raw region", 0, &["east"]),
            ("init", 0, &["successfully initialized"]),
        ],
    );
    assert!(project.read("states/a.tfstate").contains("\"region\""));
    assert!(project.read("terraform.tfstate").is_empty(), "a state that moved away is not left where it was");
    assert!(project.read("terraform.tfstate.backup").contains("\"region\""));
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/b.tfstate\"\n  }")).unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Backend configuration block has changed"]),
            ("init", 1, &["Backend configuration changed", "-migrate-state", "-reconfigure"]),
            ("init -reconfigure", 0, &["Successfully configured"]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
    project.write("backend.tf", "").unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Unsetting the previously set backend \"local\""]),
            ("init -backend=false", 0, &["successfully initialized"]),
            ("plan", 1, &[needs]),
            ("init -migrate-state", 0, &["Successfully unset the backend \"local\"."]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
}

#[test]
fn part_of_the_configuration_may_come_at_init() {
    let project = project()
        .file("main.tf", MAIN)
        .file("backend.tf", &block("\"local\" {}"))
        .file("more.tfbackend", "path = \"from-file.tfstate\"\nworkspace_dir = \"w\"\n")
        .build();
    said(
        &project,
        &[
            (
                "init -backend-config=more.tfbackend -backend-config path=from-word.tfstate",
                0,
                &["Successfully"],
            ),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace new dev", 0, &["Created and switched"]),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace list", 0, &["  default\n* dev\n"]),
            ("init -backend-config=pth=x", 1, &["Unsupported argument", "pth"]),
            ("init -backend-config=none.tfbackend", 1, &["Backend arguments cannot be read"]),
        ],
    );
    assert!(project.read("from-word.tfstate").contains("\"region\""));
    assert!(project.read("w/dev/terraform.tfstate").contains("\"region\""));
    let settled = project.read(".terraform/terraform.tfstate");
    assert!(settled.contains("\"path\": \"from-word.tfstate\""), "{settled}");
}

#[test]
fn what_is_wrong_with_a_block_is_said_at_its_place() {
    for (text, parts) in [
        ("\"gcs\" {}", &["Unsupported backend type", "tofu state pull", "formwork state push"][..]),
        ("\"locl\" {}", &["There is no backend type named \"locl\".", "Did you mean \"local\"?"]),
        (
            "\"local\" {\n    pth = \"a\"\n  }",
            &["Unsupported argument", "backend.tf line 3", "path, workspace_dir"],
        ),
        ("\"local\" {\n    path = []\n  }", &["Incorrect attribute value type", "backend.tf line 3"]),
        ("\"local\" {\n    path = var.place\n  }\n}\nvariable \"place\" {\n  type = string", &[]),
    ] {
        let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
        let (line, code) = if parts.is_empty() { ("validate", 0) } else { ("init", 1) };
        said(&project, &[(line, code, parts)]);
    }
}

#[test]
fn a_backend_may_be_written_with_variables() {
    let text =
        "\"local\" {\n    path = \"${var.place}.tfstate\"\n  }\n}\nvariable \"place\" {\n  type = string";
    let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
    said(
        &project,
        &[
            ("init", 1, &["Backend argument not known", "TF_VAR_"]),
            ("init -var place=a", 0, &["Successfully configured"]),
            ("apply -auto-approve -var place=a", 0, &["1 added"]),
            ("plan -var place=b", 1, &["Backend configuration block has changed"]),
        ],
    );
    assert!(project.read("a.tfstate").contains("\"region\""));
}

#[test]
fn a_lock_is_shown_with_what_is_in_flight() {
    let main = "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"sleep 20\"\n  }\n}\nvariable \"secret\" {\n  default = \"\"\n}\n";
    let project = project().file("main.tf", main).build();
    said(&project, &[("lock show", 0, &["nobody holds it", "none is open"])]);
    let mut apply = project.command("apply -auto-approve -var secret=hunter2");
    apply.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut apply = apply.spawn().unwrap();
    let mut shown = String::new();
    for _ in 0..100 {
        shown = project.run("lock show").out;
        if shown.contains("terraform_data.slow: provision") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    for part in [
        "Lock:       held",
        &format!("process {}", apply.id()),
        "Operation: apply",
        "apply -auto-approve -var secret=...",
        "terraform_data.slow: provision, since",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    said(&project, &[("lock show", 0, &["nobody holds it", "terraform_data.slow"])]);
}
