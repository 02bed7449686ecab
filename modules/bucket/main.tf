terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

resource "sim_bucket" "this" {
  name       = var.name
  versioning = var.versioning
  public     = var.public
  labels     = var.labels
}
