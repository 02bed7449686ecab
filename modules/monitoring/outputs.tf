output "metrics_url" {
  description = "Where metrics are asked for, inside the cluster."
  value       = module.metrics.url
}

output "dashboards_url" {
  description = "Where dashboards are, inside the cluster."
  value       = module.dashboards.url
}
