//! The history from outside: what each run leaves, the way back to an earlier one, and undoing a run that failed.
#![expect(clippy::unwrap_used, reason = "a test whose program does not answer cannot go on")]

use formwork_tests::{Project, project, said};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

const MAIN: &str = "variable \"region\" {\n  default = \"east\"\n}\nvariable \"secret\" {\n  default   = \"\"\n  sensitive = true\n}\nresource \"terraform_data\" \"a\" {\n  input = var.region\n}\nresource \"terraform_data\" \"b\" {\n  input = sha256(var.secret)\n}\noutput \"region\" {\n  value = terraform_data.a.output\n}\n";

fn entries(project: &Project) -> Vec<Value> {
    let text = project.run("history -json").out;
    let value: Value = serde_json::from_str(&text).unwrap();
    value["entries"].as_array().unwrap().iter().map(|one| one["entry"].clone()).collect()
}

#[test]
fn each_run_and_edit_leaves_an_entry() {
    let project = project().file("main.tf", MAIN).build();
    said(
        &project,
        &[
            ("history", 0, &["The history has no entries."]),
            ("history verify", 0, &["The history has no entries."]),
            ("history show 1", 1, &["has no entry 1"]),
            ("apply -auto-approve -var region=west -var secret=hunter2", 0, &["2 added"]),
            ("apply -auto-approve -var region=west -var secret=hunter2", 0, &["0 added"]),
            ("taint terraform_data.a", 0, &[]),
            ("untaint terraform_data.a", 0, &[]),
            ("state mv terraform_data.a terraform_data.c", 0, &[]),
            ("state mv terraform_data.c terraform_data.a", 0, &[]),
            ("state rm terraform_data.b", 0, &[]),
            ("destroy -auto-approve", 0, &["1 destroyed"]),
            ("history verify", 0, &["The history is whole: entries 1 to 7."]),
            ("state verify", 0, &["History:    entries 1 to 7, whole", "The state is whole."]),
            (
                "history show 1",
                0,
                &["create    terraform_data.a: done", "region = \"west\"", "secret: not kept"],
            ),
            ("history show 1 -files", 0, &["--- main.tf", "variable \"region\""]),
            ("history prune -keep=2", 0, &["Removed entries 1 to 5."]),
            ("history verify", 0, &["entries 6 to 8, which follow 5 that were pruned"]),
        ],
    );
    let entries = entries(&project);
    let verbs: Vec<&str> = entries.iter().filter_map(|entry| entry["origin"]["verb"].as_str()).collect();
    assert_eq!(verbs, ["history prune", "apply", "state rm"]);
    assert_eq!(entries[1]["plan"]["mode"], "destroy");
    assert_eq!(entries[1]["counts"]["destroyed"], 1);
    for path in ["terraform.tfstate.history/00000007.json", "terraform.tfstate.history/00000008.json"] {
        assert!(!project.read(path).contains("hunter2"), "{path}");
    }
}

#[test]
fn what_was_done_to_an_entry_is_found() {
    let project = project().file("main.tf", MAIN).build();
    for region in ["a", "b", "c"] {
        said(&project, &[(&format!("apply -auto-approve -var region={region}"), 0, &[])]);
    }
    let entry = |number: u32| format!("terraform.tfstate.history/{number:08}.json");
    let (second, third) = (project.read(&entry(2)), project.read(&entry(3)));
    let changed = second.replace("\"result\":\"done\"", "\"result\":\"failed\"");
    project.write(&entry(2), &changed).unwrap();
    for line in ["history verify", "state verify"] {
        said(&project, &[(line, 1, &["entry 2 was changed after it was written"])]);
    }
    std::fs::remove_file(project.path().join(entry(2))).unwrap();
    said(&project, &[("history verify", 1, &["entry 2 is missing"])]);
    project.write(&entry(2), &third).unwrap();
    project.write(&entry(3), &second).unwrap();
    said(&project, &[("history verify", 1, &["it was written as entry 3", "it was written as entry 2"])]);
    project.write(&entry(2), &second).unwrap();
    std::fs::remove_file(project.path().join(entry(3))).unwrap();
    for line in ["history verify", "state verify"] {
        said(&project, &[(line, 0, &["State is not the one that the history ends with"])]);
    }
}

