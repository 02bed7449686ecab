variable "size" {
  default = 1
}

output "is_small" {
  value = var.size === 1
}
