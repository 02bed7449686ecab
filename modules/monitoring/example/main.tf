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

module "monitoring" {
  source    = "../"
  providers = { sim = sim.cluster }

  scrape_jobs = ["my-service"]
}

output "dashboards_url" {
  value = module.monitoring.dashboards_url
}
