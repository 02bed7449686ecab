output "gpus" {
  description = "The GPUs that were seen: PCI address, vendor and device by number, driver."
  value       = data.host_facts.this.gpus
}

output "distribution" {
  description = "What the table has for the host's system."
  value       = local.distribution
}

output "installed" {
  description = "The versions of the kernel and its drivers."
  value       = host_kernel_package.gpu.installed
}

output "cache" {
  description = "Where the caches are; null without disks for them."
  value       = one(host_mount.cache[*].path)
}

output "host" {
  description = "The host, once driver, toolkit and services are there: for what has to come after them."
  value       = var.host

  depends_on = [host_kernel_package.gpu, host_reboot.gpu, host_package.toolkit, host_service.persistence, host_service.fabric_manager, host_sysctl.gpu]
}
