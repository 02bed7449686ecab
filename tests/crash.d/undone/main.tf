# Fails at its end, when each kind of act was done: made, changed, replaced with the old one set aside. All of it is
# undone, wherever that is killed.
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
  image   = "ubuntu-24.04-cuda"
  network = sim_network.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "sim_bucket" "kept" {
  name       = "kept"
  versioning = true
}

resource "sim_network" "more" {
  name = "more"
  cidr = "10.2.0.0/16"
}

resource "sim_machine" "more" {
  name    = "more"
  flavour = "small"
  image   = "flatcar-stable"
  network = sim_network.more.id
}

resource "terraform_data" "fails" {
  input = [sim_machine.worker[*].id, sim_machine.more.id, sim_bucket.kept.id, sim_bucket.kept.versioning]

  provisioner "local-exec" {
    command = "exit 1"
  }
}
