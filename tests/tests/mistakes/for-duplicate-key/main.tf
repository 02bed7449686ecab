locals {
  names = { for name in ["a", "a"] : name => 1 }
}

output "names" {
  value = local.names
}
