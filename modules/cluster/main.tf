terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

data "sim_image" "this" {
  name = var.image
}

resource "sim_machine" "control_plane" {
  count = var.control_plane_nodes

  name    = "${var.name}-control-${count.index}"
  flavour = "medium"
  image   = data.sim_image.this.id
  network = var.network
  labels  = { role = "control-plane" }
}

resource "sim_machine" "system" {
  count = var.system_nodes

  name    = "${var.name}-system-${count.index}"
  flavour = "large"
  image   = data.sim_image.this.id
  network = var.network
  labels  = { role = "system" }
}

resource "sim_cluster" "this" {
  name          = var.name
  version       = var.kubernetes_version
  control_plane = sim_machine.control_plane[*].id
  workers       = concat(sim_machine.system[*].id, var.workers)
}
