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

resource "sim_network" "first" {
  name = "main"
  cidr = "10.1.0.0/16"
}

resource "sim_machine" "worker" {
  count   = 3
  name    = "worker-${count.index}"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = sim_network.first.id
}

resource "sim_bucket" "gone" {
  name = "gone"
}
