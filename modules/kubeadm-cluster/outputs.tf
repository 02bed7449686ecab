output "server" {
  description = "Where the API is."
  value       = kubeadm_cluster.this.server
}

output "cluster_ca_certificate" {
  description = "The authority that its certificate is signed by."
  value       = kubeadm_cluster.this.cluster_ca_certificate
}

output "client_certificate" {
  description = "An administrator's certificate."
  value       = kubeadm_cluster.this.client_certificate
}

output "client_key" {
  description = "That certificate's key."
  value       = kubeadm_cluster.this.client_key
  sensitive   = true
}

output "kubeconfig" {
  description = "The administrator's kubeconfig."
  value       = kubeadm_cluster.this.kubeconfig
  sensitive   = true
}

output "control_plane" {
  description = "The host of the first node of the control plane, as kubeadm_node_ready takes it."
  value       = kubeadm_cluster.this.host
}

output "nodes" {
  description = "The names of all nodes, once they joined and have their network."
  value       = sort(concat([kubeadm_cluster.this.node_name], keys(local.nodes)))

  depends_on = [host_unit.routes]
}
