terraform {
  required_providers {
    sim = { source = "formwork/sim" }
  }
}

provider "sim" {
  world = "w"
}
