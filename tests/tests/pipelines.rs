//! The documents in `docs/ci`: what others' programs say of them, and what the shell of their jobs does to a platform.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

use formwork_tests::{Ended, Forge, Github, Gitlab, Kill, Pipeline, Store, consumer, project, repository};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

const MACHINES: usize = 8;

fn configuration(forge: &Forge, machines: usize) -> String {
    let (kept, backend) = (forge.path().display(), forge.backend());
    format!(
        r#"terraform {{
  {backend}

  required_providers {{
    sim = {{ source = "formwork/sim" }}
  }}
}}

provider "sim" {{
  world      = "{kept}/world.json"
  latency_ms = 1000
}}

resource "sim_network" "main" {{
  name = "platform"
  cidr = "10.20.0.0/16"
}}

resource "sim_machine" "node" {{
  count   = {machines}
  name    = "node-${{count.index}}"
  flavour = "medium"
  image   = "ubuntu-24.04"
  network = sim_network.main.id
}}

resource "sim_bucket" "data" {{
  count  = {machines}
  name   = "data-${{count.index}}"
  labels = {{ node = sim_machine.node[count.index].id }}
}}
"#
    )
}

fn commit(forge: &Forge, machines: usize) -> String {
    forge.commit(&[("platform/main.tf", &configuration(forge, machines))])
}

#[track_caller]
fn assert_ended(ended: &Ended, code: i32, words: &str) {
    assert_eq!(ended.code, code, "{}", ended.text);
    assert!(ended.text.contains(words), "{words:?} is not in:\n{}", ended.text);
}

/// How often each object was made, as the datacentre's own log has it.
fn made(forge: &Forge) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(forge.path().join("world.json.calls")).unwrap_or_default();
    let mut numbers: BTreeMap<u64, String> = BTreeMap::new();
    for line in text.lines() {
        let call: Json = serde_json::from_str(line).unwrap();
        assert_ne!(call["effect"], "deleted", "{line}");
        if call["effect"] == "created" {
            let name = format!("{} {}", call["kind"].as_str().unwrap(), call["name"].as_str().unwrap());
            numbers.insert(call["seq"].as_u64().unwrap(), name);
        }
    }
    let mut counts = BTreeMap::new();
    for name in numbers.into_values() {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

/// The digest and the tree that a comment tells of.
fn approved(comment: &str) -> (&str, &str) {
    let (_, rest) = comment.split_once("\nPlan sha256:").unwrap();
    let (digest, rest) = rest.split_once(" of tree ").unwrap();
    (digest, rest.split_once(',').unwrap().0)
}

/// A bucket is changed by somebody who has a state of his own.
fn change_outside(forge: &Forge) {
    let log = std::fs::read_to_string(forge.path().join("world.json.calls")).unwrap();
    let calls = log.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let id = calls
        .filter(|call| call["name"] == "data-0")
        .map(|call| call["id"].as_str().unwrap().to_owned())
        .next_back();
    let text = format!(
        "terraform {{\n  required_providers {{\n    sim = {{ source = \"formwork/sim\" }}\n  }}\n}}\n\
         provider \"sim\" {{\n  world = \"{}/world.json\"\n}}\n\
         import {{\n  to = sim_bucket.data\n  id = {:?}\n}}\n\
         resource \"sim_bucket\" \"data\" {{\n  name = \"data-0\"\n  versioning = true\n}}\n",
        forge.path().display(),
        id.unwrap()
    );
    let applied = project().file("main.tf", &text).build().run("apply -auto-approve");
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.error);
}

