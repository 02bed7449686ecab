variable "namespace" {
  type        = string
  description = "Namespace to make and to live in."
  default     = "monitoring"
}

variable "scrape_interval_s" {
  type        = number
  description = "Seconds between two looks at everything."
  default     = 15
}

variable "scrape_jobs" {
  type        = list(string)
  description = "Services to look at beside the GPUs."
  default     = []
}

variable "gpu_temperature_limit_c" {
  type        = number
  description = "Degrees above which a GPU raises an alert."
  default     = 85
}

variable "prometheus_version" {
  type        = string
  description = "Version of Prometheus."
  default     = "v3.5.0"
}

variable "grafana_version" {
  type        = string
  description = "Version of Grafana."
  default     = "12.1.0"
}

variable "exporter_version" {
  type        = string
  description = "Version of the exporter of GPU metrics."
  default     = "4.2.3"
}
