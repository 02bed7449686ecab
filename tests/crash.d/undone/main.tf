# Fails at its end, when each kind of act was done: made, changed, made anew with the old one set aside. All of it is
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
  quota      = { volume_gb = 100 }
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

# More than there may be: this fails when all else was done, and before the old machines are destroyed.
resource "sim_volume" "data" {
  count   = 2
  name    = "data-${count.index}"
  size_gb = 1000
  machine = sim_machine.worker[count.index].id

  depends_on = [sim_machine.more, sim_bucket.kept]
}
