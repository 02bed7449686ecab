output "metrics_url" {
  description = "Where metrics are asked for, inside the cluster."
  value       = "http://${sim_object.prometheus_service.name}.${sim_object.namespace.name}.svc:9090"
}

output "dashboards_url" {
  description = "Where dashboards are, inside the cluster."
  value       = "http://${sim_object.grafana_service.name}.${sim_object.namespace.name}.svc:3000"
}
