output "object" {
  description = "The plugin's DaemonSet, NAMESPACE/NAME."
  value       = "${var.namespace}/${kubernetes_manifest.daemon_set.manifest.metadata.name}"
}
