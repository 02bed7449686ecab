output "endpoint" {
  description = "Where the cluster's control plane is reached."
  value       = module.cluster.endpoint
}

output "token" {
  description = "What the cluster's administrator shows."
  value       = module.cluster.token
  sensitive   = true
}

output "nodes" {
  description = "Names of all machines in the cluster."
  value       = module.cluster.nodes
}

output "gpus" {
  description = "GPUs for training and for inference."
  value = {
    training  = module.training.gpus
    inference = module.inference.gpus
  }
}

output "dashboards_url" {
  description = "Where dashboards are, inside the cluster."
  value       = module.monitoring.dashboards_url
}
