//! Restarts of a host: once for each reason, whatever becomes of who asked for it.

use crate::find;
use formwork_tests::Project;
use formwork_tests::{Hosts, assert_says};
use std::time::Duration;

const REBOOT: &str = r#"
variable "reason" {
  default = "first"
}
resource "host_reboot" "x" {
  host     = HOST
  name     = "kernel"
  before   = "echo drained >> /srv/drained; sleep 1"
  triggers = { reason = var.reason }
}
resource "host_command" "after" {
  host     = HOST
  name     = "after"
  command  = "cat /proc/sys/kernel/random/boot_id"
  triggers = { boot = host_reboot.x.boot_id }
}
output "boots" {
  value = replace("${host_reboot.x.boot_id} ${trimspace(host_command.after.output)}", "-", "")
}
"#;

/// Without its dashes: what looks like a UUID is hidden in what a test is shown.
fn boot(hosts: &Hosts) -> String {
    hosts.run(0, "cat /proc/sys/kernel/random/boot_id").trim().replace('-', "")
}

/// The boot that the host is in by what the apply gives, which is the one that what follows has seen.
fn told(project: &Project) -> String {
    let said = project.run("output -raw boots").ended("output", 0);
    let (one, other) = said.trim().split_once(' ').unwrap();
    assert_eq!(one, other, "what comes after a restart runs after it");
    one.to_owned()
}

#[test]
fn a_host_is_restarted_for_each_reason_once() {
    let Some(hosts) = find() else { return };
    let (bare, mut before) = (hosts.written(0), boot(&hosts));
    let project = hosts.one(&[], REBOOT);
    for (at, reason) in ["first", "second"].iter().enumerate() {
        let line = format!("apply -auto-approve -var reason={reason}");
        assert_says(&project.run(&line), 0, &["Apply complete!"]);
        let now = told(&project);
        assert_ne!(now, before, "{reason}");
        assert_eq!(now, boot(&hosts), "{reason}");
        assert_eq!(hosts.run(0, "cat /srv/drained").lines().count(), at + 1);
        let again = format!("plan -detailed-exitcode -var reason={reason}");
        assert_says(&project.run(&again), 0, &["No changes."]);
        before = now;
    }
    // Killed as it drains, and as the host goes down or comes up.
    for (at, delay_ms) in [400_u64, 2_200].iter().enumerate() {
        let line = format!("apply -auto-approve -var reason=kill-{at}");
        project.run_until_killed(&line, 1, Duration::from_millis(*delay_ms));
        assert_says(&project.run(&line), 0, &["Apply complete!"]);
        let now = told(&project);
        assert_ne!(now, before, "{delay_ms}");
        assert_eq!(now, boot(&hosts), "{delay_ms}");
        assert_eq!(hosts.run(0, "cat /srv/drained").lines().count(), at + 3, "{delay_ms}");
        before = now;
    }
    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    hosts.run(0, "rm /srv/drained");
    assert_eq!((hosts.written(0), boot(&hosts)), (bare, before));
}

#[test]
fn a_host_is_restarted_where_it_asks_for_it() {
    let Some(hosts) = find() else { return };
    let (bare, before) = (hosts.written(0), boot(&hosts));
    let block = "resource \"host_reboot\" \"x\" {\n  host             = HOST\n  name             = \"packages\"\n  only_if_required = true\n  before           = \"false\"\n}\n";
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_eq!(boot(&hosts), before, "nobody asked");
    hosts.run(0, "touch /run/reboot-required");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["1 to change"]);
    let refused =
        "what was to run before the restart packages ended with exit code 1, so the host was not restarted";
    assert_says(&project.run("apply -auto-approve"), 1, &[refused]);
    assert_eq!(boot(&hosts), before, "it could not be drained");
    let main = project.read("main.tf").replace("\"false\"", "\"true\"");
    project.write("main.tf", &main).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_ne!(boot(&hosts), before);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
}
