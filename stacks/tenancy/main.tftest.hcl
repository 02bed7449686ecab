# Run with: formwork test
# The cluster is mocked: this says what would be asked of one.

mock_provider "kubernetes" {
  mock_resource "kubernetes_manifest" {
    defaults = { object = { metadata = { name = "ml-research-dev" } } }
  }
}

variables {
  config_context = "none"
  teams = {
    research = {
      environments = {
        dev = { gpus = 4 }
      }
    }
  }
}

run "limits_each_tenant" {
  command = plan

  assert {
    condition     = output.namespaces["ml-research-dev"].gpus == "4"
    error_message = "The quota is the environment's."
  }
}

run "asks_for_no_gpus_where_there_are_none" {
  command = plan

  variables {
    has_gpus = false
  }

  assert {
    condition     = output.namespaces["ml-research-dev"].gpus == "0"
    error_message = "Without GPUs every quota is 0."
  }
}

run "refuses_a_bad_name" {
  command = plan

  variables {
    name = "Not A Name"
  }

  expect_failures = [var.name]
}
