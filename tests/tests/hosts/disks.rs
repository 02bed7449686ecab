//! Disks: what is on one is shown before it is written over, and nothing is that nobody named.

use crate::find;
use formwork_tests::assert_says;
use std::process::Stdio;

/// The first host's disk.
#[expect(clippy::print_stdout, reason = "a test that did nothing says so")]
fn disk() -> Option<String> {
    let disks = std::env::var("FORMWORK_LAB_HOSTS_DISKS").unwrap_or_default();
    let disk = disks.split(' ').next().filter(|disk| !disk.is_empty()).map(str::to_owned);
    if disk.is_none() {
        println!("not run: this machine has no loop devices");
    }
    disk
}

const BLOCKS: &str = r#"
data "host_disk" "first" {
  host   = HOST
  device = "DISK"
}
resource "host_filesystem" "cache" {
  host   = HOST
  device = "DISK"
  type   = "ext4"
  label  = "cache"
  WIPE
}
resource "host_mount" "cache" {
  host    = HOST
  path    = "/var/cache/datasets"
  source  = host_filesystem.cache.device
  type    = host_filesystem.cache.type
  options = ["noatime"]
}
output "size" {
  value = data.host_disk.first.size_bytes
}
"#;

#[test]
fn a_disk_is_not_written_over_unless_it_is_said() {
    let Some(hosts) = find() else { return };
    let Some(disk) = disk() else { return };
    let bare = hosts.written(0);
    let blocks = |wipe: &str| BLOCKS.replace("DISK", &disk).replace("WIPE", wipe);
    hosts.run(0, &format!("wipefs -a {disk}; mkswap -U 11111111-2222-3333-4444-555555555555 {disk}"));
    let project = hosts.one(&[], &blocks(""));
    let parts = ["holds swap [UUID]", "it is not written over", "0.4 GB", "wipe"];
    assert_says(&project.run("plan"), 1, &parts);
    assert!(hosts.run(0, &format!("blkid -p {disk}")).contains("TYPE=\"swap\""));

    let array = "resource \"host_raid\" \"cache\" {\n  host    = HOST\n  name    = \"cache\"\n  level   = 1\n  devices = [DISK, DISK]\n  WIPE\n}\n";
    let array =
        |wipe: &str| hosts.one(&[], &array.replace("DISK", &format!("{disk:?}")).replace("WIPE", wipe));
    assert_says(&array("").run("plan"), 1, &["holds swap [UUID]", "it is not written over", "wipe"]);
    assert_says(&array("wipe = [\"swap\"]").run("plan"), 0, &["1 to add"]);

    let named = "wipe = [\"11111111-2222-3333-4444-555555555555\"]";
    let project = hosts.one(&[], &blocks(named));
    let plan = project.run("plan -out=p");
    assert_says(&plan, 0, &["found      = \"swap [UUID]\"", "size_bytes = 419430400"]);
    // What is there by the time of the apply is what counts.
    hosts.run(0, &format!("wipefs -a -q {disk}; mkfs.ext4 -q -F {disk}"));
    assert_says(&project.run("apply p"), 1, &["holds ext4", "it is not written over"]);
    hosts.run(
        0,
        &format!("wipefs -a -q {disk}; mkswap -U 11111111-2222-3333-4444-555555555555 {disk} > /dev/null"),
    );
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added"]);
    assert!(hosts.run(0, "findmnt -n -o FSTYPE,OPTIONS /var/cache/datasets").starts_with("ext4"));
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    let id = hosts.run(0, &format!("blkid -p -s UUID -o value {disk}"));
    assert!(project.read("terraform.tfstate").contains(id.trim()));

    // Another file system in its place is another object.
    hosts.run(0, &format!("systemctl stop var-cache-datasets.mount; mkfs.ext4 -q -F {disk}; systemctl start var-cache-datasets.mount"));
    assert_says(&project.run("plan -detailed-exitcode"), 1, &["holds ext4", "it is not written over"]);
    hosts.run(0, &format!("systemctl stop var-cache-datasets.mount; mkfs.ext4 -q -F -U {} {disk}; systemctl start var-cache-datasets.mount", id.trim()));
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);

    assert_says(&project.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    assert_eq!(hosts.run(0, &format!("wipefs {disk}")), "", "the disk is bare");
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn a_file_system_whose_making_was_cut_off_is_made_all_the_same() {
    let Some(hosts) = find() else { return };
    let Some(disk) = disk() else { return };
    let bare = hosts.written(0);
    hosts.run(0, &format!("wipefs -a {disk}"));
    for kind in ["ext4", "xfs", "btrfs"] {
        let made = format!("mkfs.{kind}");
        if hosts.run(0, &format!("command -v {made} || echo none")) == "none\n" {
            continue;
        }
        // All of it is made, and then comes this.
        let then = |lines: &str| {
            let program = format!(
                "p=$(command -v {made}); printf '#!/bin/bash\\nrm -f \"$0\"\\n%s \"$@\"\\n{lines}\\n' \"$p\" > /usr/local/sbin/{made}; chmod +x /usr/local/sbin/{made}"
            );
            hosts.run(0, &program)
        };
        let block = format!(
            "resource \"host_filesystem\" \"cache\" {{\n  host   = HOST\n  device = {disk:?}\n  type   = {kind:?}\n}}\n"
        );
        let project = hosts.one(&[], &block);
        // Who began it is killed, there and here; and then there alone.
        then("touch /run/made; sleep 60");
        let mut killed = project.command("apply -auto-approve").stdout(Stdio::null()).spawn().unwrap();
        hosts.run(0, "until [ -e /run/made ]; do sleep 0.1; done; rm /run/made");
        killed.kill().unwrap();
        killed.wait().unwrap();
        hosts.run(0, "pkill -KILL -f '[s]h -s'; pkill -KILL -f '[m]kfs'");
        assert!(hosts.run(0, &format!("wipefs {disk}")).contains(kind));
        then("pkill -KILL -x sh");
        assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
        assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
        assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
        assert_eq!(hosts.run(0, &format!("wipefs {disk}")), "", "the disk is bare");
        assert_eq!(hosts.written(0), bare);
    }
}
