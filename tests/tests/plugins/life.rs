//! The life of objects, in both versions of the protocol.

use crate::fixture::{LIMIT, Manner, THING, WELL, calls, expect, hosting, run};
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
