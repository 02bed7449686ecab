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
  gpu_nodes = { for name, node in var.nodes : name => node.gpus if node.gpus > 0 }
  # A node with GPUs takes no work until they are all there.
  starting = "formwork.dev/starting"
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

resource "kubeadm_node_ready" "gpu" {
  for_each = local.gpu_nodes

  host          = module.cluster.control_plane
  name          = each.key
  resources     = { "nvidia.com/gpu" = each.value }
  remove_taints = [local.starting]
  probe         = var.probe_image == null ? null : { image = var.probe_image, command = ["nvidia-smi"] }

  depends_on = [module.cluster, module.flannel]
}

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
