# Run with: formwork test

mock_provider "sim" {
  mock_data "sim_image" {
    defaults = { id = "image-ubuntu-24.04" }
  }

  mock_resource "sim_cluster" {
    defaults = {
      endpoint = "https://10.0.0.2:6443"
      token    = "secret"
    }
  }
}

variables {
  name    = "ml"
  network = "net-1"
  workers = ["machine-1"]
}

run "joins_all_workers" {
  command = plan

  assert {
    condition     = length(sim_cluster.this.control_plane) == 3 && length(sim_cluster.this.workers) == 3
    error_message = "Three machines are the control plane; two for the system and one given are the workers."
  }

  assert {
    condition     = output.endpoint == "https://10.0.0.2:6443"
    error_message = "The endpoint is the cluster's."
  }
}

run "refuses_an_even_control_plane" {
  command = plan

  variables {
    control_plane_nodes = 2
  }

  expect_failures = [var.control_plane_nodes]
}
