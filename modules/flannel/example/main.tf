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

module "flannel" {
  source = "../"

  pod_subnet = "10.244.0.0/16"
  backend    = "host-gw"
}
