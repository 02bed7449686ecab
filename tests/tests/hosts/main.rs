//! Hosts behind SSH through the real program. The outsider is the lab: what a host has written is the upper layer of
//! its overlay, and what it was asked is in the log of its SSH server.
#![expect(clippy::unwrap_used, reason = "a test ends where it must")]

mod commands;
mod disks;
mod dnf;
mod gpu_host;
mod kinds;
mod provisioners;
mod reboots;
mod units;

use formwork_tests::{Hosts, Project, assert_says, project};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What goes wrong: its name, changed settings, a block, what is said.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, String, Vec<&'a str>);

/// Objects that the configuration below has on each host.
const OBJECTS: usize = 12;

/// The hosts of this lab.
fn find() -> Option<Hosts> {
    Hosts::find("hosts")
}

/// Twelve objects on each host of `MAP`.
const EVERYTHING: &str = r#"
locals {
  hosts = {
MAP  }
}
resource "host_directory" "app" {
  for_each = local.hosts
  host     = each.value
  path     = "/srv/app"
  mode     = "0750"
}
resource "host_file" "settings" {
  for_each = local.hosts
  host     = each.value
  path     = "${host_directory.app[each.key].path}/it's $(here).conf"
  template = "name = {{name}}\n"
  values   = { name = each.key }
}
resource "host_file" "motd" {
  for_each = local.hosts
  host     = each.value
  path     = "/etc/motd"
  content  = "ours\n"
}
resource "host_unit" "sleeper" {
  for_each = local.hosts
  host     = each.value
  name     = "sleeper.service"
  content  = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
}
resource "host_service" "clean" {
  for_each = local.hosts
  host     = each.value
  name     = "systemd-tmpfiles-clean.timer"
  active   = false
}
resource "host_package" "tool" {
  for_each = local.hosts
  host     = each.value
  name     = "formwork-lab-tool"
  version  = "1.0"
  hold     = true
}
resource "host_group" "trainers" {
  for_each = local.hosts
  host     = each.value
  name     = "trainers"
  gid      = 4200
}
resource "host_user" "ada" {
  for_each = local.hosts
  host     = each.value
  name     = "ada"
  groups   = [host_group.trainers[each.key].name]
}
resource "host_sysctl" "forwarding" {
  for_each = local.hosts
  host     = each.value
  name     = "net.ipv4.ip_forward"
  value    = "1"
}
resource "host_kernel_module" "overlay" {
  for_each = local.hosts
  host     = each.value
  name     = "overlay"
}
resource "host_command" "index" {
  for_each = local.hosts
  host     = each.value
  name     = "index"
  command  = "echo ${each.key} > /srv/index"
  creates  = "/srv/index"
  undo     = "rm -f /srv/index"
}
resource "host_hosts_entry" "api" {
  for_each = local.hosts
  host     = each.value
  name     = "api.internal"
  ip       = "10.0.0.100"
  aliases  = ["api"]
}
"#;

fn everything(hosts: &Hosts) -> Project {
    let lines = hosts.addresses.iter().enumerate();
    let lines: Vec<String> =
        lines.map(|(at, one)| format!("    h{at} = {{ address = {one:?} }}\n")).collect();
    let text = EVERYTHING.replace("MAP", &lines.concat());
    project().file("main.tf", &format!("{}{text}", hosts.provider(&[]))).build()
}

