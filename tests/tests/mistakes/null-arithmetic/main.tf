variable "size" {
  type    = number
  default = null
}

output "o" {
  value = var.size + 1
}
