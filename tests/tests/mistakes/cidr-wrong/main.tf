variable "network" {
  default = "10.0.0.0"
}

output "o" {
  value = cidrsubnet(var.network, 8, 1)
}
