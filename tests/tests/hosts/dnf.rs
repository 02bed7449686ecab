//! Packages by dnf, on a host whose system says that it is one of Red Hat's family.

use crate::find;
use formwork_tests::{Hosts, assert_says};
use std::collections::BTreeMap;

const ROCKY: &str = "NAME=\"Rocky Linux\"\\nVERSION=\"9.6 (Blue Onyx)\"\\nID=\"rocky\"\\nID_LIKE=\"rhel centos fedora\"\\nVERSION_ID=\"9.6\"\\n";

/// The first host, as long as it says that it is another system.
struct Rocky<'a>(&'a Hosts);

impl<'a> Rocky<'a> {
    fn on(hosts: &'a Hosts) -> Self {
        let script =
            format!("mkdir -p /etc/yum.repos.d; rm /etc/os-release; printf '{ROCKY}' > /etc/os-release");
        hosts.run(0, &script);
        Self(hosts)
    }

    /// What the host has written, but for dnf's and rpm's own databases: Debian's rpm keeps its at home.
    fn written(&self) -> BTreeMap<String, String> {
        let mut written = self.0.written(0);
        written.retain(|name, _| !name.starts_with("root/.rpmdb") && !name.starts_with("var/lib/dnf"));
        written
    }
}

impl Drop for Rocky<'_> {
    fn drop(&mut self) {
        self.0.run(0, "ln -sfn ../usr/lib/os-release /etc/os-release; rm -rf /etc/yum.repos.d");
    }
}

#[test]
fn packages_come_by_dnf_are_held_and_go() {
    let Some(hosts) = find() else { return };
    let rocky = Rocky::on(&hosts);
    let bare = rocky.written();
    let state = || hosts.run(0, "rpm -qa | sort; cat /etc/dnf/plugins/versionlock.list");
    let before = state();
    let blocks = |version: &str| {
        format!(
            r#"
data "host_facts" "system" {{
  host = HOST
}}
resource "host_file" "repository" {{
  host    = HOST
  path    = "/etc/yum.repos.d/lab.repo"
  content = "[lab]\nname=lab\nbaseurl=file:///srv/rpm\ngpgcheck=0\n"
}}
resource "host_package" "tool" {{
  host       = HOST
  name       = "formwork-lab-tool"
  version    = "{version}"
  hold       = true
  depends_on = [host_file.repository]
}}
output "system" {{
  value = data.host_facts.system.os_id
}}
"#
        )
    };
    let project = hosts.one(&[], &blocks("1.0-1"));
    assert_says(&project.run("apply -auto-approve"), 0, &["2 added", "system = \"rocky\""]);
    assert!(
        hosts
            .run(0, "rpm -q formwork-lab-tool; cat /etc/dnf/plugins/versionlock.list")
            .contains("formwork-lab-tool-1.0-1")
    );
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    // An upgrade of the system leaves it alone.
    hosts.run(0, "dnf -q -y upgrade > /dev/null 2>&1");
    assert!(hosts.run(0, "rpm -q formwork-lab-tool").contains("1.0-1"));

    let again = hosts.one(&[], &blocks("1.1-1"));
    std::fs::copy(project.path().join("terraform.tfstate"), again.path().join("terraform.tfstate")).unwrap();
    assert_says(&again.run("apply -auto-approve"), 0, &["1 changed"]);
    assert!(hosts.run(0, "rpm -q formwork-lab-tool").contains("1.1-1"));
    assert_says(&again.run("destroy -auto-approve"), 0, &["2 destroyed"]);
    assert_eq!(state(), before);

    let missing = hosts.one(&[], &blocks("7.0-1"));
    assert_says(&missing.run("apply -auto-approve"), 1, &["formwork-lab-tool-7.0-1", "package"]);
    assert_says(&missing.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert_eq!(rocky.written(), bare);
}
