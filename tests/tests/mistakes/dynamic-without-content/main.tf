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
  cidr = "10.0.0.0/16"

  dynamic "subnet" {
    for_each = ["a"]
    name     = subnet.value
  }
}
