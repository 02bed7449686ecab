variable "config_path" {
  type        = string
  description = "Path of the kubeconfig."
  default     = "~/.kube/config"
}

variable "config_context" {
  type        = string
  description = "The kubeconfig's context: which cluster, and as whom."
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

variable "teams" {
  type = map(object({
    # Group of the cluster's users that may work in the team's namespaces.
    group = optional(string)
    environments = map(object({
      gpus     = optional(number, 0)
      cpu      = optional(string, "16")
      memory   = optional(string, "64Gi")
      pods     = optional(number, 50)
      priority = optional(string, "low")
      # GPUs of the example workload; null for no workload.
      workload_gpus = optional(number)
    }))
  }))
  description = "Teams, and what each of their environments may use."
  default = {
    vision = {
      environments = {
        dev  = { gpus = 2, workload_gpus = 1 }
        prod = { gpus = 4, priority = "high", workload_gpus = 2 }
      }
    }
    language = {
      environments = {
        dev  = { gpus = 1 }
        prod = { gpus = 4, priority = "high", workload_gpus = 2 }
      }
    }
  }

  validation {
    condition = alltrue(flatten([
      for team in values(var.teams) : [
        for environment in values(team.environments) : contains(["low", "high"], environment.priority)
      ]
    ]))
    error_message = "The priority of an environment is \"low\" or \"high\"."
  }
}

variable "has_gpus" {
  type        = bool
  description = "Whether the cluster has GPUs. Without, every GPU quota is 0 and the workloads ask for none."
  default     = true
}

variable "image" {
  type        = string
  description = "Image of the example workloads."
  default     = "busybox:stable"
}

variable "wait_for_rollout" {
  type        = bool
  description = "Whether an apply waits until the workloads run."
  default     = true
}
