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
  name      = "model-registry"

  document = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "model-registry", namespace = var.namespace }
    data = {
      backend-store = "postgresql://postgres:5432/registry"
      artifact-root = "${var.bucket_endpoint}/models"
    }
  }
}

resource "sim_object" "store" {
  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "postgres"

  document = {
    apiVersion = "apps/v1"
    kind       = "StatefulSet"
    metadata   = { name = "postgres", namespace = var.namespace }
    spec = {
      serviceName = "postgres"
      replicas    = 1
      selector    = { matchLabels = { app = "postgres" } }
      template = {
        metadata = { labels = { app = "postgres" } }
        spec = {
          containers = [{
            name  = "postgres"
            image = "postgres:${var.postgres_version}"
            ports = [{ containerPort = 5432 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "store_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "postgres"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "postgres", namespace = var.namespace }
    spec = {
      selector = { app = "postgres" }
      ports    = [{ name = "http", port = 5432 }]
    }
  }
}

resource "sim_object" "server" {
  kind      = "Deployment"
  namespace = sim_object.namespace.name
  name      = "model-registry"

  document = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "model-registry", namespace = var.namespace }
    spec = {
      replicas = var.replicas
      selector = { matchLabels = { app = "model-registry" } }
      template = {
        metadata = { labels = { app = "model-registry" } }
        spec = {
          containers = [{
            name  = "model-registry"
            image = "mlflow/mlflow:${var.registry_version}"
            ports = [{ containerPort = 5000 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "server_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "model-registry"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "model-registry", namespace = var.namespace }
    spec = {
      selector = { app = "model-registry" }
      ports    = [{ name = "http", port = 5000 }]
    }
  }
}