#[test]
fn there_is_a_way_back() {
    let project = project().file("main.tf", MAIN).build();
    said(
        &project,
        &[
            ("apply -auto-approve -var region=west -var secret=hunter2", 0, &["2 added"]),
            ("apply -auto-approve -var region=north -var secret=other", 0, &["2 changed"]),
        ],
    );
    project.write("main.tf", "").unwrap();
    said(
        &project,
        &[
            ("apply -auto-approve", 0, &["2 destroyed"]),
            (
                "rollback 1 -auto-approve -input=false",
                1,
                &["does not keep the value of var.secret", "-var 'secret=...'"],
            ),
            ("rollback 9", 1, &["has no entry 9"]),
            ("rollback 1 -input=false -var secret=hunter2", 1, &["2 to add", "Approval is needed"]),
            ("rollback 1 -auto-approve -var secret=hunter2", 0, &["2 added"]),
            ("output -raw region", 0, &["west"]),
            ("rollback 1 -auto-approve -var secret=hunter2", 0, &["No changes"]),
            ("rollback 2 -auto-approve -var secret=other", 0, &["2 changed"]),
            ("output -raw region", 0, &["north"]),
            ("rollback 3 -auto-approve", 0, &["2 destroyed"]),
            ("history verify", 0, &["entries 1 to 6"]),
        ],
    );
    assert_eq!(entries(&project)[0]["origin"]["verb"], "rollback");
}

/// What stands in the simulated world, by id; what numbers the calls is left out.
fn world(path: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(path.join("sim-world.json")).unwrap_or_default();
    let mut objects = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(object) = line["put"].get("object") {
            let mut object = object.clone();
            let fields = object.as_object_mut().unwrap();
            fields.remove("token");
            fields.remove("update_token");
            if let Some(attributes) = fields.get_mut("attributes").and_then(Value::as_object_mut) {
                attributes.remove("generation");
            }
            objects.insert(object["id"].as_str().unwrap().to_owned(), object);
        } else if let Some(id) = line["gone"]["id"].as_str() {
            objects.remove(id);
        }
    }
    objects
}

const QUICKSTART: &str = "stacks/quickstart";
const FAULT: &str = "  crash_at_call      = var.misfortune.crash_at_call\n";
const DATA: &str =
    "-rollback-data=module.buckets -rollback-data=module.training -rollback-data=module.inference";

/// The quickstart, whose apply with this number fails.
fn quickstart(fail_at_call: Option<u32>) -> Project {
    let project = project().build();
    project.copy(QUICKSTART).unwrap();
    project.copy("modules").unwrap();
    set_fault(&project, fail_at_call);
    project
}

fn set_fault(project: &Project, fail_at_call: Option<u32>) {
    let path = format!("{QUICKSTART}/main.tf");
    let text = std::fs::read_to_string(formwork_tests::repository().join(&path)).unwrap();
    assert!(text.contains(FAULT), "the quickstart says how its provider may fail");
    let fault = fail_at_call.map_or(String::new(), |call| format!("  fail_at_call = {call}\n"));
    project.write(&path, &text.replace(FAULT, &fault)).unwrap();
}

fn run_there(project: &Project, line: &str) -> formwork_tests::Finished {
    project.run(&format!("-chdir={QUICKSTART} {line} -var latency_ms=0"))
}

/// Does it for each number until it says that there is nothing more, a few at a time; how many there were.
fn for_each(work: impl Fn(u32) -> bool + Sync) -> u32 {
    let next = Mutex::new((1, None));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut next = next.lock().unwrap();
                        if next.1.is_some() {
                            return;
                        }
                        next.0 += 1;
                        next.0 - 1
                    };
                    if !work(number) {
                        let mut next = next.lock().unwrap();
                        next.1 = Some(next.1.map_or(number, |other: u32| other.min(number)));
                    }
                }
            });
        }
    });
    next.into_inner().unwrap().1.unwrap_or(1) - 1
}

