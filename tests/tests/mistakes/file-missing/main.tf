locals {
  motd = file("${path.module}/motd.txt")
}

output "motd" {
  value = local.motd
}
