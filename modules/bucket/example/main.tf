terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

module "models" {
  source = "../"

  name = "example-models"
}

output "endpoint" {
  value = module.models.endpoint
}
