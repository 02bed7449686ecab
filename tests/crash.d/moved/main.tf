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

data "sim_image" "chosen" {
  name = "ubuntu-24.04"
}

resource "sim_network" "main" {
  name   = "main"
  cidr   = "10.1.0.0/16"
  labels = { purpose = "training" }
}

resource "sim_machine" "worker" {
  for_each = toset(["a", "b", "d"])
  name     = "worker-${index(["a", "b", "c", "d"], each.key)}"
  flavour  = "medium"
  image    = data.sim_image.chosen.name
  network  = sim_network.main.id
}

resource "sim_volume" "scratch" {
  for_each = sim_machine.worker
  name     = "scratch-${each.key}"
  size_gb  = 10
  machine  = each.value.id
}

# Read again where what it waits for changes.
data "sim_image" "late" {
  name       = "flatcar-stable"
  depends_on = [sim_volume.scratch]
}

resource "sim_bucket" "kept" {
  name   = "kept"
  labels = { system = data.sim_image.late.system }
}

moved {
  from = sim_network.first
  to   = sim_network.main
}

moved {
  from = sim_machine.worker[0]
  to   = sim_machine.worker["a"]
}

moved {
  from = sim_machine.worker[1]
  to   = sim_machine.worker["b"]
}
