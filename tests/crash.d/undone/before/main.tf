terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

variable "latency_ms" {
  type = number
}

provider "sim" {
  latency_ms = var.latency_ms
}

resource "sim_network" "main" {
  name = "main"
  cidr = "10.1.0.0/16"
}

resource "sim_machine" "worker" {
  count   = 2
  name    = "worker-${count.index}"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = sim_network.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "sim_bucket" "kept" {
  name       = "kept"
  versioning = false
}

resource "sim_volume" "data" {
  count   = 2
  name    = "data-${count.index}"
  size_gb = 10
  machine = sim_machine.worker[count.index].id
}
