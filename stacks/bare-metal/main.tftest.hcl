# Run with: formwork test

mock_provider "host" {}

mock_provider "kubeadm" {
  mock_resource "kubeadm_cluster" {
    defaults = { server = "https://10.0.0.11:6443", pod_cidr = "10.244.0.0/24" }
  }
}

mock_provider "kubernetes" {
  mock_resource "kubernetes_manifest" {
    defaults = { object = { metadata = { name = "ml-research" } } }
  }
}

variables {
  nodes = {
    plane-1 = { address = "10.0.0.11", role = "control-plane" }
    gpu-1   = { address = "10.0.0.21", gpus = 8 }
  }
}

run "a_gpu_node_waits_for_its_gpus" {
  command = apply

  assert {
    condition     = kubeadm_node_ready.gpu["gpu-1"].resources["nvidia.com/gpu"] == 8 && kubeadm_node_ready.gpu["gpu-1"].host.address == "10.0.0.11"
    error_message = "It is asked for from the control plane."
  }

  assert {
    condition     = output.namespaces == { research = "ml-research" } && length(module.flannel) == 1
    error_message = "The tenants and the network are there in the same run."
  }
}
