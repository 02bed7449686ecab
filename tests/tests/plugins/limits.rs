//! Calls that do not come back.

use crate::fixture::{LIMIT, Manner, OLD, THING, WELL, calls, expect, hosting, kept, processes, run, start};
use std::time::{Duration, Instant};

#[test]
fn a_call_that_hangs_ends_with_a_second_interrupt() {
    for call in ["PlanResourceChange", "ApplyResourceChange"] {
        let project = hosting(THING);
        let faults = format!("hang-before@{call}");
        let mut child = start(&project, Manner { faults: &faults, ..WELL }, "apply -auto-approve");
        let began = Instant::now();
        while calls(&project, call, "fixture_thing") == 0 {
            assert!(began.elapsed() < LIMIT, "{call} is never called");
            std::thread::sleep(Duration::from_millis(20));
        }
        for _ in 0..2 {
            let id = child.id().to_string();
            let sent = std::process::Command::new("kill").args(["-INT", &id]).status();
            assert!(sent.is_ok_and(|status| status.success()), "{call}");
            std::thread::sleep(Duration::from_millis(500));
        }
        let began = Instant::now();
        while child.try_wait().expect("a process").is_none() {
            assert!(began.elapsed() < Duration::from_secs(10), "{call}: still there");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The system ends them with ours, and takes its moment.
        while !processes(&project).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10), "{call}: processes are left");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A call that hangs: the call, what is there before, the command that meets it, and what the state has then.
type Hang<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

const MORE: &str = r#"
provider "fixture" {}
data "fixture_thing" "d" {
  name = "a"
}
ephemeral "fixture_ticket" "t" {
  subject = "me"
}
output "joined" {
  value = provider::fixture::joined("-", "a", "b")
}
"#;

#[test]
fn a_call_past_its_limit_ends_as_a_diagnostic() {
    let thing: &[&str] = &["fixture_thing.a"];
    let cases: &[Hang<'_>] = &[
        ("GetProviderSchema", "", "plan", &[]),
        ("GetResourceIdentitySchemas", "", "plan", &[]),
        ("ValidateProviderConfig", "", "validate", &[]),
        ("ValidateResourceConfig", "", "plan", &[]),
        ("ValidateDataResourceConfig", "", "plan", &[]),
        ("ValidateEphemeralResourceConfig", "", "plan", &[]),
        ("ConfigureProvider", "", "plan", &[]),
        ("PlanResourceChange", "", "plan", &[]),
        ("UpgradeResourceState", THING, "plan", thing),
        ("ReadResource", THING, "plan", thing),
        ("ReadDataSource", THING, "plan", thing),
        ("CallFunction", "", "plan", &[]),
        ("OpenEphemeralResource", "", "plan", &[]),
        ("CloseEphemeralResource", "", "plan", &[]),
        ("ImportResourceState", "", "import fixture_thing.a thing-1", &[]),
    ];
    for (call, before, line, expected) in cases {
        for protocol in ["5", "6"] {
            let what = format!("{line} with {call} hanging in version {protocol}");
            let project = hosting(if before.is_empty() { THING } else { before });
            if !before.is_empty() {
                let made = run(&project, Manner { protocol, ..WELL }, "apply -auto-approve", LIMIT);
                expect(&what, &made, 0, &["1 added"]);
            }
            project.write("main.tf", &format!("{THING}{MORE}")).expect("a configuration");
            let faults = format!("hang-before@{call}");
            let manner = Manner { protocol, faults: &faults, limit: "2s" };
            let finished = run(&project, manner, line, LIMIT);
            let said = format!("did not answer the call {call} within 2 seconds");
            expect(&what, &finished, 1, &[&said, "Its process is stopped"]);
            assert_eq!(kept(&project), *expected, "{what}");
        }
    }
}

#[test]
fn a_change_past_its_limit_may_have_happened() {
    for (fault, protocol) in [("hang-before", "5"), ("hang", "5"), ("hang-before", "6"), ("hang", "6")] {
        let project = hosting(OLD);
        let faults = format!("{fault}@ApplyResourceChange");
        let manner = Manner { protocol, faults: &faults, limit: "2s" };
        let finished = run(&project, manner, "apply -auto-approve", LIMIT);
        let parts = [
            "did not answer the call ApplyResourceChange within 2 seconds",
            "FORMWORK_PROVIDER_APPLY_LIMIT",
            "printed by the fixture",
            "Whether it was done cannot be found out",
        ];
        expect(&faults, &finished, 1, &parts);
        let again = run(&project, WELL, "apply -auto-approve", LIMIT);
        expect("again", &again, 1, &["Nobody can say whether this was done"]);
        assert_eq!(calls(&project, "ApplyResourceChange", "fixture_old"), 1, "a second create was sent");
    }
}

#[test]
fn what_runs_beside_a_call_that_hangs_comes_back() {
    let project = hosting(&format!("{THING}\nresource \"fixture_old\" \"o\" {{\n  label = \"o\"\n}}\n"));
    let manner = Manner { faults: "hang-before@ApplyResourceChange@fixture_thing", limit: "2s", ..WELL };
    let finished = run(&project, manner, "apply -auto-approve", LIMIT);
    expect("apply", &finished, 1, &["did not answer the call ApplyResourceChange within 2 seconds"]);
    // The snapshot is written once nothing is in flight any more.
    expect("state list", &run(&project, WELL, "state list", LIMIT), 0, &["fixture_old.o"]);
}

#[test]
fn a_renewal_past_its_limit_is_told_and_what_was_made_is_kept() {
    let main = "ephemeral \"fixture_ticket\" \"t\" {\n  subject          = \"me\"\n  lifetime_seconds = 1\n}\nresource \"fixture_thing\" \"a\" {\n  name     = \"a\"\n  password = ephemeral.fixture_ticket.t.secret\n}\n";
    for protocol in ["5", "6"] {
        let project = hosting(main);
        let faults = "slow@ApplyResourceChange,hang-before@RenewEphemeralResource";
        let finished = run(&project, Manner { protocol, faults, limit: "6s" }, "apply -auto-approve", LIMIT);
        let words = "did not answer the call RenewEphemeralResource within 6 seconds";
        expect("apply", &finished, 1, &[words]);
        assert_eq!(kept(&project), ["fixture_thing.a"], "version {protocol}");
    }
}

#[test]
fn a_limit_that_is_none_is_refused() {
    let project = hosting(THING);
    let finished = run(&project, Manner { limit: "soon", ..WELL }, "plan", LIMIT);
    expect("plan", &finished, 1, &["FORMWORK_PROVIDER_CALL_LIMIT", "\"soon\"", "no time such as"]);
}

#[test]
fn a_start_past_its_limit_ends_as_a_diagnostic() {
    for protocol in ["5", "6"] {
        let project = hosting(THING);
        let manner = Manner { protocol, faults: "no-handshake", limit: "2s" };
        let parts = ["Failed to load plugin schemas", "did not say within 2 seconds where it listens"];
        expect("plan", &run(&project, manner, "plan", LIMIT), 1, &parts);
    }
}
