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

  provisioner "local-exec" {
    command = "echo network >> ran"
  }
}

resource "sim_machine" "worker" {
  count   = 3
  name    = "worker-${count.index}"
  flavour = "small"
  image   = "ubuntu-24.04"
  network = sim_network.main.id

  provisioner "local-exec" {
    command = "echo first-${count.index} >> ran"
  }

  provisioner "local-exec" {
    command = "sleep 0.05; echo second-${count.index} >> ran"
  }
}

resource "terraform_data" "after" {
  input = sim_machine.worker[*].address

  provisioner "local-exec" {
    command = "echo after >> ran"
  }
}
