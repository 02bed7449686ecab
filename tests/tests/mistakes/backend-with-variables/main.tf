variable "name" {
  default = "a"
}

locals {
  folder = "states/${var.nmae}"
}

terraform {
  backend "local" {
    path = "${local.folder}/terraform.tfstate"
  }
}
