variable "region" {
  default = "eu"
}

output "region" {
  value = "in ${var.regoin}"
}

output "literal" {
  value = region
}
