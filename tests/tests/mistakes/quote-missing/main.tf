variable "region" {
  default = "eu-west
}

output "region" {
  value = var.region
}
