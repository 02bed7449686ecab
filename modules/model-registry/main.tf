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

module "store" {
  source = "../workload"

  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "postgres"
  image     = "postgres:${var.postgres_version}"
  port      = 5432
}

module "server" {
  source = "../workload"

  namespace = sim_object.namespace.name
  name      = "model-registry"
  image     = "mlflow/mlflow:${var.registry_version}"
  port      = 5000
  replicas  = var.replicas
}
