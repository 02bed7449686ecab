terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

resource "sim_object" "namespace" {
  kind = "Namespace"
  name = var.namespace

  document = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = var.namespace }
  }
}

resource "sim_object" "settings" {
  kind      = "ConfigMap"
  namespace = sim_object.namespace.name
  name      = "feature-store"

  document = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "feature-store", namespace = var.namespace }
    data = {
      online-store  = "redis:6379"
      offline-store = "${var.bucket_endpoint}/features"
    }
  }
}

module "store" {
  source = "../workload"

  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "redis"
  image     = "redis:${var.redis_version}"
  port      = 6379
}

module "server" {
  source = "../workload"

  namespace = sim_object.namespace.name
  name      = "feature-store"
  image     = "feastdev/feature-server:${var.server_version}"
  port      = 6566
  replicas  = var.replicas
}
