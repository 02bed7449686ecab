//! Commands of one's own: run once, whatever becomes of the connection and of whoever began them.

use crate::find;
use formwork_tests::assert_says;
use std::process::Stdio;

/// A command that leaves a line in a file each time it runs, and what takes that back.
const COMMAND: &str = r#"
resource "host_command" "x" {
  host        = HOST
  name        = "count things"
  command     = "echo run $WHO in $(pwd); echo run >> /srv/runs; sleep PAUSE"
  directory   = "/srv"
  environment = { WHO = "it's me" }
  undo        = "rm /srv/runs"
}
"#;

#[test]
fn a_command_runs_once_and_again_when_it_changes() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = COMMAND.replace("PAUSE", "0");
    let output = "output \"said\" {\n  value = host_command.x.output\n}\n";
    let project = hosts.one(&[], &format!("{block}{output}"));
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added", "run it's me in /srv"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    let write = |block: &str| {
        let block = block.replace("HOST", &format!("{{ address = {:?} }}", hosts.addresses[0]));
        project.write("main.tf", &format!("{}{block}", hosts.provider(&[]))).unwrap();
    };
    write(&block.replace("it's me", "another"));
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_eq!(hosts.run(0, "cat /srv/runs"), "run\nrun\n");
    // Another way back is no reason to run it.
    write(&block.replace("it's me", "another").replace("rm /srv", "echo going; rm -f /srv"));
    assert_says(&project.run("apply -auto-approve"), 0, &["1 changed"]);
    assert_eq!(hosts.run(0, "cat /srv/runs"), "run\nrun\n");
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn a_command_is_run_where_what_it_is_for_is_not_there() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let block = COMMAND.replace("PAUSE", "0");
    for (guard, is_kept) in [
        ("creates = \"/srv/runs\"", true),
        ("unless = \"grep -q run /srv/runs\"", true),
        ("unless = \"false\"", false),
    ] {
        let project = hosts.one(&[], &block.replace("  undo ", &format!("  {guard}\n  undo ")));
        if !is_kept {
            assert_says(
                &project.run("apply -auto-approve"),
                1,
                &["ended well, but what `unless` or `creates` looks for is not there"],
            );
            hosts.run(0, "rm /srv/runs");
            assert_eq!(hosts.written(0), bare);
            continue;
        }
        hosts.run(0, "echo run > /srv/runs");
        assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
        assert_eq!(hosts.run(0, "cat /srv/runs"), "run\n", "there was nothing to do");
        hosts.run(0, "rm /srv/runs");
        assert_says(&project.run("plan -detailed-exitcode"), 2, &["1 to add"]);
        assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
        assert_eq!(hosts.run(0, "cat /srv/runs"), "run\n");
        assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
        assert_eq!(hosts.written(0), bare);
    }
}

#[test]
fn a_command_goes_on_whatever_becomes_of_who_began_it() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let project = hosts.one(&[], &COMMAND.replace("PAUSE", "6"));
    let mut killed =
        project.command("apply -auto-approve").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    hosts.run(0, "until [ -e /srv/runs ]; do sleep 0.1; done");
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_eq!(hosts.run(0, "cat /srv/runs"), "run\n", "it was found, not run again");
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);

    let running = project.command("apply -auto-approve").stdout(Stdio::piped()).spawn().unwrap();
    hosts.run(0, "until [ -e /srv/runs ]; do sleep 0.1; done; pkill -KILL -f 'sshd: [a]dmin'");
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 added"), "{said}");
    assert_eq!(hosts.run(0, "cat /srv/runs"), "run\n", "a cut connection is none of its business");
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn a_command_that_fails_says_what_it_said() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let failing = "resource \"host_command\" \"x\" {\n  host = HOST\n  name = \"x\"\n  command = <<-END\n    echo no GPU here\n    exit 7\n  END\n}\n";
    let project = hosts.one(&[], failing);
    assert_says(
        &project.run("apply -auto-approve"),
        1,
        &["the command x ended with exit code 7", "no GPU here"],
    );
    assert_eq!(hosts.written(0), bare);
    let ended = hosts.one(&[], &failing.replace("exit 7", "sleep 30"));
    let running =
        ended.command("apply -auto-approve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    hosts.run(0, "until systemctl list-units --no-legend 'formwork-*' | grep -q running; do sleep 0.1; done; sleep 1; systemctl kill -s KILL 'formwork-*'");
    let output = running.wait_with_output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("it was cut off"), "{said}");
    assert_eq!(hosts.written(0), bare);
    let secret = r#"
variable "token" {
  ephemeral = true
}
resource "host_command" "x" {
  host           = HOST
  name           = "login"
  command        = "printf %s \"$TOKEN\" | wc -c"
  environment_wo = { TOKEN = var.token }
}
output "said" {
  value = host_command.x.output
}
"#;
    let project = hosts.one(&[], secret);
    assert_says(&project.run("apply -auto-approve -var token=hunter2hunter2"), 0, &["said = \"14\""]);
    assert!(!project.read("terraform.tfstate").contains("hunter2"));
    assert_eq!(hosts.run(0, "grep -rl hunter2 /var/lib/formwork /run /etc 2>/dev/null || true"), "");
    assert_says(&project.run("destroy -auto-approve -var token=x"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
}
