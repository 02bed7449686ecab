output "url" {
  description = "Where it is reached, inside the cluster."
  value       = "http://${sim_object.server_service.name}.${sim_object.namespace.name}.svc:5000"
}
