module "network" {
  source = "./network"
  ciddr  = "10.0.0.0/16"
}
