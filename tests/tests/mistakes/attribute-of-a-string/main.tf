variable "node" {
  type    = string
  default = "a"
}

output "o" {
  value = var.node.name
}
