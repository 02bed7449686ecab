# Run with: formwork test

mock_provider "host" {}

mock_provider "kubeadm" {
  mock_resource "kubeadm_cluster" {
    defaults = { pod_cidr = "10.244.0.0/24" }
  }
  mock_resource "kubeadm_node" {
    defaults = { pod_cidr = "10.244.1.0/24" }
  }
}

variables {
  name               = "ml"
  kubernetes_version = "1.37.2"
  nodes = {
    c = { host = { address = "10.0.0.13" }, role = "control-plane" }
    a = { host = { address = "10.0.0.11" }, role = "control-plane" }
    g = { host = { address = "10.0.0.21" }, labels = { workload = "training" } }
  }
}

run "the_first_by_name_makes_the_cluster" {
  command = plan

  assert {
    condition     = kubeadm_cluster.this.host.address == "10.0.0.11" && kubeadm_cluster.this.endpoint == "10.0.0.11:6443"
    error_message = "The first of the control plane makes the cluster, and is where it is reached."
  }

  assert {
    condition     = keys(kubeadm_node.control_plane) == ["c"] && keys(kubeadm_node.worker) == ["g"]
    error_message = "All others join it."
  }

  assert {
    condition     = length(host_unit.routes) == 0
    error_message = "A network plugin needs no routes of ours."
  }
}

run "a_virtual_address_is_the_endpoint" {
  command = plan

  variables {
    virtual_ip = { address = "10.0.0.10", interface = "eth0" }
  }

  assert {
    condition     = kubeadm_cluster.this.endpoint == "10.0.0.10:6443"
    error_message = "All reach the control plane there."
  }

  assert {
    condition     = strcontains(host_file.virtual_ip_first[0].content, "super-admin.conf") && keys(host_file.virtual_ip) == ["c"]
    error_message = "Each node of the control plane has a part in it, and the first begins without an API."
  }
}

run "a_bridge_has_routes" {
  command = apply

  variables {
    network = "bridge"
  }

  assert {
    condition     = strcontains(host_unit.routes["a"].content, "ip route replace 10.244.1.0/24 via 10.0.0.21") && !strcontains(host_unit.routes["a"].content, "via 10.0.0.11")
    error_message = "A node has routes to the pods of all others."
  }
}

run "a_cluster_has_a_control_plane" {
  command = plan

  variables {
    nodes = { g = { host = { address = "10.0.0.21" } } }
  }

  expect_failures = [var.nodes]
}
