# Run with: formwork test

mock_provider "kubernetes" {}

run "stands_on_nodes_that_wait_for_their_gpus" {
  command = plan

  assert {
    condition     = contains(kubernetes_manifest.daemon_set.manifest.spec.template.spec.tolerations[*].key, "formwork.dev/starting") && kubernetes_manifest.daemon_set.manifest.spec.template.spec.runtimeClassName == "nvidia"
    error_message = "It is what a new node waits for, and it needs the driver."
  }

  assert {
    condition     = output.object == "kube-system/nvidia-device-plugin"
    error_message = "It stands beside the cluster's own parts."
  }
}

run "takes_containerds_own_runtime_and_settings" {
  command = plan

  variables {
    image         = null
    runtime_class = null
    settings      = { MIG_STRATEGY = "single", FAIL_ON_INIT_ERROR = "false" }
  }

  assert {
    condition     = !can(kubernetes_manifest.daemon_set.manifest.spec.template.spec.runtimeClassName) && startswith(kubernetes_manifest.daemon_set.manifest.spec.template.spec.containers[0].image, "nvcr.io/")
    error_message = "No RuntimeClass is named, and no image is the default one."
  }

  assert {
    condition     = { for one in kubernetes_manifest.daemon_set.manifest.spec.template.spec.containers[0].env : one.name => one.value }["FAIL_ON_INIT_ERROR"] == "false"
    error_message = "What is told goes before what is so by itself."
  }
}
