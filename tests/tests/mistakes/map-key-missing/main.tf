variable "size" {
  default = "huge"
}

locals {
  cores = { small = 1, large = 8 }
}

output "cores" {
  value = local.cores[var.size]
}
