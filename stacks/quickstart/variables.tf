variable "name" {
  type        = string
  description = "Name of the platform and beginning of most names in it."
  default     = "quickstart"
}

variable "cidr" {
  type        = string
  description = "Addresses of the platform's network."
  default     = "10.0.0.0/16"
}

variable "a100_nodes" {
  type        = number
  description = "Machines with eight A100 each, for training."
  default     = 2
}

variable "rtx6000_nodes" {
  type        = number
  description = "Machines with four RTX 6000 each, for inference."
  default     = 2
}

variable "latency_ms" {
  type        = number
  description = "Milliseconds between two steps of what takes time in the simulated datacentre."
  default     = 200
}

variable "misfortune" {
  description = "How the simulated datacentre misbehaves."
  type = object({
    seed               = optional(number, 0)
    throttle_percent   = optional(number, 0)
    lost_reply_percent = optional(number, 0)
    eventual_reads     = optional(number, 0)
    crash_at_call      = optional(number)
    crash_point        = optional(string)
  })
  default = {}
}
