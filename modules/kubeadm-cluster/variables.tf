variable "name" {
  type        = string
  description = "The cluster's name."
}

variable "kubernetes_version" {
  type        = string
  description = "The version of Kubernetes, for all nodes; a change is an upgrade."
}

variable "nodes" {
  description = "The hosts, by the names of their nodes."
  type = map(object({
    host = object({
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
    role   = optional(string, "worker")
    labels = optional(map(string))
    taints = optional(list(object({
      key    = string
      value  = optional(string)
      effect = string
    })))
    startup_taints = optional(list(object({
      key    = string
      value  = optional(string)
      effect = string
    })))
  }))

  validation {
    condition     = length([for node in var.nodes : node if node.role == "control-plane"]) > 0
    error_message = "A cluster has a node of the control plane: give one of the nodes role = \"control-plane\"."
  }
}

variable "first_node" {
  type        = string
  description = "The node that the cluster is made on: name it where nodes of the control plane come and go, since another one is another cluster. The first by name, by itself."
  default     = null
}

variable "endpoint" {
  type        = string
  description = "Where all reach the control plane, NAME:PORT; that of the first node, by itself."
  default     = null
}

variable "virtual_ip" {
  description = "An address that the control plane's nodes hand to each other, by kube-vip: `address`, `interface` that it is on, `image`. It is the endpoint, by itself."
  type = object({
    address   = string
    interface = string
    image     = optional(string, "ghcr.io/kube-vip/kube-vip:v1.0.1")
  })
  default = null
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
  description = "`bridge`: a bridge on each node and routes between them, for nodes of one network. `none`: a network plugin is put into the cluster, as modules/flannel does."
  default     = "none"

  validation {
    condition     = contains(["bridge", "none"], var.network)
    error_message = "The network is \"bridge\" or \"none\"."
  }
}

variable "after" {
  type        = any
  description = "What has to be there before anything is done on the hosts: resources, or outputs of modules. The checks of kubeadm_preflight do not wait for it."
  default     = null
}

variable "packages" {
  type        = list(string)
  description = "What each host gets before kubeadm comes: the container runtime and what pods' networks need. By itself, what the table of distributions in main.tf has for the host."
  default     = null
}

variable "kubernetes_packages" {
  type        = bool
  description = "Whether kubeadm, kubelet and kubectl are installed as packages; where false, they are to be there."
  default     = true
}

variable "repository" {
  description = "Where the packages of Kubernetes come from, as host_repository takes it, on systems with apt; what the host knows already, by itself. Where `packages` are given, every host gets it."
  type = object({
    uris        = list(string)
    suites      = list(string)
    components  = optional(list(string))
    signing_key = string
  })
  default = null
}

variable "image_archives" {
  type        = map(list(string))
  description = "Archives of images that are on the hosts and loaded from there, by role: `control-plane` and `worker`. Nothing is loaded twice."
  default     = {}
  nullable    = false
}

variable "pause_image" {
  type        = string
  description = "The image that holds a pod's namespaces, as kubeadm of this version names it."
  default     = "registry.k8s.io/pause:3.10.2"
}

variable "cni_programs" {
  type        = string
  description = "Where containerd finds the programs of networks: kubernetes-cni, which comes with kubelet's package, puts them in /opt/cni/bin, and Debian's own containernetworking-plugins in /usr/lib/cni."
  default     = "/opt/cni/bin"
}

variable "containerd_settings" {
  type        = string
  description = "Lines for the section of containerd's own part for Kubernetes, in TOML."
  default     = ""
  nullable    = false
}

variable "nvidia" {
  type        = list(string)
  description = "The nodes whose containerd has NVIDIA's runtime besides, as `nvidia`; /usr/bin/nvidia-container-runtime is to be there, as modules/gpu-host puts it."
  default     = []
}

variable "kernel_modules" {
  type        = list(string)
  description = "Modules that the kernel of each host has loaded."
  default     = ["overlay", "br_netfilter"]
  nullable    = false
}

variable "kernel_settings" {
  type        = map(string)
  description = "Settings of the kernel of each host."
  default = {
    "net.bridge.bridge-nf-call-iptables"  = "1"
    "net.bridge.bridge-nf-call-ip6tables" = "1"
    "net.ipv4.ip_forward"                 = "1"
  }
  nullable = false
}

variable "cluster_configuration" {
  type        = any
  description = "Parts of kubeadm's ClusterConfiguration."
  default     = null
}

variable "kubelet_configuration" {
  type        = any
  description = "Parts of KubeletConfiguration, for all nodes."
  default     = null
}

variable "ignore_preflight_errors" {
  type        = list(string)
  description = "Checks of kubeadm whose errors are passed over."
  default     = []
  nullable    = false
}

variable "ignore_checks" {
  type        = list(string)
  description = "Checks of kubeadm_preflight whose findings are passed over."
  default     = []
  nullable    = false
}

variable "max_unavailable" {
  type        = number
  description = "How many workers are out of work at once for an upgrade."
  default     = 1
}

variable "drain" {
  type        = bool
  description = "Whether a node is drained before kubelet is replaced or it is removed."
  default     = true
}
