# Run with: formwork test

mock_provider "kubernetes" {
  mock_resource "kubernetes_manifest" {
    defaults = { object = { metadata = { name = "flannel" } } }
  }
}

variables {
  pod_subnet = "10.244.0.0/16"
}

run "tells_flannel_of_the_pods_addresses" {
  command = plan

  assert {
    condition     = output.network.Network == "10.244.0.0/16" && output.network.Backend.Type == "vxlan"
    error_message = "Flannel is told the cluster's own addresses."
  }
}

run "refuses_a_backend_that_is_none" {
  command = plan

  variables {
    backend = "carrier-pigeon"
  }

  expect_failures = [var.backend]
}
