output "group" {
  description = "API group of the kinds made here."
  value       = local.group
}

output "trainings" {
  description = "Trainings by the version of their kind."
  value       = { for version, training in kubernetes_manifest.training : version => training.object.metadata.name }
}
