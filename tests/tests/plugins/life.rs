//! The life of objects, in both versions of the protocol.

use crate::fixture::{LIMIT, Manner, THING, WELL, calls, expect, hosting, run, state};
use formwork_tests::Project;
use serde_json::Value as Json;

const EVERYTHING: &str = r#"
variable "size" {
  default = 1
}
variable "name" {
  default = "a"
}
provider "fixture" {
  region = "here"
}
resource "fixture_thing" "a" {
  name     = var.name
  size     = var.size
  tags     = { x = "y" }
  ports    = [3, 1, 3]
  words    = ["p", "q"]
  anything = { b = [1, "x"] }
  password = "never kept"
}
resource "fixture_blocks" "b" {
  name = fixture_thing.a.id
  single { key = "s" }
  listed { key = fixture_thing.a.zone }
  chosen { key = "x" }
  chosen { key = fixture_thing.a.id }
  group { key = "g" }
  outer {
    key = "o"
    inner { key = "i" }
    inner { key = fixture_thing.a.id }
  }
}
data "fixture_thing" "d" {
  name       = fixture_thing.a.name
  depends_on = [fixture_thing.a]
}
ephemeral "fixture_ticket" "t" {
  subject = "me"
}
output "found" {
  value = data.fixture_thing.d.id
}
output "joined" {
  value = provider::fixture::joined("-", "a", "b")
}
output "same" {
  value = provider::fixture::same({ a = [1] })
}
"#;

const ATTRIBUTES: &str = r#"
resource "fixture_attributes" "n" {
  single = { key = "s" }
  listed = [{ key = "l" }]
  chosen = [{ key = fixture_thing.a.id }, { key = "k" }]
  mapped = { m = { key = "v" } }
}
"#;

#[test]
fn objects_live_from_create_to_destroy_in_both_versions() {
    for (protocol, more, count) in [("5", "", 2), ("6", ATTRIBUTES, 3)] {
        let manner = Manner { protocol, ..WELL };
        let project = hosting(&format!("{EVERYTHING}{more}"));
        let does = |line: &str, code: i32, parts: &[&str]| {
            expect(
                &format!("{line} in version {protocol}"),
                &run(&project, manner, line, LIMIT),
                code,
                parts,
            );
        };
        let added = format!("Resources: {count} added, 0 changed, 0 destroyed");
        does("apply -auto-approve", 0, &[&added, "found = \"thing-1\"", "joined = \"a-b\""]);
        assert!(!project.read("terraform.tfstate").contains("never kept"), "a write-only value is kept");
        does("plan -detailed-exitcode", 0, &["No changes"]);
        does("apply -auto-approve -var size=2", 0, &["0 added, 1 changed, 0 destroyed"]);
        does("plan -detailed-exitcode -var size=2", 0, &["No changes"]);
        let replaced = ["fixture_thing.a must be replaced", "forces replacement"];
        does("plan -var size=2 -var name=b", 0, &replaced);
        std::fs::remove_file(project.path().join("world/fixture_thing.thing-1.json")).expect("a drift");
        does("plan -var size=2", 0, &["Plan: 1 to add"]);
        does("apply -auto-approve -var size=2", 0, &["1 added", "found = \"thing-2\""]);
        does("state rm fixture_thing.a", 0, &[]);
        does("import -var size=2 fixture_thing.a thing-2", 0, &["Import successful"]);
        does("destroy -auto-approve -var size=2", 0, &["Destroy complete"]);
        let world = std::fs::read_dir(project.path().join("world")).expect("a world");
        let left = world.filter_map(|entry| Some(entry.ok()?.path()));
        let objects = left.filter(|path| path.extension().is_some_and(|one| one == "json"));
        assert_eq!(objects.count(), 0, "objects are left");
        assert!(calls(&project, "CloseEphemeralResource", "fixture_ticket") > 0);
    }
}

