# Run with: formwork test

mock_provider "sim" {}

variables {
  namespace = "apps"
  name      = "server"
  image     = "server:1"
  port      = 8080
}

run "is_reached_through_its_service" {
  command = plan

  assert {
    condition     = output.url == "http://server.apps.svc:8080"
    error_message = "The address is the service's."
  }

  assert {
    condition     = sim_object.this.document.spec.replicas == 1
    error_message = "One replica is the default."
  }
}

run "has_no_address_without_a_service" {
  command = plan

  variables {
    has_service = false
    kind        = "DaemonSet"
  }

  assert {
    condition     = output.url == null && !can(sim_object.this.document.spec.replicas)
    error_message = "A daemon set has no replicas, and without a service nothing is reached."
  }
}

run "refuses_other_kinds" {
  command = plan

  variables {
    kind = "Job"
  }

  expect_failures = [var.kind]
}
