variable "password" {
  sensitive = true
  default   = "hunter2"
}

output "login" {
  value = "admin:${var.password}"
}
