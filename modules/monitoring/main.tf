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

module "metrics" {
  source = "../workload"

  kind      = "StatefulSet"
  namespace = sim_object.namespace.name
  name      = "prometheus"
  image     = "prom/prometheus:${var.prometheus_version}"
  port      = 9090
}

module "dashboards" {
  source = "../workload"

  namespace = sim_object.namespace.name
  name      = "grafana"
  image     = "grafana/grafana:${var.grafana_version}"
  port      = 3000
}

module "gpu_exporter" {
  source = "../workload"

  kind        = "DaemonSet"
  namespace   = sim_object.namespace.name
  name        = "dcgm-exporter"
  image       = "nvidia/dcgm-exporter:${var.exporter_version}"
  port        = 9400
  has_service = false
}
