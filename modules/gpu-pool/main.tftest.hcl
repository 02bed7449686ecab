# Run with: formwork test

mock_provider "sim" {
  mock_data "sim_image" {
    defaults = { id = "image-ubuntu-24.04-cuda" }
  }
}

variables {
  name      = "train"
  network   = "net-1"
  gpu_model = "a100"
  nodes     = 3
}

run "counts_its_gpus" {
  command = plan

  assert {
    condition     = output.gpus == 12 && length(output.ids) == 3
    error_message = "Three nodes with four GPUs each are twelve GPUs."
  }

  assert {
    condition     = output.names == ["train-0", "train-1", "train-2"]
    error_message = "Nodes are numbered."
  }

  assert {
    condition     = length(sim_volume.scratch) == 0
    error_message = "Nobody asked for scratch volumes."
  }
}

run "gives_each_node_its_scratch_volume" {
  variables {
    scratch_gb = 100
  }

  assert {
    condition     = [for volume in sim_volume.scratch : volume.machine] == output.ids
    error_message = "Each volume stands on the machine of its number."
  }
}

run "refuses_a_negative_size" {
  command = plan

  variables {
    nodes = -1
  }

  expect_failures = [var.nodes]
}
