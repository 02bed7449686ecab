variable "size" {
  default = 1
}

output "name" {
  value = var.size > 1 ? "large"
}
