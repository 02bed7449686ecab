terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {
  world = "w"
}

provider "sim" {
  alias = "west"
  world = "west"
}

resource "sim_network" "main" {
  provider = sim.wets
  name     = "main"
  cidr     = "10.0.0.0/16"
}
