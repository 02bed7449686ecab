variable "namespaces" {
  description = "Namespaces by name: whose they are, what for, and how much they may ask for."
  type = map(object({
    team      = string
    purpose   = string
    gpus      = number
    cpus      = optional(number, 64)
    memory_gb = optional(number, 256)
  }))

  validation {
    condition     = alltrue([for namespace in var.namespaces : namespace.gpus >= 0])
    error_message = "A namespace asks for no fewer than 0 GPUs."
  }
}
