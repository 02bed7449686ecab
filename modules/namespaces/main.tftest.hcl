# Run with: formwork test

mock_provider "sim" {}

variables {
  namespaces = {
    research = {
      team    = "research"
      purpose = "training"
      gpus    = 8
    }
  }
}

run "limits_the_gpus" {
  command = plan

  assert {
    condition     = sim_object.quota["research"].document.spec.hard["requests.nvidia.com/gpu"] == "8"
    error_message = "The quota holds the GPUs."
  }

  assert {
    condition     = output.names == { research = "research" }
    error_message = "Namespaces are named as they are keyed."
  }
}

run "refuses_a_negative_quota" {
  command = plan

  variables {
    namespaces = {
      research = {
        team    = "research"
        purpose = "training"
        gpus    = -1
      }
    }
  }

  expect_failures = [var.namespaces]
}
