//! What is passed on between a provider and the engine beside the values of objects.

use crate::fixture::{LIMIT, Manner, THING, WELL, calls, expect, hosting, run, state};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formwork_tests::Project;

/// The private bytes of the first object in the state.
fn private(project: &Project) -> String {
    let object = state(project)["resources"][0]["instances"][0].clone();
    let bytes = STANDARD.decode(object["private"].as_str().unwrap_or_default()).expect("base64");
    String::from_utf8(bytes).expect("a text")
}

#[test]
fn private_bytes_follow_the_object() {
    for protocol in ["5", "6"] {
        let manner = Manner { protocol, ..WELL };
        let project = hosting(THING);
        let does = |manner, line: &str, code: i32, words: &str| {
            expect(line, &run(&project, manner, line, LIMIT), code, &[words]);
        };
        let failing = Manner { faults: "create-half", ..manner };
        does(failing, "apply -auto-approve", 1, "The fixture made half of it");
        assert_eq!(private(&project), "applied 1", "of what failed");
        does(manner, "apply -auto-approve", 0, "1 added");
        project.write("main.tf", &THING.replace("\"a\"\n  size", "\"b\"\n  size")).expect("a configuration");
        let before = calls(&project, "Replacement", "fixture_thing");
        does(manner, "plan", 0, "must be replaced");
        let after = calls(&project, "Replacement", "fixture_thing");
        assert_eq!(after, before + 1, "a replacement is planned with what its change was planned with");
    }
}

#[test]
fn what_moves_takes_its_private_bytes_along() {
    let old = "resource \"fixture_old\" \"o\" {\n  label = \"a\"\n}\n";
    let moved = "moved {\n  from = fixture_old.o\n  to   = fixture_thing.a\n}\nresource \"fixture_thing\" \"a\" {\n  name = \"a\"\n}\n";
    let project = hosting(old);
    expect("apply", &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["1 added"]);
    project.write("main.tf", moved).expect("a configuration");
    let hanging = Manner { faults: "hang-before@MoveResourceState", limit: "2s", ..WELL };
    let words = "did not answer the call MoveResourceState within 2 seconds";
    expect("plan", &run(&project, hanging, "plan", LIMIT), 1, &[words]);
    expect("apply", &run(&project, WELL, "apply -auto-approve -refresh=false", LIMIT), 0, &[]);
    let object = &state(&project)["resources"][0];
    assert_eq!(object["type"], "fixture_thing");
    assert!(["moved", "applied 2"].contains(&private(&project).as_str()), "{}", private(&project));
}

#[test]
fn warnings_are_shown() {
    let warned = THING.replace("name = \"a\"", "name = \"warned\"");
    let main = format!("provider \"fixture\" {{\n  region = \"warned\"\n}}\n{warned}");
    for protocol in ["5", "6"] {
        let manner = Manner { protocol, ..WELL };
        let project = hosting(&main);
        let all = ["The region is warned about", "The name is warned about", "The thing is warned about"];
        let applied = run(&project, manner, "apply -auto-approve", LIMIT);
        expect("apply", &applied, 0, &all);
        expect("apply", &applied, 0, &["with fixture_thing.a"]);
        let planned = run(&project, manner, "plan", LIMIT);
        expect("plan", &planned, 0, &["The region is warned about"]);
        let said = format!("{}{}", planned.out, planned.error);
        assert_eq!(said.matches("The region is warned about").count(), 1, "{said}");
    }
}

#[test]
fn an_error_is_told_in_the_words_of_its_provider() {
    let somewhere = |region: &str| format!("provider \"fixture\" {{\n  region = \"{region}\"\n}}\n{THING}");
    for protocol in ["5", "6"] {
        let refusing = Manner { protocol, faults: "error@ApplyResourceChange", ..WELL };
        let applied = run(&hosting(THING), refusing, "apply -auto-approve", LIMIT);
        let words = [
            "Error: The fixture refuses ApplyResourceChange",
            "with fixture_thing.a",
            "The fixture says so.",
        ];
        expect("apply", &applied, 1, &words);
        let said = format!("{}{}", applied.out, applied.error);
        assert!(!said.contains("Creating an object failed"), "one heading is enough: {said}");
        let planned = run(&hosting(&somewhere("nowhere")), Manner { protocol, ..WELL }, "plan", LIMIT);
        let words = ["Error: There is no region nowhere", "with provider[\"", "on main.tf line"];
        expect("plan", &planned, 1, &words);
    }
}

#[test]
fn a_function_is_given_null_where_it_takes_it() {
    let output = |call: &str| format!("output \"o\" {{\n  value = provider::fixture::{call} == null\n}}\n");
    for (call, code, words) in [
        ("same(null)", 0, "o = true"),
        ("joined(null, \"a\")", 1, "argument must not be null"),
        ("joined(\"-\", \"a\", null)", 1, "argument must not be null"),
        ("joined(\"-\", \"a\", \"b\")", 0, "o = false"),
    ] {
        let project = hosting(&output(call));
        expect(call, &run(&project, WELL, "apply -auto-approve", LIMIT), code, &[words]);
    }
}

#[test]
fn a_provider_is_configured_with_unknowns_where_somebody_says_so() {
    let main = |opted: &str| {
        format!(
            r#"
terraform {{
  required_providers {{
    fixture = {{
      source = "hashicorp/fixture"
      {opted}
    }}
  }}
}}
{THING}
provider "fixture" {{
  alias  = "behind"
  region = fixture_thing.a.id
}}
resource "fixture_old" "b" {{
  provider = fixture.behind
  label    = "b"
}}
"#
        )
    };
    for (opted, planned) in [("", "Plan: 1 to add"), ("configure_with_unknowns = true", "Plan: 2 to add")] {
        let project = hosting(&main(opted));
        expect(opted, &run(&project, WELL, "plan", LIMIT), 0, &[planned]);
        expect(opted, &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["Apply complete"]);
        expect(opted, &run(&project, WELL, "plan -detailed-exitcode", LIMIT), 0, &["No changes"]);
        assert_eq!(calls(&project, "ApplyResourceChange", "fixture_old"), 1, "{opted}");
    }
}

#[test]
fn an_ephemeral_resource_is_renewed_as_long_as_it_is_used() {
    let main = r#"
ephemeral "fixture_ticket" "t" {
  subject          = "me"
  lifetime_seconds = 1
}
resource "fixture_thing" "a" {
  name     = "a"
  password = ephemeral.fixture_ticket.t.secret
}
"#;
    for protocol in ["5", "6"] {
        let project = hosting(main);
        let manner = Manner { protocol, faults: "slow@ApplyResourceChange", ..WELL };
        expect("apply", &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        assert!(calls(&project, "RenewEphemeralResource", "fixture_ticket") > 1, "version {protocol}");
        let log = project.read("world/calls.log");
        let closed: Vec<&str> = log.lines().filter(|line| line.starts_with("Closed ")).collect();
        let is_last = closed.iter().any(|line| line.starts_with("Closed me renewed renewed"));
        assert!(is_last, "it is closed by what it was renewed to: {closed:?}");
    }
}
