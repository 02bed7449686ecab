//! Provisioners that work on hosts over SSH, as `connection` blocks name them.

use crate::find;
use formwork_tests::{Hosts, assert_says};
use formwork_tests::{Project, project};

fn connected(hosts: &Hosts, host: usize, more: &str, blocks: &str) -> Project {
    let key = hosts.folder.join("id").display().to_string();
    let main = format!(
        "resource \"terraform_data\" \"a\" {{\n  input = \"it's $HOME\"\n  connection {{\n    host = {:?}\n    user = \"admin\"\n    private_key = file({key:?})\n    timeout = \"10s\"\n{more}  }}\n{blocks}}}\n",
        hosts.addresses[host]
    );
    project().file("main.tf", &main).build()
}

#[test]
fn scripts_run_and_files_arrive_on_a_host() {
    let Some(hosts) = find() else { return };
    let bare = hosts.written(0);
    let blocks = r#"
  provisioner "file" {
    content     = self.input
    destination = "/run/user-a/it's here"
  }
  provisioner "file" {
    source      = "tree"
    destination = "/run/user-a"
  }
  provisioner "file" {
    source      = "tree/"
    destination = "/run/user-a/inner"
  }
  provisioner "remote-exec" {
    inline = ["echo begun in $(id -un)", "cat \"/run/user-a/it's here\"; echo; sh /run/user-a/tree/x.sh"]
  }
  provisioner "remote-exec" {
    scripts = ["tree/x.sh", "tree/y.py"]
  }
  provisioner "remote-exec" {
    when   = destroy
    inline = ["sudo rm -r /run/user-a; echo gone"]
  }
"#;
    hosts.run(0, "mkdir -p /run/user-a; chmod 0777 /run/user-a");
    let pinned = hosts.run(0, "cat /etc/ssh/ssh_host_ed25519_key.pub");
    let project = connected(&hosts, 0, &format!("    host_key = {:?}\n", pinned.trim()), blocks);
    std::fs::create_dir(project.path().join("tree")).unwrap();
    project.write("tree/x.sh", "#!/bin/sh\necho \"from x $0\" >&2\n").unwrap();
    project.write("tree/y.py", "#!/usr/bin/python3\nprint('from y')\n").unwrap();
    let applied = project.run("apply -auto-approve");
    for words in [
        "begun in admin",
        "it's $HOME",
        "from x /run/user-a/tree/x.sh",
        "from x /tmp/terraform_",
        "from y",
        "1 added",
    ] {
        assert_says(&applied, 0, &[words]);
    }
    assert!(!applied.out.contains("was believed"), "{}", applied.out);
    assert_eq!(hosts.run(0, "ls /run/user-a/inner; ls /tmp | grep -c terraform_ || true"), "x.sh\ny.py\n0\n");
    assert_says(&project.run("destroy -auto-approve"), 0, &["gone", "1 destroyed"]);
    assert_eq!(hosts.written(0), bare);
}

#[test]
fn what_goes_wrong_on_a_host_taints_what_was_made() {
    let Some(hosts) = find() else { return };
    let run = |lines: &str| format!("  provisioner \"remote-exec\" {{\n    inline = [{lines}]\n  }}\n");
    let through = format!("    bastion_host = {:?}\n", hosts.addresses[0]);
    for (more, blocks, expected) in [
        ("", run("\"echo no GPU; exit 7\""), "exit status 7. Output: "),
        ("", run("\"true\""), "it does not let the account nobody in"),
        ("    port = 9\n", run("\"true\""), "Connection refused"),
        (
            through.as_str(),
            run("\"echo $SSH_CONNECTION; exit 3\""),
            &format!("(remote-exec): {} ", hosts.addresses[0]),
        ),
        (
            "",
            "  provisioner \"file\" {\n    content = \"x\"\n    destination = \"/no/where\"\n  }\n"
                .to_owned(),
            "/no/where: ",
        ),
    ] {
        let project = connected(&hosts, 1, more, &blocks);
        if expected.contains("nobody") {
            let main = project.read("main.tf").replace("\"admin\"", "\"nobody\"").replace("10s", "3s");
            project.write("main.tf", &main).unwrap();
        }
        let applied = project.run("apply -auto-approve");
        assert_says(&applied, 1, &[expected]);
        assert_says(&project.run("plan"), 0, &["is tainted, so it must be replaced"]);
    }
}
