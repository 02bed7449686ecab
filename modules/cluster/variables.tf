variable "name" {
  type        = string
  description = "Name of the cluster and beginning of its machines' names."
}

variable "kubernetes_version" {
  type        = string
  description = "Version of the control plane, as 1.34."
  default     = "1.34"
}

variable "network" {
  type        = string
  description = "Id of the network."
}

variable "control_plane_nodes" {
  type        = number
  description = "Machines for the control plane; an odd number."
  default     = 3

  validation {
    condition     = var.control_plane_nodes % 2 == 1
    error_message = "A control plane needs an odd number of machines, so that a majority can decide."
  }
}

variable "system_nodes" {
  type        = number
  description = "Machines without GPUs, for everything that serves the platform."
  default     = 2
}

variable "workers" {
  type        = list(string)
  description = "Ids of further machines that join."
  default     = []
}

variable "image" {
  type        = string
  description = "Image the machines start from."
  default     = "ubuntu-24.04"
}
