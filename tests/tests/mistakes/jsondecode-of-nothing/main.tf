output "o" {
  value = jsondecode("{name: 1}")
}
