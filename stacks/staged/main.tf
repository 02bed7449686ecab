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
  group     = "${var.name}.formwork.dev"
  namespace = kubernetes_manifest.namespace.object.metadata.name
}

# Stage one: the administrator makes an account, what it may do, and a token.

resource "kubernetes_manifest" "namespace" {
  manifest = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = "${var.name}-operator" }
  }
}

resource "kubernetes_manifest" "account" {
  manifest = {
    apiVersion = "v1"
    kind       = "ServiceAccount"
    metadata   = { name = "operator", namespace = local.namespace }
  }
}

resource "kubernetes_manifest" "role" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "ClusterRole"
    metadata   = { name = "${var.name}-operator" }
    rules = [
      {
        apiGroups = ["apiextensions.k8s.io"]
        resources = ["customresourcedefinitions"]
        verbs     = ["get", "list", "create", "patch", "delete"]
      },
      {
        apiGroups = [local.group]
        resources = ["*"]
        verbs     = ["get", "list", "create", "patch", "delete"]
      },
      # Which cluster it is, is known by the id of this namespace.
      {
        apiGroups     = [""]
        resources     = ["namespaces"]
        resourceNames = ["kube-system", "${var.name}-operator"]
        verbs         = ["get"]
      },
    ]
  }
}

resource "kubernetes_manifest" "binding" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "ClusterRoleBinding"
    metadata   = { name = "${var.name}-operator" }
    roleRef = {
      apiGroup = "rbac.authorization.k8s.io"
      kind     = "ClusterRole"
      name     = kubernetes_manifest.role.object.metadata.name
    }
    subjects = [{
      kind      = "ServiceAccount"
      name      = kubernetes_manifest.account.object.metadata.name
      namespace = local.namespace
    }]
  }
}

resource "kubernetes_manifest" "token" {
  manifest = {
    apiVersion = "v1"
    kind       = "Secret"
    type       = "kubernetes.io/service-account-token"
    metadata = {
      name        = "operator"
      namespace   = local.namespace
      annotations = { "kubernetes.io/service-account.name" = kubernetes_manifest.account.object.metadata.name }
    }
  }

  # The server writes it.
  wait {
    fields = { "data.token" = "*" }
  }
}

data "kubernetes_resource" "token" {
  api_version = "v1"
  kind        = "Secret"

  metadata {
    name      = kubernetes_manifest.token.object.metadata.name
    namespace = local.namespace
  }

  depends_on = [kubernetes_manifest.token]
}

# Stage two: who acts from here on is known only when the token is there.

provider "kubernetes" {
  alias = "operator"

  host                   = var.host
  token                  = base64decode(data.kubernetes_resource.token.sensitive_data["token"])
  cluster_ca_certificate = base64decode(data.kubernetes_resource.token.sensitive_data["ca.crt"])
}

resource "kubernetes_manifest" "definition" {
  for_each = { datasets = "Dataset", trainings = "Training" }
  provider = kubernetes.operator

  manifest = {
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = { name = "${each.key}.${local.group}" }
    spec = {
      group = local.group
      scope = "Namespaced"
      names = {
        plural   = each.key
        singular = lower(each.value)
        kind     = each.value
        listKind = "${each.value}List"
      }
      versions = [{
        name    = "v1"
        served  = true
        storage = true
        schema = {
          openAPIV3Schema = {
            type = "object"
            properties = {
              spec = { type = "object", x-kubernetes-preserve-unknown-fields = true }
            }
          }
        }
      }]
    }
  }

  computed_fields = ["status.storedVersions"]
  depends_on      = [kubernetes_manifest.binding]

  wait {
    fields = { "status.storedVersions[0]" = "*" }
  }
}

# Stage three: kinds that the server serves by now, and as many trainings as it says there are versions of theirs.

resource "kubernetes_manifest" "dataset" {
  for_each = var.datasets
  provider = kubernetes.operator

  manifest = {
    apiVersion = "${local.group}/v1"
    kind       = "Dataset"
    metadata   = { name = each.key, namespace = local.namespace }
    spec       = { gigabytes = each.value }
  }

  depends_on = [kubernetes_manifest.definition]
}

resource "kubernetes_manifest" "training" {
  for_each = toset(kubernetes_manifest.definition["trainings"].object.status.storedVersions)
  provider = kubernetes.operator

  manifest = {
    apiVersion = "${local.group}/${each.key}"
    kind       = "Training"
    metadata   = { name = "all-${each.key}", namespace = local.namespace }
    spec       = { datasets = sort([for dataset in kubernetes_manifest.dataset : dataset.object.metadata.name]) }
  }
}
