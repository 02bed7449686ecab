//! Provisioners: when they run, what their failure means, what is told of them, and a crash at every record.

use crate::world::{World, actions, text};
use formwork_engine::RunMode;
use formwork_engine::run::{self, Outcome};
use formwork_state::{FaultPoint, ObjectKey, Status, edit};
use std::sync::{Arc, Mutex};

const LOGGED: &str = r#"
variable "last" {
  default = "three"
}

resource "terraform_data" "a" {
  input = "x"
  provisioner "local-exec" {
    command = "echo one ${self.output} >> log"
  }
  provisioner "local-exec" {
    command     = "echo two $WORD >> log"
    environment = { WORD = "word" }
  }
  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-e", "-c"]
    command     = "echo ${var.last} >> log"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo gone ${self.input} >> log"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo gone too >> log"
  }
}

resource "terraform_data" "after" {
  input = terraform_data.a.id
}
"#;

fn log(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.folder.path().join("log")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

fn faults(outcome: &Outcome) -> String {
    text(&outcome.diagnostics, &outcome.sources)
}

fn status(world: &World, address: &str) -> Status {
    world.folded().state.current(&address.parse().unwrap()).unwrap().status
}

#[test]
fn they_run_after_creation_and_before_removal_in_order() {
    let mut world = World::new(LOGGED);
    world.apply();
    assert_eq!(log(&world), ["one x", "two word", "three"]);
    let told = world.told.take();
    let of_a: Vec<&str> =
        told.iter().map(String::as_str).filter(|line| line.starts_with("terraform_data.a ")).collect();
    assert_eq!(
        (of_a[0], of_a[1], of_a[of_a.len() - 1]),
        (
            "terraform_data.a Create start",
            "terraform_data.a provision start",
            "terraform_data.a Create complete"
        )
    );
    assert!(!world.plan().has_changes());
    world.main(&LOGGED.replace("input = \"x\"", "input = \"y\""));
    world.apply();
    assert_eq!(log(&world).len(), 3, "an update is no creation");
    world.told.take();
    world.destroy();
    assert_eq!(log(&world)[3..], ["gone y", "gone too"]);
    let told = world.told.take();
    let start = told.iter().position(|line| line == "terraform_data.a Delete start").unwrap();
    assert_eq!(told[start + 1], "terraform_data.a provision start");
    assert_eq!(told.iter().filter(|line| *line == "terraform_data.a Delete start").count(), 1);
}

/// A configuration, its words to the last apply, objects that stand, the log.
#[test]
fn what_a_failure_means() {
    let cases: &[(&str, &str, &[&str], Status)] = &[
        (
            r#"command = "echo tried >> log; echo why; exit 3""#,
            "Error running command 'echo tried >> log; echo why; exit 3': exit status: 3. Output: why",
            &["terraform_data.a"],
            Status::Tainted,
        ),
        (
            "command = \"echo tried >> log; exit 3\"\n on_failure = continue",
            "",
            &["terraform_data.a", "terraform_data.after"],
            Status::Ready,
        ),
        (
            r#"command = self.input == "x" ? "" : "never""#,
            "The command must be a non-empty string",
            &["terraform_data.a"],
            Status::Tainted,
        ),
    ];
    for (settings, words, standing, expected) in cases {
        let mut world = World::new(&format!(
            "resource \"terraform_data\" \"a\" {{\n input = \"x\"\n provisioner \"local-exec\" {{\n {settings}\n }}\n}}\nresource \"terraform_data\" \"after\" {{ input = terraform_data.a.id }}\n"
        ));
        let plan = world.plan();
        let outcome = world.apply_plan(&plan);
        let said = faults(&outcome).replace('\n', " ");
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{settings}: {said}");
        assert_eq!(world.addresses(), *standing, "{settings}");
        assert_eq!(status(&world, "terraform_data.a"), *expected, "{settings}");
        assert!(world.folded().run.is_none(), "the run is over");
        let again = world.plan();
        assert_eq!(
            again.summary().destroy,
            usize::from(*expected == Status::Tainted),
            "{:?}",
            actions(&again)
        );
    }
}

#[test]
fn a_failed_removal_keeps_the_object_and_is_tried_again() {
    let mut world = World::new(
        r#"
resource "terraform_data" "a" {
  count = 2
  provisioner "local-exec" {
    when    = destroy
    command = "echo ${count.index} >> log; test -e ready"
  }
}
"#,
    );
    world.apply();
    let plan = world.plan_mode(RunMode::Destroy).unwrap();
    let outcome = world.apply_plan(&plan);
    assert!(faults(&outcome).contains("local-exec provisioner error"), "{}", faults(&outcome));
    assert_eq!(world.addresses(), ["terraform_data.a[0]", "terraform_data.a[1]"]);
    assert_eq!(status(&world, "terraform_data.a[0]"), Status::Ready);
    std::fs::write(world.folder.path().join("ready"), "").unwrap();
    world.destroy();
    let mut log = log(&world);
    log.sort();
    assert_eq!(log, ["0", "0", "1", "1"]);
}

#[test]
fn a_removed_block_has_its_own() {
    let mut world =
        World::new("resource \"terraform_data\" \"a\" {\n for_each = toset([\"k\"])\n input = \"x\"\n}\n");
    world.apply();
    world.main(
        r#"
removed {
  from = terraform_data.a
  lifecycle {
    destroy = true
  }
  provisioner "local-exec" {
    when    = destroy
    command = "echo removed ${self.input} ${each.key} >> log"
  }
}
"#,
    );
    world.apply();
    assert_eq!(log(&world), ["removed x k"]);
    assert!(world.addresses().is_empty());
}

#[test]
fn what_is_secret_is_neither_told_nor_kept() {
    let mut world = World::new(
        r#"
variable "password" {
  sensitive = true
}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "echo ${var.password}; echo ${var.password} >> log; exit 1"
  }
}
"#,
    );
    world.var("password", "hunter2");
    let records: Arc<Mutex<String>> = Arc::default();
    let (kept, path) = (records.clone(), world.folder.path().join("terraform.tfstate.journal"));
    world.hook = Some(Arc::new(move |_, kind: &str| {
        if kind != "begin" {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            kept.lock().unwrap().push_str(text.split_once('\n').map_or("", |(_, rest)| rest));
        }
    }));
    let plan = world.plan();
    let outcome = world.apply_plan(&plan);
    assert_eq!(log(&world), ["hunter2"]);
    let told = world.told.take().join("\n");
    assert!(told.contains("(output suppressed due to sensitive value in config)"), "{told}");
    assert!(
        !told.contains("hunter2") && !faults(&outcome).contains("hunter2"),
        "{told} {}",
        faults(&outcome)
    );
    let records = records.lock().unwrap();
    let acts: String = records.lines().filter(|line| !line.contains("{\"begin\"")).collect();
    assert!(acts.contains("\"provision\"") && !acts.contains("hunter2"), "a record holds the secret");
}

