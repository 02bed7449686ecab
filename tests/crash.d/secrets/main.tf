terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

variable "latency_ms" {
  type = number
}

variable "password" {
  type      = string
  ephemeral = true
  default   = "hunter2"
}

ephemeral "sim_token" "run" {}

provider "sim" {
  latency_ms = var.latency_ms
}

provider "sim" {
  alias      = "closed"
  latency_ms = var.latency_ms
  token      = ephemeral.sim_token.run.token
}

resource "sim_network" "main" {
  name = "main"
  cidr = "10.1.0.0/16"
}

resource "sim_secret" "key" {
  for_each         = toset(["a", "b", "c"])
  provider         = sim.closed
  name             = "key-${each.key}"
  value_wo         = "${var.password}-${each.key}"
  value_wo_version = 1
}

resource "sim_machine" "worker" {
  provider = sim.closed
  name     = "worker"
  flavour  = "small"
  image    = "ubuntu-24.04"
  network  = sim_network.main.id
  labels   = { key = sim_secret.key["a"].id }
}
