# Run with: formwork test
# Facts as hosts of these distributions gave them.

mock_provider "host" {
  mock_data "host_facts" {
    defaults = { os_id = "debian", os_version = "12", kernel = "6.1.0-28-amd64", architecture = "x86_64", gpus = [] }
  }
  mock_resource "host_raid" {
    defaults = { path = "/dev/md/cache" }
  }
}

variables {
  host   = { address = "10.0.0.21" }
  kernel = "linux-image-amd64"
}

run "debian" {
  command = plan

  assert {
    condition     = output.distribution.drivers == ["nvidia-driver", "nvidia-kernel-dkms"] && output.distribution.by_apt
    error_message = "Debian has one driver, and apt."
  }

  assert {
    condition     = length(host_service.fabric_manager) == 0 && length(host_raid.cache) == 0 && length(host_reboot.gpu) == 1
    error_message = "What is not asked for is not there."
  }
}

run "ubuntu" {
  command = plan

  override_data {
    target = data.host_facts.this
    values = { os_id = "ubuntu", os_version = "24.04", gpus = [] }
  }

  variables {
    driver_branch  = "570"
    fabric_manager = true
  }

  assert {
    condition     = contains(host_kernel_package.gpu.drivers, "nvidia-headless-570-server") && host_package.fabric_manager[0].name == "nvidia-fabricmanager-570"
    error_message = "Ubuntu, and DGX OS with it, has packages for each branch."
  }
}

run "rocky" {
  command = plan

  override_data {
    target = data.host_facts.this
    values = { os_id = "rocky", os_version = "9.6", gpus = [] }
  }

  variables {
    driver_version = "3:580.95.05-1.el9"
    proxy          = "http://proxy.internal:3128"
  }

  assert {
    condition     = host_kernel_package.gpu.drivers == tolist(["nvidia-driver-cuda=3:580.95.05-1.el9", "kmod-nvidia-open-dkms=3:580.95.05-1.el9"])
    error_message = "Red Hat's family has other names, pinned in the same way."
  }

  assert {
    condition     = length(host_file.proxy) == 0
    error_message = "apt's settings are for apt."
  }
}

run "the_kernel_that_runs_is_held_by_itself" {
  command = plan

  variables {
    kernel = null
  }

  assert {
    condition     = host_kernel_package.gpu.kernel == "linux-image-6.1.0-28-amd64" && host_kernel_package.gpu.headers == "linux-headers-6.1.0-28-amd64"
    error_message = "Debian has a package for each kernel."
  }
}

run "the_kernel_that_runs_on_rocky" {
  command = plan

  override_data {
    target = data.host_facts.this
    values = { os_id = "rocky", os_version = "9.6", kernel = "5.14.0-570.12.1.el9_6.x86_64", architecture = "x86_64", gpus = [] }
  }

  variables {
    kernel = null
  }

  assert {
    condition     = host_kernel_package.gpu.kernel == "kernel=5.14.0-570.12.1.el9_6" && host_kernel_package.gpu.headers == "kernel-devel=5.14.0-570.12.1.el9_6"
    error_message = "Red Hat's family has one package in many versions."
  }
}

run "a_system_that_is_not_known" {
  command = plan

  override_data {
    target = data.host_facts.this
    values = { os_id = "arch", kernel = "6.12.1-arch1-1", architecture = "x86_64", gpus = [] }
  }

  expect_failures = [data.host_facts.this]
}

run "two_disks_are_one_array" {
  command = plan

  variables {
    cache_devices = ["/dev/disk/by-id/nvme-one", "/dev/disk/by-id/nvme-two"]
  }

  assert {
    condition     = host_raid.cache[0].level == 0 && output.cache == "/var/cache/datasets"
    error_message = "They are striped, and mounted."
  }
}
