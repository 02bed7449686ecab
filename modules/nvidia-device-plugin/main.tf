terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

locals {
  labels = { app = "nvidia-device-plugin" }
}

# Nothing waits for its pods: whether a node offers its GPUs is for kubeadm_node_ready to say, and a node that is down
# would be waited for.

resource "kubernetes_manifest" "daemon_set" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "DaemonSet"
    metadata   = { name = "nvidia-device-plugin", namespace = var.namespace, labels = local.labels }
    spec = {
      selector = { matchLabels = local.labels }
      template = {
        metadata = { labels = local.labels }
        spec = merge(var.runtime_class == null ? {} : { runtimeClassName = var.runtime_class }, {
          priorityClassName = "system-node-critical"
          affinity = {
            nodeAffinity = {
              requiredDuringSchedulingIgnoredDuringExecution = {
                nodeSelectorTerms = [{ matchExpressions = [{ key = var.node_label, operator = "Exists" }] }]
              }
            }
          }
          tolerations = [for key in var.tolerations : { key = key, operator = "Exists" }]
          containers = [{
            name            = "nvidia-device-plugin"
            image           = var.image
            resources       = { requests = { cpu = "10m", memory = "32Mi" } }
            securityContext = { allowPrivilegeEscalation = false, capabilities = { drop = ["ALL"] } }
            env = [for key, value in merge({
              # One that finds no GPUs ends and is begun again, where it would sit and wait by itself.
              FAIL_ON_INIT_ERROR         = "true"
              NVIDIA_DRIVER_CAPABILITIES = "compute,utility"
              NVIDIA_VISIBLE_DEVICES     = "all"
            }, var.settings) : { name = key, value = value }]
            volumeMounts = [{ name = "sockets", mountPath = "/var/lib/kubelet/device-plugins" }]
          }]
          volumes = [{ name = "sockets", hostPath = { path = "/var/lib/kubelet/device-plugins" } }]
        })
      }
    }
  }
}
