output "server" {
  description = "Where the cluster's API is."
  value       = module.cluster.server
}

output "kubeconfig" {
  description = "The administrator's kubeconfig."
  value       = module.cluster.kubeconfig
  sensitive   = true
}

output "nodes" {
  description = "The names of the nodes."
  value       = module.cluster.nodes
}

output "namespaces" {
  description = "The teams' namespaces."
  value       = { for team, namespace in kubernetes_manifest.namespace : team => namespace.object.metadata.name }
}
