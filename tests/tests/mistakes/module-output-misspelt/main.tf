module "network" {
  source = "./network"
}

output "id" {
  value = module.network.netwrok_id
}

output "other" {
  value = module.netwrok.network_id
}
