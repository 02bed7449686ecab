terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {
  world = "w"
}

resource "sim_netwrok" "main" {
  name = "main"
  cidr = "10.0.0.0/16"
}

output "id" {
  value = sim_netwrok.main.id
}
