# Run with: formwork test

mock_provider "host" {
  mock_data "host_facts" {
    defaults = { os_id = "ubuntu", os_version = "24.04", kernel = "6.8.0-60-generic", architecture = "x86_64", gpus = [] }
  }
}

mock_provider "kubeadm" {
  mock_data "kubeadm_preflight" {
    defaults = { facts = { plane-1 = { os = "debian 12" }, gpu-1 = { os = "ubuntu 24.04" } } }
  }
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

run "a_gpu_node_is_whole" {
  command = plan

  variables {
    probe_image = "nvcr.io/nvidia/cuda:13.0.1-base-ubuntu24.04"
  }

  assert {
    condition     = keys(module.gpu_host) == ["gpu-1"] && contains(module.gpu_host["gpu-1"].distribution.drivers, "nvidia-headless-580-server")
    error_message = "It has its driver, as its system names it."
  }

  assert {
    condition     = kubernetes_manifest.runtime_class[0].manifest.handler == "nvidia" && kubeadm_node_ready.gpu["gpu-1"].probe.runtime_class == "nvidia" && length(module.device_plugin) == 1
    error_message = "Its pods get the driver, and it offers its GPUs."
  }
}

run "what_is_there_already_is_left_out" {
  command = plan

  variables {
    probe_image  = "lab.local/app:1"
    gpu_software = { driver = false, runtime = false }
  }

  assert {
    condition     = length(module.gpu_host) == 0 && length(kubernetes_manifest.runtime_class) == 0 && length(module.device_plugin) == 1 && kubeadm_node_ready.gpu["gpu-1"].probe.runtime_class == null
    error_message = "Each part is of its own."
  }
}

run "no_gpus_need_nothing" {
  command = plan

  variables {
    nodes = { plane-1 = { address = "10.0.0.11", role = "control-plane" } }
  }

  assert {
    condition     = length(module.gpu_host) == 0 && length(module.device_plugin) == 0 && length(kubernetes_manifest.runtime_class) == 0
    error_message = "Nothing of GPUs is there without any."
  }
}
