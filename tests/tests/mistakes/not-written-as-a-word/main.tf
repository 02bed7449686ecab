variable "enabled" {
  default = true
}

output "disabled" {
  value = not var.enabled
}

output "either" {
  value = var.enabled or false
}
