variable "pod_subnet" {
  type        = string
  description = "The addresses of pods, as the cluster has them."
}

variable "backend" {
  type        = string
  description = "How packets reach other nodes: `vxlan` over any network, `host-gw` by routes in one network, `wireguard` encrypted."
  default     = "vxlan"

  validation {
    condition     = contains(["vxlan", "host-gw", "wireguard"], var.backend)
    error_message = "The backend is \"vxlan\", \"host-gw\" or \"wireguard\"."
  }
}

variable "image" {
  type        = string
  description = "Flannel's image."
  default     = "ghcr.io/flannel-io/flannel:v0.28.10"
}

variable "cni_image" {
  type        = string
  description = "The image with its program for containerd."
  default     = "ghcr.io/flannel-io/flannel-cni-plugin:v1.9.0-flannel1"
}

variable "interface" {
  type        = string
  description = "The network interface that nodes reach each other by; that of the default route, by itself."
  default     = null
}

variable "cni_programs" {
  type        = string
  description = "Where the nodes' container runtime finds the programs of networks, `portmap` among them: kubernetes-cni, which comes with kubelet's package, puts them in /opt/cni/bin, and Debian's own containernetworking-plugins in /usr/lib/cni."
  default     = "/opt/cni/bin"
}
