output "ids" {
  description = "Ids of the machines, for a cluster."
  value       = sim_machine.node[*].id
}

output "names" {
  description = "Names of the machines."
  value       = sim_machine.node[*].name
}

output "gpus" {
  description = "How many GPUs the pool has."
  value       = var.nodes * var.gpus_per_node
}
