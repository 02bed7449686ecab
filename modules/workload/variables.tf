variable "namespace" {
  type        = string
  description = "Namespace to live in."
}

variable "name" {
  type        = string
  description = "Name of the workload, its container and its service."
}

variable "kind" {
  type        = string
  description = "Deployment, StatefulSet or DaemonSet."
  default     = "Deployment"

  validation {
    condition     = contains(["Deployment", "StatefulSet", "DaemonSet"], var.kind)
    error_message = "A workload is a Deployment, a StatefulSet or a DaemonSet."
  }
}

variable "image" {
  type        = string
  description = "Image of the container."
}

variable "port" {
  type        = number
  description = "Port that the container listens on."
}

variable "replicas" {
  type        = number
  description = "Pods side by side; a DaemonSet has one a node."
  default     = 1
}

variable "has_service" {
  type        = bool
  description = "Whether others reach it by name."
  default     = true
}
