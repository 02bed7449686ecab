terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {
  latency_ms = "fast"
}

resource "sim_network" "main" {
  name = "main"
  cidr = "10.0.0.0/16"
}
