variable "name" {
  type    = string
  default = "web"
}

output "o" {
  value = var.name + "-1"
}
