//! Schemas that are kept from one run to the next.

use crate::fixture::{LIMIT, Manner, THING, WELL, calls, expect, program_of, run};
use formwork_tests::project;

#[test]
fn a_package_is_asked_for_its_schemas_once() {
    let main = format!(
        "terraform {{\n  required_providers {{\n    fixture = {{ source = \"hashicorp/fixture\" }}\n  }}\n}}\n{THING}"
    );
    let project = project().file("main.tf", &main).build();
    program_of(&project, "mirror");
    let done = |manner, line| expect(line, &run(&project, manner, line, LIMIT), 0, &[]);
    let asked = || calls(&project, "GetProviderSchema", "-");
    done(WELL, "init -plugin-dir=mirror");
    done(WELL, "plan");
    assert_eq!(asked(), 1);
    done(WELL, "plan");
    assert_eq!(asked(), 1, "{}", project.read("world/calls.log"));
    // What needs the schemas alone does without the process: this one would not start.
    let broken = Manner { faults: "protocol-4", ..WELL };
    done(broken, "providers schema -json");
    expect(
        "a plan with a process that does not start",
        &run(&project, broken, "plan", LIMIT),
        1,
        &["protocol"],
    );
    // What is damaged is asked for again.
    let kept = ".terraform/schemas/registry.opentofu.org/hashicorp/fixture";
    assert!(project.path().join(kept).exists());
    project.write(kept, "damaged").expect("a file");
    done(WELL, "apply -auto-approve");
    assert_eq!(asked(), 2);
}
