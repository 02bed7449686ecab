terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

module "network" {
  source = "../"

  name = "example"
  cidr = "10.20.0.0/16"
}

output "network_id" {
  value = module.network.id
}
