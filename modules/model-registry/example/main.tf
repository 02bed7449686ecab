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

module "bucket" {
  source = "../../bucket"

  name = "example-models"
}

module "model_registry" {
  source    = "../"
  providers = { sim = sim.cluster }

  bucket_endpoint = module.bucket.endpoint
}

output "url" {
  value = module.model_registry.url
}
