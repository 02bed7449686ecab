//! The program is killed while a cluster comes about, and the link to a host is cut: what follows goes on.

use crate::membership::with_nodes;
use crate::one_node::{one, prepare, unprepare};
use crate::{find, is_full, kubectl};
use formwork_tests::{Hosts, Project, assert_says, project};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

/// The phases of a first node, as the journal has them.
const PHASES: [&str; 13] = [
    "tools",
    "preflight",
    "certs",
    "kubeconfig",
    "etcd",
    "control-plane",
    "kubelet-start",
    "wait-control-plane",
    "upload-config",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "end",
];

/// How often each phase was begun on a host, by the units that it ran as.
fn begun(hosts: &Hosts, host: usize, since: &str) -> BTreeMap<String, usize> {
    let script = format!(
        "journalctl --no-pager -o cat --since '{since}' | grep -o 'Started formwork-[0-9a-f]*-[a-z-]*[.]service' || true"
    );
    let mut counts = BTreeMap::new();
    for line in hosts.run(host, &script).lines() {
        let unit = line.trim_start_matches("Started formwork-").trim_end_matches(".service");
        *counts.entry(unit.split_once('-').map_or("", |(_, phase)| phase).to_owned()).or_default() += 1;
    }
    counts
}

/// Runs an apply and kills it with -9 as soon as the journal says that this phase is next; whether it was killed.
fn killed_at(project: &Project, phase: &str) -> bool {
    let mut command = project.command("apply -auto-approve");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let sign = format!("\"phase\":\"{phase}\"");
    loop {
        let journal = journal(project);
        if journal.contains(&sign) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What the journal holds now.
fn journal(project: &Project) -> String {
    let entries = std::fs::read_dir(project.path()).into_iter().flatten().flatten();
    let journals = entries.filter(|one| one.file_name().to_string_lossy().contains(".journal"));
    let texts = journals.filter_map(|one| std::fs::read(one.path()).ok());
    texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

fn now(hosts: &Hosts) -> String {
    hosts.run(0, "sleep 1; date '+%Y-%m-%d %H:%M:%S'").trim().to_owned()
}

#[test]
fn it_goes_on_after_a_kill_at_every_boundary() {
    let Some(hosts) = find() else { return };
    prepare(&hosts, 0);
    let since = now(&hosts);
    let project = one(&hosts, "");
    let killed: Vec<&str> = PHASES.into_iter().filter(|phase| killed_at(&project, phase)).collect();
    assert_says(&project.run("apply -auto-approve"), 0, &["Apply complete!"]);
    assert_eq!(killed, PHASES, "killed at each boundary");
    let counts = begun(&hosts, 0, &since);
    println!("{} kills at boundaries; phases begun: {counts:?}", killed.len());
    for phase in PHASES.iter().filter(|phase| **phase != "end") {
        assert_eq!(counts.get(*phase), Some(&1), "{phase} ran once: {counts:?}");
    }
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    unprepare(&hosts, 0);
}

/// In the long run three hosts become a cluster; in the short one, one does.
#[test]
fn it_goes_on_after_kills_at_any_instant() {
    let Some(hosts) = find() else { return };
    let (wanted, count) = if is_full() { (30, 3) } else { (3, 1) };
    let nodes = [("b", 1, "control-plane"), ("c", 2, "worker")];
    for host in 0..count {
        prepare(&hosts, host);
    }
    let (mut kills, mut round) = (0, 0_u64);
    while kills < wanted {
        let since = now(&hosts);
        let project = project().file("main.tf", &with_nodes(&hosts, &nodes[..count - 1])).build();
        loop {
            round += 1;
            // From 0.1 to 4 seconds, spread over the rounds.
            let pause = Duration::from_millis(100 + (round * 7919) % 3900);
            let output = project.path().join("output");
            let mut command = project.command("apply -auto-approve -no-color");
            command.stdin(Stdio::null()).stdout(File::create(&output).unwrap());
            let mut child =
                command.stderr(File::options().append(true).open(&output).unwrap()).spawn().unwrap();
            std::thread::sleep(pause);
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "nothing fails of itself: {}", project.read("output"));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        for host in 0..count {
            let counts = begun(&hosts, host, &since);
            assert!(counts.values().all(|count| *count == 1), "each phase ran once on {host}: {counts:?}");
            assert_eq!(counts.len(), if host == 0 { PHASES.len() - 1 } else { 2 }, "{host}: {counts:?}");
        }
        let known = kubectl(&hosts, "get nodes --no-headers");
        assert_eq!(known.lines().count(), count, "{known}");
        assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
        assert_says(&project.run("destroy -auto-approve"), 0, &[&format!("{count} destroyed")]);
    }
    println!("{kills} kills at random instants in {round} runs on {count} hosts, nothing done twice");
    for host in 0..count {
        unprepare(&hosts, host);
    }
}

#[test]
fn it_goes_on_when_the_link_was_cut() {
    let Some(hosts) = find() else { return };
    prepare(&hosts, 0);
    let since = now(&hosts);
    let project = one(&hosts, "");
    let mut command = project.command("apply -auto-approve -no-color");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = String::new();
    let mut is_cut = false;
    for line in lines.map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("kubeadm_cluster.one: Creating") && !is_cut {
            is_cut = true;
            std::thread::sleep(Duration::from_secs(5));
            cut(&hosts, "down");
            std::thread::sleep(Duration::from_secs(15));
            cut(&hosts, "up");
        }
    }
    let status = child.wait().unwrap();
    assert!(is_cut && status.success(), "{said}");
    let counts = begun(&hosts, 0, &since);
    assert!(counts.len() == PHASES.len() - 1 && counts.values().all(|count| *count == 1), "{counts:?}");
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    unprepare(&hosts, 0);
}

/// Takes the first host's link down, or up.
fn cut(hosts: &Hosts, state: &str) {
    let output =
        std::process::Command::new("ip").args(["-o", "link", "show", "type", "veth"]).output().unwrap();
    let links = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = lab_name(hosts);
    let link = links
        .lines()
        .filter_map(|line| line.split(": ").nth(1)?.split('@').next())
        .find(|link| *link == format!("{name}v1"))
        .unwrap();
    let status = std::process::Command::new("ip").args(["link", "set", link, state]).status().unwrap();
    assert!(status.success());
}

/// What the lab's links begin with: the bridge that its network is on.
fn lab_name(hosts: &Hosts) -> String {
    let gateway = hosts.addresses[0].rsplit_once('.').unwrap().0.to_owned() + ".1/";
    let output = std::process::Command::new("ip").args(["-4", "-o", "addr"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains(&gateway)).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}
