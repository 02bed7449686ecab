terraform {
  required_providers {
    host       = { source = "formwork/host" }
    kubeadm    = { source = "formwork/kubeadm" }
    kubernetes = { source = "formwork/kubernetes" }
  }
}

provider "host" {
  user             = var.ssh_user
  private_key_file = var.ssh_private_key_file
  known_hosts_file = var.ssh_known_hosts_file
}

provider "kubeadm" {
  user             = var.ssh_user
  private_key_file = var.ssh_private_key_file
  known_hosts_file = var.ssh_known_hosts_file
}

locals {
  gpu_nodes = { for name, node in var.nodes : name => node if node.gpus > 0 }
  # A node with GPUs takes no work until they are all there.
  starting = "formwork.dev/starting"
}

# Driver and toolkit, on hosts that are no nodes yet.

module "gpu_host" {
  source   = "../../modules/gpu-host"
  for_each = { for name, node in local.gpu_nodes : name => node if var.gpu_software.driver }

  host            = { address = each.value.address, port = each.value.port }
  kernel          = var.gpu_software.kernel
  headers         = var.gpu_software.headers
  driver_branch   = var.gpu_software.driver_branch
  driver_version  = var.gpu_software.driver_version
  toolkit_version = var.gpu_software.toolkit_version
  fabric_manager  = each.value.fabric_manager
  packages        = var.gpu_software.packages
  repository      = var.gpu_software.repository
  proxy           = var.gpu_software.proxy
  restart         = var.gpu_software.restart
  before_restart  = var.gpu_software.before_restart
}

module "cluster" {
  source = "../../modules/kubeadm-cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  endpoint           = var.endpoint
  pod_subnet         = var.pod_subnet
  service_subnet     = var.service_subnet
  network            = var.network == "bridge" ? "bridge" : "none"

  nodes = {
    for name, node in var.nodes : name => {
      host           = { address = node.address, port = node.port }
      role           = node.role
      labels         = merge(node.labels, node.gpus > 0 ? { "formwork.dev/gpus" = tostring(node.gpus) } : {})
      taints         = node.taints
      startup_taints = node.gpus > 0 ? [{ key = local.starting, effect = "NoSchedule" }] : null
    }
  }

  # A host that restarts, or has its packages worked at, is left alone until that is over.
  after  = [for name, host in module.gpu_host : host.host]
  nvidia = var.gpu_software.runtime ? keys(local.gpu_nodes) : []

  packages                = var.hosts.packages
  repository              = var.hosts.repository
  image_archives          = var.hosts.image_archives
  cni_programs            = var.hosts.cni_programs
  containerd_settings     = var.hosts.containerd_settings
  kernel_modules          = var.hosts.kernel_modules
  kernel_settings         = var.hosts.kernel_settings
  ignore_checks           = var.hosts.ignore_checks
  ignore_preflight_errors = var.hosts.ignore_preflight_errors
  kubelet_configuration   = var.kubelet_configuration
}

# What is in the cluster is planned when it is there, in the same run.

provider "kubernetes" {
  host                   = module.cluster.server
  cluster_ca_certificate = module.cluster.cluster_ca_certificate
  client_certificate     = module.cluster.client_certificate
  client_key             = module.cluster.client_key
}

module "flannel" {
  source = "../../modules/flannel"
  count  = var.network == "flannel" ? 1 : 0

  pod_subnet   = var.pod_subnet
  cni_programs = var.hosts.cni_programs
}

# What a pod names to get GPUs, and what has a node offer them.

resource "kubernetes_manifest" "runtime_class" {
  count = length(local.gpu_nodes) > 0 && var.gpu_software.runtime ? 1 : 0

  manifest = {
    apiVersion = "node.k8s.io/v1"
    kind       = "RuntimeClass"
    metadata   = { name = "nvidia" }
    handler    = "nvidia"
  }
}

module "device_plugin" {
  source = "../../modules/nvidia-device-plugin"
  count  = length(local.gpu_nodes) > 0 && var.gpu_software.device_plugin ? 1 : 0

  image         = var.gpu_software.device_plugin_image
  runtime_class = one(kubernetes_manifest.runtime_class[*].manifest.metadata.name)
  tolerations   = [local.starting, "nvidia.com/gpu", "CriticalAddonsOnly"]
}

resource "kubeadm_node_ready" "gpu" {
  for_each = local.gpu_nodes

  host          = module.cluster.control_plane
  name          = each.key
  resources     = { "nvidia.com/gpu" = each.value.gpus }
  remove_taints = [local.starting]
  probe = var.probe_image == null ? null : {
    image         = var.probe_image
    command       = ["nvidia-smi"]
    runtime_class = one(kubernetes_manifest.runtime_class[*].manifest.metadata.name)
  }

  depends_on = [module.cluster, module.flannel, module.device_plugin]
}

# The tenants.

resource "kubernetes_manifest" "namespace" {
  for_each = var.teams

  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = "${var.name}-${each.key}", labels = { "example.com/team" = each.key } }
  }
}

resource "kubernetes_manifest" "quota" {
  for_each = var.teams

  manifest = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "team", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    spec = {
      hard = {
        "requests.nvidia.com/gpu" = tostring(each.value.gpus)
        "requests.cpu"            = each.value.cpu
        "requests.memory"         = each.value.memory
      }
    }
  }

  field_manager {
    force_conflicts = true
  }
}
