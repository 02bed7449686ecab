output "id" {
  description = "The network's id, for machines."
  value       = sim_network.this.id
}

output "gateway" {
  description = "The network's first address."
  value       = sim_network.this.gateway
}
