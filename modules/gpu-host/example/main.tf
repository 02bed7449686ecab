terraform {
  required_providers {
    host = { source = "formwork/host" }
  }
}

provider "host" {
  user = "admin"
}

module "gpu_host" {
  source   = "../"
  for_each = { gpu-1 = "10.0.0.21", gpu-2 = "10.0.0.22" }

  host           = { address = each.value }
  kernel         = "linux-image-6.8.0-60-generic=6.8.0-60.63"
  headers        = "linux-headers-6.8.0-60-generic=6.8.0-60.63"
  driver_branch  = "580"
  fabric_manager = true
  cache_devices  = ["/dev/disk/by-id/nvme-eui.0025384741b00001", "/dev/disk/by-id/nvme-eui.0025384741b00002"]
}
