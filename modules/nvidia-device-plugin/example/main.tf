terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

variable "config_context" {
  type        = string
  description = "The context of the cluster in your kubeconfig."
}

provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.config_context
}

resource "kubernetes_manifest" "runtime_class" {
  manifest = {
    apiVersion = "node.k8s.io/v1"
    kind       = "RuntimeClass"
    metadata   = { name = "nvidia" }
    handler    = "nvidia"
  }
}

module "device_plugin" {
  source = "../"

  runtime_class = kubernetes_manifest.runtime_class.manifest.metadata.name
  node_label    = "nvidia.com/gpu.present"
}
