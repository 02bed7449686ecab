variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}

output "o" {
  value = "zones: ${var.zones}"
}
