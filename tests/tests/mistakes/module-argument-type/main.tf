module "network" {
  source = "./network"
  zones  = "a"
}
