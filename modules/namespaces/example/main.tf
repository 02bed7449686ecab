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

module "namespaces" {
  source    = "../"
  providers = { sim = sim.cluster }

  namespaces = {
    research = { team = "research", purpose = "training", gpus = 8 }
    serving  = { team = "product", purpose = "inference", gpus = 4, cpus = 32 }
  }
}
