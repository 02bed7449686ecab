variable "host" {
  description = "The host, as the resources of `formwork/host` take it."
  type = object({
    address    = optional(string)
    port       = optional(number)
    user       = optional(string)
    become     = optional(bool)
    host_key   = optional(string)
    connection = optional(string)
    bastion = optional(object({
      address  = string
      port     = optional(number)
      user     = optional(string)
      host_key = optional(string)
    }))
  })
}

variable "kernel" {
  type        = string
  description = "The kernel's package, NAME or NAME=VERSION; the driver is built for it, and both are held. The kernel that runs, by itself."
  default     = null
}

variable "headers" {
  type        = string
  description = "The package of its headers; none where the driver comes built. Those of the kernel that runs, where `kernel` is not given."
  default     = null
}

variable "driver_branch" {
  type        = string
  description = "The branch of NVIDIA's driver: `580`. It stands in the names of packages where a distribution has one for each branch."
  default     = "580"
}

variable "driver_version" {
  type        = string
  description = "The one version of the driver's packages; the newest of the branch, by itself."
  default     = null
}

variable "toolkit_version" {
  type        = string
  description = "The one version of the container toolkit; the newest, by itself."
  default     = null
}

variable "fabric_manager" {
  type        = bool
  description = "Whether the GPUs are joined by NVSwitch, and a fabric manager runs."
  default     = false
}

variable "packages" {
  description = "Names of packages and units where they are others than the table's."
  type = object({
    drivers        = optional(list(string))
    toolkit        = optional(list(string))
    fabric_manager = optional(string)
    persistence    = optional(string)
  })
  default  = {}
  nullable = false
}

variable "repository" {
  description = "Where the packages come from, as host_repository takes it, on systems with apt; what the host knows already, by itself."
  type = object({
    uris        = list(string)
    suites      = list(string)
    components  = optional(list(string))
    signing_key = optional(string)
    trusted     = optional(bool)
  })
  default = null
}

variable "proxy" {
  type        = string
  description = "A proxy for packages, `http://proxy.internal:3128`."
  default     = null
}

variable "cache_devices" {
  type        = list(string)
  description = "Local disks for caches, by their ids; two or more become one striped array."
  default     = []
  nullable    = false
}

variable "cache_path" {
  type        = string
  description = "Where they are mounted."
  default     = "/var/cache/datasets"
}

variable "cache_type" {
  type        = string
  description = "Their file system."
  default     = "xfs"
}

variable "wipe" {
  type        = list(string)
  description = "What on those disks may be written over, by type or UUID."
  default     = []
  nullable    = false
}

variable "kernel_settings" {
  type        = map(string)
  description = "Settings of the kernel."
  default     = { "vm.max_map_count" = "262144", "vm.swappiness" = "1" }
  nullable    = false
}

variable "restart" {
  type        = bool
  description = "Whether the host is restarted when its system asks for it, so that it runs the kernel and the driver that are installed."
  default     = true
}

variable "before_restart" {
  type        = string
  description = "Lines for sh that drain the host before that."
  default     = null
}
