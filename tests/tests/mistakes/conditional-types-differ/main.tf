variable "size" {
  default = 1
}

output "o" {
  value = var.size > 1 ? { name = "a" } : ["a"]
}
