terraform {
  required_providers {
    kubernetes = { source = "formwork/kubernetes" }
  }
}

locals {
  namespace = "kube-flannel"
  labels    = { app = "flannel" }
}

resource "kubernetes_manifest" "namespace" {
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name   = local.namespace
      labels = { "pod-security.kubernetes.io/enforce" = "privileged" }
    }
  }
}

resource "kubernetes_manifest" "service_account" {
  manifest = {
    apiVersion = "v1"
    kind       = "ServiceAccount"
    metadata   = { name = "flannel", namespace = kubernetes_manifest.namespace.object.metadata.name }
  }
}

resource "kubernetes_manifest" "role" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "ClusterRole"
    metadata   = { name = "flannel" }
    rules = [
      { apiGroups = [""], resources = ["pods"], verbs = ["get"] },
      { apiGroups = [""], resources = ["nodes"], verbs = ["get", "list", "watch"] },
      { apiGroups = [""], resources = ["nodes/status"], verbs = ["patch"] },
    ]
  }
}

resource "kubernetes_manifest" "role_binding" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "ClusterRoleBinding"
    metadata   = { name = "flannel" }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "ClusterRole", name = kubernetes_manifest.role.object.metadata.name }
    subjects   = [{ kind = "ServiceAccount", name = "flannel", namespace = local.namespace }]
  }
}

resource "kubernetes_manifest" "configuration" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "flannel", namespace = kubernetes_manifest.namespace.object.metadata.name, labels = local.labels }
    data = {
      "net-conf.json" = jsonencode({ Network = var.pod_subnet, EnableNFTables = false, Backend = { Type = var.backend } })
      "cni-conf.json" = jsonencode({
        cniVersion = "0.3.1"
        name       = "cbr0"
        plugins = [
          { type = "flannel", delegate = { hairpinMode = true, isDefaultGateway = true } },
          { type = "portmap", capabilities = { portMappings = true } },
        ]
      })
    }
  }
}

resource "kubernetes_manifest" "daemon_set" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "DaemonSet"
    metadata   = { name = "flannel", namespace = local.namespace, labels = local.labels }
    spec = {
      selector = { matchLabels = local.labels }
      template = {
        metadata = {
          labels = local.labels
          # Other settings are other pods.
          annotations = { "formwork.dev/settings" = sha256(jsonencode(kubernetes_manifest.configuration.manifest.data)) }
        }
        spec = {
          hostNetwork        = true
          priorityClassName  = "system-node-critical"
          serviceAccountName = kubernetes_manifest.service_account.object.metadata.name
          nodeSelector       = { "kubernetes.io/os" = "linux" }
          # It is what makes a node ready.
          tolerations = [{ operator = "Exists", effect = "NoSchedule" }]
          initContainers = [
            {
              name         = "program"
              image        = var.cni_image
              command      = ["cp", "-f", "/flannel", "${var.cni_programs}/flannel"]
              volumeMounts = [{ name = "programs", mountPath = var.cni_programs }]
            },
            {
              name    = "network"
              image   = var.image
              command = ["cp", "-f", "/etc/kube-flannel/cni-conf.json", "/etc/cni/net.d/10-flannel.conflist"]
              volumeMounts = [
                { name = "networks", mountPath = "/etc/cni/net.d" },
                { name = "settings", mountPath = "/etc/kube-flannel" },
              ]
            },
          ]
          containers = [{
            name            = "flannel"
            image           = var.image
            command         = ["/opt/bin/flanneld"]
            args            = concat(["--ip-masq", "--kube-subnet-mgr"], var.interface == null ? [] : ["--iface=${var.interface}"])
            resources       = { requests = { cpu = "100m", memory = "50Mi" } }
            securityContext = { privileged = false, capabilities = { add = ["NET_ADMIN", "NET_RAW"] } }
            env = [
              { name = "POD_NAME", valueFrom = { fieldRef = { apiVersion = "v1", fieldPath = "metadata.name" } } },
              { name = "POD_NAMESPACE", valueFrom = { fieldRef = { apiVersion = "v1", fieldPath = "metadata.namespace" } } },
              { name = "EVENT_QUEUE_DEPTH", value = "5000" },
            ]
            volumeMounts = [
              { name = "run", mountPath = "/run/flannel" },
              { name = "settings", mountPath = "/etc/kube-flannel/" },
              { name = "lock", mountPath = "/run/xtables.lock" },
            ]
          }]
          volumes = [
            { name = "run", hostPath = { path = "/run/flannel", type = "DirectoryOrCreate" } },
            { name = "programs", hostPath = { path = var.cni_programs, type = "DirectoryOrCreate" } },
            { name = "networks", hostPath = { path = "/etc/cni/net.d", type = "DirectoryOrCreate" } },
            { name = "settings", configMap = { name = "flannel" } },
            { name = "lock", hostPath = { path = "/run/xtables.lock", type = "FileOrCreate" } },
          ]
        }
      }
    }
  }

  # A node without it runs no other pod.
  wait {
    rollout = true
  }

  depends_on = [kubernetes_manifest.role_binding]
}
