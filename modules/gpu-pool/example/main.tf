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

module "training" {
  source = "../"

  name          = "a100"
  nodes         = 2
  network       = module.network.id
  gpu_model     = "a100"
  gpus_per_node = 8
  flavour       = "gpu-large"
  scratch_gb    = 1000
}

output "gpus" {
  value = module.training.gpus
}
