terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

resource "sim_network" "this" {
  name   = var.name
  cidr   = var.cidr
  labels = var.labels
}
