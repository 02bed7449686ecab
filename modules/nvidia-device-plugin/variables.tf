variable "image" {
  type        = string
  description = "The plugin's image."
  default     = "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"
  nullable    = false
}

variable "namespace" {
  type        = string
  description = "Where it stands; the namespace is to be there."
  default     = "kube-system"
}

variable "runtime_class" {
  type        = string
  description = "The RuntimeClass of its pods, which is to be there: what gives them the driver. Null where containerd's runtime does by itself."
  default     = "nvidia"
}

variable "node_label" {
  type        = string
  description = "The label of nodes that have GPUs; its value says nothing here."
  default     = "formwork.dev/gpus"
}

variable "tolerations" {
  type        = list(string)
  description = "Keys of taints that it stands; a node that waits for its GPUs to lose one has to be among them."
  default     = ["formwork.dev/starting", "nvidia.com/gpu", "CriticalAddonsOnly"]
}

variable "settings" {
  type        = map(string)
  description = "Settings of the plugin, as variables of its environment: `MIG_STRATEGY`."
  default     = {}
  nullable    = false
}
