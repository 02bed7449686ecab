output "network" {
  description = "What Flannel is told."
  value       = jsondecode(kubernetes_manifest.configuration.manifest.data["net-conf.json"])
}
