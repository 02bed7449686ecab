//! What comes of a change whose answer never came.

use crate::fixture::{LIMIT, Manner, OLD, THING, WELL, calls, expect, hosting, kept, run};
use formwork_tests::Project;

const RECIPE: &str = r#"
terraform {
  recover "fixture_old" {
    import_id = "old-${self.label}"
  }
}
"#;

/// Runs with a crash of the provider in a change, before it or after it.
fn crash(project: &Project, protocol: &str, when: &str, line: &str) {
    let faults = format!("{when}@ApplyResourceChange");
    let manner = Manner { protocol, faults: &faults, ..WELL };
    expect(line, &run(project, manner, line, LIMIT), 1, &["the fixture crashes in ApplyResourceChange"]);
}

/// The ids of the objects of a kind in the world.
fn ids(project: &Project, kind: &str) -> Vec<String> {
    let world = std::fs::read_dir(project.path().join("world")).expect("a world");
    let names = world.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let id =
        |name: String| Some(name.strip_prefix(kind)?.strip_prefix('.')?.strip_suffix(".json")?.to_owned());
    names.filter_map(id).collect()
}

fn made(project: &Project, kind: &str) -> usize {
    ids(project, kind).len()
}

/// How it is known, what is made, its kind, and how often the change is sent when it crashed before it and after it.
type Known<'a> = (&'a str, String, &'a str);

fn known() -> [Known<'static>; 2] {
    [
        ("by its identity", THING.to_owned(), "fixture_thing"),
        ("by a recipe", format!("{RECIPE}{OLD}"), "fixture_old"),
    ]
}

#[test]
fn what_was_to_be_made_is_found_and_made_once() {
    for (what, main, kind) in known() {
        for (when, sent) in [("crash-after", 1), ("crash-before", 2)] {
            for protocol in ["5", "6"] {
                let what = format!("{what}, {when} in version {protocol}");
                let project = hosting(&main);
                crash(&project, protocol, when, "apply -auto-approve");
                let manner = Manner { protocol, ..WELL };
                expect(&what, &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["Apply complete"]);
                assert_eq!(calls(&project, "ApplyResourceChange", kind), sent, "{what}");
                assert_eq!((made(&project, kind), kept(&project).len()), (1, 1), "{what}");
                expect(&what, &run(&project, manner, "plan -detailed-exitcode", LIMIT), 0, &["No changes"]);
            }
        }
    }
}

#[test]
fn what_was_there_before_is_read_again() {
    let changed = THING.replace("size = 1", "size = 2");
    for (line, when, sent) in [
        ("apply -auto-approve", "crash-after", 2),
        ("apply -auto-approve", "crash-before", 3),
        ("destroy -auto-approve", "crash-after", 2),
        ("destroy -auto-approve", "crash-before", 3),
    ] {
        for protocol in ["5", "6"] {
            let what = format!("{line}, {when} in version {protocol}");
            let project = hosting(THING);
            let manner = Manner { protocol, ..WELL };
            expect(&what, &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["1 added"]);
            project.write("main.tf", &changed).expect("a configuration");
            crash(&project, protocol, when, line);
            expect(&what, &run(&project, manner, line, LIMIT), 0, &["complete"]);
            assert_eq!(calls(&project, "ApplyResourceChange", "fixture_thing"), sent, "{what}");
            let left = usize::from(line.starts_with("apply"));
            assert_eq!((made(&project, "fixture_thing"), kept(&project).len()), (left, left), "{what}");
        }
    }
}

#[test]
fn nobody_else_s_object_is_taken_over() {
    let project = hosting(&format!("{RECIPE}{OLD}"));
    crash(&project, "6", "crash-before", "apply -auto-approve");
    let other = r#"{"id":"old-1","revision":1,"label":"another"}"#;
    project.write("world/fixture_old.old-1.json", other).expect("an object");
    let again = run(&project, WELL, "apply -auto-approve", LIMIT);
    expect("again", &again, 1, &["it is another: at .label"]);
    assert_eq!(calls(&project, "ApplyResourceChange", "fixture_old"), 1, "a second create was sent");
    assert_eq!(kept(&project), [""; 0]);
}

#[test]
fn where_nobody_can_know_the_way_out_is_told() {
    let project = hosting(OLD);
    crash(&project, "6", "crash-after", "apply -auto-approve");
    let asks = [
        "Nobody can say whether this was done",
        "formwork import 'fixture_old.o' ID",
        "recover \"fixture_old\"",
    ];
    expect("again", &run(&project, WELL, "apply -auto-approve", LIMIT), 1, &asks);
    assert_eq!(calls(&project, "ApplyResourceChange", "fixture_old"), 1, "a second create was sent");

    // The way that it tells of leads out.
    let given_up = run(&project, WELL, "state rm fixture_old.o", LIMIT);
    expect("state rm", &given_up, 0, &["fixture_old.o"]);
    let import = format!("import fixture_old.o {}", ids(&project, "fixture_old").remove(0));
    expect("import", &run(&project, WELL, &import, LIMIT), 0, &["Import successful!"]);
    let settled = run(&project, WELL, "apply -auto-approve", LIMIT);
    expect("apply", &settled, 0, &["0 added"]);
    assert_eq!(made(&project, "fixture_old"), 1);
}

#[test]
fn a_recipe_is_held_to_what_it_may_say() {
    let recover = |body: &str| format!("terraform {{\n  recover \"fixture_old\" {{\n{body}\n  }}\n}}\n{OLD}");
    let unknown = recover("    import_id = self.id");
    for (main, line, code, words) in [
        (recover(""), "validate", 1, "The argument \"import_id\" is required"),
        (recover("    import_id = var.x"), "validate", 1, "var.x is not at hand when it is needed"),
        (recover("    id = self.label"), "validate", 1, "Unsupported argument"),
        (recover("    import_id = self.lable"), "apply -auto-approve", 1, "lable"),
        (recover("    import_id = [self.label]"), "apply -auto-approve", 1, "is not a text"),
        (unknown, "apply -auto-approve", 0, "1 added"),
    ] {
        let project = hosting(&main);
        expect(&main, &run(&project, WELL, line, LIMIT), code, &[words]);
    }
}
