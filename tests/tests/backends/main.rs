//! Where the state is kept, from outside: a place is settled on at init, states move along, and nothing is looked for
//! where the configuration does not say.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test whose program or lab does not answer cannot go on"
)]

mod modules;
mod moving;
mod remotes;
mod secrets;

use formwork_tests::{Project, project, said};
use remotes::{MAIN, Remote, SLOW, block, project_of, remotes, sealed};
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

#[test]
fn a_place_is_settled_on_before_it_is_used() {
    let project = project().file("main.tf", MAIN).build();
    said(&project, &[("apply -auto-approve", 0, &["1 added"])]);
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/a.tfstate\"\n  }")).unwrap();
    let needs = "Backend initialization required, please run \"formwork init\"";
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Initial configuration of the requested backend \"local\""]),
            ("output", 1, &[needs]),
            ("state list", 1, &[needs]),
            ("init -input=false", 1, &["Can't ask approval for state migration", "-force-copy"]),
            ("init -force-copy", 0, &["Successfully configured the backend \"local\"!"]),
            ("plan -detailed-exitcode", 0, &["No changes"]),
            ("output -raw region", 0, &["east"]),
            ("init", 0, &["successfully initialized"]),
        ],
    );
    assert!(project.read("states/a.tfstate").contains("\"region\""));
    assert!(project.read("terraform.tfstate").is_empty(), "a state that moved away is not left where it was");
    assert!(project.read("terraform.tfstate.backup").contains("\"region\""));
    project.write("backend.tf", &block("\"local\" {\n    path = \"states/b.tfstate\"\n  }")).unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Backend configuration block has changed"]),
            ("init", 1, &["Backend configuration changed", "-migrate-state", "-reconfigure"]),
            ("init -reconfigure", 0, &["Successfully configured"]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
    project.write("backend.tf", "").unwrap();
    said(
        &project,
        &[
            ("plan", 1, &[needs, "Unsetting the previously set backend \"local\""]),
            ("init -backend=false", 0, &["successfully initialized"]),
            ("plan", 1, &[needs]),
            ("init -migrate-state", 0, &["Successfully unset the backend \"local\"."]),
            ("plan -detailed-exitcode", 2, &["1 to add"]),
        ],
    );
}

#[test]
fn part_of_the_configuration_may_come_at_init() {
    let project = project()
        .file("main.tf", MAIN)
        .file("backend.tf", &block("\"local\" {}"))
        .file("more.tfbackend", "path = \"from-file.tfstate\"\nworkspace_dir = \"w\"\n")
        .build();
    said(
        &project,
        &[
            (
                "init -backend-config=more.tfbackend -backend-config path=from-word.tfstate",
                0,
                &["Successfully"],
            ),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace new dev", 0, &["Created and switched"]),
            ("apply -auto-approve", 0, &["1 added"]),
            ("workspace list", 0, &["  default\n* dev\n"]),
            ("init -backend-config=pth=x", 1, &["Unsupported argument", "pth"]),
            ("init -backend-config=none.tfbackend", 1, &["Backend arguments cannot be read"]),
        ],
    );
    assert!(project.read("from-word.tfstate").contains("\"region\""));
    assert!(project.read("w/dev/terraform.tfstate").contains("\"region\""));
    let settled = project.read(".terraform/terraform.tfstate");
    assert!(settled.contains("\"path\": \"from-word.tfstate\""), "{settled}");
}

#[test]
fn what_is_wrong_with_a_block_is_said_at_its_place() {
    for (text, parts) in [
        ("\"gcs\" {}", &["Unsupported backend type", "tofu state pull", "formwork state push"][..]),
        ("\"locl\" {}", &["There is no backend type named \"locl\".", "Did you mean \"local\"?"]),
        (
            "\"local\" {\n    pth = \"a\"\n  }",
            &["Unsupported argument", "backend.tf line 3", "path, workspace_dir"],
        ),
        ("\"local\" {\n    path = []\n  }", &["Incorrect attribute value type", "backend.tf line 3"]),
        ("\"local\" {\n    exec {\n    }\n  }", &["Unsupported block type", "\"exec\"", "backend.tf line 2"]),
        (
            "\"kubernetes\" {\n    secret_suffix = \"a\"\n    exec {\n      command = \"a\"\n      arg = []\n    }\n  }",
            &["Unsupported argument", "\"arg\"", "backend.tf line 4", "api_version, command, args, env"],
        ),
        (
            "\"kubernetes\" {\n    secret_suffix = \"a\"\n    host = \"h\"\n    exec {\n      command = \"a\"\n    }\n  }",
            &["Missing required argument", "\"api_version\""],
        ),
        (
            "\"kubernetes\" {\n    secret_suffix = \"a\"\n    exec {\n    }\n    exec {\n    }\n  }",
            &["No more than 1 \"exec\" blocks are allowed.", "backend.tf line 4"],
        ),
        ("\"local\" {\n    path = var.place\n  }\n}\nvariable \"place\" {\n  type = string", &[]),
    ] {
        let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
        let (line, code) = if parts.is_empty() { ("validate", 0) } else { ("init", 1) };
        said(&project, &[(line, code, parts)]);
    }
}

