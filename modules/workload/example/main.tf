terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

provider "sim" {}

provider "sim" {
  alias   = "cluster"
  cluster = module.cluster.id
}

module "network" {
  source = "../../network"

  name = "example"
}

module "cluster" {
  source = "../../cluster"

  name                = "example"
  network             = module.network.id
  control_plane_nodes = 1
}

module "server" {
  source    = "../"
  providers = { sim = sim.cluster }

  namespace = "default"
  name      = "server"
  image     = "example/server:1.0"
  port      = 8080
}

output "url" {
  value = module.server.url
}
