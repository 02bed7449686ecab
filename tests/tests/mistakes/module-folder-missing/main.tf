module "network" {
  source = "./netwrok"
}

output "id" {
  value = module.network.id
}