#[test]
fn a_backend_may_be_written_with_variables() {
    let text =
        "\"local\" {\n    path = \"${var.place}.tfstate\"\n  }\n}\nvariable \"place\" {\n  type = string";
    let project = project().file("main.tf", MAIN).file("backend.tf", &block(text)).build();
    said(
        &project,
        &[
            ("init", 1, &["Backend argument not known", "TF_VAR_"]),
            ("init -var place=a", 0, &["Successfully configured"]),
            ("apply -auto-approve -var place=a", 0, &["1 added"]),
            ("plan -var place=b", 1, &["Backend configuration block has changed"]),
        ],
    );
    assert!(project.read("a.tfstate").contains("\"region\""));
}

#[test]
fn a_lock_is_shown_with_what_is_in_flight() {
    let main = "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"sleep 20\"\n  }\n}\nvariable \"secret\" {\n  default = \"\"\n}\n";
    let project = project().file("main.tf", main).build();
    said(&project, &[("lock show", 0, &["nobody holds it", "none is open"])]);
    let mut apply = project.command("apply -auto-approve -var secret=hunter2");
    apply.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut apply = apply.spawn().unwrap();
    let mut shown = String::new();
    for _ in 0..100 {
        shown = project.run("lock show").out;
        if shown.contains("terraform_data.slow: provision") {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    for part in [
        "Lock:       held",
        &format!("process {}", apply.id()),
        "Operation: apply",
        "apply -auto-approve -var secret=...",
        "terraform_data.slow: provision, since",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
    said(&project, &[("lock show", 0, &["nobody holds it", "terraform_data.slow"])]);
}

#[test]
fn a_state_in_a_remote_place_lives_as_one_in_a_file() {
    for remote in remotes("life") {
        let project = remote.project(MAIN);
        project.write("backend.tf", "").unwrap();
        remote.said(&project, &[("apply -auto-approve", 0, &["1 added"])]);
        project.write("backend.tf", &remote.block).unwrap();
        remote.said(
            &project,
            &[
                ("plan", 1, &["Backend initialization required"]),
                ("init -force-copy", 0, &["Successfully configured the backend"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("plan -out=p -destroy", 0, &["1 to destroy"]),
                ("apply p", 0, &["1 destroyed"]),
                ("apply p", 1, &["Saved plan is stale"]),
                ("apply -auto-approve", 0, &["1 added"]),
                ("state list", 0, &["terraform_data.a"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
                ("force-unlock -force nobody", 1, &["nobody holds the lock"]),
            ],
        );
        assert!(project.read("terraform.tfstate").is_empty(), "the state is in the other place");
        let other = remote.project(MAIN);
        remote.said(
            &other,
            &[
                ("init", 0, &["Successfully configured"]),
                ("output -raw region", 0, &["east"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
            ],
        );
        let left: Vec<_> =
            std::fs::read_dir(other.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{}: only the two files and the data folder: {left:?}", remote.name);
    }
}

#[test]
fn workspaces_are_kept_in_a_remote_place() {
    for remote in remotes("spaces").into_iter().filter(|remote| remote.name != "http") {
        let project = remote.project(MAIN);
        remote.said(
            &project,
            &[
                ("init", 0, &[]),
                ("workspace new dev", 0, &["Created and switched"]),
                ("apply -auto-approve", 0, &["1 added"]),
                ("workspace list", 0, &["  default\n* dev\n"]),
                ("workspace select default", 0, &[]),
                ("plan -detailed-exitcode", 2, &["1 to add"]),
                ("workspace delete dev", 1, &["is not empty"]),
                ("workspace delete -force dev", 0, &["Deleted workspace"]),
                ("workspace list", 0, &["* default\n"]),
            ],
        );
    }
}

/// Starts an apply and waits until it has finished so many objects.
fn begin(remote: &Remote, project: &Project, finished: usize) -> std::process::Child {
    let mut command = remote.command(project, "apply -auto-approve -parallelism=1");
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let seen = lines.by_ref().filter(|line| line.contains("Creation complete")).take(finished).count();
    assert_eq!(seen, finished, "{}", remote.name);
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// The rest of a run that was killed is done by another folder, which knows of it only what the place says.
#[test]
fn another_machine_goes_on_with_a_run_that_was_killed() {
    let all = remotes("killed").into_iter().chain(sealed("killed_sealed"));
    for remote in all.filter(|remote| remote.name != "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 3);
        // By now the next one is in flight.
        std::thread::sleep(Duration::from_millis(200));
        child.kill().unwrap();
        child.wait().unwrap();
        let other = remote.project(SLOW);
        remote.said(
            &other,
            &[
                ("init", 0, &[]),
                ("lock show", 0, &["Lock:       held", "Operation: apply", "terraform_data.slow["]),
                ("plan -lock=false", 0, &[]),
                ("apply -auto-approve -lock-timeout=30s", 0, &["Apply complete!"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
            ],
        );
        let made = format!("{}{}", project.read("made"), other.read("made"));
        let count = made.lines().count();
        assert!((6..=7).contains(&count), "{}: only the one in flight is run again: {made}", remote.name);
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let done = std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// A process that stops for longer than its lease and then goes on: the store refuses it.
#[test]
fn a_holder_that_slept_past_its_lease_writes_nothing_more() {
    for remote in remotes("stopped").into_iter().filter(|remote| remote.name != "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let child = begin(&remote, &project, 1);
        signal(&child, "-STOP");
        remote.said(
            &project,
            &[
                ("apply -auto-approve", 1, &["Error acquiring the state lock", "ID:"]),
                ("apply -auto-approve -lock-timeout=30s", 0, &["Apply complete!"]),
            ],
        );
        signal(&child, "-CONT");
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).replace("\n│ ", " ");
        assert_eq!(output.status.code(), Some(1), "{}: {error}", remote.name);
        assert!(error.contains("the lock was lost to another process"), "{}: {error}", remote.name);
        remote.said(
            &project,
            &[
                ("plan -detailed-exitcode", 0, &["No changes"]),
                ("lock show", 0, &["nobody holds it", "none is open"]),
            ],
        );
    }
}

#[test]
fn a_lock_that_is_broken_is_its_holders_no_more() {
    for remote in remotes("broken").into_iter().filter(|remote| remote.name != "http") {
        // So slow that it is not over before the lock is broken, however busy the machine.
        let project = remote.project(&SLOW.replace("sleep 0.4", "sleep 3"));
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 1);
        // Not through the project, which redacts the id.
        let raw = remote.command(&project, "lock show").output().unwrap();
        let raw = String::from_utf8_lossy(&raw.stdout).into_owned();
        let id = raw.lines().find_map(|line| line.trim().strip_prefix("ID:")).unwrap().trim().to_owned();
        remote.said(
            &project,
            &[
                ("force-unlock -force wrong", 1, &["Failed to unlock state"]),
                (&format!("force-unlock -force {id}"), 0, &["successfully unlocked"]),
            ],
        );
        assert_eq!(child.wait().unwrap().code(), Some(1), "{}", remote.name);
        remote.said(&project, &[("apply -auto-approve", 0, &["Apply complete!"])]);
    }
}

#[test]
fn of_many_applies_at_once_one_holds_the_state() {
    for remote in remotes("many") {
        let main = "resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"echo made >> made\"\n  }\n}\n";
        let project = remote.project(main);
        remote.said(&project, &[("init", 0, &[])]);
        let start = |line: &str| {
            let mut command = remote.command(&project, line);
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let refusing = (0..6).map(|_| ("apply -auto-approve", false));
        let waiting = (0..6).map(|_| ("apply -auto-approve -lock-timeout=120s", true));
        let children: Vec<_> = refusing.chain(waiting).map(|(line, waits)| (start(line), waits)).collect();
        let mut finished = 0;
        for (child, waits) in children {
            let output = child.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() {
                finished += 1;
            } else {
                assert!(
                    !waits && error.contains("Error acquiring the state lock"),
                    "{}: {error}",
                    remote.name
                );
            }
        }
        assert!(finished >= 6, "{}: {finished}", remote.name);
        assert_eq!(project.read("made").lines().count(), 1, "{}: made once", remote.name);
    }
}

/// Each apply replaces the object and says in the target when it began and when it ended.
const CROWDED: &str = "variable \"run\" {\n  type = string\n}\nresource \"terraform_data\" \"a\" {\n  triggers_replace = var.run\n  provisioner \"local-exec\" {\n    command = \"echo begin ${var.run} >> log; sleep 0.02; echo end ${var.run} >> log\"\n  }\n}\noutput \"run\" {\n  value = var.run\n}\n";

/// So many processes at a time: as many as a small machine bears.
const BATCH: usize = 25;

/// Two hundred applies want one state, half of them ready to wait: what they did in the target never overlaps.
#[test]
fn two_hundred_applies_at_once_have_one_holder_at_any_time() {
    let file = Remote { name: "file", block: String::new(), environment: Vec::new() };
    for remote in remotes("crowd").into_iter().chain([file]) {
        let count = if matches!(remote.name, "file" | "pg") { 200 } else { 50 };
        let project = remote.project(CROWDED);
        remote.said(&project, &[("init", 0, &[])]);
        let mut finished = 0;
        for first in (0..count).step_by(BATCH) {
            finished += crowd(&remote, &project, first..first + BATCH);
        }
        let log = project.read("log");
        let said: Vec<(&str, &str)> = log.lines().filter_map(|line| line.split_once(' ')).collect();
        for pair in said.chunks(2) {
            let is_alone = matches!(pair, [("begin", one), ("end", other)] if one == other);
            assert!(is_alone, "{}: two at a time: {pair:?} in {log}", remote.name);
        }
        assert_eq!(said.len(), 2 * finished, "{}: who held the state did the work", remote.name);
        println!("{}: {finished} of {count} held the state, one at a time", remote.name);
        let last = said.last().map(|(_, run)| *run).unwrap();
        remote.said(&project, &[("output -raw run", 0, &[last]), ("lock show", 0, &["nobody holds it"])]);
    }
}

/// Starts a batch, every second one ready to wait; how many of them held the state.
fn crowd(remote: &Remote, project: &Project, runs: std::ops::Range<usize>) -> usize {
    let start = |run: usize| {
        let waits = run.is_multiple_of(2);
        let wait = if waits { " -lock-timeout=500s" } else { "" };
        let mut command = remote.command(project, &format!("apply -auto-approve -var run={run}{wait}"));
        // A lease that is overdue on a crowded machine is another test's.
        command.env("FORMWORK_LEASE_SECONDS", "60");
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        (command.stderr(std::process::Stdio::piped()).spawn().unwrap(), waits)
    };
    let children: Vec<_> = runs.map(start).collect();
    let mut finished = 0;
    for (child, waits) in children {
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_refused = !waits && error.contains("Error acquiring the state lock");
        assert!(output.status.success() || is_refused, "{}: {error}", remote.name);
        finished += usize::from(output.status.success());
    }
    finished
}

#[test]
fn outputs_are_read_from_a_remote_place() {
    for remote in remotes("outputs") {
        let project = remote.project(MAIN);
        remote.said(&project, &[("init", 0, &[]), ("apply -auto-approve", 0, &["1 added"])]);
        let inner = remote.block.replace("terraform {\n  backend ", "").replace(" {", "\n  config = {");
        let inner = inner.trim_end().trim_end_matches('}').trim_end();
        let reader = format!(
            "data \"terraform_remote_state\" \"other\" {{\n  backend = {inner}\n}}\noutput \"all\" {{\n  value = data.terraform_remote_state.other.outputs.region\n}}\n"
        );
        let other = project_of(&reader);
        remote.said(&other, &[("apply -auto-approve", 0, &["all = \"east\""])]);
    }
}

/// A run over HTTP that was killed is gone on with by the machine that has its journal, and that is said before.
#[test]
fn a_journal_on_this_machine_is_gone_on_with_here() {
    for remote in remotes("here").into_iter().filter(|remote| remote.name == "http") {
        let project = remote.project(SLOW);
        remote.said(&project, &[("init", 0, &[])]);
        let mut child = begin(&remote, &project, 3);
        child.kill().unwrap();
        child.wait().unwrap();
        let raw = remote.command(&project, "lock show").output().unwrap();
        let raw = String::from_utf8_lossy(&raw.stdout).into_owned();
        let id = raw.lines().find_map(|line| line.trim().strip_prefix("ID:")).unwrap().trim().to_owned();
        remote.said(
            &project,
            &[
                ("apply -auto-approve", 1, &["Error acquiring the state lock"]),
                (&format!("force-unlock -force {id}"), 0, &["successfully unlocked"]),
                ("apply -auto-approve", 0, &["Only this machine can recover", "Apply complete!"]),
                ("plan -detailed-exitcode", 0, &["No changes"]),
            ],
        );
        assert!((6..=7).contains(&project.read("made").lines().count()));
    }
}
