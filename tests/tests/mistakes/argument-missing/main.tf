terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {
  world = "w"
}

resource "sim_network" "main" {
  name = "main"
}
