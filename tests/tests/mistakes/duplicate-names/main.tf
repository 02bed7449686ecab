resource "terraform_data" "web" {}

resource "terraform_data" "web" {}

variable "size" {}

variable "size" {}

locals {
  a = 1
}

locals {
  a = 2
}

output "o" {
  value = local.a
}

output "o" {
  value = var.size
}
