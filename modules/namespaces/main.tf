terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

resource "sim_object" "namespace" {
  for_each = var.namespaces

  kind = "Namespace"
  name = each.key

  document = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata = {
      name   = each.key
      labels = { team = each.value.team, purpose = each.value.purpose }
    }
  }
}

resource "sim_object" "quota" {
  for_each = var.namespaces

  kind      = "ResourceQuota"
  namespace = sim_object.namespace[each.key].name
  name      = "compute"

  document = {
    apiVersion = "v1"
    kind       = "ResourceQuota"
    metadata   = { name = "compute", namespace = each.key }
    spec = {
      hard = {
        "requests.nvidia.com/gpu" = tostring(each.value.gpus)
        "requests.cpu"            = tostring(each.value.cpus)
        "requests.memory"         = "${each.value.memory_gb}Gi"
      }
    }
  }
}

resource "sim_object" "limits" {
  for_each = var.namespaces

  kind      = "LimitRange"
  namespace = sim_object.namespace[each.key].name
  name      = "defaults"

  document = {
    apiVersion = "v1"
    kind       = "LimitRange"
    metadata   = { name = "defaults", namespace = each.key }
    spec = {
      limits = [{
        type           = "Container"
        default        = { cpu = "2", memory = "8Gi" }
        defaultRequest = { cpu = "500m", memory = "1Gi" }
      }]
    }
  }
}

resource "sim_object" "isolation" {
  for_each = var.namespaces

  kind      = "NetworkPolicy"
  namespace = sim_object.namespace[each.key].name
  name      = "from-inside-only"

  document = {
    apiVersion = "networking.k8s.io/v1"
    kind       = "NetworkPolicy"
    metadata   = { name = "from-inside-only", namespace = each.key }
    spec = {
      podSelector = {}
      policyTypes = ["Ingress"]
      ingress     = [{ from = [{ podSelector = {} }] }]
    }
  }
}
