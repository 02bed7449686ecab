//! The life of one object of every kind: create, nothing to do, update, drift, replace, import, destroy.

use crate::{hosting, id_of, objects};
use formwork_tests::{Cloud, Project};
use serde_json::{Value as Json, json};

/// One object of every kind; `text` changes in place, `key` makes anew.
pub(crate) const PLATFORM: &str = r#"
variable "text" {
  default = "one"
}
variable "key" {
  default = "first"
}
variable "size" {
  default = 1
}

data "openstack_networking_network_v2" "public" {
  name = "public"
}

resource "openstack_networking_network_v2" "nodes" {
  name        = var.name
  description = var.text
  tags        = ["formwork", var.text]
}

resource "openstack_networking_subnet_v2" "nodes" {
  name            = var.name
  network_id      = openstack_networking_network_v2.nodes.id
  cidr            = "10.7.0.0/24"
  dns_nameservers = ["198.51.100.1", "198.51.100.2"]
  allocation_pool {
    start = "10.7.0.100"
    end   = "10.7.0.200"
  }
}

resource "openstack_networking_router_v2" "out" {
  name                = var.name
  external_network_id = data.openstack_networking_network_v2.public.id
}

resource "openstack_networking_router_interface_v2" "out" {
  router_id = openstack_networking_router_v2.out.id
  subnet_id = openstack_networking_subnet_v2.nodes.id
}

resource "openstack_networking_secgroup_v2" "nodes" {
  name        = var.name
  description = var.text
}

resource "openstack_networking_secgroup_rule_v2" "ssh" {
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 22
  port_range_max    = 22
  remote_ip_prefix  = "198.51.100.0/24"
  security_group_id = openstack_networking_secgroup_v2.nodes.id
}

resource "openstack_networking_port_v2" "node" {
  name               = var.name
  network_id         = openstack_networking_network_v2.nodes.id
  security_group_ids = [openstack_networking_secgroup_v2.nodes.id]
  fixed_ip {
    subnet_id  = openstack_networking_subnet_v2.nodes.id
    ip_address = "10.7.0.10"
  }
}

resource "openstack_compute_keypair_v2" "admin" {
  name       = "${var.name}-${var.key}"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDp2cgk4nt2h5IeJZlMXlS7o2YTKoylb0Vb0u1b6k2cZ lab"
}

resource "openstack_compute_flavor_v2" "gpu" {
  name  = var.name
  ram   = 512
  vcpus = 1
  disk  = 1
  extra_specs = {
    "resources:CUSTOM_GPU"  = "1"
    "trait:CUSTOM_GPU_H100" = "required"
    "formwork:text"         = var.text
  }
}

resource "openstack_images_image_v2" "system" {
  name             = var.name
  container_format = "bare"
  disk_format      = "raw"
  local_file_path  = "system.img"
  properties = {
    purpose = var.text
  }
}

resource "openstack_blockstorage_volume_v3" "data" {
  name        = var.name
  description = var.text
  size        = var.size
}

resource "openstack_compute_instance_v2" "node" {
  name      = var.name
  flavor_id = openstack_compute_flavor_v2.gpu.id
  image_id  = openstack_images_image_v2.system.id
  key_pair  = openstack_compute_keypair_v2.admin.name
  metadata = {
    role = var.text
  }
  network {
    port = openstack_networking_port_v2.node.id
  }
}

resource "openstack_compute_volume_attach_v2" "data" {
  instance_id = openstack_compute_instance_v2.node.id
  volume_id   = openstack_blockstorage_volume_v3.data.id
}

resource "openstack_networking_floatingip_v2" "node" {
  pool       = "public"
  port_id    = openstack_networking_port_v2.node.id
  depends_on = [openstack_networking_router_interface_v2.out]
}
"#;

/// What the provider does not read back on import, and what a change of it would cost: a server's port, an image's file.
/// Who imports such objects tells the engine to leave these alone.
const NOT_READ_BACK: &[(&str, &str)] = &[
    ("  image_id  = openstack_images", "  lifecycle {\n    ignore_changes = [network]\n  }\n"),
    ("  local_file_path  = ", "  lifecycle {\n    ignore_changes = [local_file_path]\n  }\n"),
];

