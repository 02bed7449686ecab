# Run with: formwork test

mock_provider "sim" {
  mock_resource "sim_network" {
    defaults = { gateway = "10.0.0.1" }
  }
}

variables {
  name = "main"
}

run "has_a_gateway" {
  command = plan

  assert {
    condition     = sim_network.this.cidr == "10.0.0.0/16" && output.gateway == "10.0.0.1"
    error_message = "The network has its default addresses, and the gateway is passed on."
  }
}
