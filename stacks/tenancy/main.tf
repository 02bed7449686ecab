terraform {
  required_providers {
    kubernetes = {
      source = "formwork/kubernetes"
    }
  }
}

provider "kubernetes" {
  config_path    = var.config_path
  config_context = var.config_context
}

locals {
  # One tenant is one team in one environment.
  tenants = {
    for tenant in flatten([
      for team_name, team in var.teams : [
        for environment_name, environment in team.environments : {
          namespace     = "${var.name}-${team_name}-${environment_name}"
          team          = team_name
          environment   = environment_name
          group         = team.group != null ? team.group : "${var.name}:${team_name}"
          gpus          = var.has_gpus ? environment.gpus : 0
          cpu           = environment.cpu
          memory        = environment.memory
          pods          = environment.pods
          priority      = environment.priority
          has_workload  = environment.workload_gpus != null
          workload_gpus = var.has_gpus && environment.workload_gpus != null ? environment.workload_gpus : 0
        }
      ]
    ]) : tenant.namespace => tenant
  }

  workloads = { for namespace, tenant in local.tenants : namespace => tenant if tenant.has_workload }

  # What runs for customers goes before what is tried out.
  priorities = {
    low  = { value = 1000, description = "Experiments: give way to everything else." }
    high = { value = 100000, description = "Services that customers wait for." }
  }
}

resource "kubernetes_manifest" "priority_class" {
  for_each = local.priorities

  manifest = {
    apiVersion  = "scheduling.k8s.io/v1"
    kind        = "PriorityClass"
    metadata    = { name = "${var.name}-${each.key}" }
    value       = each.value.value
    description = each.value.description
  }
}

resource "kubernetes_manifest" "namespace" {
  for_each = local.tenants

  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name = each.key
      labels = {
        "example.com/team"                   = each.value.team
        "example.com/environment"            = each.value.environment
        "pod-security.kubernetes.io/enforce" = "restricted"
      }
    }
  }
}

resource "kubernetes_manifest" "quota" {
  for_each = local.tenants

  manifest = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "tenant", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    spec = {
      hard = {
        "requests.nvidia.com/gpu" = tostring(each.value.gpus)
        "requests.cpu"            = each.value.cpu
        "requests.memory"         = each.value.memory
        "pods"                    = tostring(each.value.pods)
      }
    }
  }

  # Somebody who edits a quota by hand is overruled by the next apply.
  field_manager {
    force_conflicts = true
  }
}

resource "kubernetes_manifest" "limits" {
  for_each = local.tenants

  manifest = {
    apiVersion = "v1"
    kind       = "LimitRange"
    metadata   = { name = "tenant", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    spec = {
      limits = [{
        type           = "Container"
        defaultRequest = { cpu = "100m", memory = "128Mi" }
        default        = { cpu = "1", memory = "1Gi" }
      }]
    }
  }

  field_manager {
    force_conflicts = true
  }
}

resource "kubernetes_manifest" "role" {
  for_each = local.tenants

  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "Role"
    metadata   = { name = "tenant", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    rules = [
      {
        apiGroups = ["", "apps", "batch"]
        resources = ["pods", "pods/log", "services", "configmaps", "deployments", "statefulsets", "jobs", "cronjobs"]
        # Production is changed by whoever deploys it, not by hand.
        verbs = each.value.environment == "prod" ? ["get", "list", "watch"] : ["get", "list", "watch", "create", "update", "patch", "delete"]
      },
      {
        apiGroups = [""]
        resources = ["resourcequotas", "limitranges", "events"]
        verbs     = ["get", "list", "watch"]
      },
    ]
  }
}

resource "kubernetes_manifest" "role_binding" {
  for_each = local.tenants

  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = "tenant", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    roleRef = {
      apiGroup = "rbac.authorization.k8s.io"
      kind     = "Role"
      name     = kubernetes_manifest.role[each.key].manifest.metadata.name
    }
    subjects = [{
      apiGroup = "rbac.authorization.k8s.io"
      kind     = "Group"
      name     = each.value.group
    }]
  }
}

# Traffic comes from the tenant's own pods alone.
resource "kubernetes_manifest" "network_policy" {
  for_each = local.tenants

  manifest = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "tenant", namespace = kubernetes_manifest.namespace[each.key].object.metadata.name }
    spec = {
      podSelector = {}
      policyTypes = ["Ingress"]
      ingress     = [{ from = [{ podSelector = {} }] }]
    }
  }
}

resource "kubernetes_manifest" "workload" {
  for_each = local.workloads

  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata = {
      name      = "worker"
      namespace = kubernetes_manifest.namespace[each.key].object.metadata.name
      labels    = { app = "worker" }
    }
    spec = {
      replicas = 1
      selector = { matchLabels = { app = "worker" } }
      # The quota may have no room for an old pod beside a new one.
      strategy = { type = "Recreate" }
      template = {
        metadata = { labels = { app = "worker" } }
        spec = {
          priorityClassName = kubernetes_manifest.priority_class[each.value.priority].manifest.metadata.name
          securityContext = {
            runAsNonRoot   = true
            runAsUser      = 65534
            seccompProfile = { type = "RuntimeDefault" }
          }
          tolerations = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]
          containers = [{
            name    = "worker"
            image   = var.image
            command = ["sleep", "infinity"]
            resources = {
              requests = { cpu = "100m", memory = "128Mi" }
              limits   = each.value.workload_gpus > 0 ? { "nvidia.com/gpu" = tostring(each.value.workload_gpus) } : null
            }
            securityContext = {
              allowPrivilegeEscalation = false
              capabilities             = { drop = ["ALL"] }
            }
          }]
        }
      }
    }
  }

  wait {
    rollout = var.wait_for_rollout
  }

  # Somebody who scales or edits a workload by hand is overruled by the next apply.
  field_manager {
    force_conflicts = true
  }

  # Pods are counted and filled in from their first on.
  depends_on = [kubernetes_manifest.quota, kubernetes_manifest.limits]
}