/// Every moment of an apply, or of a destroy, as a folder that a crash then would have left.
fn moments(at: FaultPoint, kind: &'static str, is_destroy: bool) -> Vec<tempfile::TempDir> {
    let mut world = World::new(LOGGED);
    if is_destroy {
        world.apply();
    }
    let act = if is_destroy { World::destroy } else { World::apply };
    let images = world.images(move |point, found| point == at && found == kind, act);
    images.into_iter().map(|image| image.folder).collect()
}

/// Takes the last record, of an outcome, out of the journal: it was not durable.
fn drop_last_outcome(folder: &std::path::Path) {
    let path = folder.join("terraform.tfstate.journal");
    let text = std::fs::read_to_string(&path).unwrap();
    let kept = text.trim_end().rfind('\n').filter(|at| text[*at..].contains("{\"done\""));
    std::fs::write(&path, kept.map_or(text.as_str(), |at| &text[..=at])).unwrap();
}

fn resume(image: tempfile::TempDir, main: &str) -> World {
    let mut world = World::new(main);
    world.folder = image;
    let open = run::open_plan(&world.store().folded()).unwrap();
    if let Some(plan) = open {
        let outcome = if run::is_unchanged(&world.configuration(), &plan) {
            world.apply_plan(&plan)
        } else {
            world.recover(&plan)
        };
        assert!(!outcome.diagnostics.has_errors(), "{}", faults(&outcome));
    }
    world
}

