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
  name      = "prometheus"

  document = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "prometheus", namespace = var.namespace }
    data = {
      "prometheus.yml" = jsonencode({
        global = { scrape_interval = "${var.scrape_interval_s}s" }
        scrape_configs = [
          for job in concat(["dcgm-exporter"], var.scrape_jobs) : {
            job_name              = job
            kubernetes_sd_configs = [{ role = "pod" }]
          }
        ]
      })
      "alerts.yml" = jsonencode({
        groups = [{
          name = "gpu"
          rules = [{
            alert = "GpuTooHot"
            expr  = "DCGM_FI_DEV_GPU_TEMP > ${var.gpu_temperature_limit_c}"
            for   = "5m"
          }]
        }]
      })
    }
  }
}

resource "sim_object" "prometheus" {
  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "prometheus"

  document = {
    apiVersion = "apps/v1"
    kind       = "StatefulSet"
    metadata   = { name = "prometheus", namespace = var.namespace }
    spec = {
      serviceName = "prometheus"
      replicas    = 1
      selector    = { matchLabels = { app = "prometheus" } }
      template = {
        metadata = { labels = { app = "prometheus" } }
        spec = {
          containers = [{
            name  = "prometheus"
            image = "prom/prometheus:${var.prometheus_version}"
            ports = [{ containerPort = 9090 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "prometheus_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "prometheus"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "prometheus", namespace = var.namespace }
    spec = {
      selector = { app = "prometheus" }
      ports    = [{ name = "http", port = 9090 }]
    }
  }
}

resource "sim_object" "grafana" {
  kind      = "Deployment"
  namespace = sim_object.namespace.name
  name      = "grafana"

  document = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "grafana", namespace = var.namespace }
    spec = {
      replicas = 1
      selector = { matchLabels = { app = "grafana" } }
      template = {
        metadata = { labels = { app = "grafana" } }
        spec = {
          containers = [{
            name  = "grafana"
            image = "grafana/grafana:${var.grafana_version}"
            ports = [{ containerPort = 3000 }]
          }]
        }
      }
    }
  }
}

resource "sim_object" "grafana_service" {
  kind      = "Service"
  namespace = sim_object.namespace.name
  name      = "grafana"

  document = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "grafana", namespace = var.namespace }
    spec = {
      selector = { app = "grafana" }
      ports    = [{ name = "http", port = 3000 }]
    }
  }
}

resource "sim_object" "gpu_exporter" {
  kind      = "DaemonSet"
  namespace = sim_object.namespace.name
  name      = "dcgm-exporter"

  document = {
    apiVersion = "apps/v1"
    kind       = "DaemonSet"
    metadata   = { name = "dcgm-exporter", namespace = var.namespace }
    spec = {
      selector = { matchLabels = { app = "dcgm-exporter" } }
      template = {
        metadata = { labels = { app = "dcgm-exporter" } }
        spec = {
          containers = [{
            name  = "dcgm-exporter"
            image = "nvidia/dcgm-exporter:${var.exporter_version}"
            ports = [{ containerPort = 9400 }]
          }]
        }
      }
    }
  }
}
