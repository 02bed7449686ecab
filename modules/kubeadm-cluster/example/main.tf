terraform {
  required_providers {
    host    = { source = "formwork/host" }
    kubeadm = { source = "formwork/kubeadm" }
  }
}

provider "host" {
  user = "admin"
}

provider "kubeadm" {
  user = "admin"
}

module "cluster" {
  source = "../"

  name               = "ml"
  kubernetes_version = "1.37.2"
  endpoint           = "10.0.0.10:6443"
  nodes = {
    plane-1 = { host = { address = "10.0.0.11" }, role = "control-plane" }
    plane-2 = { host = { address = "10.0.0.12" }, role = "control-plane" }
    plane-3 = { host = { address = "10.0.0.13" }, role = "control-plane" }
    gpu-1   = { host = { address = "10.0.0.21" }, labels = { workload = "training" } }
  }
  nvidia = ["gpu-1"]
}
