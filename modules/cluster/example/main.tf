terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

module "network" {
  source = "../../network"

  name = "example"
}

module "cluster" {
  source = "../"

  name                = "example"
  network             = module.network.id
  control_plane_nodes = 1
  system_nodes        = 1
}

output "endpoint" {
  value = module.cluster.endpoint
}
