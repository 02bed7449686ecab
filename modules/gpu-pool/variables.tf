variable "name" {
  type        = string
  description = "Name of the pool; its machines are NAME-0, NAME-1 and so on."
}

variable "nodes" {
  type        = number
  description = "How many machines."
  default     = 1

  validation {
    condition     = var.nodes >= 0
    error_message = "A pool has no fewer than 0 nodes."
  }
}

variable "network" {
  type        = string
  description = "Id of the network."
}

variable "gpu_model" {
  type        = string
  description = "Model of the GPUs: a100, h100, l40s or rtx6000."
}

variable "gpus_per_node" {
  type        = number
  description = "GPUs in each machine."
  default     = 4
}

variable "flavour" {
  type        = string
  description = "Size of the machines: gpu-small holds 4 GPUs, gpu-large 8."
  default     = "gpu-small"
}

variable "image" {
  type        = string
  description = "Image the machines start from."
  default     = "ubuntu-24.04-cuda"
}

variable "scratch_gb" {
  type        = number
  description = "Gigabytes of fast local disk for each machine; 0 for none."
  default     = 0
}

variable "labels" {
  type        = map(string)
  description = "Words for people and tools."
  default     = {}
}
