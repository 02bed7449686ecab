//! What the cloud refuses, what it cannot do, and what nobody saw the end of.

use crate::hosting;
use formwork_tests::{Cloud, Project};
use serde_json::Value as Json;
use std::process::Stdio;

/// Servers that need no network, one after the other.
const SERVERS: &str = r#"
variable "gpus" {
  default = 0
}
resource "openstack_images_image_v2" "system" {
  name             = var.name
  container_format = "bare"
  disk_format      = "raw"
  local_file_path  = "system.img"
}
resource "openstack_compute_flavor_v2" "small" {
  name        = var.name
  ram         = 512
  vcpus       = 1
  disk        = 1
  extra_specs = var.gpus == 0 ? {} : { "resources:CUSTOM_GPU" = tostring(var.gpus) }
}
resource "openstack_compute_instance_v2" "first" {
  name         = "${var.name}-first"
  flavor_id    = openstack_compute_flavor_v2.small.id
  image_id     = openstack_images_image_v2.system.id
  network_mode = "none"
  lifecycle {
    # The provider does not read it back, and an imported server would be made anew for it.
    ignore_changes = [network_mode]
  }
}
resource "openstack_compute_instance_v2" "second" {
  name         = "${var.name}-second"
  flavor_id    = openstack_compute_flavor_v2.small.id
  image_id     = openstack_images_image_v2.system.id
  network_mode = "none"
  depends_on   = [openstack_compute_instance_v2.first]
}
"#;

/// The names of the project's servers with their status.
fn servers(cloud: &Cloud) -> Vec<String> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<String> = cloud
        .servers()
        .iter()
        .map(|server| {
            format!("{} {}", text(&server["name"]).replace(&cloud.name, ""), text(&server["status"]))
        })
        .collect();
    found.sort();
    found
}

fn destroyed(cloud: &Cloud, project: &Project) {
    cloud.said(project, &[("destroy -auto-approve", 0, &["Destroy complete"])]);
    assert_eq!(cloud.holds(), Vec::<String>::new(), "left in the cloud");
}

#[test]
fn a_quota_stops_what_is_over_it_and_nothing_else() {
    let Some(cloud) = Cloud::find("quota") else { return };
    let project = hosting(&cloud, SERVERS);
    cloud.limit("instances", 1);
    cloud.said(
        &project,
        &[
            (
                "apply -auto-approve",
                1,
                &[
                    "openstack_compute_instance_v2.second",
                    "main.tf line",
                    "Quota exceeded for instances",
                    "403",
                ],
            ),
            (
                "plan",
                0,
                &[
                    "openstack_compute_instance_v2.second will be created",
                    "Plan: 1 to add, 0 to change, 0 to destroy",
                ],
            ),
        ],
    );
    assert_eq!(servers(&cloud), ["-first ACTIVE"]);
    cloud.limit("instances", 10);
    cloud.said(&project, &[("apply -auto-approve", 0, &["Resources: 1 added, 0 changed, 0 destroyed"])]);
    assert_eq!(servers(&cloud), ["-first ACTIVE", "-second ACTIVE"]);
    destroyed(&cloud, &project);
}

#[test]
fn a_server_without_a_host_is_kept_as_what_it_is() {
    let Some(cloud) = Cloud::find("host") else { return };
    let project = hosting(&cloud, SERVERS);
    // Eight GPUs are there, and a test beside this one may hold one of them.
    cloud.said(
        &project,
        &[
            (
                "apply -auto-approve -var gpus=5",
                1,
                &["openstack_compute_instance_v2.second", "main.tf line", "unexpected state 'ERROR'"],
            ),
            (
                "plan -var gpus=5",
                0,
                &[
                    "openstack_compute_instance_v2.second is tainted, so it must be replaced",
                    "Plan: 1 to add, 0 to change, 1 to destroy",
                ],
            ),
        ],
    );
    assert_eq!(servers(&cloud), ["-first ACTIVE", "-second ERROR"]);
    let failed = cloud.servers().into_iter().find(|server| server["status"] == "ERROR").expect("a server");
    let fault = failed["fault"]["message"].as_str().expect("a fault");
    assert!(fault.contains("No valid host was found"), "{fault}");
    let line = "apply -auto-approve -var gpus=1";
    cloud.run(&project, line).expect(line, 0, &["Resources: 1 added, 1 changed, 1 destroyed"]);
    assert_eq!(servers(&cloud), ["-first ACTIVE", "-second ACTIVE"]);
    destroyed(&cloud, &project);
}

#[test]
fn a_server_whose_making_nobody_saw_the_end_of_is_not_made_twice() {
    let Some(cloud) = Cloud::find("kill") else { return };
    let project = hosting(&cloud, SERVERS);
    let mut command = cloud.command(&project, "apply -auto-approve");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    cloud.wait_until("the server is being made", |cloud| !cloud.servers().is_empty());
    child.kill().expect("a process to kill");
    child.wait().expect("its end");
    cloud.wait_until("the server is there", |cloud| servers(cloud) == ["-first ACTIVE"]);
    let server = cloud.servers()[0]["id"].as_str().expect("an id").to_owned();
    for _ in 0..2 {
        cloud.said(
            &project,
            &[(
                "apply -auto-approve",
                1,
                &["openstack_compute_instance_v2.first", "Nobody can say whether this was done", "import"],
            )],
        );
        assert_eq!(servers(&cloud), ["-first ACTIVE"], "nothing is made twice, and nothing behind it");
    }
    let line = format!("import openstack_compute_instance_v2.first {server}");
    cloud.said(
        &project,
        &[
            (
                "state rm openstack_compute_instance_v2.first",
                0,
                &["Removed openstack_compute_instance_v2.first"],
            ),
            (&line, 0, &["Import successful"]),
            ("apply -auto-approve", 0, &["Resources: 1 added"]),
            ("plan -detailed-exitcode", 0, &["No changes"]),
        ],
    );
    assert_eq!(servers(&cloud), ["-first ACTIVE", "-second ACTIVE"]);
    assert!(cloud.servers().iter().any(|one| one["id"] == server.as_str()), "the one that was made is kept");
    destroyed(&cloud, &project);
}
