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

resource "sim_object" "store" {
  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "redis"

  document = {
    apiVersion = "apps/v1"
    kind       = "StatefulSet"
    metadata   = { name = "redis", namespace = var.namespace }
    spec = {
      serviceName = "redis"
      replicas    = 1
      selector    = { matchLabels = { app = "redis" } }
      template = {
        metadata = { labels = { app = "redis" } }
        spec = {
          containers = [{
            name  = "redis"
            image = "redis:${var.redis_version}"
            ports = [{ containerPort = 6379 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "store_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "redis"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "redis", namespace = var.namespace }
    spec = {
      selector = { app = "redis" }
      ports    = [{ name = "http", port = 6379 }]
    }
  }
}

resource "sim_object" "server" {
  kind      = "Deployment"
  namespace = sim_object.namespace.name
  name      = "feature-store"

  document = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "feature-store", namespace = var.namespace }
    spec = {
      replicas = var.replicas
      selector = { matchLabels = { app = "feature-store" } }
      template = {
        metadata = { labels = { app = "feature-store" } }
        spec = {
          containers = [{
            name  = "feature-store"
            image = "feastdev/feature-server:${var.server_version}"
            ports = [{ containerPort = 6566 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "server_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "feature-store"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "feature-store", namespace = var.namespace }
    spec = {
      selector = { app = "feature-store" }
      ports    = [{ name = "http", port = 6566 }]
    }
  }
}