#[test]
fn objects_live_from_create_to_destroy() {
    let Some(cloud) = Cloud::find("life") else { return };
    let project = hosting(&cloud, PLATFORM);
    cloud.said(
        &project,
        &[
            ("validate", 0, &["The configuration is valid"]),
            ("apply -auto-approve", 0, &["Resources: 14 added, 0 changed, 0 destroyed"]),
            ("plan -detailed-exitcode", 0, &["No changes"]),
            ("apply -auto-approve -var text=two", 0, &["Resources: 0 added, 6 changed, 0 destroyed"]),
            ("plan -detailed-exitcode -var text=two", 0, &["No changes"]),
        ],
    );
    let made = objects(&cloud, &project);
    let server = id_of(&made, "openstack_compute_instance_v2");
    let found = cloud.get("compute", &format!("/servers/{server}"));
    assert_eq!(found["server"]["metadata"]["role"], "two");
    assert_eq!(found["server"]["status"], "ACTIVE");
    replaced(&cloud, &project, &server);
    drifted(&cloud, &project);
    imported(&cloud, &project);
    let line = "destroy -auto-approve -var text=two -var key=second";
    cloud.run(&project, line).expect(line, 0, &["Destroy complete"]);
    assert_eq!(cloud.holds(), Vec::<String>::new(), "left in the cloud");
}

/// A key pair cannot be renamed, and a server cannot be given another one.
fn replaced(cloud: &Cloud, project: &Project, before: &str) {
    cloud.said(
        project,
        &[
            (
                "plan -var text=two -var key=second",
                0,
                &[
                    "openstack_compute_keypair_v2.admin must be replaced",
                    "openstack_compute_instance_v2.node must be replaced",
                    "Plan: 3 to add, 0 to change, 3 to destroy",
                ],
            ),
            ("apply -auto-approve -var text=two -var key=second", 0, &["3 added, 0 changed, 3 destroyed"]),
            ("plan -detailed-exitcode -var text=two -var key=second", 0, &["No changes"]),
        ],
    );
    let servers = cloud.servers();
    assert_eq!(servers.len(), 1, "{servers:?}");
    assert_ne!(servers[0]["id"], before);
    assert_eq!(servers[0]["key_name"], format!("{}-second", cloud.name));
}

/// What others did is found and put right: a text by hand, a rule that is gone.
fn drifted(cloud: &Cloud, project: &Project) {
    let made = objects(cloud, project);
    let network = format!("/v2.0/networks/{}", id_of(&made, "openstack_networking_network_v2"));
    cloud.change("network", "PUT", &network, &json!({ "network": { "description": "by hand" } }));
    let rule =
        format!("/v2.0/security-group-rules/{}", id_of(&made, "openstack_networking_secgroup_rule_v2"));
    assert_eq!(cloud.ask("network", "DELETE", &rule, None).0, 204);
    cloud.said(
        project,
        &[
            (
                "plan -var text=two -var key=second",
                0,
                &["\"by hand\" -> \"two\"", "Plan: 1 to add, 1 to change, 0 to destroy"],
            ),
            ("apply -auto-approve -var text=two -var key=second", 0, &["1 added, 1 changed, 0 destroyed"]),
        ],
    );
    assert_eq!(cloud.get("network", &network)["network"]["description"], "two");
}

/// Every object is forgotten and taken in again by its id.
fn imported(cloud: &Cloud, project: &Project) {
    let with = "-var text=two -var key=second";
    let forgotten = objects(cloud, project);
    for (address, _, values) in &forgotten {
        let id = values["id"].as_str().expect("an id");
        let line = format!("import {with} {address} {id}");
        cloud.said(project, &[(&format!("state rm {address}"), 0, &[]), (&line, 0, &["Import successful"])]);
    }
    let main = NOT_READ_BACK.iter().fold(project.read("main.tf"), |main, (before, block)| {
        assert_eq!(main.matches(before).count(), 1, "{before}");
        main.replace(before, &format!("{block}{before}"))
    });
    project.write("main.tf", &main).expect("a configuration");
    let (apply, plan) = (format!("apply -auto-approve {with}"), format!("plan -detailed-exitcode {with}"));
    // Tags of a network, and what the port was asked for, come back from the configuration alone.
    cloud.said(project, &[(&apply, 0, &["0 added, 3 changed, 0 destroyed"]), (&plan, 0, &["No changes"])]);
    let ids = |objects: Vec<(String, String, Json)>| -> Vec<Json> {
        objects.into_iter().map(|(_, _, mut values)| values["id"].take()).collect()
    };
    assert_eq!(ids(objects(cloud, project)), ids(forgotten), "the same objects stand");
}
