output "url" {
  description = "Where it is reached, inside the cluster; null without a service."
  value       = one([for service in sim_object.service : "http://${service.name}.${service.namespace}.svc:${var.port}"])
}
