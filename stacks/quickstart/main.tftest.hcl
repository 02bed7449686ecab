# Run with: formwork test
# Both configurations of the provider are mocked: nothing is made, not even in the simulated datacentre.

mock_provider "sim" {
  mock_data "sim_image" {
    defaults = { id = "image-ubuntu-24.04-cuda" }
  }
}

mock_provider "sim" {
  alias = "cluster"
}

run "adds_up" {
  command = plan

  variables {
    a100_nodes    = 3
    rtx6000_nodes = 1
  }

  assert {
    condition     = output.gpus == { training = 24, inference = 4 }
    error_message = "Eight GPUs a training node, four an inference node."
  }
}

run "stands" {
  assert {
    condition     = length(module.training.ids) == var.a100_nodes && output.dashboards_url != null
    error_message = "All machines stand, and the dashboards have an address."
  }
}
