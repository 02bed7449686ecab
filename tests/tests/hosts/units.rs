//! Units that were there before: a change that fails leaves them running and enabled as they were.

use crate::find;
use formwork_tests::{Hosts, assert_says};

const THEIRS: &str = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n";

/// How a unit of somebody's is: its text, and whether it runs and is enabled.
fn state(hosts: &Hosts) -> String {
    hosts.run(
        0,
        "cat /etc/systemd/system/theirs.service; systemctl is-active theirs || true; systemctl is-enabled theirs || true",
    )
}

#[test]
fn a_unit_that_was_there_is_as_it_was_where_ours_fails() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let ours = "resource \"host_unit\" \"x\" {\n  host    = HOST\n  name    = \"theirs.service\"\n  content = \"[Service]\\nExecStart=/bin/false\\n[Install]\\nWantedBy=multi-user.target\\n\"\n}\n";
    for (enabled, active) in [("enable", "start"), ("disable", "stop"), ("disable", "start")] {
        hosts.run(0, &format!("printf '{THEIRS}' > /etc/systemd/system/theirs.service; systemctl daemon-reload; systemctl -q {enabled} theirs; systemctl {active} theirs"));
        let (before, written) = (state(&hosts), hosts.written(0));
        let failed = hosts.one(&[], ours).run("apply -auto-approve");
        assert_says(&failed, 1, &["theirs.service did not stay active after its start"]);
        assert_eq!(state(&hosts), before, "{enabled} {active}");
        assert_eq!(hosts.written(0), written, "{enabled} {active}");
    }
    hosts.run(0, "systemctl -q disable theirs; systemctl stop theirs; rm /etc/systemd/system/theirs.service; systemctl daemon-reload");
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn a_service_runs_on_where_its_new_settings_are_no_good() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    hosts.run(0, &format!("printf '{THEIRS}' > /etc/systemd/system/theirs.service; systemctl daemon-reload; systemctl start theirs"));
    let block = "resource \"host_service\" \"x\" {\n  host    = HOST\n  name    = \"theirs.service\"\n  enabled = true\n  active  = true\n  drop_in = \"[Service]\\nNice=5\\n\"\n}\n";
    let project = hosts.one(&[], block);
    assert_says(&project.run("apply -auto-approve"), 0, &["1 added"]);
    let written = hosts.written(0);
    let good = project.read("main.tf");
    project.write("main.tf", &good.replace("Nice=5", "ExecStart=\\nExecStart=/bin/false")).unwrap();
    assert_says(&project.run("apply -auto-approve"), 1, &["did not stay active after its start"]);
    assert!(state(&hosts).ends_with("\nactive\nenabled\n"), "{}", state(&hosts));
    assert_eq!(hosts.written(0), written);
    project.write("main.tf", &good).unwrap();
    assert_says(&project.run("plan -detailed-exitcode"), 0, &["No changes."]);
    assert_says(&project.run("destroy -auto-approve"), 0, &["1 destroyed"]);
    assert!(state(&hosts).ends_with("\nactive\ndisabled\n"), "{}", state(&hosts));
    hosts.run(0, "systemctl stop theirs; rm /etc/systemd/system/theirs.service; systemctl daemon-reload");
    assert_eq!(hosts.written(0), bare);
}
