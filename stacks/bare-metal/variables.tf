variable "name" {
  type        = string
  description = "The platform's name, and the cluster's."
  default     = "ml"
}

variable "kubernetes_version" {
  type        = string
  description = "The version of Kubernetes; a change is an upgrade."
  default     = "1.37.2"
}

variable "nodes" {
  description = "The hosts, by the names of their nodes: where they are, what they are, how many GPUs each has, and whether NVSwitch joins those (`fabric_manager`)."
  type = map(object({
    address        = string
    port           = optional(number)
    role           = optional(string, "worker")
    gpus           = optional(number, 0)
    fabric_manager = optional(bool, false)
    labels         = optional(map(string), {})
    taints         = optional(list(object({ key = string, value = optional(string), effect = string })))
  }))
}

variable "endpoint" {
  type        = string
  description = "Where all reach the control plane, NAME:PORT; that of the first node, by itself."
  default     = null
}

variable "ssh_user" {
  type        = string
  description = "The account on the hosts; where it is not root, it works by sudo."
  default     = "root"
}

variable "ssh_private_key_file" {
  type        = string
  description = "Its key; the agent's, by itself."
  default     = null
}

variable "ssh_known_hosts_file" {
  type        = string
  description = "The keys of the hosts."
  default     = "~/.ssh/known_hosts"
}

variable "pod_subnet" {
  type        = string
  description = "The addresses of pods."
  default     = "10.244.0.0/16"
}

variable "service_subnet" {
  type        = string
  description = "The addresses of services."
  default     = "10.96.0.0/12"
}

variable "network" {
  type        = string
  description = "`flannel`, or `bridge`: a bridge on each node and routes between them, for nodes of one network."
  default     = "flannel"

  validation {
    condition     = contains(["flannel", "bridge"], var.network)
    error_message = "The network is \"flannel\" or \"bridge\"."
  }
}

variable "teams" {
  type        = map(object({ gpus = optional(number, 0), cpu = optional(string, "64"), memory = optional(string, "256Gi") }))
  description = "Teams with a namespace and what they may use."
  default     = { research = { gpus = 8 } }
}

variable "probe_image" {
  type        = string
  description = "An image that is run on each GPU node with all its GPUs before it takes work, by `nvidia-smi`; nothing is run, by itself."
  default     = null
}

variable "gpu_software" {
  description = "What nodes with GPUs get: `driver` (driver and container toolkit; where false, they are there), `runtime` (NVIDIA's runtime in containerd as the RuntimeClass `nvidia`) and `device_plugin` (what offers GPUs to Kubernetes). The others by the names of modules/gpu-host, and the plugin's image."
  type = object({
    driver              = optional(bool, true)
    runtime             = optional(bool, true)
    device_plugin       = optional(bool, true)
    device_plugin_image = optional(string)
    kernel              = optional(string)
    headers             = optional(string)
    driver_branch       = optional(string, "580")
    driver_version      = optional(string)
    toolkit_version     = optional(string)
    packages            = optional(object({ drivers = optional(list(string)), toolkit = optional(list(string)), fabric_manager = optional(string), persistence = optional(string) }), {})
    repository          = optional(object({ uris = list(string), suites = list(string), components = optional(list(string)), signing_key = optional(string), trusted = optional(bool) }))
    proxy               = optional(string)
    restart             = optional(bool, true)
    before_restart      = optional(string)
  })
  default  = {}
  nullable = false
}

variable "hosts" {
  description = "What the hosts are otherwise than the module takes them to be, by the names of modules/kubeadm-cluster."
  type = object({
    packages                = optional(list(string))
    repository              = optional(object({ uris = list(string), suites = list(string), components = optional(list(string)), signing_key = string }))
    image_archives          = optional(map(list(string)), {})
    cni_programs            = optional(string, "/opt/cni/bin")
    containerd_settings     = optional(string, "")
    kernel_modules          = optional(list(string), ["overlay", "br_netfilter"])
    kernel_settings         = optional(map(string))
    ignore_checks           = optional(list(string), [])
    ignore_preflight_errors = optional(list(string), [])
  })
  default = {}
}

variable "kubelet_configuration" {
  type        = any
  description = "Parts of KubeletConfiguration, for all nodes."
  default     = null
}
