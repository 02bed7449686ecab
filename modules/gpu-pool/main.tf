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

resource "sim_machine" "node" {
  count = var.nodes

  name      = "${var.name}-${count.index}"
  flavour   = var.flavour
  image     = data.sim_image.this.id
  network   = var.network
  gpu_model = var.gpu_model
  gpu_count = var.gpus_per_node

  labels = merge(var.labels, {
    pool = var.name
    gpu  = var.gpu_model
  })
}

resource "sim_volume" "scratch" {
  count = var.scratch_gb > 0 ? var.nodes : 0

  name    = "${var.name}-${count.index}-scratch"
  size_gb = var.scratch_gb
  class   = "nvme"
  machine = sim_machine.node[count.index].id
}
