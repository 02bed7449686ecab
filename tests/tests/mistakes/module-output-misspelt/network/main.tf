output "network_id" {
  value = "n-1"
}
