output "names" {
  description = "Names of the namespaces by name: what is put into one refers to it here, and so comes after it."
  value       = { for name, namespace in sim_object.namespace : name => namespace.name }
}
