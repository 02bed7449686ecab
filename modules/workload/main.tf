terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

locals {
  # A DaemonSet has one on every node, and only a StatefulSet is told its service.
  replicas = var.kind == "DaemonSet" ? {} : { replicas = var.replicas }
  service  = var.kind == "StatefulSet" ? { serviceName = var.name } : {}
}

resource "sim_object" "this" {
  kind      = var.kind
  namespace = var.namespace
  name      = var.name

  document = {
    apiVersion = "apps/v1"
    kind       = var.kind
    metadata   = { name = var.name, namespace = var.namespace }
    spec = merge(local.replicas, local.service, {
      selector = { matchLabels = { app = var.name } }
      template = {
        metadata = { labels = { app = var.name } }
        spec = {
          containers = [{
            name  = var.name
            image = var.image
            ports = [{ containerPort = var.port }]
          }]
        }
      }
    })
  }
}

resource "sim_object" "service" {
  count = var.has_service ? 1 : 0

  kind      = "Service"
  namespace = var.namespace
  name      = var.name

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = var.name, namespace = var.namespace }
    spec = {
      selector = { app = var.name }
      ports    = [{ name = "http", port = var.port }]
    }
  }
}