#[test]
fn an_object_of_an_older_schema_is_upgraded_by_its_provider() {
    for (faults, code, parts) in [
        ("", 0, &["No changes"][..]),
        ("crash-before@UpgradeResourceState", 1, &["the fixture crashes in UpgradeResourceState"]),
        ("error@UpgradeResourceState", 1, &["The fixture refuses UpgradeResourceState"]),
        ("half@UpgradeResourceState", 1, &["UpgradeResourceState"]),
    ] {
        let project = hosting(THING);
        expect("apply", &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        // Of today's version, too.
        expect("plan", &run(&project, WELL, "plan", LIMIT), 0, &["No changes"]);
        assert_eq!(calls(&project, "UpgradeResourceState", "fixture_thing"), 1);
        let mut state: Json = serde_json::from_str(&project.read("terraform.tfstate")).expect("a state");
        let object = &mut state["resources"][0]["instances"][0];
        object["schema_version"] = 1.into();
        let attributes = object["attributes"].as_object_mut().expect("attributes");
        let name = attributes.remove("name").expect("a name");
        attributes.insert("label".to_owned(), name);
        let text = state.to_string();
        project.write("terraform.tfstate", &text).expect("a state");
        let finished = run(&project, Manner { faults, ..WELL }, "plan", LIMIT);
        expect(faults, &finished, code, parts);
        assert_eq!(project.read("terraform.tfstate"), text, "{faults}: a plan changes no state");
    }
}

#[test]
fn an_object_moves_to_another_kind() {
    let old = "resource \"fixture_old\" \"o\" {\n  label = \"a\"\n}\n";
    let project = hosting(old);
    expect("apply", &run(&project, WELL, "apply -auto-approve", LIMIT), 0, &["1 added"]);
    let moved = "moved {\n  from = fixture_old.o\n  to   = fixture_thing.a\n}\nresource \"fixture_thing\" \"a\" {\n  name = \"a\"\n}\n";
    project.write("main.tf", moved).expect("a configuration");
    expect("plan", &run(&project, WELL, "plan", LIMIT), 0, &["fixture_old.o", "fixture_thing.a"]);
    assert!(project.read("world/calls.log").contains("MoveResourceState"));
}

/// The identity of the first object in the state, and its version.
fn identity(project: &Project) -> (Json, Json) {
    let object = state(project)["resources"][0]["instances"][0].clone();
    (object["identity"].clone(), object["identity_schema_version"].clone())
}

#[test]
fn identities_are_kept_and_upgraded() {
    for protocol in ["5", "6"] {
        let project = hosting(THING);
        let manner = Manner { protocol, ..WELL };
        expect("apply", &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        let expected = (serde_json::json!({ "name": "a" }), Json::from(1));
        assert_eq!(identity(&project), expected, "version {protocol}");
        let mut older = state(&project);
        let object = &mut older["resources"][0]["instances"][0];
        object["identity"] = serde_json::json!({ "label": "a" });
        object["identity_schema_version"] = 0.into();
        project.write("terraform.tfstate", &older.to_string()).expect("a state");
        expect("plan", &run(&project, manner, "plan", LIMIT), 0, &["No changes"]);
        assert_eq!(calls(&project, "UpgradeResourceIdentity", "fixture_thing"), 1, "version {protocol}");
        expect("refresh", &run(&project, manner, "apply -auto-approve -refresh-only", LIMIT), 0, &[]);
        assert_eq!(identity(&project), expected, "version {protocol}");
    }
}

#[test]
fn an_object_is_imported_by_its_identity() {
    let import = |identity: &str| {
        format!("import {{\n  to       = fixture_thing.a\n  identity = {identity}\n}}\n{THING}")
    };
    for protocol in ["5", "6"] {
        let manner = Manner { protocol, ..WELL };
        let project = hosting(THING);
        expect("apply", &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        expect("rm", &run(&project, manner, "state rm fixture_thing.a", LIMIT), 0, &[]);
        for (identity, code, words) in [
            ("{ name = \"b\" }", 1, "Cannot import non-existent remote object"),
            ("{ nome = \"a\" }", 1, "has no attribute \"nome\""),
            ("{}", 1, "needs the attribute \"name\""),
            ("{ name = \"a\" }", 0, "1 imported, 0 added, 0 changed, 0 destroyed"),
        ] {
            project.write("main.tf", &import(identity)).expect("a configuration");
            expect(identity, &run(&project, manner, "apply -auto-approve", LIMIT), code, &[words]);
        }
        assert_eq!(identity(&project).0, serde_json::json!({ "name": "a" }), "version {protocol}");
    }
}

#[test]
fn a_provider_without_identities_is_served() {
    for protocol in ["5", "6"] {
        let project = hosting(THING);
        let manner = Manner { protocol, faults: "no-identities", ..WELL };
        expect("apply", &run(&project, manner, "apply -auto-approve", LIMIT), 0, &["1 added"]);
        assert_eq!(identity(&project).0, Json::Null, "version {protocol}");
    }
}

#[test]
fn sets_with_unknowns_and_every_nesting_come_to_rest() {
    let blocks = |single: &str, listed: &str, chosen: &str| {
        format!(
            r#"
{THING}
resource "fixture_blocks" "b" {{
  name = "b"
  {single}
  {listed}
  {chosen}
  group {{ key = "g" }}
  mapped "one" {{ key = fixture_thing.a.id }}
  outer {{
    key = "o"
    inner {{ key = fixture_thing.a.zone }}
    inner {{
      key   = "i"
      value = "v"
    }}
  }}
}}
"#
        )
    };
    let one = "chosen { key = \"x\" }";
    let unknown = "chosen { key = fixture_thing.a.zone }";
    let steps = [
        (
            "single { key = \"s\" }",
            "listed { key = fixture_thing.a.id }",
            format!("{one}\n{unknown}"),
            "2 added",
        ),
        ("single { key = \"t\" }", "listed { key = \"l\" }", format!("{unknown}\n{one}"), "1 changed"),
        ("", "", format!("{one}\nchosen {{\n key = \"x\"\n value = \"y\"\n}}"), "1 changed"),
        ("", "listed { key = \"l\" }\nlisted { key = \"l\" }", String::new(), "1 changed"),
    ];
    for protocol in ["5", "6"] {
        let project = hosting("");
        let manner = Manner { protocol, ..WELL };
        for (single, listed, chosen, words) in &steps {
            project.write("main.tf", &blocks(single, listed, chosen)).expect("a configuration");
            expect(chosen, &run(&project, manner, "apply -auto-approve", LIMIT), 0, &[words]);
            expect(chosen, &run(&project, manner, "plan -detailed-exitcode", LIMIT), 0, &["No changes"]);
        }
        expect("destroy", &run(&project, manner, "destroy -auto-approve", LIMIT), 0, &["2 destroyed"]);
    }
}
