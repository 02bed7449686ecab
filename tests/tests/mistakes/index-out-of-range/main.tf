locals {
  zones = ["a", "b"]
}

output "third" {
  value = local.zones[2]
}
