variable "name" {
  default = "x"
}

output "greeting" {
  value = "hello ${var.name"
}