/// From a pull request to a platform whose drift is told, with one apply killed on the way.
fn lives<F: Pipeline + std::ops::Deref<Target = Forge>>(forge: &F) {
    // A pull request that does not plan, then one that does, then one that is changed once more.
    let incomplete = "terraform {\n  required_providers {\n    sim = { source = \"formwork/sim\" }\n  }\n}\nresource \"sim_machine\" \"node\" {}\n";
    let broken = forge.commit(&[("platform/main.tf", incomplete)]);
    let ended = forge.plan(&broken);
    assert_eq!(ended.code, 1, "{}", ended.text);
    assert!(forge.comments()[0].contains(" failed: see [the "), "{:?}", forge.comments());
    let small = commit(forge, 2);
    assert_ended(&forge.plan(&small), 0, "Plan: 5 to add");
    let first = forge.comments().remove(0);
    let proposed = commit(forge, MACHINES);
    assert_ended(&forge.plan(&proposed), 0, "Plan: 17 to add");
    let comments = forge.comments();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].starts_with("<!-- formwork plan -->\n### Plan: 17 to add"), "{}", comments[0]);
    assert_ne!(approved(&first).0, approved(&comments[0]).0);
    assert_eq!(approved(&comments[0]).1, forge.tree(&proposed));
    assert!(made(forge).is_empty(), "a plan makes nothing");

    // What was not merged by a pull request, or is not what it planned, is not applied.
    assert_ended(&forge.apply(&proposed, None), 1, "so no plan was approved");
    let kept = forge.kept_plan(&forge.tree(&proposed));
    let plan = std::fs::read(&kept).unwrap();
    assert!(plan.starts_with(b"Salted__"), "a plan is kept encrypted");
    forge.merged(&proposed);
    std::fs::copy(forge.kept_plan(&forge.tree(&small)), &kept).unwrap();
    assert_ended(&forge.apply(&proposed, None), 1, "The plan that is kept is not the one in");
    std::fs::write(&kept, &plan).unwrap();
    assert!(made(forge).is_empty(), "nothing that was not approved is applied");

    // No bucket is asked for before its machine is up, and no machine is up within two seconds.
    let kill = Kill { lines: MACHINES, text: "]: Creating..." };
    let killed = forge.apply(&proposed, Some(kill));
    assert_eq!(killed.code, -1, "{}", killed.text);
    let half = made(forge).len();
    assert!((1..=MACHINES + 1).contains(&half), "{half} objects were made before the end:\n{}", killed.text);
    assert_ended(&forge.resume(&proposed), 0, "Apply complete!");
    let counts = made(forge);
    assert_eq!(counts.len(), 2 * MACHINES + 1, "{counts:?}");
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");

    // Once more: the plan is spent, and nothing is in flight.
    assert_ended(&forge.apply(&proposed, None), 1, "Saved plan is stale");
    assert_ended(&forge.resume(&proposed), 0, "0 added, 0 changed, 0 destroyed");
    let larger = commit(forge, MACHINES + 1);
    assert_ended(&forge.resume(&larger), 1, "Approval is needed");
    forge.merged(&larger);
    assert_ended(&forge.apply(&larger, None), 1, "is not of what was merged");
    assert_eq!(made(forge), counts);

    assert_ended(&forge.drift(&proposed), 0, "No changes.");
    assert!(forge.metrics().contains("\nformwork_plan_drift_objects 0\n"), "{}", forge.metrics());
    change_outside(forge);
    assert_ended(&forge.drift(&proposed), 2, "Something was changed outside");
    assert!(forge.metrics().contains("\nformwork_plan_drift_objects 1\n"), "{}", forge.metrics());
    assert!(forge.comments().len() == 1);
}

#[test]
fn a_platform_lives_on_github() {
    lives(&Github::start(Store::File));
}

#[test]
fn a_platform_lives_on_gitlab() {
    lives(&Gitlab::start(Store::File));
}

#[track_caller]
fn sql(connection: &str, text: &str) {
    let arguments = [connection, "-q", "-v", "ON_ERROR_STOP=1", "-c", text];
    let output = Command::new("psql").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A schema of the lab's database with its tables, and a role that can only read them.
fn database() -> Option<Store> {
    let Ok(writer) = std::env::var("FORMWORK_LAB_POSTGRESQL") else {
        let is_needed = std::env::var_os("FORMWORK_LAB").is_some_and(|lab| lab == "postgresql");
        assert!(!is_needed, "FORMWORK_LAB=postgresql, but no lab: eval \"$(tests/lab/postgresql env)\"");
        return None;
    };
    let name = format!("pipelines_{}", std::process::id());
    let settled = project()
        .file(
            "main.tf",
            &format!("terraform {{\n  backend \"pg\" {{\n    schema_name = \"{name}\"\n  }}\n}}\n"),
        )
        .build();
    for line in ["init", "plan"] {
        let ended = settled.finish(settled.command(line).env("PG_CONN_STR", &writer));
        assert_eq!(ended.code, 0, "{line}: {}{}", ended.out, ended.error);
    }
    let grants = format!(
        "CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA {name} TO {name}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name};"
    );
    sql(&writer, &grants);
    let reader = writer.replace("postgres://postgres@", &format!("postgres://{name}@"));
    assert_ne!(reader, writer);
    Some(Store::Postgresql { schema: name, reader, writer })
}

#[test]
fn a_platform_lives_on_github_with_its_state_in_a_database() {
    let Some(store) = database() else { return };
    lives(&Github::start(store.clone()));
    let Store::Postgresql { schema, writer, .. } = store else { return };
    sql(&writer, &format!("DROP SCHEMA {schema} CASCADE; DROP ROLE {schema};"));
}

fn documents(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("docs/ci").join(folder)).unwrap();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty(), "{folder} is empty");
    found
}

#[test]
fn actionlint_finds_no_fault() {
    let Some(actionlint) = consumer("FORMWORK_LAB_ACTIONLINT") else { return };
    let output = Command::new(actionlint).arg("-no-color").args(documents("github")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_files_fit_the_schemas_of_their_forges() {
    let Some(checker) = consumer("FORMWORK_LAB_CHECK_JSONSCHEMA") else { return };
    for (schema, folder) in [("vendor.github-workflows", "github"), ("vendor.gitlab-ci", "gitlab")] {
        let arguments = ["--builtin-schema", schema];
        let output = Command::new(&checker).args(arguments).args(documents(folder)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
