terraform {
  required_providers {
    sim = {
      source = "formwork/sim"
    }
  }
}

locals {
  # Both provider configurations look at the same world.
  world = "sim-world.json"

  quota = {
    machines  = 200
    gpus      = 512
    volume_gb = 1000000
  }
}

provider "sim" {
  world              = local.world
  latency_ms         = var.latency_ms
  quota              = local.quota
  seed               = var.misfortune.seed
  throttle_percent   = var.misfortune.throttle_percent
  lost_reply_percent = var.misfortune.lost_reply_percent
  eventual_reads     = var.misfortune.eventual_reads
  crash_at_call      = var.misfortune.crash_at_call
  crash_point        = var.misfortune.crash_point
}

provider "sim" {
  alias = "cluster"

  cluster            = module.cluster.id
  world              = local.world
  latency_ms         = var.latency_ms
  quota              = local.quota
  seed               = var.misfortune.seed
  throttle_percent   = var.misfortune.throttle_percent
  lost_reply_percent = var.misfortune.lost_reply_percent
  eventual_reads     = var.misfortune.eventual_reads
  crash_at_call      = var.misfortune.crash_at_call
  crash_point        = var.misfortune.crash_point
}

module "network" {
  source = "../../modules/network"

  name = var.name
  cidr = var.cidr
}

# Training and inference stand apart: other GPUs, other machines, other namespaces.
module "training" {
  source = "../../modules/gpu-pool"

  name          = "${var.name}-a100"
  nodes         = var.a100_nodes
  network       = module.network.id
  gpu_model     = "a100"
  gpus_per_node = 8
  flavour       = "gpu-large"
  scratch_gb    = 2000
  labels        = { purpose = "training" }
}

module "inference" {
  source = "../../modules/gpu-pool"

  name          = "${var.name}-rtx6000"
  nodes         = var.rtx6000_nodes
  network       = module.network.id
  gpu_model     = "rtx6000"
  gpus_per_node = 4
  flavour       = "gpu-small"
  labels        = { purpose = "inference" }
}

module "cluster" {
  source = "../../modules/cluster"

  name    = var.name
  network = module.network.id
  workers = concat(module.training.ids, module.inference.ids)
}

module "buckets" {
  source   = "../../modules/bucket"
  for_each = toset(["datasets", "models", "features"])

  name       = "${var.name}-${each.key}"
  versioning = true
}

module "namespaces" {
  source    = "../../modules/namespaces"
  providers = { sim = sim.cluster }

  namespaces = {
    ml-training = {
      team    = "research"
      purpose = "training"
      gpus    = module.training.gpus
    }
    ml-inference = {
      team      = "product"
      purpose   = "inference"
      gpus      = module.inference.gpus
      cpus      = 32
      memory_gb = 128
    }
  }
}

module "model_registry" {
  source    = "../../modules/model-registry"
  providers = { sim = sim.cluster }

  bucket_endpoint = module.buckets["models"].endpoint
}

module "feature_store" {
  source    = "../../modules/feature-store"
  providers = { sim = sim.cluster }

  bucket_endpoint = module.buckets["features"].endpoint
}

module "monitoring" {
  source    = "../../modules/monitoring"
  providers = { sim = sim.cluster }

  scrape_jobs = ["model-registry", "feature-store"]
}

# What the two namespaces are for: a job that trains, a service that answers.
resource "sim_object" "trainer" {
  provider = sim.cluster

  kind      = "Job"
  namespace = module.namespaces.names["ml-training"]
  name      = "trainer"

  document = {
    apiVersion = "batch/v1"
    kind       = "Job"
    metadata   = { name = "trainer", namespace = "ml-training" }
    spec = {
      template = {
        spec = {
          nodeSelector  = { pool = "${var.name}-a100" }
          restartPolicy = "OnFailure"
          containers = [{
            name      = "trainer"
            image     = "example/trainer:1"
            resources = { limits = { "nvidia.com/gpu" = "8" } }
            env = [
              { name = "DATASETS", value = module.buckets["datasets"].endpoint },
              { name = "MODEL_REGISTRY", value = module.model_registry.url },
              { name = "FEATURE_STORE", value = module.feature_store.url },
            ]
          }]
        }
      }
    }
  }
}

resource "sim_object" "predictor" {
  provider = sim.cluster

  kind      = "Deployment"
  namespace = module.namespaces.names["ml-inference"]
  name      = "predictor"

  document = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "predictor", namespace = "ml-inference" }
    spec = {
      replicas = 2
      selector = { matchLabels = { app = "predictor" } }
      template = {
        metadata = { labels = { app = "predictor" } }
        spec = {
          nodeSelector = { pool = "${var.name}-rtx6000" }
          containers = [{
            name      = "predictor"
            image     = "example/predictor:1"
            resources = { limits = { "nvidia.com/gpu" = "1" } }
            env = [
              { name = "MODEL_REGISTRY", value = module.model_registry.url },
              { name = "FEATURE_STORE", value = module.feature_store.url },
            ]
          }]
        }
      }
    }
  }
}
