output "url" {
  description = "Where it is reached, inside the cluster."
  value       = module.server.url
}
