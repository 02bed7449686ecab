output "namespaces" {
  description = "Namespace of each tenant, with its team and GPU quota."
  value = {
    for namespace, tenant in local.tenants : namespace => {
      team  = tenant.team
      group = tenant.group
      gpus  = kubernetes_manifest.quota[namespace].manifest.spec.hard["requests.nvidia.com/gpu"]
    }
  }
}
