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

# Replaced from below: the other way round than the machines.
resource "sim_network" "storage" {
  name = "storage"
  cidr = "10.2.0.0/16"
}

resource "sim_machine" "worker" {
  count   = 3
  name    = "worker-${count.index}"
  flavour = "small"
  image   = "ubuntu-24.04-cuda"
  network = sim_network.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "sim_machine" "storage" {
  name    = "storage"
  flavour = "small"
  image   = "flatcar-stable"
  network = sim_network.storage.id
}

resource "sim_volume" "scratch" {
  count   = 3
  name    = "scratch-${count.index}"
  size_gb = 10
  machine = sim_machine.worker[count.index].id
}
