//! What each fault comes to.

use crate::fixture::{LIMIT, Manner, OLD, THING, WELL, expect, flowing, hosting, kept, run};

/// A fault: how it is asked for, the command that meets it, how that ends, what is said, and what the state has then.
type Case<'a> = (&'a str, &'a str, i32, &'a [&'a str], &'a [&'a str]);

/// Nothing is known before; each fault in both versions.
fn from_nothing(main: &str, cases: &[Case<'_>]) {
    for (faults, line, code, parts, expected) in cases {
        for protocol in ["5", "6"] {
            let project = hosting(main);
            let finished = run(&project, Manner { protocol, faults, ..WELL }, line, LIMIT);
            expect(&format!("{line} with {faults} in version {protocol}"), &finished, *code, parts);
            assert_eq!(kept(&project), *expected, "{faults} in version {protocol}: {}", flowing(&finished));
        }
    }
}

#[test]
fn faults_at_the_start() {
    let refused = "Failed to load plugin schemas";
    from_nothing(
        THING,
        &[
            ("exits", "plan", 1, &[refused, "ended before it said", "told to end before its greeting"], &[]),
            ("garbage", "plan", 1, &[refused, "Welcome to the fixture!"], &[]),
            ("long-line", "plan", 1, &[refused, "instead of"], &[]),
            ("core-2", "plan", 1, &[refused, "version \"2\" of the handshake"], &[]),
            ("netrpc", "plan", 1, &[refused, "only grpc is understood"], &[]),
            ("protocol-4", "plan", 1, &[refused, "version \"4\" of the provider protocol"], &[]),
            ("no-certificate", "plan", 1, &[refused, "gave no certificate"], &[]),
            ("other-certificate", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("no-socket", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("swapped-socket", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("file-socket", "plan", 1, &[refused, "cannot be connected to"], &[]),
            ("elsewhere", "plan", 1, &[refused, "which is not this machine alone"], &[]),
            ("slow-start", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("chatter", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("stays", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
        ],
    );
}

#[test]
fn faults_in_schemas() {
    let refused = "Failed to load plugin schemas";
    from_nothing(
        THING,
        &[
            ("huge-schema", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("wide-schema", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("endless-schema", "plan", 1, &[refused], &[]),
            ("deep-blocks", "plan", 1, &[refused], &[]),
            ("deep-type", "plan", 1, &[refused, "fixture_deep", "type cannot be read"], &[]),
            ("bad-type", "plan", 1, &[refused, "fixture_bad", "type cannot be read"], &[]),
        ],
    );
}

#[test]
fn faults_in_calls_before_an_object_is_made() {
    let crashed = ["the fixture crashes in"];
    from_nothing(
        THING,
        &[
            ("crash-before@GetProviderSchema", "plan", 1, &crashed, &[]),
            ("half@GetProviderSchema", "plan", 1, &["Failed to load plugin schemas"], &[]),
            ("garbled@GetProviderSchema", "plan", 1, &["Failed to load plugin schemas"], &[]),
            ("crash-before@ValidateResourceConfig", "plan", 1, &crashed, &[]),
            ("error@ValidateResourceConfig", "plan", 1, &["The fixture refuses ValidateResourceConfig"], &[]),
            ("crash-before@ConfigureProvider", "plan", 1, &crashed, &[]),
            ("error@ConfigureProvider", "plan", 1, &["The fixture refuses ConfigureProvider"], &[]),
            ("crash-before@PlanResourceChange", "plan", 1, &crashed, &[]),
            ("half@PlanResourceChange", "plan", 1, &["PlanResourceChange"], &[]),
            ("garbled@PlanResourceChange", "plan", 1, &["PlanResourceChange"], &[]),
            ("status@PlanResourceChange", "plan", 1, &["the fixture has an internal error"], &[]),
            ("error@PlanResourceChange", "plan", 1, &["The fixture refuses PlanResourceChange"], &[]),
            ("undecodable@PlanResourceChange", "plan", 1, &["does not fit its schema"], &[]),
        ],
    );
}

#[test]
fn faults_in_the_call_that_makes_an_object() {
    let asks = ["Whether it was done cannot be found out"];
    let finds = ["the next apply finds out and goes on"];
    let unreadable = ["does not fit its schema"];
    for (main, words) in [(OLD, &asks), (THING, &finds)] {
        from_nothing(
            main,
            &[
                ("crash-before@ApplyResourceChange", "apply -auto-approve", 1, words, &[]),
                ("crash-after@ApplyResourceChange", "apply -auto-approve", 1, words, &[]),
                ("half@ApplyResourceChange", "apply -auto-approve", 1, words, &[]),
                ("garbled@ApplyResourceChange", "apply -auto-approve", 1, words, &[]),
                ("status@ApplyResourceChange", "apply -auto-approve", 1, words, &[]),
                ("undecodable@ApplyResourceChange", "apply -auto-approve", 1, &unreadable, &[]),
            ],
        );
    }
}

#[test]
fn values_that_break_the_rules() {
    let invalid_result = "Provider returned invalid result object after apply";
    from_nothing(
        THING,
        &[
            ("plan-breaks", "plan", 1, &["Provider produced invalid plan"], &[]),
            (
                "deferred",
                "apply -auto-approve",
                1,
                &["Later stage cannot begin", "fixture_thing.a awaits"],
                &[],
            ),
            ("legacy,plan-breaks", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            (
                "apply-changes",
                "apply -auto-approve",
                1,
                &["Provider produced inconsistent result after apply"],
                &["fixture_thing.a tainted"],
            ),
            ("legacy,apply-changes", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
            ("unknown-left", "apply -auto-approve", 1, &[invalid_result], &["fixture_thing.a tainted"]),
            (
                "legacy,unknown-left",
                "apply -auto-approve",
                1,
                &[invalid_result],
                &["fixture_thing.a tainted"],
            ),
            ("nothing-made", "apply -auto-approve", 1, &[invalid_result], &[]),
            (
                "create-half",
                "apply -auto-approve",
                1,
                &["The fixture made half of it"],
                &["fixture_thing.a tainted"],
            ),
        ],
    );
}

#[test]
fn faults_once_an_object_is_there() {
    let kept_whole: &[&str] = &["fixture_thing.a"];
    let cases: &[Case<'_>] = &[
        ("crash-before@ReadResource", "plan", 1, &["the fixture crashes in"], kept_whole),
        ("half@ReadResource", "plan", 1, &["ReadResource"], kept_whole),
        ("error@ReadResource", "plan", 1, &["The fixture refuses ReadResource"], kept_whole),
        ("undecodable@ReadResource", "plan", 1, &["does not fit its schema"], kept_whole),
        ("delete-left", "destroy -auto-approve", 1, &["invalid result object"], kept_whole),
        ("error@ApplyResourceChange", "destroy -auto-approve", 1, &["The fixture refuses"], kept_whole),
    ];
    for (faults, line, code, parts, expected) in cases {
        for protocol in ["5", "6"] {
            let project = hosting(THING);
            let what = format!("{line} with {faults} in version {protocol}");
            let made = run(&project, Manner { protocol, ..WELL }, "apply -auto-approve", LIMIT);
            expect(&what, &made, 0, &["1 added"]);
            let finished = run(&project, Manner { protocol, faults, ..WELL }, line, LIMIT);
            expect(&what, &finished, *code, parts);
            assert_eq!(kept(&project), *expected, "{what}");
        }
    }
}

#[test]
fn a_write_only_value_is_never_taken_back() {
    let main = THING.replace("size = 1", "size = 1\n  password = \"never kept\"");
    from_nothing(
        &main,
        &[
            ("write-only-kept", "plan", 1, &["Provider produced invalid plan", ".password"], &[]),
            ("", "apply -auto-approve", 0, &["1 added"], &["fixture_thing.a"]),
        ],
    );
}
