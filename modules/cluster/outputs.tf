output "id" {
  description = "The cluster's id; a provider configuration takes it as cluster."
  value       = sim_cluster.this.id
}

output "endpoint" {
  description = "Where the control plane is reached."
  value       = sim_cluster.this.endpoint
}

output "token" {
  description = "What its administrator shows."
  value       = sim_cluster.this.token
  sensitive   = true
}

output "ca" {
  description = "Who signed its certificate, as PEM."
  value       = sim_cluster.this.ca
  sensitive   = true
}

output "nodes" {
  description = "Names of all machines in it."
  value       = sim_cluster.this.nodes
}