#[test]
fn whichever_step_fails_a_first_run_is_undone_whole() {
    let failures = for_each(|call| {
        let project = quickstart(Some(call));
        let applied = run_there(&project, &format!("apply -auto-approve -on-failure=rollback {DATA}"));
        let said = format!("{}{}", applied.out, applied.error);
        if applied.code == 0 {
            return false;
        }
        assert!(said.contains("everything that it did is undone"), "{call}: {said}");
        let left = world(&project.path().join(QUICKSTART));
        assert!(left.is_empty(), "{call}: {left:?}");
        let listed = project.run(&format!("-chdir={QUICKSTART} state list"));
        let objects = listed.out.lines().filter(|line| !line.contains("data.") && !line.is_empty()).count();
        assert_eq!(objects, 0, "{call}: {}", listed.out);
        let history = project.run(&format!("-chdir={QUICKSTART} history"));
        assert!(history.out.contains("rolled-back"), "{call}: {}", history.out);
        true
    });
    assert!(failures > 40, "{failures}");
}

/// What became of the world, and what was said, when a change of the quickstart failed in this step and was undone;
/// nothing when no step failed.
fn undone_change(base: &Project, call: u32, variables: &str) -> Option<(BTreeMap<String, Value>, String)> {
    let project = quickstart(Some(call));
    for file in ["sim-world.json", "sim-world.json.calls", "terraform.tfstate"] {
        let path = format!("{QUICKSTART}/{file}");
        project.write(&path, &base.read(&path)).unwrap();
    }
    let applied =
        run_there(&project, &format!("apply -auto-approve -on-failure=rollback {DATA} {variables}"));
    let said = format!("{}{}", applied.out, applied.error);
    (applied.code != 0).then(|| (world(&project.path().join(QUICKSTART)), said))
}

#[test]
fn whichever_step_fails_a_change_is_undone_or_named() {
    let base = quickstart(None);
    assert_eq!(run_there(&base, "apply -auto-approve").code, 0);
    let before = world(&base.path().join(QUICKSTART));
    let failures = for_each(|call| {
        let Some((after, said)) = undone_change(&base, call, "-var a100_nodes=3") else { return false };
        assert!(said.contains("everything that it did is undone"), "{call}: {said}");
        assert_eq!(after, before, "{call}: {said}");
        true
    });
    assert!(failures > 3, "{failures}");
    let failures = for_each(|call| {
        let variables = "-var a100_nodes=3 -var rtx6000_nodes=1";
        let Some((after, said)) = undone_change(&base, call, variables) else { return false };
        let named = |words: &str| said.lines().filter(|line| line.ends_with(words)).count();
        let gone: BTreeSet<&String> = before.keys().filter(|id| !after.contains_key(*id)).collect();
        let others: Vec<_> = after.iter().filter(|(id, object)| before.get(*id) != Some(object)).collect();
        let destroyed = named("it was destroyed, and nothing brings it back");
        let changed = named("it was changed, and could not be put back");
        assert_eq!((gone.len(), others.len()), (destroyed, changed), "{call}: {gone:?} {others:?}: {said}");
        let expected =
            if destroyed + changed == 0 { "everything that it did is undone" } else { "could not be undone" };
        assert!(said.contains(expected), "{call}: {said}");
        true
    });
    assert!(failures > 4, "{failures}");
}

#[test]
fn what_holds_data_is_not_destroyed_again_unless_named() {
    let project = quickstart(Some(1));
    let refused = run_there(&project, "apply -auto-approve -on-failure=rollback");
    assert_eq!(refused.code, 1);
    for part in [
        "Should this run fail, what it did is undone",
        "Rollback would destroy data",
        "sim_volume.scratch[0]",
    ] {
        assert!(format!("{}{}", refused.out, refused.error).contains(part), "{part}: {}", refused.error);
    }
    assert!(world(&project.path().join(QUICKSTART)).is_empty());
}