const CREATED: [&str; 3] = ["one x", "two word", "three"];

#[test]
fn after_a_crash_none_that_is_finished_runs_again() {
    for (at, kind) in [(FaultPoint::AfterFlush, "intent"), (FaultPoint::AfterFlush, "done")] {
        let images = moments(at, kind, false);
        assert_eq!(images.len(), 5, "two objects and three provisioners");
        for (moment, image) in images.into_iter().enumerate() {
            let world = resume(image, LOGGED);
            assert_eq!(log(&world), CREATED, "{kind} {moment}");
            assert_eq!(status(&world, "terraform_data.a"), Status::Ready);
            assert_eq!(world.addresses(), ["terraform_data.a", "terraform_data.after"]);
            assert!(!world.plan().has_changes());
        }
    }
}

#[test]
fn the_one_in_flight_runs_again_from_its_start_and_is_named() {
    let images = moments(FaultPoint::BeforeFlush, "done", false);
    let mut repeated = Vec::new();
    for image in images {
        drop_last_outcome(image.path());
        let mut world = resume(image, LOGGED);
        let again: Vec<String> =
            log(&world).windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
        let told = world.told.take();
        let is_named =
            told.iter().any(|line| line.ends_with("runs provisioner local-exec again from its start"));
        assert_eq!(is_named, !again.is_empty(), "{told:?}");
        assert_eq!(status(&world, "terraform_data.a"), Status::Ready, "it is not tainted");
        let mut once = log(&world);
        once.dedup();
        assert_eq!(once, CREATED);
        repeated.extend(again);
        world.destroy();
    }
    assert_eq!(repeated, CREATED, "each was in flight in one moment");
}

#[test]
fn what_was_not_run_yet_runs_though_the_configuration_changed() {
    for image in moments(FaultPoint::AfterFlush, "done", false).into_iter().take(4) {
        let mut world = resume(image, &LOGGED.replace("\"three\"", "\"four\""));
        let found = log(&world);
        assert_eq!(found, CREATED, "the recorded configuration is followed");
        world.apply();
        assert_eq!(log(&world), CREATED);
    }
}

#[test]
fn removal_goes_on_where_it_was_cut_off() {
    for (at, kind) in [(FaultPoint::AfterFlush, "intent"), (FaultPoint::AfterFlush, "done")] {
        for (moment, image) in moments(at, kind, true).into_iter().enumerate() {
            let world = resume(image, LOGGED);
            assert_eq!(log(&world)[3..], ["gone x", "gone too"], "{kind} {moment}");
            assert!(world.addresses().is_empty());
        }
    }
}

#[test]
fn one_that_must_be_asked_about_blocks_until_somebody_answers() {
    let main = LOGGED.replacen("command     = \"echo two", "on_crash = ask\n command = \"echo two", 1);
    for is_done in [true, false] {
        let mut world = World::new(&main);
        let mut images = world
            .images(move |point, found| point == FaultPoint::AfterFlush && found == "intent", World::apply);
        let image = images.swap_remove(2).folder;
        let mut world = World::new(&main);
        world.folder = image;
        let plan = run::open_plan(&world.store().folded()).unwrap().unwrap();
        let outcome = world.apply_plan(&plan);
        let said = faults(&outcome);
        assert!(
            said.contains("Nobody can say whether this was done") && said.contains("on main.tf"),
            "{said}"
        );
        assert_eq!(world.addresses(), ["terraform_data.a"], "what depends on it waits");
        let store = world.store();
        let key = ObjectKey::current("terraform_data.a".parse().unwrap());
        let answer = edit::end_provisioner(&store.folded(), &key, is_done).unwrap();
        store.append(&answer).wait().unwrap();
        drop(store);
        let outcome = world.apply_plan(&plan);
        // A run does not make a tainted object a second time: the next plan does.
        assert_eq!(outcome.diagnostics.has_errors(), !is_done, "{}", faults(&outcome));
        assert!(world.folded().run.is_none());
        let expected: &[&str] = if is_done { &["one x", "three"] } else { &["one x"] };
        assert_eq!(log(&world), expected);
        assert_eq!(world.plan().summary().destroy, usize::from(!is_done));
    }
}
