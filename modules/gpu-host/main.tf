terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

data "host_facts" "this" {
  host = var.host

  lifecycle {
    postcondition {
      condition     = contains(keys(local.families), self.os_id)
      error_message = "What the host runs, \"${self.os_id}\", is in no row of the table of distributions in main.tf."
    }
  }
}

locals {
  # `6.1.0-28-amd64` in Debian's family, `5.14.0-570.12.1.el9_6` without the architecture in Red Hat's.
  running = data.host_facts.this.kernel
  release = trimsuffix(local.running, ".${data.host_facts.this.architecture}")

  # What differs between distributions, in one table. DGX OS is Ubuntu by its own name, and has Ubuntu's packages.
  distributions = {
    debian = {
      kernel         = "linux-image-${local.running}"
      headers        = "linux-headers-${local.running}"
      drivers        = ["nvidia-driver", "nvidia-kernel-dkms"]
      toolkit        = ["nvidia-container-toolkit"]
      fabric_manager = "nvidia-fabricmanager-${var.driver_branch}"
      persistence    = "nvidia-persistenced.service"
      by_apt         = true
    }
    ubuntu = {
      kernel         = "linux-image-${local.running}"
      headers        = "linux-headers-${local.running}"
      drivers        = ["nvidia-headless-${var.driver_branch}-server", "nvidia-utils-${var.driver_branch}-server"]
      toolkit        = ["nvidia-container-toolkit"]
      fabric_manager = "nvidia-fabricmanager-${var.driver_branch}"
      persistence    = "nvidia-persistenced.service"
      by_apt         = true
    }
    redhat = {
      kernel         = "kernel=${local.release}"
      headers        = "kernel-devel=${local.release}"
      drivers        = ["nvidia-driver-cuda", "kmod-nvidia-open-dkms"]
      toolkit        = ["nvidia-container-toolkit"]
      fabric_manager = "nvidia-fabric-manager"
      persistence    = "nvidia-persistenced.service"
      by_apt         = false
    }
  }
  families = {
    debian    = "debian"
    ubuntu    = "ubuntu"
    dgx       = "ubuntu"
    rhel      = "redhat"
    rocky     = "redhat"
    almalinux = "redhat"
    centos    = "redhat"
    fedora    = "redhat"
  }

  distribution = local.distributions[lookup(local.families, data.host_facts.this.os_id, "debian")]

  kernel         = coalesce(var.kernel, local.distribution.kernel)
  headers        = var.kernel != null || var.headers != null ? var.headers : local.distribution.headers
  drivers        = coalesce(var.packages.drivers, local.distribution.drivers)
  toolkit        = coalesce(var.packages.toolkit, local.distribution.toolkit)
  fabric_manager = coalesce(var.packages.fabric_manager, local.distribution.fabric_manager)
  # An empty name is none.
  persistence = var.packages.persistence != null ? var.packages.persistence : local.distribution.persistence

  pinned = var.driver_version == null ? "" : "=${var.driver_version}"
}

# Where packages come from.

resource "host_file" "proxy" {
  count = var.proxy != null && local.distribution.by_apt ? 1 : 0

  host    = var.host
  path    = "/etc/apt/apt.conf.d/80formwork-proxy"
  content = "Acquire::http::Proxy \"${var.proxy}\";\nAcquire::https::Proxy \"${var.proxy}\";\n"
}

resource "host_repository" "nvidia" {
  for_each = { for name in ["nvidia"] : name => var.repository if var.repository != null && local.distribution.by_apt }

  host        = var.host
  name        = each.key
  uris        = each.value.uris
  suites      = each.value.suites
  components  = each.value.components
  signing_key = each.value.signing_key
  trusted     = each.value.trusted

  depends_on = [host_file.proxy]
}

# The kernel and its driver go together, and so do restarts.

resource "host_kernel_package" "gpu" {
  host    = var.host
  name    = "gpu"
  kernel  = local.kernel
  headers = local.headers
  drivers = [for name in local.drivers : "${name}${local.pinned}"]

  depends_on = [host_repository.nvidia]
}

resource "host_reboot" "gpu" {
  count = var.restart ? 1 : 0

  host             = var.host
  name             = "gpu"
  only_if_required = true
  before           = var.before_restart

  depends_on = [host_kernel_package.gpu]
}

resource "host_package" "toolkit" {
  for_each = toset(local.toolkit)

  host    = var.host
  name    = each.key
  version = var.toolkit_version
  hold    = true

  depends_on = [host_repository.nvidia, host_reboot.gpu]
}

resource "host_service" "persistence" {
  count = local.persistence == "" ? 0 : 1

  host    = var.host
  name    = local.persistence
  enabled = true
  active  = true

  depends_on = [host_kernel_package.gpu, host_reboot.gpu]
}

resource "host_package" "fabric_manager" {
  count = var.fabric_manager ? 1 : 0

  host    = var.host
  name    = local.fabric_manager
  version = var.driver_version
  hold    = true

  depends_on = [host_repository.nvidia, host_reboot.gpu]
}

resource "host_service" "fabric_manager" {
  count = var.fabric_manager ? 1 : 0

  host    = var.host
  name    = "nvidia-fabricmanager.service"
  enabled = true
  active  = true

  depends_on = [host_package.fabric_manager]
}

resource "host_sysctl" "gpu" {
  for_each = var.kernel_settings

  host  = var.host
  name  = each.key
  value = each.value
}

# Caches on local disks.

resource "host_raid" "cache" {
  count = length(var.cache_devices) > 1 ? 1 : 0

  host    = var.host
  name    = "cache"
  level   = 0
  devices = var.cache_devices
  wipe    = var.wipe
}

resource "host_filesystem" "cache" {
  count = length(var.cache_devices) > 0 ? 1 : 0

  host   = var.host
  device = length(var.cache_devices) > 1 ? host_raid.cache[0].path : one(var.cache_devices)
  type   = var.cache_type
  label  = "cache"
  wipe   = length(var.cache_devices) > 1 ? null : var.wipe
}

resource "host_mount" "cache" {
  count = length(var.cache_devices) > 0 ? 1 : 0

  host    = var.host
  path    = var.cache_path
  source  = "UUID=${host_filesystem.cache[0].uuid}"
  type    = host_filesystem.cache[0].type
  options = ["noatime"]
}