#[test]
fn hosts_go_from_bare_to_what_is_said_and_back() {
    let Some(hosts) = find() else { return };
    let all = 0..hosts.addresses.len();
    let bare: Vec<_> = all.clone().map(|host| hosts.written(host)).collect();
    let state = |host| {
        hosts.run(
            host,
            "cat /proc/sys/net/ipv4/ip_forward; dpkg-query -W; systemctl is-active systemd-tmpfiles-clean.timer || true",
        )
    };
    let before: Vec<String> = all.clone().map(state).collect();
    let project = everything(&hosts);
    let count = OBJECTS * hosts.addresses.len();

    let begun = Instant::now();
    assert_says(&project.run("apply -auto-approve"), 0, &[&format!("{count} added, 0 changed, 0 destroyed")]);
    println!("{count} objects on {} hosts in {:.1} s", hosts.addresses.len(), begun.elapsed().as_secs_f64());
    for host in all.clone() {
        let said = hosts.run(
            host,
            "cat /etc/motd \"/srv/app/it's \\$(here).conf\"; stat -c %a /srv/app; systemctl is-active sleeper; systemctl is-enabled sleeper; \
             dpkg-query -W -f '${Version} ${db:Status-Want}\\n' formwork-lab-tool; id -nG ada; cat /proc/sys/net/ipv4/ip_forward; \
             systemctl is-active systemd-tmpfiles-clean.timer || true; getent hosts api.internal",
        );
        let lines: Vec<&str> = said.lines().collect();
        let name = format!("name = h{host}");
        let expected =
            ["ours", &name, "750", "active", "enabled", "1.0 hold", "ada trainers", "1", "inactive"];
        assert_eq!(lines[..expected.len()], expected);
        assert!(lines[expected.len()].starts_with("10.0.0.100"), "{said}");
    }

    let logged: Vec<_> = all.clone().map(|host| hosts.log(host)).collect();
    let begun = Instant::now();
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    println!("a plan without changes in {:.1} s", begun.elapsed().as_secs_f64());
    for host in all.clone() {
        let (connections, commands) = hosts.log(host);
        let asked = (connections - logged[host].0, commands - logged[host].1);
        assert_eq!(asked.0, 1, "one connection a host");
        assert!(asked.1 <= 2, "{} commands for {OBJECTS} objects", asked.1);
        println!("host {host}: 1 connection, {} commands", asked.1);
    }

    hosts.run(0, "echo theirs > /etc/motd; systemctl stop sleeper; usermod -s /bin/sh ada; userdel -r ada 2>/dev/null; sed -i /api.internal/d /etc/hosts");
    let drift = project.run("plan -detailed-exitcode");
    assert_says(&drift, 2, &["theirs", "2 to add, 2 to change, 0 to destroy"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added, 2 changed, 0 destroyed"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &[]);

    assert_says(&project.run("destroy -auto-approve"), 0, &[&format!("{count} destroyed")]);
    for host in all {
        assert_eq!(hosts.written(host), bare[host], "host {host} is as bare as before");
        assert_eq!(state(host), before[host]);
    }
}

#[test]
fn the_hosts_of_an_inventory_are_hosts() {
    let Some(hosts) = find() else { return };
    let bare: Vec<_> = (0..2).map(|host| hosts.written(host)).collect();
    let block = r#"
data "host_inventory" "all" {
  path = "hosts.ini"
}
resource "host_file" "x" {
  for_each = toset(data.host_inventory.all.groups["gpu"])
  host     = data.host_inventory.all.hosts[each.key].host
  path     = "/etc/rack"
  content  = data.host_inventory.all.hosts[each.key].variables.rack
}
"#;
    let project = hosts.one(&[], block);
    let line =
        |name: &str, host: usize| format!("{name} ansible_host={} ansible_port=22\n", hosts.addresses[host]);
    let inventory = format!("[gpu]\n{}{}[gpu:vars]\nrack=r1\n", line("a", 0), line("b", 1));
    project.write("hosts.ini", &inventory).unwrap();
    std::fs::create_dir(project.path().join("host_vars")).unwrap();
    project.write("host_vars/b.yml", "rack: r2\n").unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added"]);
    assert_eq!(
        (hosts.run(0, "cat /etc/rack"), hosts.run(1, "cat /etc/rack")),
        ("r1".to_owned(), "r2".to_owned())
    );
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    project.write("hosts.ini", &inventory.replace(&line("b", 1), "")).unwrap();
    assert_says(&project.run("apply -auto-approve"), 0, &["0 added, 0 changed, 1 destroyed"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    for (host, bare) in bare.iter().enumerate() {
        assert_eq!(hosts.written(host), *bare);
    }
}

#[test]
fn a_host_is_reached_through_another() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(1);
    let file = format!(
        "resource \"host_file\" \"x\" {{\n  host = {{ address = {:?} }}\n  path = \"/etc/x\"\n  content = join(\"\", [for n in range(1000) : \"${{n}}${{join(\"\", [for m in range(200) : \"x\"])}}\\n\"])\n}}\n",
        hosts.addresses[1]
    );
    let through = format!("{{ address = {:?} }}", hosts.addresses[0]);
    let project = hosts.one(&[("bastion", &through)], &file);
    let came =
        "journalctl -u ssh -o cat --no-pager | grep -c 'Accepted publickey for admin from FIRST' || true"
            .replace("FIRST", &hosts.addresses[0]);
    let before = hosts.run(1, &came);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_eq!(hosts.run(1, "wc -l < /etc/x").trim(), "1000");
    let after = hosts.run(1, &came);
    let count = |text: &str| text.trim().parse::<usize>().unwrap();
    assert_eq!(count(&after), count(&before) + 1, "from the bastion");
    hosts.run(1, "echo theirs >> /etc/x");
    assert_says(&project.run("plan -detailed-exitcode"), 2, &["1 to change"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(hosts.written(1), bare);

    for (bastion, words) in [
        (
            "{ address = FIRST, user = \"nobody\" }",
            "the bastion nobody@FIRST: it does not let the account nobody in",
        ),
        (
            "{ address = FIRST, host_key = OTHER }",
            "the bastion admin@FIRST: the host key is not the one that is known",
        ),
    ] {
        let other = format!("{:?}", std::fs::read_to_string(hosts.folder.join("other.pub")).unwrap());
        let bastion = bastion.replace("OTHER", &other).replace("FIRST", &format!("{:?}", hosts.addresses[0]));
        let project = hosts.one(&[("bastion", &bastion)], &file);
        assert_says(&project.run("apply -auto-approve"), 1, &[&words.replace("FIRST", &hosts.addresses[0])]);
    }
    let nowhere = hosts.one(&[("bastion", &through)], &file.replace(&hosts.addresses[1], "127.0.0.99"));
    let known = std::fs::read_to_string(hosts.folder.join("known_hosts")).unwrap();
    assert!(!known.is_empty());
    assert_says(&nowhere.run("import host_file.x 127.0.0.99:1,/etc/x"), 1, &["does not reach it"]);
    assert_eq!(hosts.written(1), bare);
}

#[test]
fn what_stands_is_imported_and_then_as_planned() {
    let Some(hosts) = find() else { return };
    let address = &hosts.addresses[0];
    let bare = hosts.written(0);
    let block = r#"
resource "host_file" "name" {
  host    = HOST
  path    = "/etc/issue.net"
  content = "CONTENT"
}
resource "host_service" "ssh" {
  host    = HOST
  name    = "ssh.service"
  enabled = true
  active  = true
}
"#;
    let content = hosts.run(0, "cat /etc/issue.net").replace('\n', "\\n");
    let project = hosts.one(&[], &block.replace("CONTENT", &content));
    assert_says(&project.run(&format!("import host_file.name {address},/etc/issue.net")), 0, &[]);
    assert_says(&project.run(&format!("import host_service.ssh {address},ssh.service")), 0, &[]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run(&format!("import host_service.ssh {address}")), 1, &[]);
    assert_eq!(hosts.written(0), bare, "an import changes nothing");
}

#[test]
fn a_secret_is_nowhere_but_in_its_file() {
    let Some(hosts) = find() else { return };
    let block = r#"
variable "token" {
  ephemeral = true
}
resource "host_file" "token" {
  host               = HOST
  path               = "/etc/token"
  mode               = "0600"
  content_wo         = var.token
  content_wo_version = 1
}
"#;
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve -var token=hunter2hunter2"), 0, &["1 added"]);
    assert_eq!(hosts.run(0, "cat /etc/token"), "hunter2hunter2");
    assert!(!project.read("terraform.tfstate").contains("hunter2"));
    assert_says(&project.run("plan -detailed-exitcode -var token=other"), 0, &["No changes."]);
    hosts.run(0, "echo theirs > /etc/token");
    let drift = project.run("plan -detailed-exitcode -var token=hunter2hunter2");
    assert_says(&drift, 2, &["1 to change"]);
    assert!(!drift.out.contains("theirs"), "{}", drift.out);
    assert_says(&project.run("destroy -auto-approve -var token=x"), 0, &["1 destroyed"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of what may go wrong")]
fn bad_luck_is_told_and_leaves_the_host_as_it_was() {
    let Some(hosts) = find() else { return };
    hosts.run(0, "mkdir -p /run/ro /run/small; mount -t tmpfs -o ro tmpfs /run/ro; mount -t tmpfs -o size=16k tmpfs /run/small");
    let bare = hosts.written(0);
    let other = std::fs::read_to_string(hosts.folder.join("other.pub")).unwrap();
    let quoted = |path: &str| format!("{:?}", hosts.folder.join(path).display().to_string());
    let (wrong_key, missing) = (quoted("other"), quoted("missing"));
    let file = |path: &str, content: &str| {
        format!(
            "resource \"host_file\" \"x\" {{\n  host = HOST\n  path = {path:?}\n  content = {content}\n}}\n"
        )
    };
    let plain = file("/etc/x", "\"x\"");
    let unit = r#"resource "host_unit" "x" {
  host    = HOST
  name    = "failing.service"
  content = "[Service]\nExecStart=/bin/sh -c 'echo no GPU here; exit 7'\n"
}
"#;
    let pinned =
        plain.replace("HOST", &format!("{{ address = {:?}, host_key = {other:?} }}", hosts.addresses[0]));
    let table: Vec<Case<'_>> = vec![
        (
            "wrong key",
            vec![("private_key_file", &wrong_key)],
            plain.clone(),
            vec!["it does not let the account admin in"],
        ),
        ("changed host key", vec![], pinned, vec!["the host key is not the one that is known"]),
        (
            "unknown host key",
            vec![("known_hosts_file", "\"/dev/null\"")],
            plain.clone(),
            vec!["the host key is not known", "SHA256:"],
        ),
        ("no file of host keys", vec![("known_hosts_file", &missing)], plain.clone(), vec!["cannot be read"]),
        (
            "no sudo",
            vec![("user", "\"plain\"")],
            plain.clone(),
            vec!["sudo does not make this account root", "become_password"],
        ),
        (
            "not root",
            vec![("become", "false")],
            plain.clone(),
            vec!["Permission denied", "Set become = true"],
        ),
        ("read-only", vec![], file("/run/ro/x", "\"x\""), vec!["Read-only file system"]),
        (
            "full",
            vec![],
            file(
                "/run/small/x",
                "join(\"\", [for a in range(200) : join(\"\", [for b in range(200) : \"x\"])])",
            ),
            vec!["No space left on device"],
        ),
        (
            "no folder",
            vec![],
            file("/nonesuch/x", "\"x\""),
            vec!["the folder of /nonesuch/x is not there", "host_directory"],
        ),
        ("a folder there", vec![], file("/etc", "\"x\""), vec!["/etc is a directory"]),
        ("unit fails", vec![], unit.to_owned(), vec!["did not stay active", "no GPU here"]),
        (
            "no package",
            vec![],
            "resource \"host_package\" \"x\" {\n  host = HOST\n  name = \"nonesuch\"\n}\n".to_owned(),
            vec!["Unable to locate package nonesuch"],
        ),
    ];
    for (name, settings, block, words) in table {
        println!("{name}");
        let project = hosts.one(&settings, &block);
        assert_says(&project.run("apply -auto-approve"), 1, &words);
        assert_eq!(hosts.written(0), bare, "{name}: the host is as it was");
    }
    hosts.run(0, "umount /run/ro /run/small; rmdir /run/ro /run/small");
}

#[test]
fn a_key_that_was_believed_once_stays_the_only_one() {
    let Some(hosts) = find() else { return };
    let block = "resource \"host_file\" \"x\" {\n  host = HOST\n  path = \"/etc/x\"\n  content = \"x\"\n}\n";
    let trusting = [("trust_on_first_use", "true"), ("known_hosts_file", "\"/dev/null\"")];
    let project = hosts.one(&trusting, block);
    assert_says(&project.run("validate"), 0, &["Host keys are believed at first use"]);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    assert_says(&project.run("plan -detailed-exitcode"), 0, &[]);
    let key = Path::new(&hosts.folder).join("host-1").join("root").join("etc/ssh/ssh_host_ed25519_key");
    let (own, public) = (std::fs::read(&key).unwrap(), std::fs::read(key.with_extension("pub")).unwrap());
    hosts.run(0, "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh");
    let refused = project.run("plan");
    std::fs::write(&key, own).unwrap();
    std::fs::write(key.with_extension("pub"), public).unwrap();
    hosts.run(0, "systemctl restart ssh");
    assert_says(&refused, 1, &["the host key is not the one that is known"]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
}

#[test]
fn a_certificate_lets_in_where_its_authority_is_believed() {
    let Some(hosts) = find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let keygen = |words: &[&str]| {
        let output = Command::new("ssh-keygen").args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &path("ca")]);
    let authority = std::fs::read_to_string(path("ca.pub")).unwrap();
    let begin = format!(
        "echo '{}' > /etc/ssh/ca.pub; echo 'TrustedUserCAKeys /etc/ssh/ca.pub' > /etc/ssh/sshd_config.d/ca.conf; systemctl reload ssh",
        authority.trim()
    );
    hosts.run(0, &begin);
    let block = "data \"host_facts\" \"x\" {\n  host = HOST\n}\noutput \"os\" {\n  value = data.host_facts.x.os_id\n}\n";
    for kind in ["ecdsa", "rsa"] {
        let (key, quoted) = (path(kind), format!("{:?}", path(kind)));
        keygen(&["-q", "-t", kind, "-N", "", "-f", &key]);
        let alone = hosts.one(&[("private_key_file", &quoted)], block);
        assert_says(&alone.run("plan"), 1, &["it does not let the account admin in"]);
        for (principal, code, words) in
            [("admin", 0, "os = \"debian\""), ("other", 1, "with its certificate: ")]
        {
            keygen(&[
                "-q",
                "-s",
                &path("ca"),
                "-I",
                "lab",
                "-n",
                principal,
                "-V",
                "+1h",
                &format!("{key}.pub"),
            ]);
            let certificate = format!("{:?}", format!("{key}-cert.pub"));
            let settings = [("private_key_file", quoted.as_str()), ("certificate_file", &certificate)];
            assert_says(&hosts.one(&settings, block).run("plan"), code, &[words]);
        }
    }
    hosts.run(0, "rm /etc/ssh/ca.pub /etc/ssh/sshd_config.d/ca.conf; systemctl reload ssh");
}

#[test]
fn sudo_may_ask_for_a_password() {
    let Some(hosts) = find() else { return };
    let password = format!("{:?}", std::env::var("FORMWORK_LAB_HOSTS_PASSWORD").unwrap());
    let block = "data \"host_facts\" \"x\" {\n  host = HOST\n}\noutput \"os\" {\n  value = data.host_facts.x.os_id\n}\n";
    for (user, password, code, words) in [
        ("\"typist\"", password.as_str(), 0, "os = \"debian\""),
        ("\"admin\"", "\"touch /etc/owned\"", 0, "os = \"debian\""),
        ("\"typist\"", "\"wrong\"", 1, "sudo does not make this account root"),
    ] {
        let project = hosts.one(&[("user", user), ("become_password", password)], block);
        assert_says(&project.run("apply -auto-approve"), code, &[words]);
    }
    assert_eq!(hosts.run(0, "ls /etc/owned 2>/dev/null || echo none"), "none\n");
}
