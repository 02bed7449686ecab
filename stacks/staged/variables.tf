variable "config_path" {
  type        = string
  description = "Path of the administrator's kubeconfig."
  default     = "~/.kube/config"
}

variable "config_context" {
  type        = string
  description = "The kubeconfig's context: which cluster, and as whom."
}

variable "host" {
  type        = string
  description = "URL of the same API server, for the operator's account."
}

variable "name" {
  type        = string
  description = "Beginning of the name of everything made here."
  default     = "ml"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.name))
    error_message = "The name begins with a small letter and holds up to 20 small letters, digits and dashes."
  }
}

variable "datasets" {
  type        = map(number)
  description = "Datasets by name, each with its size in gigabytes."
  default = {
    images = 500
    texts  = 80
  }
}
