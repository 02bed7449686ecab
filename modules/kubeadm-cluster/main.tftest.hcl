# Run with: formwork test
# Facts as hosts of these distributions gave them.

mock_provider "host" {}

mock_provider "kubeadm" {
  mock_data "kubeadm_preflight" {
    defaults = { facts = { a = { os = "debian 12" }, c = { os = "debian 12" }, g = { os = "rocky 9.6" } } }
  }
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

run "a_rocky_host_beside_debian_ones" {
  command = plan

  variables {
    repository = { uris = ["https://pkgs.k8s.io/core:/stable:/v1.37/deb/"], suites = ["/"], signing_key = "-----BEGIN PGP PUBLIC KEY BLOCK-----" }
  }

  assert {
    condition     = contains(keys(host_package.node), "a/containerd") && contains(keys(host_package.node), "g/containerd.io") && contains(keys(host_package.node), "g/conntrack-tools") && length(host_package.node) == 15
    error_message = "Each has the packages of its own distribution."
  }

  assert {
    condition     = keys(host_repository.kubernetes) == ["a", "c"]
    error_message = "apt's repositories are for apt."
  }

  assert {
    condition     = strcontains(host_file.containerd["a"].content, "[\"/etc/containerd/config.t*ml\", ") && strcontains(host_file.containerd["g"].content, "imports = [\"/etc/containerd/formwork.d/*.toml\"]")
    error_message = "Docker's package turns the part for Kubernetes off in its own file, which is not read."
  }
}

run "packages_of_ones_own_are_for_any_system" {
  command = plan

  override_data {
    target = data.kubeadm_preflight.hosts
    values = { facts = { a = { os = "arch" } } }
  }

  variables {
    packages = ["containerd.io"]
  }

  assert {
    condition     = keys(host_package.node) == ["a/containerd.io", "c/containerd.io", "g/containerd.io"] && !strcontains(host_file.containerd["a"].content, "config.t")
    error_message = "They are what each host gets."
  }
}

run "a_system_that_is_not_known" {
  command = plan

  override_data {
    target = data.kubeadm_preflight.hosts
    values = { facts = { a = { os = "debian 12" }, c = { os = "arch" }, g = { os = "opensuse-leap 15.6" } } }
  }

  expect_failures = [data.kubeadm_preflight.hosts]
}

run "images_of_others_stay" {
  command = plan

  variables {
    image_archives = { worker = ["/srv/images/pause.tar"] }
  }

  assert {
    condition     = keys(host_command.images) == ["g"] && strcontains(host_command.images["g"].command, "for archive in '/srv/images/pause.tar'; do") && !strcontains(host_command.images["g"].undo, "import")
    error_message = "Each role has its own, and what takes them away brings none."
  }
}

run "a_cluster_has_a_control_plane" {
  command = plan

  variables {
    nodes = { g = { host = { address = "10.0.0.21" } } }
  }

  expect_failures = [var.nodes]
}
